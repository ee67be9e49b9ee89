"""A screen with a trained classifier and one with the lexicon alone, for the safety tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.safety import nlu_questions
from stridewell.encoder import shared_encoder
from stridewell.safety import SafetyScreen
from stridewell.safety.classifier import SignClassifier, train
from stridewell.safety.examples import load_examples

DATA = Path(__file__).parents[2] / "data" / "safety"


@pytest.fixture(scope="session")
def lexicon_screen() -> SafetyScreen:
    return SafetyScreen.load(DATA)


@pytest.fixture(scope="session")
def classifier(lexicon_screen: SafetyScreen) -> SignClassifier:
    # Every fifth ordinary question of the training data is enough here, and quicker.
    return train(
        load_examples(DATA / "examples"),
        shared_encoder().encode,
        lexicon_screen,
        nlu_questions()[::5],
    )


@pytest.fixture(scope="session")
def screen(lexicon_screen: SafetyScreen, classifier: SignClassifier) -> SafetyScreen:
    return SafetyScreen(lexicon_screen.lexicon, classifier, shared_encoder())
