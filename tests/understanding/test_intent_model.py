"""The intent model: storing, repeating, calibration, thresholds."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from stridewell.encoder import OnnxEncoder
from stridewell.intent_model import (
    NGRAMS,
    IntentModel,
    IntentModelError,
    choose_thresholds,
)
from stridewell.tfidf import COMMON, SELDOM, TfIdf
from tests.understanding.conftest import Fitted, fit

STRANGE = ["", "   ", "?!?", "12345", "naïve café", "ß", "跑步", "can i run", "a" * 3000]


def stored(fitted: Fitted, folder: Path) -> Path:
    """Store a model in a folder."""
    fitted.model.save(folder)
    return folder


def test_a_stored_model_gives_the_same_scores(
    small: Fitted, encoder: OnnxEncoder, tmp_path: Path
) -> None:
    loaded = IntentModel.load(stored(small, tmp_path))
    vectors = encoder.encode(STRANGE)
    assert loaded.labels == small.model.labels
    assert np.array_equal(loaded.scores(STRANGE, vectors), small.model.scores(STRANGE, vectors))
    grid = np.linspace(0.0, 1.0, 50)
    assert np.array_equal(loaded.confidence(grid), small.model.confidence(grid))


def test_nothing_stored_can_run_code(small: Fitted, tmp_path: Path) -> None:
    stored(small, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"intent_model.json", "intent_model.npz"}
    json.loads((tmp_path / "intent_model.json").read_text(encoding="utf-8"))
    with np.load(tmp_path / "intent_model.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "if" for name in arrays.files)
    with zipfile.ZipFile(tmp_path / "intent_model.npz") as archive:
        assert all(name.endswith(".npy") for name in archive.namelist())


def test_a_pickled_array_is_refused(small: Fitted, tmp_path: Path) -> None:
    stored(small, tmp_path)
    with np.load(tmp_path / "intent_model.npz") as arrays:
        content = dict(arrays)
    content["vectors"] = np.array([{"any": "object"}], dtype=object)
    np.savez(tmp_path / "intent_model.npz", **content)
    with pytest.raises(IntentModelError, match="train it again"):
        IntentModel.load(tmp_path)


def test_the_same_examples_give_the_same_files(small: Fitted, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, model in ((first, small), (second, fit(small.texts, small.vectors, small.labels))):
        folder.mkdir()
        stored(model, folder)
    json_file = "intent_model.json"
    assert (first / json_file).read_bytes() == (second / json_file).read_bytes()
    with (
        np.load(first / "intent_model.npz") as mine,
        np.load(second / "intent_model.npz") as theirs,
    ):
        assert mine.files == theirs.files
        assert all(np.array_equal(mine[name], theirs[name]) for name in mine.files)


def test_the_order_of_the_examples_does_not_matter(small: Fitted, encoder: OnnxEncoder) -> None:
    back = fit(small.texts[::-1], small.vectors[::-1], small.labels[::-1])
    assert np.allclose(back.held_out.scores[::-1], small.held_out.scores, atol=1e-3)


def truncate(path: Path) -> None:
    """Keep the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    """Keep nothing of a file."""
    path.write_bytes(b"")


def remove(path: Path) -> None:
    """Remove a file."""
    path.unlink()


def fill_with_text(path: Path) -> None:
    """Put other text into a file."""
    path.write_text("[]")


@pytest.mark.parametrize("file", ["intent_model.json", "intent_model.npz"])
@pytest.mark.parametrize("harm", [truncate, empty, remove, fill_with_text])
def test_a_damaged_model_is_refused_in_plain_words(
    small: Fitted, tmp_path: Path, file: str, harm: Callable[[Path], None]
) -> None:
    harm(stored(small, tmp_path) / file)
    with pytest.raises(IntentModelError, match="train it again"):
        IntentModel.load(tmp_path)


def test_a_model_of_another_version_is_refused(small: Fitted, tmp_path: Path) -> None:
    path = stored(small, tmp_path) / "intent_model.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "format": 1}), encoding="utf-8")
    with pytest.raises(IntentModelError, match="another version"):
        IntentModel.load(tmp_path)


def test_one_intent_is_not_enough(small: Fitted) -> None:
    with pytest.raises(IntentModelError, match="two intents"):
        IntentModel().fit(small.texts[:3], small.vectors[:3], ["ask"] * 3)


def test_scores_lie_between_zero_and_one(small: Fitted, encoder: OnnxEncoder) -> None:
    scores = small.model.scores(STRANGE, encoder.encode(STRANGE))
    assert np.isfinite(scores).all()
    assert ((scores >= 0.0) & (scores <= 1.0)).all()


def test_many_texts_score_as_each_alone(small: Fitted, encoder: OnnxEncoder) -> None:
    vectors = encoder.encode(STRANGE)
    alone = [small.model.scores([STRANGE[n]], vectors[n : n + 1])[0] for n in range(len(STRANGE))]
    assert np.allclose(small.model.scores(STRANGE, vectors), np.array(alone), atol=1e-3)


def test_confidence_keeps_the_order_of_the_scores(small: Fitted) -> None:
    confidence = small.model.confidence(np.linspace(0.001, 1.0, 500))
    assert (np.diff(confidence) > 0).all()


def test_an_example_is_not_held_out_alone_when_others_resemble_it(encoder: OnnxEncoder) -> None:
    texts = ["can i run with sciatica", "can i run with sciatica?", "can I run with sciatica!"]
    texts += ["which shoes are best", "do trainers matter", "shoe advice for runners please"]
    labels = ["run"] * 3 + ["shoes"] * 3
    held_out = fit(texts, encoder.encode(texts), labels).held_out
    # With its twins the first example would be certain; without them nothing speaks for "run".
    assert held_out.scores[:3, held_out.labels.index("run")].max() < 0.1


@pytest.mark.parametrize("kind", sorted(NGRAMS))
def test_ngrams_weigh_what_scikit_learn_says(small: Fitted, kind: str) -> None:
    most = int(max(COMMON * len(small.texts), SELDOM))
    reference = TfidfVectorizer(**NGRAMS[kind], lowercase=True, sublinear_tf=True, max_df=most)
    reference.fit(small.texts)
    mine = TfIdf.fit(NGRAMS[kind], small.texts)
    texts = [*STRANGE, *small.texts[:50]]
    assert mine.vocabulary == sorted(reference.vocabulary_)
    assert np.allclose(mine.rows(texts).toarray(), reference.transform(texts).toarray(), atol=1e-6)


@pytest.mark.parametrize("share", [0.8, 0.9, 0.97])
def test_the_threshold_accepts_the_stated_share(small: Fitted, share: float) -> None:
    held_out = small.held_out
    thresholds = choose_thresholds(held_out, share, 0.5, 3, held_out.labels)
    accepted = (held_out.top >= thresholds.answer)[held_out.right].mean()
    assert accepted == pytest.approx(share, abs=0.01)


def test_choices_are_never_offered_above_the_threshold(small: Fitted) -> None:
    for share in (0.1, 0.5, 0.9, 1.0):
        thresholds = choose_thresholds(small.held_out, 0.9, share, 3, small.held_out.labels)
        assert thresholds.choose <= thresholds.answer
