"""NLU examples: takes the parsed files of data/, hands on each intent's examples with places."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from stridewell.content.findings import Findings, Place
from stridewell.content.located import Entry

_ENTITY = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\{[^}]*\})")
_APOSTROPHE = re.compile(r"['\u2018\u2019`]")
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Example:
    """One way to say something."""

    text: str
    place: Place

    @property
    def normalized(self) -> str:
        """The text without case, punctuation, marked entities and doubled spaces.

        A text of signs only, such as an emoji, stays as it is.
        """
        plain = unicodedata.normalize("NFKC", _ENTITY.sub(r"\1", self.text)).casefold()
        return _NO_WORD.sub(" ", _APOSTROPHE.sub("", plain)).strip() or plain


@dataclass(frozen=True)
class ExampleBlock:
    """The examples of one intent as they stand together in one place."""

    intent: str
    place: Place
    examples: tuple[Example, ...]


def read_examples(sources: Iterable[Entry], findings: Findings) -> list[ExampleBlock]:
    """Read the blocks below `nlu:` that belong to intents.

    Args:
        sources: The parsed files of data/, training data or not.
        findings: Collects what is of a wrong kind.

    Returns:
        The blocks in the order of the files. Synonyms, lookups and patterns are left out.
    """
    blocks = []
    for source in sources:
        part = source.value.get("nlu") if isinstance(source.value, dict) else None
        for item in part.sequence("'nlu'", findings) if part and part.value is not None else ():
            fields = item.mapping("an item of 'nlu'", findings)
            if "intent" in fields:
                intent = fields["intent"].text("the name of an intent", findings)
                found = _read_block(intent, item, fields.get("examples"), findings)
                blocks.append(ExampleBlock(intent, item.place, tuple(found)))
    return blocks


def _read_block(
    intent: str, block: Entry, source: Entry | None, findings: Findings
) -> list[Example]:
    if source is None or source.value is None:
        findings.add(block.place, f"{intent} has no examples. Write some below 'examples: |'.")
        return []
    if isinstance(source.value, list):
        return [_long_form(intent, item, findings) for item in source.value]
    if not isinstance(source.value, str):
        findings.add(source.place, f"the examples of {intent} should follow 'examples: |'.")
        return []
    examples = []
    for number, line in enumerate(source.value.splitlines()):
        place = Place(source.place.file, source.text_line + number)
        text = line.strip()
        if text.startswith("- ") and text[2:].strip():
            examples.append(Example(text[2:].strip(), place))
        elif text:
            findings.add(
                place,
                f"'{text[:40]}' is not an example of {intent}. Begin each with '- ', on one line;"
                " comments may not stand inside the block.",
            )
    return examples


def _long_form(intent: str, item: Entry, findings: Findings) -> Example:
    fields = item.mapping(f"an example of {intent}", findings)
    text = fields["text"].text(f"an example of {intent}", findings) if "text" in fields else ""
    return Example(text.removeprefix("- "), item.place)
