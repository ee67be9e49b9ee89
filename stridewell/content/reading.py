"""How long a text is and how hard to read: takes what the assistant says, hands on numbers.

The grade is Flesch-Kincaid's as textstat computes it: the years of American school after which a
text reads easily.
"""

from __future__ import annotations

import re

import textstat  # type: ignore[import-untyped]  # comes without types

PLACEHOLDER = re.compile(r"{([^\n{}]+?)}")
_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")
_STAND_IN = "Call them now."


def count_words(text: str) -> int:
    """Return the number of words; a placeholder counts as one."""
    return len(_WORD.findall(PLACEHOLDER.sub("word", text)))


def reading_grade(text: str) -> float:
    """Return the Flesch-Kincaid grade of a text; a placeholder counts as a short sentence."""
    return float(textstat.flesch_kincaid_grade(PLACEHOLDER.sub(_STAND_IN, text)))
