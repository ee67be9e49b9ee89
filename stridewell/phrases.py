"""Phrases that a writer can edit, as spaCy patterns: lines of words in, token patterns out.

A phrase is a line of words. ``a|b`` stands for either word, ``word?`` may be left out, ``<name>``
stands for any word of a named group and ``*`` for any word at all. Case never matters, and
``Spelling`` forgives one slip in a long word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import OSA
from spacy.matcher import Matcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

FORGIVEN_FROM = 7

Groups = Mapping[str, Sequence[str]]
Pattern = list[dict[str, Any]]


class PhraseError(Exception):
    """A phrase can't be read; the message names it and what is wrong."""


def compile_phrase(phrase: str, groups: Groups) -> Pattern:
    """Turn a phrase into a pattern for spaCy's ``Matcher``.

    Args:
        phrase: The line of words.
        groups: The words of each named group.

    Returns:
        One item for each word.

    Raises:
        PhraseError: The phrase is empty, holds only words that may be left out, or names a group
            that doesn't exist.
    """
    items = [_compile_item(item, phrase, groups) for item in str(phrase).lower().split()]
    if all("OP" in item for item in items):
        raise PhraseError(f"The phrase '{phrase}' has no word that must be there: add one.")
    return items


def _compile_item(item: str, phrase: str, groups: Groups) -> dict[str, Any]:
    if item == "*":
        return {"IS_ALPHA": True}
    optional = item.endswith("?")
    words: list[str] = []
    for word in item.rstrip("?").split("|"):
        if word.startswith("<") and word.endswith(">"):
            if word[1:-1] not in groups:
                raise PhraseError(
                    f"The phrase '{phrase}' names the group {word}, which doesn't exist: "
                    "add it under 'groups' or write the words out."
                )
            words += [str(member).lower() for member in groups[word[1:-1]]]
        elif word:
            words.append(word)
    if not words:
        raise PhraseError(f"The phrase '{phrase}' has an empty place in '{item}'.")
    token: dict[str, Any] = {"LOWER": {"IN": sorted(set(words))}}
    if optional:
        token["OP"] = "?"
    return token


class Phrases:
    """Named phrases that are matched against a whole text or looked for inside it.

    Args:
        vocab: The vocabulary of the pipeline that made the texts' docs.
        named: The phrases under each name.
        groups: The words of each named group.

    Raises:
        PhraseError: A phrase can't be read.
    """

    def __init__(self, vocab: Vocab, named: Mapping[str, Iterable[str]], groups: Groups) -> None:
        self._vocab = vocab
        self._matcher = Matcher(vocab)
        self.words: set[str] = set()
        # The same words are looked through for several questions about one message.
        self._spans = lru_cache(maxsize=64)(self._found)
        self._first: set[str] = set()
        self._last: set[str] = set()
        for name, phrases in named.items():
            patterns = [compile_phrase(phrase, groups) for phrase in phrases]
            if patterns:
                self._matcher.add(name, patterns)
            for pattern in patterns:
                self.words.update(*map(_words_of, pattern))
                self._first |= _opening_words(pattern)
                self._last |= _opening_words(pattern[::-1])

    def spans(self, words: Sequence[str]) -> list[tuple[str, int, int]]:
        """Return name, start and end of each phrase in ``words``, longest first."""
        if self._first.isdisjoint(words):
            return []
        return list(self._spans(tuple(words)))

    def _found(self, words: tuple[str, ...]) -> tuple[tuple[str, int, int], ...]:
        found = self._matcher(Doc(self._vocab, words=list(words)))
        spans = [(self._vocab.strings[key], start, end) for key, start, end in found]
        return tuple(sorted(spans, key=lambda span: (span[1] - span[2], span[1])))

    def whole(self, words: Sequence[str]) -> str | None:
        """Return the name of the phrase that ``words`` are from first to last, if any."""
        if not words or words[0] not in self._first or words[-1] not in self._last:
            return None
        spans = self.spans(words)
        if spans and spans[0][1] == 0 and spans[0][2] == len(words):
            return spans[0][0]
        return None

    def without_start(self, words: Sequence[str]) -> list[str]:
        """Return ``words`` without the longest phrases that they start with."""
        rest = list(words)
        while len(rest) > 1 and rest[0] in self._first:
            end = max((stop for _, start, stop in self.spans(rest) if start == 0), default=0)
            if not end or end == len(rest):
                return rest
            rest = rest[end:]
        return rest

    def without_end(self, words: Sequence[str]) -> list[str]:
        """Return ``words`` without the longest phrases that they end with."""
        rest = list(words)
        while len(rest) > 1 and rest[-1] in self._last:
            start = min(
                (begin for _, begin, stop in self.spans(rest) if stop == len(rest)),
                default=len(rest),
            )
            if start in (0, len(rest)):
                return rest
            rest = rest[:start]
        return rest


def _words_of(item: dict[str, Any]) -> list[str]:
    return list(item["LOWER"]["IN"]) if "LOWER" in item else []


def _opening_words(pattern: Pattern) -> set[str]:
    """Return the words that a match of a pattern can start with."""
    found: set[str] = set()
    for item in pattern:
        found.update(_words_of(item))
        if "OP" not in item:
            break
    return found


class Spelling:
    """Corrects one letter wrong, missing, extra or swapped in words of seven letters or more.

    Args:
        words: The words known.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self.words = frozenset(words)
        self._long = sorted(word for word in self.words if len(word) >= FORGIVEN_FROM)

    def correct(self, word: str) -> str:
        """Return the known word that ``word`` is one slip away from, or ``word`` itself."""
        if word in self.words or len(word) < FORGIVEN_FROM - 1:
            return word
        best = process.extractOne(word, self._long, scorer=OSA.distance, score_cutoff=1)
        return best[0] if best else word
