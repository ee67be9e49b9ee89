"""Integer kernels give what floats give, nearly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from stridewell.encoder import DEFAULT_MODEL, OnnxEncoder, resolve
from stridewell.integer_kernels import with_integer_kernels
from stridewell.products import FixedVectors
from stridewell.tfidf import SELDOM, Rows, TfIdf

TEXTS = [
    "does running help sciatica",
    "My lower back hurts after I run on hard roads. Which shoes are good?",
    "i cant feel it when i wipe",
    "is it going to rain in Leeds tomorrow",
]


def test_the_sentence_model_keeps_its_vectors(
    encoder: OnnxEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stridewell.encoder.with_integer_kernels", lambda path: path.read_bytes())
    floats = OnnxEncoder().encode(TEXTS)
    cosines = (floats * encoder.encode(TEXTS)).sum(axis=1)
    assert cosines.min() >= 0.99
    assert cosines.mean() >= 0.997


def test_the_sentence_model_multiplies_integers() -> None:
    rewritten = onnx.load_from_string(with_integer_kernels(resolve(DEFAULT_MODEL)))
    operators = [node.op_type for node in rewritten.graph.node]
    # Six layers of six products each: query, key, value, output, and the two of the feed-forward.
    assert operators.count("MatMulInteger") == 36
    largest = max(
        numpy_helper.to_array(tensor).nbytes
        for tensor in rewritten.graph.initializer
        if tensor.data_type == TensorProto.FLOAT
    )
    assert largest < 1_000_000, "large weights are floats"


def test_a_model_without_integer_weights_stays_as_it_is(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.eye(128, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "plain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 128])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 128])],
        [weights],
    )
    path = tmp_path / "plain.onnx"
    onnx.save(helper.make_model(graph, ir_version=8), str(path))
    assert with_integer_kernels(path) == path.read_bytes()


def test_a_weight_used_elsewhere_too_is_still_there(tmp_path: Path) -> None:
    chance = np.random.default_rng(20)
    integers = chance.integers(-127, 128, (128, 8)).astype(np.int8)
    scale = chance.random((1, 8)).astype(np.float32) / 100
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["q"], ["f"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["f", "s"], ["w"]),
            helper.make_node("MatMul", ["x", "w"], ["product"]),
            helper.make_node("ReduceSum", ["w"], ["total"], keepdims=0),
            helper.make_node("Add", ["product", "total"], ["y"]),
        ],
        "both",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 128])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 8])],
        [numpy_helper.from_array(integers, "q"), numpy_helper.from_array(scale, "s")],
    )
    path = tmp_path / "both.onnx"
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=opset), str(path))
    session = onnxruntime.InferenceSession(
        with_integer_kernels(path), providers=["CPUExecutionProvider"]
    )
    x = chance.standard_normal((3, 128)).astype(np.float32)
    weights = integers * scale
    (found,) = session.run(None, {"x": x})
    assert np.allclose(found, x @ weights + weights.sum(), atol=0.1)


@pytest.mark.parametrize("dimension", [384, 300, 5])
def test_products_are_those_of_floats(dimension: int) -> None:
    chance = np.random.default_rng(20)
    many = chance.standard_normal((50, dimension))
    many /= np.linalg.norm(many, axis=1, keepdims=True)
    few = many[:3] + 0.1
    found = FixedVectors(many).products(few)
    assert found.shape == (3, 50)
    assert not FixedVectors(many).products(np.zeros((1, dimension))).any()
    assert np.abs(found - few @ many.T).max() < 0.02


def test_a_single_row_gives_what_the_matrix_gives() -> None:
    tfidf = TfIdf.fit({"analyzer": "word", "token_pattern": r"\w+"}, TEXTS)
    entries = tfidf.rows(TEXTS)
    rows = Rows(tfidf, entries.T.tocsr())
    for text in [*TEXTS, "running in Leeds", "nothing known", ""]:
        expected = (tfidf.rows([text]) @ entries.T).toarray()[0]
        assert np.allclose(rows.similarities(text), expected, atol=1e-6)


def test_very_common_ngrams_are_left_out() -> None:
    texts = [f"running {number}" for number in range(20 * SELDOM)]
    tfidf = TfIdf.fit({"analyzer": "word", "token_pattern": r"\w+"}, texts)
    assert "running" not in tfidf.vocabulary
    assert "7" in tfidf.vocabulary
