"""Lets integer kernels do the work of a model whose weights are stored as 8-bit integers.

An ONNX file as in, the bytes of one that computes the same out. A file that stores weights as
``Cast(int8) * scale`` in front of each matrix product is small on disk only: onnxruntime turns the
weights into floats once, when it loads the file, and computes with those. Here each such product
becomes a ``MatMulNBits`` of onnxruntime's own operators, which keeps the weights as they are and
rounds what it multiplies them with to 8 bits, in blocks, as it goes (GPTQ-style blockwise
quantization; Frantar et al., "GPTQ", ICLR 2023). Each block of each token has a scale of its own,
so what a text is computed with hardly touches its result. Embeddings are scaled after they have
been looked up instead of all before.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from onnx import NodeProto, TensorProto, helper, numpy_helper

# Larger blocks are faster and rounder.
BLOCK = 128
# onnxruntime's level for 8-bit integers; 0 would be its choice.
INT8 = 4


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
    blocks: dict[str, TensorProto] = {}
    nodes: list[NodeProto] = []
    for node in graph.node:
        weights = stored.get(node.input[0]) if node.op_type == "Gather" else None
        factor = stored.get(node.input[1]) if node.op_type == "MatMul" else None
        if weights and _per_row(weights):
            nodes += _looked_up(node, weights)
        elif factor and _per_column(factor):
            nodes.append(_product(node, factor))
            blocks |= _blocks(factor)
        else:
            nodes.append(node)
    if len(nodes) == len(graph.node) and not blocks:
        return path.read_bytes()
    nodes, needed = _used(nodes, {output.name for output in graph.output})
    tensors = [tensor for tensor in graph.initializer if tensor.name in needed]
    tensors += [blocks[name] for name in sorted(blocks)]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
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
    rows, *columns = weights.integers.dims
    return rows % BLOCK == 0 and list(weights.scale.dims) == [1, *columns]


def _looked_up(node: NodeProto, weights: _Stored) -> list[NodeProto]:
    result, where = node.output[0], node.input[1]
    integers, scale, floats = (f"{result}_{part}" for part in ("integers", "scale", "floats"))
    return [
        helper.make_node("Gather", [weights.integers.name, where], [integers], axis=0),
        helper.make_node("Gather", [weights.scale.name, where], [scale], axis=0),
        helper.make_node("Cast", [integers], [floats], to=TensorProto.FLOAT),
        helper.make_node("Mul", [floats, scale], [result]),
    ]


def _product(node: NodeProto, weights: _Stored) -> NodeProto:
    rows, columns = weights.integers.dims
    name = weights.integers.name
    return product(node.input[0], f"{name}_blocks", f"{name}_scales", node.output[0], rows, columns)


def product(
    factor: str, blocks: str, scales: str, result: str, rows: int, columns: int
) -> NodeProto:
    """Return a node that multiplies floats with integers in blocks.

    Args:
        factor: Name of the floats, (n, rows).
        blocks: Name of the integers around 128, (columns, rows / BLOCK, BLOCK), uint8.
        scales: Name of their scales, (columns * rows / BLOCK), float32.
        result: Name of the product, (n, columns).
        rows: What is summed over.
        columns: What comes out.
    """
    return helper.make_node(
        "MatMulNBits",
        [factor, blocks, scales],
        [result],
        domain="com.microsoft",
        K=rows,
        N=columns,
        bits=8,
        block_size=BLOCK,
        accuracy_level=INT8,
    )


def _blocks(weights: _Stored) -> dict[str, TensorProto]:
    """Return weights and scales as ``MatMulNBits`` takes them: by column, around 128, in blocks."""
    integers = numpy_helper.to_array(weights.integers)
    rows, columns = integers.shape
    shifted = (integers.astype(np.int16) + 128).astype(np.uint8)
    blocks = np.ascontiguousarray(shifted.T).reshape(columns, rows // BLOCK, BLOCK)
    scale = numpy_helper.to_array(weights.scale).astype(np.float32).reshape(-1)
    name = weights.integers.name
    return {
        made.name: made
        for made in (
            numpy_helper.from_array(blocks, f"{name}_blocks"),
            numpy_helper.from_array(np.repeat(scale, rows // BLOCK), f"{name}_scales"),
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
