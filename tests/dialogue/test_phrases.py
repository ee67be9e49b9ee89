"""Phrases that a writer edits mean what they say."""

from __future__ import annotations

import pytest
import spacy

from stridewell.phrases import PhraseError, Phrases, Spelling, compile_phrase

VOCAB = spacy.blank("en").vocab


def phrases(*lines: str) -> Phrases:
    """Return phrases under one name."""
    return Phrases(VOCAB, {"found": lines}, {"it": ["it", "that"]})


@pytest.mark.parametrize("text", ["is it safe", "is that ok", "is it really safe"])
def test_alternatives_groups_and_words_that_may_be_missing(text: str) -> None:
    assert phrases("is <it> really? safe|ok").whole(text.split()) == "found"


@pytest.mark.parametrize("text", ["is it", "is it safe now", "so is it safe", ""])
def test_a_whole_match_leaves_no_word_over(text: str) -> None:
    assert phrases("is <it> really? safe|ok").whole(text.split()) is None


def test_openers_are_dropped_as_often_as_they_come() -> None:
    assert phrases("and|so", "ok").without_start(["ok", "and", "so", "why"]) == ["why"]


def test_what_is_only_an_opener_is_kept() -> None:
    assert phrases("and|so").without_start(["so"]) == ["so"]


def test_closers_are_dropped() -> None:
    assert phrases("then|though", "at all").without_end(["why", "then", "at", "all"]) == ["why"]


@pytest.mark.parametrize(
    ("phrase", "words"),
    [("", "no word that must be there"), ("really?", "no word"), ("is <her>", "<her>")],
)
def test_a_phrase_that_cant_be_read_is_refused(phrase: str, words: str) -> None:
    with pytest.raises(PhraseError, match=words):
        compile_phrase(phrase, {})


@pytest.mark.parametrize("slip", ["swiming", "swimmnig", "swimmming", "swimmimg"])
def test_one_slip_in_a_long_word_is_forgiven(slip: str) -> None:
    assert Spelling(["swimming", "walk"]).correct(slip) == "swimming"


@pytest.mark.parametrize("word", ["talk", "swam", "trimming"])
def test_another_word_is_left_alone(word: str) -> None:
    assert Spelling(["swimming", "walk"]).correct(word) == word
