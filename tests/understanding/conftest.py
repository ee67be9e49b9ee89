"""The encoder, the project's examples and a model fitted on them, shared by these tests."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from benchmarks.questions import Examples, project_examples
from stridewell.encoder import Array, OnnxEncoder, shared_encoder
from stridewell.intent_model import HeldOut, IntentModel

SMALL = 9


@pytest.fixture(scope="session")
def encoder() -> OnnxEncoder:
    """The sentence encoder of the assistant."""
    return shared_encoder()


@pytest.fixture(scope="session")
def examples() -> Examples:
    """The project's own training examples."""
    return project_examples()


@dataclass
class Fitted:
    """A model, what it was fitted on, and what that returned."""

    model: IntentModel
    held_out: HeldOut
    texts: list[str]
    vectors: Array
    labels: list[str]


def fit(texts: list[str], vectors: Array, labels: list[str]) -> Fitted:
    """Fit a model."""
    model = IntentModel()
    return Fitted(model, model.fit(texts, vectors, labels), texts, vectors, labels)


@pytest.fixture(scope="session")
def small(examples: Examples, encoder: OnnxEncoder) -> Fitted:
    """A model of a few examples of every intent."""
    seen: dict[str, int] = {}
    chosen = []
    for number, label in enumerate(examples.labels):
        seen[label] = seen.get(label, 0) + 1
        if seen[label] <= SMALL:
            chosen.append(number)
    texts = [examples.texts[number] for number in chosen]
    return fit(texts, encoder.encode(texts), [examples.labels[number] for number in chosen])
