"""Subjects that no article covers: a text in, the topic that declines it out.

Resemblance alone takes "is walking good for heel pain?" for a question on walking. What it is about
decides here, by words that a writer keeps in a YAML file (data/outside.yml).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from spacy.lang.en import English

from stridewell.phrases import PhraseError, Phrases, Spelling

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
# Only words from this length on are found misspelled: "storing" is no "snoring".
LONG = 9
_KEYS = {"groups", "covered", "always", "outside", "only_sciatica"}
_ONLY_KEYS = {"topics", "declined_by", "sciatica", "others"}


class OutsideError(Exception):
    """The file can't be used; the message names it and what is wrong."""


@dataclass(frozen=True)
class Outside:
    """Finds subjects that the articles don't cover.

    Attributes:
        covered: Words that leave a text to the understanding, under any name.
        always: By declining topic, subjects that decide whatever else a text names.
        outside: By declining topic, subjects that decide where nothing covered is named.
        topics: The declining topics.
        one_thing: Topics that hold something on sciatica alone.
        of_others: The topic that declines what sounds like one of them and is about another thing.
        sciatica: Words that speak of sciatica.
        others: Other things that such questions are asked of.
    """

    covered: Phrases
    always: Phrases
    outside: Phrases
    topics: frozenset[str]
    one_thing: frozenset[str]
    of_others: str
    sciatica: Phrases
    others: Phrases
    spelling: Spelling

    def declining(self, text: str, understood: str | None = None) -> str | None:
        """Return the topic that declines a text, ``None`` where its words leave that open.

        Args:
            text: The text.
            understood: The topic that it sounds most like.
        """
        words = [
            self.spelling.correct(word)
            for word in _WORD.findall(text.lower().replace("\u2019", "'"))
        ]
        if understood in self.one_thing and self._asks_of_another(words):
            return self.of_others
        spans = self.always.spans(words)
        if not spans and not self.covered.spans(words):
            spans = self.outside.spans(words)
        return spans[0][0] if spans else None

    def _asks_of_another(self, words: list[str]) -> bool:
        return bool(self.others.spans(words)) and not self.sciatica.spans(words)


@lru_cache(maxsize=4)
def load_outside(path: Path) -> Outside:
    """Read the file of subjects.

    Args:
        path: A YAML file like data/outside.yml.

    Raises:
        OutsideError: The file is missing, is no YAML, has an unknown key or an unreadable phrase.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or set(content) != _KEYS:
            raise OutsideError(f"{path.name} needs exactly these keys: {', '.join(sorted(_KEYS))}.")
        groups: Mapping[str, Any] = content["groups"] or {}
        vocab = English().vocab
        covered = Phrases(vocab, {"covered": content["covered"]}, groups)
        always = Phrases(vocab, content["always"], groups)
        outside = Phrases(vocab, content["outside"], groups)
        only = content["only_sciatica"]
        if set(only) != _ONLY_KEYS:
            keys = ", ".join(sorted(_ONLY_KEYS))
            raise OutsideError(f"only_sciatica in {path.name} needs exactly these keys: {keys}.")
        sciatica = Phrases(vocab, {"sciatica": only["sciatica"]}, groups)
        others = Phrases(vocab, {"others": only["others"]}, groups)
        one_thing, of_others = frozenset(only["topics"]), str(only["declined_by"])
    except (OSError, yaml.YAMLError, PhraseError, AttributeError, TypeError) as error:
        raise OutsideError(f"{path.name} can't be used: {error}") from error
    known = covered.words | always.words | outside.words | sciatica.words | others.words
    return Outside(
        covered,
        always,
        outside,
        frozenset({*content["always"], *content["outside"], of_others}),
        one_thing,
        of_others,
        sciatica,
        others,
        Spelling(word for word in known if len(word) >= LONG),
    )
