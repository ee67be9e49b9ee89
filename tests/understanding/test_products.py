"""Integer kernels give what floats give, nearly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from scipy.special import erf

from stridewell.bert_graph import quicker_model
from stridewell.encoder import DEFAULT_MODEL, MANY_TEXTS, Array, OnnxEncoder, resolve
from stridewell.integer_kernels import GELU_BOTTOM, Graph, gelu_shift, open_session
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
    monkeypatch.setattr("stridewell.encoder.quicker_model", lambda path: path.read_bytes())
    floats = OnnxEncoder().encode(TEXTS)
    cosines = (floats * encoder.encode(TEXTS)).sum(axis=1)
    assert cosines.min() >= 0.99
    assert cosines.mean() >= 0.996


def test_the_sentence_model_multiplies_integers() -> None:
    rebuilt = onnx.load_from_string(quicker_model(resolve(DEFAULT_MODEL)))
    operators = [node.op_type for node in rebuilt.graph.node]
    # Six layers of four products each: query with key and value, output, and two of the
    # feed-forward.
    assert operators.count("MatMulIntegerToFloat") == 24
    assert "MatMul" not in operators
    largest = max(
        numpy_helper.to_array(tensor).nbytes
        for tensor in rebuilt.graph.initializer
        if tensor.data_type == TensorProto.FLOAT
    )
    assert largest < 1_000_000, "large weights are floats"


def stays(model: onnx.ModelProto, folder: Path) -> bool:
    """Return whether a model is left as its file holds it."""
    path = folder / "model.onnx"
    onnx.save(model, str(path))
    return quicker_model(path) == path.read_bytes()


def test_a_model_that_is_no_bert_stays_as_it_is(tmp_path: Path) -> None:
    weights = numpy_helper.from_array(np.eye(128, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "plain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 128])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 128])],
        [weights],
    )
    assert stays(helper.make_model(graph, ir_version=8), tmp_path)


def test_a_bert_with_something_unknown_in_it_stays_as_it_is(tmp_path: Path) -> None:
    model = onnx.load(str(resolve(DEFAULT_MODEL)))
    for node in model.graph.node:
        if node.op_type == "LayerNormalization":
            # Weights that another node uses as well are not those of a plain normalization.
            model.graph.node.append(helper.make_node("Identity", [node.input[1]], ["again"]))
            break
    assert stays(model, tmp_path)


@pytest.mark.parametrize("kind", ["Tanh", "CumSum"])
def test_a_bert_that_computes_something_else_stays_as_it_is(tmp_path: Path, kind: str) -> None:
    model = onnx.load(str(resolve(DEFAULT_MODEL)))
    next(node for node in model.graph.node if node.op_type == "Erf").op_type = kind
    assert stays(model, tmp_path)


@pytest.mark.parametrize("lost", ["encoder.layer.0.attention.self.query.bias", "encoder.layer."])
def test_a_bert_with_parameters_of_other_names_stays_as_it_is(tmp_path: Path, lost: str) -> None:
    model = onnx.load(str(resolve(DEFAULT_MODEL)))
    for tensor in model.graph.initializer:
        tensor.name = tensor.name.replace(lost, "another")
    for node in model.graph.node:
        node.input[:] = [name.replace(lost, "another") for name in node.input]
    assert stays(model, tmp_path)


def multiplied(some: Array, weights: Array, after_gelu: bool) -> Array:
    """Return what integer kernels make of a product."""
    graph = Graph()
    graph.product("some", weights, "products", after_gelu)
    taken = helper.make_tensor_value_info("some", TensorProto.FLOAT, ["few", weights.shape[0]])
    given = helper.make_tensor_value_info("products", TensorProto.FLOAT, ["few", weights.shape[1]])
    (found,) = open_session(graph.model(taken, given)).run(None, {"some": some})
    return np.asarray(found)


@pytest.mark.parametrize("after_gelu", [False, True])
def test_the_largest_numbers_do_not_overflow(after_gelu: bool) -> None:
    rows, columns = 1536, 3
    weights = np.ones((rows, columns), dtype=np.float32)
    some = np.full((2, rows), 3.0, dtype=np.float32)
    found = multiplied(some, weights, after_gelu)
    expected = some @ weights + (gelu_shift(weights) if after_gelu else 0.0)
    assert np.allclose(found, expected, rtol=0.01)


def test_what_comes_from_gelu_keeps_its_products() -> None:
    chance = np.random.default_rng(20)
    weights = chance.standard_normal((256, 8)).astype(np.float32)
    x = chance.standard_normal((5, 256)) * 2
    some = (x * (1 + erf(x / np.sqrt(2))) / 2).astype(np.float32)
    assert some.min() >= -GELU_BOTTOM
    found = multiplied(some, weights, after_gelu=True)
    exact = some @ weights
    assert np.linalg.norm(found - gelu_shift(weights) - exact) < 0.02 * np.linalg.norm(exact)


def test_texts_of_a_training_get_the_vectors_that_they_have_alone(encoder: OnnxEncoder) -> None:
    texts = [f"{text} {number}" for text in TEXTS for number in range(MANY_TEXTS // 4)]
    together = OnnxEncoder().encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-6


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


def test_a_few_rows_give_what_the_matrices_give() -> None:
    kinds = [
        TfIdf.fit({"analyzer": "word", "token_pattern": r"\w+"}, TEXTS),
        TfIdf.fit({"analyzer": "char_wb", "ngram_range": (2, 3)}, TEXTS),
    ]
    entries = [tfidf.rows(TEXTS) for tfidf in kinds]
    rows = Rows([(tfidf, held.T.tocsr()) for tfidf, held in zip(kinds, entries, strict=True)])
    mixes = [(0.75, 0.25), (0.5, 0.1)]
    texts = [*TEXTS, "running in Leeds", "nothing known", "?", ""]
    for asked in ([texts[0]], [""], texts):
        of_kinds = [
            (tfidf.rows(asked) @ held.T).toarray()
            for tfidf, held in zip(kinds, entries, strict=True)
        ]
        found = rows.similarities(asked, *mixes)
        assert found.shape == (2, len(asked), len(TEXTS))
        for mix, similarities in zip(mixes, found, strict=True):
            expected = sum(share * one for share, one in zip(mix, of_kinds, strict=True))
            assert np.allclose(similarities, expected, atol=1e-6)


def test_very_common_ngrams_are_left_out() -> None:
    texts = [f"running {number}" for number in range(20 * SELDOM)]
    tfidf = TfIdf.fit({"analyzer": "word", "token_pattern": r"\w+"}, texts)
    assert "running" not in tfidf.vocabulary
    assert "7" in tfidf.vocabulary
