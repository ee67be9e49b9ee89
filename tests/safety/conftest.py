"""The screen of the trained model and one with the lexicon alone, for the safety tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.safety import load_screen
from stridewell.safety import SafetyScreen
from stridewell.safety.classifier import SignClassifier

DATA = Path(__file__).parents[2] / "data" / "safety"


@pytest.fixture(scope="session")
def lexicon_screen() -> SafetyScreen:
    """What is left without the classifier."""
    return SafetyScreen.load(DATA)


@pytest.fixture(scope="session")
def screen(model_path: Path) -> SafetyScreen:
    """The screen as the dialogue server loads it."""
    return load_screen(model_path)


@pytest.fixture(scope="session")
def classifier(screen: SafetyScreen) -> SignClassifier:
    """The trained classifier in it."""
    assert screen.classifier
    return screen.classifier
