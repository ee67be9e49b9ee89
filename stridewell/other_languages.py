"""Recognizes messages that are not in English: a text in, the code of a language or nothing out.

Three things must agree before a message in Latin letters is taken for another language, because
short English with slips looks foreign to any detector: most of its words are none that English
training examples use, the detector finds another language likelier than English, and one of those
words is a common word of a language. A message mostly in letters of another script needs no guess.
"""

from __future__ import annotations

import re
import runpy
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy.lang
import yaml
from lingua import Language, LanguageDetector, LanguageDetectorBuilder

from stridewell.settings import ROOT

LANGUAGES_FILE = ROOT / "data" / "languages.yml"
OTHER = "other"
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# What comes after a message's first words does not change its language.
_MOST_CHARACTERS = 400
_EVIDENCE_WEIGHT = 2.0


class LanguagesError(Exception):
    """The table of languages can't be used; the message says what is wrong with it."""


@dataclass(frozen=True)
class Limits:
    """When a message in Latin letters counts as foreign.

    Attributes:
        words: It has at least so many words, and so many that English lacks.
        unknown_share: At least this share of its words are no English words.
        unknown_share_if_understood: The same where the intent is known well.
        margin: The detector gives it so much more than English.
        evidence: It has at least so many common words of its language; an accent counts as one.
    """

    words: int = 2
    unknown_share: float = 0.5
    unknown_share_if_understood: float = 0.75
    margin: float = 0.2
    evidence: int = 2


class LanguageGuesser:
    """Guesses the language of messages.

    Args:
        english: Words that are English.
        limits: When a message counts as foreign.
        content: The content of ``data/languages.yml``; ``None`` to read the file.

    Raises:
        LanguagesError: The file is missing or a language in it is unknown.
    """

    def __init__(
        self,
        english: Iterable[str],
        limits: Limits | None = None,
        content: Mapping[str, Any] | None = None,
    ) -> None:
        self._english = frozenset(english)
        self._limits = limits or Limits()
        table = content if content is not None else read_languages()
        try:
            self._scripts: dict[str, dict[str, str]] = table["scripts"]
            self._common = {
                code: frozenset(map(str, entry["words"])) | _stop_words(code)
                for code, entry in table["latin"].items()
            }
            languages = {code: getattr(Language, e["name"]) for code, e in table["latin"].items()}
        except (AttributeError, OSError, KeyError, TypeError) as error:
            raise LanguagesError(f"The table of languages can't be used: {error}") from error
        self._codes = {language: code for code, language in languages.items()}
        self._detector = _detector([Language.ENGLISH, *self._codes])

    def guess(self, text: str, understood: bool = False) -> str | None:
        """Guess the language of a message.

        Args:
            text: The message.
            understood: Its intent is known well.

        Returns:
            The code of its language, ``other`` for one without a reply of its own, or ``None`` for
            English and for what is too short to tell.
        """
        text = text[:_MOST_CHARACTERS]
        script = None if text.isascii() else _script(text)
        if script:
            return self._of_script(script, text)
        words = english_words(text)
        unknown = [word for word in words if word not in self._english]
        limits = self._limits
        share = limits.unknown_share_if_understood if understood else limits.unknown_share
        if len(unknown) < limits.words or len(unknown) < share * len(words):
            return None
        evidence = self._evidence(unknown)
        if not any(evidence.values()):
            return None
        values = {
            v.language: v.value for v in self._detector.compute_language_confidence_values(text)
        }
        english = values.get(Language.ENGLISH, 0.0)
        if max(value for language, value in values.items() if language in self._codes) < (
            english + limits.margin
        ):
            return None
        # The detector's small models mix up neighbors; the common words tell them apart.
        totals = {
            code: values.get(language, 0.0) + _EVIDENCE_WEIGHT * evidence[code] / len(unknown)
            for language, code in self._codes.items()
        }
        best = max(sorted(totals), key=totals.__getitem__)
        accented = any(not word.isascii() for word in unknown)
        return best if evidence[best] + accented >= limits.evidence else None

    def _evidence(self, unknown: list[str]) -> dict[str, int]:
        """Return for each language how many of its common words there are."""
        heard = {part for word in unknown for part in (word, *word.split("'"))}
        return {code: len(heard & common) for code, common in self._common.items()}

    def _of_script(self, script: str, text: str) -> str:
        for code, letters in self._scripts.get(script, {OTHER: ""}).items():
            if not letters or any(letter in text for letter in letters):
                return code
        return OTHER


def english_words(text: str) -> list[str]:
    """Return the lower-case words of a text, numbers and marks left out."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def read_languages(path: Path = LANGUAGES_FILE) -> Mapping[str, Any]:
    """Read the table of languages.

    Raises:
        LanguagesError: The file is missing or holds no table.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise LanguagesError(f"{path} can't be read: {error}") from error
    if not isinstance(content, dict):
        raise LanguagesError(f"{path} holds no table of languages.")
    return content


def _stop_words(code: str) -> frozenset[str]:
    # The file alone: importing the language would compile its tokenizer, seconds for French.
    path = Path(spacy.lang.__path__[0]) / code / "stop_words.py"
    return frozenset(runpy.run_path(str(path))["STOP_WORDS"])


def _detector(languages: list[Language]) -> LanguageDetector:
    # The full models take 180 MB, the small ones 15 MB; with the words as evidence they do as well.
    builder = LanguageDetectorBuilder.from_languages(*languages)
    return builder.with_low_accuracy_mode().with_preloaded_language_models().build()


def _script(text: str) -> str | None:
    """Return the script of most letters of a text when it isn't Latin."""
    scripts = Counter(_script_of(char) for char in text if char.isalpha())
    if not scripts:
        return None
    # Japanese is mostly Chinese signs; one kana or hangul tells.
    for east_asian in ("HIRAGANA", "KATAKANA", "HANGUL"):
        if scripts[east_asian]:
            return east_asian
    script, count = scripts.most_common(1)[0]
    if script == "LATIN" or count < 0.5 * scripts.total():
        return None
    return script


def _script_of(char: str) -> str:
    return unicodedata.name(char, "LATIN").split(" ")[0]
