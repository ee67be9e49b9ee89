"""How well the project's own examples are understood, and that they keep apart."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.metrics import calibration_error, reliability
from benchmarks.questions import Examples
from stridewell.encoder import Array, OnnxEncoder
from tests.understanding.conftest import Fitted

# Reached with the examples of November 2026: 0.869, with the resembling ones held out together.
# Two points below; raise it when the figure rises, never lower it.
FLOOR = 0.855
NEARLY_EQUAL = 0.97
EVAL = "STRIDEWELL_EVAL"


def test_examples_held_out_with_their_like_are_understood(fitted: Fitted) -> None:
    assert fitted.held_out.right.mean() >= FLOOR


def test_no_intent_is_hopeless(fitted: Fitted) -> None:
    held_out = fitted.held_out
    shares = {
        label: held_out.right[held_out.targets == column].mean()
        for column, label in enumerate(held_out.labels)
    }
    assert {label: share for label, share in shares.items() if share < 0.3} == {}


def test_confidence_is_the_share_that_is_right(fitted: Fitted) -> None:
    bins = reliability(fitted.held_out.right, fitted.model.confidence(fitted.held_out.top))
    assert calibration_error(bins) < 0.05


@pytest.mark.parametrize(
    ("sign", "intent"), [("👍", "give_positive_feedback"), ("👎", "give_negative_feedback")]
)
def test_a_thumb_is_understood(
    fitted: Fitted, encoder: OnnxEncoder, sign: str, intent: str
) -> None:
    scores = fitted.model.scores([sign], encoder.encode([sign]))[0]
    assert fitted.model.labels[int(scores.argmax())] == intent


def plain(text: str) -> str:
    """Return a text without case, punctuation and spacing; one without letters as it is."""
    return "".join(letter for letter in text.lower() if letter.isalnum()) or text.strip()


def test_no_example_stands_in_two_intents(examples: Examples) -> None:
    intents: dict[str, set[str]] = {}
    for text, label in zip(examples.texts, examples.labels, strict=True):
        intents.setdefault(plain(text), set()).add(label)
    assert {text: found for text, found in intents.items() if len(found) > 1} == {}


def test_no_example_nearly_equals_one_of_another_intent(examples: Examples, vectors: Array) -> None:
    labels = np.array(examples.labels)
    similarity = vectors @ vectors.T
    similarity[labels[:, None] == labels[None, :]] = 0.0
    # Signs such as thumbs up and down are one unknown word to the encoder; n-grams tell them apart.
    letterless = [not any(letter.isalnum() for letter in text) for text in examples.texts]
    similarity[letterless] = 0.0
    close = np.argwhere(np.triu(similarity) > NEARLY_EQUAL)
    pairs = [
        (examples.texts[a], examples.labels[a], examples.texts[b], examples.labels[b])
        for a, b in close
    ]
    assert pairs == []


def test_no_example_equals_a_question_that_measures(examples: Examples) -> None:
    folder = os.environ.get(EVAL)
    if not folder:
        pytest.skip(f"{EVAL} names no folder with questions of real people (*.jsonl)")
    measuring = {
        plain(json.loads(line)["text"])
        for path in sorted(Path(folder).glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip()
    }
    assert measuring, f"{folder} has no questions in *.jsonl files"
    assert [text for text in examples.texts if plain(text) in measuring] == []
