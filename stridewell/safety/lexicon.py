"""Reads the lexicon: takes the YAML files of ``data/safety`` in, hands on concepts and wordings.

``words.yml`` names concepts (lists of words), ``emergency.yml``, ``same_day.yml`` and
``crisis.yml`` hold the signs with their wordings, ``status.yml`` the words that say what a message
states about a sign. ``data/safety/README.md`` explains the notation. A file that cannot be read as
meant stops the start: an assistant without its lexicon must not run.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stridewell.safety.finding import SIGNS

TIER_FILES = {"emergency": "emergency.yml", "same_day": "same_day.yml", "crisis": "crisis.yml"}
WORDS_FILE = "words.yml"
STATUS_FILE = "status.yml"
FILES = (WORDS_FILE, STATUS_FILE, *TIER_FILES.values())
STATUS_KEYS = (
    "deniers", "denial_fillers", "denial_breaks", "denial_void_before", "denial_void_after",
    "all_well", "not_well", "bad_words", "asked_frames", "asked_topics", "asked_void", "what_if",
    "past_marks",
    "past_sure", "past_void", "past_returns", "asked_by", "answered_no",
    "first_person", "other_people", "other_pronouns", "yes_words", "that_is_me",
    "not_typos",
)  # fmt: skip
# Lists that the lexicon of a model trained earlier may lack.
LATER_KEYS = frozenset(["past_returns", "asked_by", "answered_no"])
DEFAULT_WINDOW = 8


class LexiconError(Exception):
    """A lexicon file is missing or cannot be read as meant; the text names file and line."""


@dataclass(frozen=True)
class Wording:
    """Concepts that together mean a sign.

    Attributes:
        id: ``<sign>/<concept+concept>``.
        concepts: Names of the concepts that must all occur, each with words of its own.
        window: The most tokens that the match may span.
        ordered: Whether the concepts must come in this order.
        needs: Concepts of which one must occur anywhere in the message or the ones before.
        unless: Concepts that void the match when they occur in the same sentence.
        mention: Whether it counts only when the message denies the sign or asks about it.
    """

    id: str
    sign: str
    tier: str
    concepts: tuple[str, ...]
    window: int = DEFAULT_WINDOW
    ordered: bool = False
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    mention: bool = False


@dataclass(frozen=True)
class Sign:
    """One warning sign with its source and review."""

    name: str
    tier: str
    source: str
    source_date: str
    reviewed: str
    review_due: datetime.date | None


@dataclass
class Lexicon:
    """All concepts, signs, wordings and status words."""

    concepts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    signs: dict[str, Sign] = field(default_factory=dict)
    wordings: list[Wording] = field(default_factory=list)
    figurative: list[Wording] = field(default_factory=list)
    status: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def vocabulary(self) -> frozenset[str]:
        """Return every single word of the concepts and status lists, for spelling repair."""
        entries = [entry for entries in self.concepts.values() for entry in entries]
        return frozenset(word for entry in entries for word in entry.lstrip("=").split())


_WORDING = re.compile(
    r"^(?P<concepts>[a-z_0-9]+(?:(?: \+ [a-z_0-9]+)*|(?: then [a-z_0-9]+)*))"
    r"(?: within (?P<window>\d+))?(?: with (?P<needs>[a-z_0-9]+(?: or [a-z_0-9]+)*))?"
    r"(?: unless (?P<unless>[a-z_0-9]+(?: or [a-z_0-9]+)*))?$"
)


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LexiconError(f"{path}, line 1: the file cannot be read ({error}).") from error
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            problem = getattr(error, "problem", None) or "not valid YAML"
            raise LexiconError(f"{path}, line {line}: {problem}.") from error
        if root is None:
            raise LexiconError(f"{path}, line 1: the file is empty.")
        self.root: yaml.Node = root

    def fail(self, node: yaml.Node, problem: str) -> LexiconError:
        return LexiconError(f"{self.path}, line {node.start_mark.line + 1}: {problem}")

    def mapping(self, node: yaml.Node, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise self.fail(node, f"{what} must be names with their values.")
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if key.value in found:
                raise self.fail(key, f"'{key.value}' stands here twice; join the two.")
            found[key.value] = (key, value)
        return found

    def texts(self, node: yaml.Node, what: str) -> Iterator[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.SequenceNode):
            raise self.fail(node, f"{what} must be a list.")
        for item in node.value:
            if not isinstance(item, yaml.ScalarNode) or not str(item.value).strip():
                raise self.fail(item, f"{what} holds something that is not a word or phrase.")
            yield " ".join(str(item.value).lower().replace("'", "").split()), item

    def top(self, key: str) -> yaml.Node:
        entries = self.mapping(self.root, "The file")
        if key not in entries:
            raise self.fail(self.root, f"the key '{key}:' is missing.")
        return entries[key][1]


def load_lexicon(folder: Path) -> Lexicon:
    """Read all lexicon files.

    Args:
        folder: The folder that holds the files named in ``FILES``.

    Raises:
        LexiconError: A file is missing or broken; nothing is loaded in part.
    """
    folder = Path(folder)
    lexicon = Lexicon()
    _read_words(_Reader(folder / WORDS_FILE), lexicon)
    status = _Reader(folder / STATUS_FILE)
    lists = status.mapping(status.top("status_words"), "status_words")
    for key in STATUS_KEYS:
        if key not in lists and key in LATER_KEYS:
            lexicon.status[key] = ()
            continue
        if key not in lists:
            raise status.fail(status.root, f"the list '{key}' is missing from status_words.")
        lexicon.status[key] = tuple(
            phrase for text, _ in status.texts(lists[key][1], key) for phrase in expand(text)
        )
    for tier, name in TIER_FILES.items():
        _read_signs(_Reader(folder / name), tier, lexicon)
    missing = [sign for sign in SIGNS if sign not in lexicon.signs]
    if missing:
        raise LexiconError(f"{folder}, line 1: no file describes the sign '{missing[0]}'.")
    return lexicon


def expand(text: str) -> list[str]:
    """Write out alternatives: ``cant/dont feel it`` becomes two phrases."""
    prefix = "=" if text.startswith("=") else ""
    phrases = [""]
    for part in text.lstrip("=").split():
        options = part.split("/") if len(part) > 1 else [part]
        phrases = [f"{phrase} {option}".strip() for phrase in phrases for option in options]
    return [prefix + phrase for phrase in phrases]


def _read_words(reader: _Reader, lexicon: Lexicon) -> None:
    raw: dict[str, list[tuple[str, yaml.Node]]] = {}
    for name, (_, node) in reader.mapping(reader.top("concepts"), "concepts").items():
        raw[name] = list(reader.texts(node, name))
    done: dict[str, tuple[str, ...]] = {}

    def resolve(name: str, trail: tuple[str, ...], node: yaml.Node) -> tuple[str, ...]:
        if name in done:
            return done[name]
        if name not in raw:
            raise reader.fail(node, f"there is no concept '{name}'.")
        if name in trail:
            raise reader.fail(node, f"the concept '{name}' contains itself.")
        entries: list[str] = []
        for text, item in raw[name]:
            if text.startswith("@"):
                entries.extend(resolve(text[1:], (*trail, name), item))
            else:
                entries.extend(expand(text))
        done[name] = tuple(dict.fromkeys(entries))
        return done[name]

    for name in raw:
        resolve(name, (), reader.root)
    lexicon.concepts = done


def _read_signs(reader: _Reader, tier: str, lexicon: Lexicon) -> None:
    for name, (key, node) in reader.mapping(reader.top("signs"), "signs").items():
        if name not in SIGNS:
            raise reader.fail(key, f"'{name}' is no sign; the signs are {', '.join(SIGNS)}.")
        parts = reader.mapping(node, f"The sign '{name}'")
        values: dict[str, Any] = {}
        for part in ("source", "source_date", "reviewed"):
            if part not in parts:
                raise reader.fail(key, f"the sign '{name}' has no '{part}'.")
            values[part] = str(parts[part][1].value).strip()
        unknown = set(parts) - {
            "source", "source_date", "reviewed", "review_due", "phrases", "wordings", "mentions",
            "figurative",
        }  # fmt: skip
        if unknown:
            part = sorted(unknown)[0]
            raise reader.fail(parts[part][0], f"'{part}' is not a part of a sign.")
        due = None
        if "review_due" in parts:
            try:
                due = datetime.date.fromisoformat(str(parts["review_due"][1].value))
            except ValueError as error:
                raise reader.fail(
                    parts["review_due"][1], "review_due must be a date such as 2027-01-31."
                ) from error
        if "phrases" not in parts and "wordings" not in parts:
            raise reader.fail(key, f"the sign '{name}' has neither phrases nor wordings.")
        # One sign may stand in two tiers (sexual problems alone, and with back pain).
        lexicon.signs.setdefault(name, Sign(name, tier, review_due=due, **values))
        if "phrases" in parts:
            concept = f"{name}_{tier}_phrases"
            lexicon.concepts[concept] = tuple(
                phrase
                for text, _ in reader.texts(parts["phrases"][1], "phrases")
                for phrase in expand(text)
            )
            lexicon.wordings.append(Wording(f"{name}/phrase", name, tier, (concept,), 12))
        for part, target in (
            ("wordings", lexicon.wordings),
            ("mentions", lexicon.wordings),
            ("figurative", lexicon.figurative),
        ):
            if part not in parts:
                continue
            for text, item in reader.texts(parts[part][1], part):
                target.append(_wording(reader, text, item, name, tier, part, lexicon))


def _wording(
    reader: _Reader,
    text: str,
    node: yaml.Node,
    sign: str,
    tier: str,
    part: str,
    lexicon: Lexicon,
) -> Wording:
    found = _WORDING.match(text)
    if not found:
        raise reader.fail(
            node, f"'{text}' is not a wording; write for example 'numb + saddle_area within 8'."
        )
    concepts = tuple(re.split(r" \+ | then ", found["concepts"]))
    needs = tuple(found["needs"].split(" or ")) if found["needs"] else ()
    unless = tuple(found["unless"].split(" or ")) if found["unless"] else ()
    for concept in (*concepts, *needs, *unless):
        if concept not in lexicon.concepts:
            raise reader.fail(node, f"the concept '{concept}' is not in {WORDS_FILE}.")
    return Wording(
        id=f"{sign}/{'+'.join(concepts)}",
        sign=sign,
        tier=tier,
        concepts=concepts,
        window=int(found["window"] or DEFAULT_WINDOW),
        ordered=" then " in found["concepts"],
        needs=needs,
        unless=unless,
        mention=part == "mentions",
    )
