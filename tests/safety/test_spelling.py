"""Spelling is repaired where a word does not exist, and left alone where it does."""

from __future__ import annotations

import pytest

from stridewell.safety import SafetyScreen


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("unbearabel pian", "unbearable pain"),
        ("i cant feel my legz, u no", "i can't feel my legs, you no"),
        ("underneeth my buttoks", "underneath my buttocks"),
        ("stopped weein and keep trippin", "stopped weeing and keep tripping"),
    ],
)
def test_a_word_that_does_not_exist_is_repaired(
    lexicon_screen: SafetyScreen, written: str, meant: str
) -> None:
    assert lexicon_screen.spelling.repair(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "I have overdone things",
        "repressed anger",
        "how to deactivate it",
        "a decompression operation",
        "U2 on repeat, then w4r2",
        "a muffin again, then aspirin",
    ],
)
def test_a_word_that_exists_stays(lexicon_screen: SafetyScreen, text: str) -> None:
    assert lexicon_screen.spelling.repair(text) == text
