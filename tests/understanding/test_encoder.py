"""The sentence encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stridewell.encoder import (
    DEFAULT_MODEL,
    DEFAULT_MODEL_SHA256,
    DEFAULT_TOKENIZER,
    DEFAULT_TOKENIZER_SHA256,
    MANY_TEXTS,
    EncoderError,
    OnnxEncoder,
    checked,
    resolve,
    shared_encoder,
)

TEXTS = [
    "hi",
    "",
    "does running help sciatica",
    "I've had a sore back since my second week of couch to 5k, should I keep going or have a rest?",
]


def test_vectors_have_length_one_and_the_stated_dimension(encoder: OnnxEncoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_a_batch_says_the_same_as_single_runs() -> None:
    together = OnnxEncoder().encode(TEXTS)
    alone = np.vstack([OnnxEncoder(cache_size=0).encode([text]) for text in TEXTS])
    # Activations are quantized over the whole batch, so the last digits differ.
    assert (together * alone).sum(axis=1).min() > 0.99


def test_order_and_repetition_of_the_texts_are_kept(encoder: OnnxEncoder) -> None:
    vectors = encoder.encode([TEXTS[2], TEXTS[0], TEXTS[2]])
    assert np.array_equal(vectors[0], vectors[2])
    assert not np.allclose(vectors[0], vectors[1])


def test_no_texts_give_no_vectors(encoder: OnnxEncoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_questions_with_the_same_meaning_are_closer_than_others(encoder: OnnxEncoder) -> None:
    first, second, other = encoder.encode(
        ["can I jog with a bad back", "is running okay when my back hurts", "what time is it"]
    )
    assert first @ second > first @ other + 0.3


def test_a_text_seen_lately_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = OnnxEncoder()
    before = encoder.encode([TEXTS[2]])

    def refuse(batch: list[str]) -> None:
        raise AssertionError(f"was run again for {batch}")

    monkeypatch.setattr(encoder, "_run", refuse)
    assert np.array_equal(encoder.encode([TEXTS[2]]), before)


def test_the_texts_of_a_training_are_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = OnnxEncoder(cache_size=2)
    texts = [f"{number} miles" for number in range(MANY_TEXTS)]
    before = encoder.encode(texts)
    monkeypatch.setattr(encoder, "_run", None)
    assert np.array_equal(encoder.encode(texts[:5]), before[:5])


def test_the_cache_forgets_the_oldest_text() -> None:
    encoder = OnnxEncoder(cache_size=2)
    for text in ("one", "two", "three"):
        encoder.encode([text])
    assert list(encoder._cache) == ["two", "three"]


def test_a_text_of_any_length_is_encoded(encoder: OnnxEncoder) -> None:
    vector = encoder.encode(["my back hurts and " * 500])
    assert np.isfinite(vector).all()


def test_an_altered_model_is_refused(tmp_path: Path) -> None:
    altered = tmp_path / "model.onnx"
    altered.write_bytes(resolve(DEFAULT_MODEL).read_bytes() + b"\0")
    with pytest.raises(EncoderError, match=r"has been altered.*Install it again"):
        OnnxEncoder(model=str(altered))


def test_an_altered_tokenizer_is_refused(tmp_path: Path) -> None:
    altered = tmp_path / "vocab.txt"
    altered.write_bytes(resolve(DEFAULT_TOKENIZER).read_bytes() + b"one more\n")
    with pytest.raises(EncoderError, match="has been altered"):
        OnnxEncoder(tokenizer=str(altered))


def test_a_missing_model_is_named() -> None:
    with pytest.raises(EncoderError, match=r"nowhere\.onnx is missing"):
        OnnxEncoder(model="nowhere.onnx")


def test_a_missing_package_is_named() -> None:
    with pytest.raises(EncoderError, match="package 'no_such_package'"):
        OnnxEncoder(model="package:no_such_package/model.onnx")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "model.onnx"
    other.write_text("not a model")
    with pytest.raises(EncoderError, match="not a usable ONNX model"):
        OnnxEncoder(model=str(other), model_sha256=None)


def test_another_file_is_accepted_with_its_own_hash_or_none(tmp_path: Path) -> None:
    copy = tmp_path / "model.onnx"
    copy.write_bytes(resolve(DEFAULT_MODEL).read_bytes())
    assert checked(str(copy), DEFAULT_MODEL_SHA256, "sentence model") == copy
    assert checked(str(copy), None, "sentence model") == copy


def test_one_encoder_serves_calls_with_and_without_the_defaults() -> None:
    spelled_out = shared_encoder(
        DEFAULT_MODEL, DEFAULT_MODEL_SHA256, DEFAULT_TOKENIZER, DEFAULT_TOKENIZER_SHA256, 1
    )
    assert shared_encoder() is spelled_out
