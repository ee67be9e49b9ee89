"""How well the project's own examples are understood, and that they keep apart."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmarks.archive import stored
from benchmarks.metrics import calibration_error, reliability
from benchmarks.questions import Examples
from components.question_classifier import HELD_OUT
from components.question_splitter import QuestionSplitter
from stridewell.encoder import Array, OnnxEncoder
from stridewell.intent_model import IntentModel

# Reached with the examples of November 2026: 0.879, with the resembling ones held out together.
# Two points below; raise it when the figure rises, never lower it.
FLOOR = 0.859
NEARLY_EQUAL = 0.97
EVAL = "STRIDEWELL_EVAL"


@dataclass
class Trained:
    """The trained model, and what it made of its n examples when they were held out.

    Attributes:
        model: The model.
        targets: (n,) column of each example's own intent.
        best: (n,) column of its best intent.
        top: (n,) score of the best intent.
    """

    model: IntentModel
    targets: Array
    best: Array
    top: Array

    @property
    def right(self) -> Array:
        """(n,) booleans: the best intent is the example's own."""
        return np.asarray(self.best == self.targets)


@pytest.fixture(scope="module")
def trained(model_path: Path, examples: Examples) -> Trained:
    """What training on these examples stored."""
    with (
        stored(model_path, QuestionSplitter) as (storage, resource),
        storage.read_from(resource) as folder,
        np.load(folder / HELD_OUT, allow_pickle=False) as arrays,
    ):
        found = Trained(IntentModel.load(folder), **arrays)
    assert len(found.targets) == len(examples.texts), "the model was trained on other examples"
    return found


def test_examples_held_out_with_their_like_are_understood(trained: Trained) -> None:
    assert trained.right.mean() >= FLOOR


def test_no_intent_is_hopeless(trained: Trained) -> None:
    shares = {
        label: trained.right[trained.targets == column].mean()
        for column, label in enumerate(trained.model.labels)
    }
    assert {label: share for label, share in shares.items() if share < 0.3} == {}


def test_confidence_is_the_share_that_is_right(trained: Trained) -> None:
    bins = reliability(trained.right, trained.model.confidence(trained.top))
    assert calibration_error(bins) < 0.05


@pytest.mark.parametrize(
    ("sign", "intent"), [("👍", "give_positive_feedback"), ("👎", "give_negative_feedback")]
)
def test_a_thumb_is_understood(
    trained: Trained, encoder: OnnxEncoder, sign: str, intent: str
) -> None:
    scores = trained.model.scores([sign], encoder.encode([sign]))[0]
    assert trained.model.labels[int(scores.argmax())] == intent


def plain(text: str) -> str:
    """Return a text without case, punctuation and spacing; one without letters as it is."""
    return "".join(letter for letter in text.lower() if letter.isalnum()) or text.strip()


def test_no_example_stands_in_two_intents(examples: Examples) -> None:
    intents: dict[str, set[str]] = {}
    for text, label in zip(examples.texts, examples.labels, strict=True):
        intents.setdefault(plain(text), set()).add(label)
    assert {text: found for text, found in intents.items() if len(found) > 1} == {}


def test_no_example_nearly_equals_one_of_another_intent(
    examples: Examples, trained: Trained
) -> None:
    # In the order of the model's vectors.
    order = np.argsort(np.array(examples.labels), kind="stable")
    texts = [examples.texts[number] for number in order]
    labels = np.array(examples.labels)[order]
    similarity = trained.model.vectors @ trained.model.vectors.T
    similarity[labels[:, None] == labels[None, :]] = 0.0
    # Signs such as thumbs up and down are one unknown word to the encoder; n-grams tell them apart.
    letterless = [not any(letter.isalnum() for letter in text) for text in texts]
    similarity[letterless] = 0.0
    close = np.argwhere(np.triu(similarity) > NEARLY_EQUAL)
    pairs = [(texts[a], labels[a], texts[b], labels[b]) for a, b in close]
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
