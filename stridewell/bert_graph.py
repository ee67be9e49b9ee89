"""Rebuilds a BERT encoder for one unpadded text at a time: an ONNX file in, a quicker model out.

Exports of the same network differ in hundreds of small nodes for masks, shapes and attention, which
take as long as the products on a short text. Here the weights are read by the names that Hugging
Face's BERT gives its biases (Devlin et al., NAACL 2019), whatever nodes stand around them, and put
into a graph of the fewest nodes: one product for query, key and value, onnxruntime's own attention,
GELU and layer normalization, no mask. Products are of integers (``stridewell.integer_kernels``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from stridewell.integer_kernels import CONTRIB, REACH, Graph, gelu_shift, rounded

Array = npt.NDArray[Any]
_QUERY, _KEY, _VALUE = ("attention.self.query", "attention.self.key", "attention.self.value")
_ATTENDED, _INNER, _OUTER = ("attention.output.dense", "intermediate.dense", "output.dense")
_AFTER_ATTENTION, _AFTER_ALL = "attention.output.LayerNorm", "output.LayerNorm"
# What a plain BERT is made of. Others have the same names and compute something else: another GELU
# (Tanh), places counted from the mask (RoBERTa's CumSum), distances in the attention.
_PLAIN = frozenset([
    "Add", "And", "Cast", "Concat", "Constant", "Div", "Equal", "Erf", "Expand", "Gather",
    "GatherND", "GreaterOrEqual", "Identity", "IsNaN", "LayerNormalization", "MatMul", "Max", "Mul",
    "Range", "Reshape", "Shape", "Slice", "Softmax", "Squeeze", "Sub", "Transpose", "Unsqueeze",
    "Where",
])  # fmt: skip


class _NotFoundError(Exception):
    """The file holds no BERT encoder, or one that was written in a way that isn't known here."""


def quicker_model(path: Path) -> bytes:
    """Rebuild a BERT encoder.

    Args:
        path: The model's file.

    Returns:
        A model with the input ``input_ids`` (1, n), int64, and the output ``last_hidden_state``
        (1, n, dimension), float32; the file as it is when it holds anything but a BERT encoder.

    Raises:
        google.protobuf.message.DecodeError: The file is not an ONNX model.
    """
    graph = onnx.load(str(path)).graph
    try:
        return _rebuilt(_Export(graph))
    except _NotFoundError:
        return path.read_bytes()


class _Export:
    """The parameters of an exported network, by their names without what all begin with."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        kinds = {node.op_type for node in graph.node}
        if not kinds <= _PLAIN or "Erf" not in kinds:
            raise _NotFoundError
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._made_by = {output: node for node in graph.node for output in node.output}
        self._used_by: dict[str, list[NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self._used_by.setdefault(name, []).append(node)
        anchor = "embeddings.LayerNorm.weight"
        beginnings = [n.removesuffix(anchor) for n in self._tensors if n.endswith(anchor)]
        if len(beginnings) != 1:
            raise _NotFoundError
        self._beginning = beginnings[0]
        layers = {
            int(name.removeprefix(f"{self._beginning}encoder.layer.").split(".")[0])
            for name in self._tensors
            if name.startswith(f"{self._beginning}encoder.layer.")
        }
        if not layers:
            raise _NotFoundError
        self.layers = [f"encoder.layer.{number}" for number in sorted(layers)]

    def values(self, name: str) -> Array:
        """Return a parameter by its name."""
        return self._values(self._beginning + name)

    def linear(self, name: str) -> tuple[Array, Array]:
        """Return weights, (rows, columns), and bias of a linear layer."""
        product, _ = self._product_and_sum(name)
        return self._values(product.input[1]), self.values(f"{name}.bias")

    def normalization(self, name: str) -> tuple[Array, Array, float]:
        """Return weights, bias and epsilon of a layer normalization."""
        weight = f"{self._beginning}{name}.weight"
        nodes = self._used_by.get(weight, [])
        if [node.op_type for node in nodes] != ["LayerNormalization"]:
            raise _NotFoundError
        given = [a.f for a in nodes[0].attribute if a.name == "epsilon"]
        return self.values(f"{name}.weight"), self.values(f"{name}.bias"), (given or [1e-5])[0]

    def head_size(self) -> int:
        """Return how many numbers a head of the attention has."""
        _, add = self._product_and_sum(f"{self.layers[0]}.{_QUERY}")
        for node in self._used_by.get(add.output[0], []):
            if node.op_type == "Reshape":
                shape = self._made_by.get(node.input[1])
                parts = shape.input if shape and shape.op_type == "Concat" else node.input[1:]
                last = self._values(parts[-1])
                if last.size and last.flat[-1] > 0:
                    return int(last.flat[-1])
        raise _NotFoundError

    def _values(self, name: str) -> Array:
        """Return a tensor, or what ``Cast(tensor) * scale`` comes to."""
        if name in self._tensors:
            return np.asarray(numpy_helper.to_array(self._tensors[name]))
        node = self._made_by.get(name)
        if node is None or node.op_type != "Mul" or node.input[1] not in self._tensors:
            raise _NotFoundError
        cast = self._made_by.get(node.input[0])
        if cast is None or cast.op_type != "Cast" or cast.input[0] not in self._tensors:
            raise _NotFoundError
        integers = self._values(cast.input[0]).astype(np.float32)
        return np.asarray(integers * self._values(node.input[1]))

    def _product_and_sum(self, name: str) -> tuple[NodeProto, NodeProto]:
        """Return the nodes of a linear layer: its product, and where its bias is added."""
        for node in self._used_by.get(f"{self._beginning}{name}.bias", []):
            for made in node.input:
                product = self._made_by.get(made)
                if node.op_type == "Add" and product and product.op_type == "MatMul":
                    return product, node
        raise _NotFoundError


def _rebuilt(export: _Export) -> bytes:
    graph = Graph()
    x = _embedded(graph, export)
    dimension = len(export.values("embeddings.LayerNorm.bias"))
    heads, rest = divmod(dimension, export.head_size())
    if rest:
        raise _NotFoundError
    for number, layer in enumerate(export.layers):
        last = number == len(export.layers) - 1
        x = _layer(graph, export, layer, x, heads, "last_hidden_state" if last else f"{layer}.out")
    size = ["texts", "tokens"]
    taken = helper.make_tensor_value_info("input_ids", TensorProto.INT64, size)
    given = helper.make_tensor_value_info(x, TensorProto.FLOAT, [*size, dimension])
    return graph.model(taken, given)


def _embedded(graph: Graph, export: _Export) -> str:
    """Add what turns tokens into vectors; those of the words stay integers."""
    integers, scales = rounded(export.values("embeddings.word_embeddings.weight").T, REACH)
    # All texts are of the first kind.
    places = (
        export.values("embeddings.position_embeddings.weight")
        + export.values("embeddings.token_type_embeddings.weight")[0]
    )
    words = graph.constant("words", integers.T)
    scale = graph.constant("words.scales", scales[:, None])
    place = graph.constant("places", places.astype(np.float32))
    start = graph.constant("start", np.array([0], dtype=np.int64))
    graph.node("Gather", [words, "input_ids"], "word.integers", axis=0)
    graph.node("Gather", [scale, "input_ids"], "word.scale", axis=0)
    graph.node("Cast", ["word.integers"], "word.floats", to=TensorProto.FLOAT)
    graph.node("Mul", ["word.floats", "word.scale"], "word")
    graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    graph.node("Slice", [place, start, "length", start], "place")
    graph.node("Add", ["word", "place"], "embedded.raw")
    weights, bias, epsilon = _normalization(graph, export, "embeddings.LayerNorm")
    inputs = ["embedded.raw", weights, bias]
    return graph.node("LayerNormalization", inputs, "embedded", axis=-1, epsilon=epsilon)


def _layer(graph: Graph, export: _Export, layer: str, x: str, heads: int, result: str) -> str:
    parts = [export.linear(f"{layer}.{part}") for part in (_QUERY, _KEY, _VALUE)]
    weights, bias = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    graph.product(x, weights, f"{layer}.three")
    three = [f"{layer}.query", f"{layer}.key", f"{layer}.value"]
    graph.nodes.append(helper.make_node("Split", [f"{layer}.three"], three, axis=-1))
    attention = [*three, graph.constant(f"{layer}.three.bias", bias)]
    attended = graph.node(
        "MultiHeadAttention", attention, f"{layer}.heads", domain=CONTRIB, num_heads=heads
    )
    weights, bias = export.linear(f"{layer}.{_ATTENDED}")
    product = graph.product(attended, weights, f"{layer}.attended")
    x = _joined(graph, export, f"{layer}.{_AFTER_ATTENTION}", product, x, bias, f"{layer}.between")
    weights, bias = export.linear(f"{layer}.{_INNER}")
    inner = graph.product(x, weights, f"{layer}.inner")
    bent = graph.node(
        "BiasGelu",
        [inner, graph.constant(f"{layer}.inner.bias", bias)],
        f"{layer}.bent",
        domain=CONTRIB,
    )
    weights, bias = export.linear(f"{layer}.{_OUTER}")
    outer = graph.product(bent, weights, f"{layer}.outer", after_gelu=True)
    bias = bias - gelu_shift(weights)
    return _joined(graph, export, f"{layer}.{_AFTER_ALL}", outer, x, bias, result)


def _joined(
    graph: Graph, export: _Export, name: str, new: str, old: str, bias: Array, result: str
) -> str:
    """Add bias and what was there before, and normalize."""
    weights, shift, epsilon = _normalization(graph, export, name)
    inputs = [new, old, weights, shift, graph.constant(f"{name}.added", bias)]
    return graph.node("SkipLayerNormalization", inputs, result, domain=CONTRIB, epsilon=epsilon)


def _normalization(graph: Graph, export: _Export, name: str) -> tuple[str, str, float]:
    weights, bias, epsilon = export.normalization(name)
    return (
        graph.constant(f"{name}.weight", weights),
        graph.constant(f"{name}.bias", bias),
        epsilon,
    )
