"""The classifier gives the same weights for the same data and survives saving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from stridewell.encoder import OnnxEncoder, shared_encoder
from stridewell.safety import SafetyScreen
from stridewell.safety.classifier import FORMAT, SETTINGS_FILE, Settings, SignClassifier, train
from stridewell.safety.examples import Example, load_examples
from stridewell.safety.finding import SIGNS
from tests.safety.conftest import DATA

TEXTS = ["my bits have gone to sleep", "which shoes are best", "no numbness, can I run?"]


def test_the_examples_are_many_and_cover_every_sign() -> None:
    examples = load_examples(DATA / "examples")
    assert sum(e.status is not None for e in examples) >= 700
    assert sum(e.status is None for e in examples) >= 380
    assert {e.sign for e in examples if e.status == "self"} == set(SIGNS)


def test_no_example_stands_twice() -> None:
    texts = [e.text.lower() for e in load_examples(DATA / "examples")]
    assert len(texts) == len(set(texts))


def judged(classifier: SignClassifier, screen: SafetyScreen) -> list[list[float]]:
    rows = []
    for text in TEXTS:
        prepared = screen.prepare(text)
        vectors = shared_encoder().encode([prepared.text, *prepared.parts])
        rows.append(list(classifier.judge(prepared, vectors).probabilities.values()))
    return rows


def test_training_is_repeatable(lexicon_screen: SafetyScreen) -> None:
    examples: list[Example] = load_examples(DATA / "examples")[::8]
    # As in a training of its own: what was encoded before decides which texts share a batch.
    encode = OnnxEncoder(cache_size=0).encode
    settings = Settings(stories=40)
    # To the bit with one thread; with more, sums are made in another order.
    with threadpool_limits(1):
        first, second = (train(examples, encode, lexicon_screen, (), settings) for _ in range(2))
    assert judged(first, lexicon_screen) == judged(second, lexicon_screen)


def test_a_saved_classifier_judges_as_before(
    classifier: SignClassifier, lexicon_screen: SafetyScreen, tmp_path: Path
) -> None:
    classifier.save(tmp_path)
    again = SignClassifier.load(tmp_path)
    before, after = judged(classifier, lexicon_screen), judged(again, lexicon_screen)
    assert np.allclose(before, after, atol=1e-6)
    assert again.settings == classifier.settings


def test_another_format_is_refused(classifier: SignClassifier, tmp_path: Path) -> None:
    classifier.save(tmp_path)
    path = tmp_path / SETTINGS_FILE
    path.write_text(path.read_text().replace(f'"format": {FORMAT}', '"format": 9'))
    with pytest.raises(ValueError, match="format 9"):
        SignClassifier.load(tmp_path)
