"""Lets integer kernels do the work of a model whose weights are stored as 8-bit integers.

An ONNX file as in, the bytes of one that computes the same out. A file that stores weights as
``Cast(int8) * scale`` in front of each matrix product is small on disk only: onnxruntime turns the
weights into floats once, when it loads the file, and computes with those. Here each such product
becomes one of integers: what the weights are multiplied with is rounded to 8 bits as it goes, each
token with a scale of its own (per-token dynamic quantization; Yao et al., "ZeroQuant", NeurIPS
2022), so what a text is computed with does not touch its result. Both sides are unsigned: with one
signed, processors without VNNI add up pairs in 16 bits that overflow. Embeddings are scaled after
they have been looked up instead of all before.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from onnx import NodeProto, TensorProto, helper, numpy_helper

# What stands for 0 among unsigned integers, and how far they go from there.
MIDDLE, REACH = 128, 127
_STEP, _LEAST, _ONE, _MIDDLE = "integer_step", "integer_least", "integer_one", "integer_middle"


class _Stored(NamedTuple):
    """Weights that are stored as integers, and what they are multiplied with."""

    integers: TensorProto
    scale: TensorProto


def with_integer_kernels(path: Path) -> bytes:
    """Rewrite an ONNX model so that its integer weights stay integers.

    Args:
        path: The model's file.

    Returns:
        The rewritten model; one that stores no weights in this way is returned as it is.

    Raises:
        google.protobuf.message.DecodeError: The file is not an ONNX model.
    """
    model = onnx.load(str(path))
    graph = model.graph
    stored = _stored_weights(graph)
    unsigned: dict[str, TensorProto] = {}
    nodes: list[NodeProto] = []
    for node in graph.node:
        weights = stored.get(node.input[0]) if node.op_type == "Gather" else None
        factor = stored.get(node.input[1]) if node.op_type == "MatMul" else None
        if weights and _per_row(weights):
            nodes += _looked_up(node, weights)
        elif factor and _per_column(factor):
            name = factor.integers.name
            nodes += product(node.input[0], f"{name}_unsigned", f"{name}_scales", node.output[0])
            unsigned |= _unsigned(factor)
        else:
            nodes.append(node)
    if len(nodes) == len(graph.node):
        return path.read_bytes()
    unsigned |= {tensor.name: tensor for tensor in constants()}
    nodes, needed = _used(nodes, {output.name for output in graph.output})
    tensors = [tensor for tensor in graph.initializer if tensor.name in needed]
    tensors += [unsigned[name] for name in sorted(unsigned.keys() & needed)]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors)
    return bytes(model.SerializeToString(deterministic=True))


def open_session(model: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """Get a model ready to run on the CPU.

    Args:
        model: An ONNX model.
        threads: Threads for one run of the model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _stored_weights(graph: onnx.GraphProto) -> dict[str, _Stored]:
    """Return what ``Cast(integers) * scale`` is made of, by the name of its result."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    casts = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast"}
    found = {}
    for node in graph.node:
        if node.op_type == "Mul":
            integers = tensors.get(casts.get(node.input[0], ""))
            scale = tensors.get(node.input[1])
            if integers is not None and integers.data_type == TensorProto.INT8 and scale:
                found[node.output[0]] = _Stored(integers, scale)
    return found


def _per_row(weights: _Stored) -> bool:
    rows, *_ = weights.integers.dims
    return list(weights.scale.dims) == [rows, 1]


def _per_column(weights: _Stored) -> bool:
    _, *columns = weights.integers.dims
    return list(weights.scale.dims) == [1, *columns]


def _looked_up(node: NodeProto, weights: _Stored) -> list[NodeProto]:
    result, where = node.output[0], node.input[1]
    integers, scale, floats = (f"{result}_{part}" for part in ("integers", "scale", "floats"))
    return [
        helper.make_node("Gather", [weights.integers.name, where], [integers], axis=0),
        helper.make_node("Gather", [weights.scale.name, where], [scale], axis=0),
        helper.make_node("Cast", [integers], [floats], to=TensorProto.FLOAT),
        helper.make_node("Mul", [floats, scale], [result]),
    ]


def product(floats: str, integers: str, scales: str, result: str) -> list[NodeProto]:
    """Return nodes that multiply floats with integers; they need :func:`constants`.

    Args:
        floats: Name of the floats, (n, rows).
        integers: Name of the integers around ``MIDDLE``, (rows, columns), uint8.
        scales: Name of the scales of their columns, (columns), float32.
        result: Name of the product, (n, columns).
    """
    names = ("size", "most", "step", "scale", "even", "rounded", "whole", "sums", "scaled")
    size, most, step, scale, even, rounded, whole, sums, scaled = (f"{result}_{n}" for n in names)
    return [
        helper.make_node("Abs", [floats], [size]),
        helper.make_node("ReduceMax", [size], [most], axes=[-1], keepdims=1),
        helper.make_node("Mul", [most, _STEP], [step]),
        helper.make_node("Max", [step, _LEAST], [scale]),
        helper.make_node("Div", [floats, scale], [even]),
        helper.make_node("QuantizeLinear", [even, _ONE, _MIDDLE], [rounded]),
        helper.make_node("MatMulInteger", [rounded, integers, _MIDDLE, _MIDDLE], [whole]),
        helper.make_node("Cast", [whole], [sums], to=TensorProto.FLOAT),
        helper.make_node("Mul", [sums, scales], [scaled]),
        helper.make_node("Mul", [scaled, scale], [result]),
    ]


def constants() -> list[TensorProto]:
    """Return what the nodes of all products share."""
    return [
        numpy_helper.from_array(np.float32(1.0 / REACH), _STEP),
        numpy_helper.from_array(np.float32(1e-12), _LEAST),
        numpy_helper.from_array(np.float32(1.0), _ONE),
        numpy_helper.from_array(np.uint8(MIDDLE), _MIDDLE),
    ]


def _unsigned(weights: _Stored) -> dict[str, TensorProto]:
    """Return weights and scales as :func:`product` takes them."""
    integers = numpy_helper.to_array(weights.integers).astype(np.int16) + MIDDLE
    scales = numpy_helper.to_array(weights.scale).astype(np.float32).reshape(-1)
    name = weights.integers.name
    return {
        made.name: made
        for made in (
            numpy_helper.from_array(integers.astype(np.uint8), f"{name}_unsigned"),
            numpy_helper.from_array(scales, f"{name}_scales"),
        )
    }


def _used(nodes: list[NodeProto], needed: set[str]) -> tuple[list[NodeProto], set[str]]:
    """Return the nodes that lead to the needed results, and all names that these take."""
    kept: list[NodeProto] = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed = needed | set(node.input)
    return kept[::-1], needed
