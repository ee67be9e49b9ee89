"""Lets integer kernels do the work of sentence models: floats in, models of integer products out.

A product of floats with fixed weights becomes one of integers. What the weights are multiplied
with is rounded as it goes, each token with a scale of its own (per-token dynamic quantization; Yao
et al., "ZeroQuant", NeurIPS 2022), so what a text is computed with does not touch its result.
Weights have a scale a column. One side keeps 8 bits and the other 7: then no sum of two products
leaves 16 bits, every processor computes the same, and those without VNNI are a quarter faster than
with 8 and 8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

IR_VERSION, OPSET = 8, 17
# onnxruntime's own operators.
CONTRIB = "com.microsoft"
# How far integers go from what stands for 0: those of 8 bits, and weights of 7.
MIDDLE, REACH, SHORT_REACH = 128, 127, 63
_STEP, _LEAST, _ONE = (f"integer_{name}" for name in ("step", "least", "one"))
_ZERO, _MIDDLE, _NAUGHT, _BOTTOM = (f"integer_{n}" for n in ("zero", "middle", "naught", "bottom"))
# GELU never gives less than this.
GELU_BOTTOM = 0.17


class Graph:
    """An ONNX graph in the making."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.tensors: list[TensorProto] = []
        for name, value in {
            _STEP: np.float32(1.0 / REACH),
            _LEAST: np.float32(1e-12),
            _ONE: np.float32(1.0),
            _ZERO: np.int8(0),
            _MIDDLE: np.uint8(MIDDLE),
            _NAUGHT: np.uint8(0),
            _BOTTOM: np.float32(GELU_BOTTOM),
        }.items():
            self.constant(name, np.array(value))

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        """Add a tensor that never changes; returns its name."""
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: object) -> str:
        """Add a node with one output; returns the output's name."""
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def product(
        self,
        floats: str,
        weights: npt.NDArray[np.float32],
        result: str,
        after_gelu: bool = False,
    ) -> str:
        """Add nodes that multiply floats with fixed weights.

        Args:
            floats: Name of the floats, (..., n, rows).
            weights: (rows, columns).
            result: Name of the product, (..., n, columns).
            after_gelu: The floats come from GELU. They are moved up by as much as they may lie
                below 0, so 7 bits do for them and the weights keep 8; what that adds to the product
                has to be taken from the bias (:func:`gelu_shift`).
        """
        size, most, even, near, whole = (
            f"{result}_{part}" for part in ("size", "most", "even", "near", "whole")
        )
        if after_gelu:
            floats = self.node("Add", [floats, _BOTTOM], size)
            self.node("ReduceMax", [floats], most, axes=[-1], keepdims=1)
            scale, nothing = most, _NAUGHT
        else:
            self.node("Abs", [floats], size)
            self.node("ReduceMax", [size], most, axes=[-1], keepdims=1)
            scale = self.node("Max", [most, _LEAST], f"{result}_scale")
            nothing = _MIDDLE
        self.node("Div", [floats, scale], even)
        self.node("QuantizeLinear", [even, _STEP, nothing], near)
        integers, scales = rounded(weights, REACH if after_gelu else SHORT_REACH)
        names = [
            self.constant(f"{result}_integers", integers),
            _ONE,
            self.constant(f"{result}_scales", scales / np.float32(REACH)),
        ]
        inputs = [near, *names, nothing, _ZERO]
        self.node("MatMulIntegerToFloat", inputs, whole, domain=CONTRIB)
        return self.node("Mul", [whole, scale], result)

    def model(self, taken: onnx.ValueInfoProto, given: onnx.ValueInfoProto) -> bytes:
        """Return the graph as the bytes of a model.

        Args:
            taken: Its only input.
            given: Its only output.
        """
        used = {name for node in self.nodes for name in node.input}
        tensors = [tensor for tensor in self.tensors if tensor.name in used]
        graph = helper.make_graph(self.nodes, "integers", [taken], [given], tensors)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        made: ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        return bytes(made.SerializeToString(deterministic=True))


def rounded(
    weights: npt.NDArray[np.float32], reach: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Round weights to integers with a scale for each column.

    Args:
        weights: (rows, columns).
        reach: How far the integers go from 0.

    Returns:
        The integers, (rows, columns), and the scales, (columns,).
    """
    scales = np.maximum(np.abs(weights).max(axis=0), 1e-12) / reach
    return np.round(weights / scales).astype(np.int8), scales.astype(np.float32)


def gelu_shift(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return what a product after GELU is too large by, (columns,)."""
    integers, scales = rounded(weights, REACH)
    shift = GELU_BOTTOM * integers.sum(axis=0, dtype=np.int64) * scales
    return np.asarray(shift, dtype=np.float32)


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
