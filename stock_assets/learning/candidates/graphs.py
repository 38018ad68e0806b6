"""ONNX graphs of the families whose predictions are a line of arithmetic, written node by node.

What comes out of scikit-learn's own converters is `forest`'s business; putting graphs together, `learning.export`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from quant.bars import Floats

INPUT: Final = "features"
OUTPUT: Final = "predicted"
OPSET: Final = {"": 18, "ai.onnx.ml": 3}
# Doubles in the widest vector register there is, AVX-512's.
LANES: Final = 8


def linear(
    coefficients: Floats, intercept: float, *, scaled: tuple[Floats, Floats, float], beside: Floats | None = None
) -> onnx.ModelProto:
    """``intercept + standardised row @ coefficients``, and ``row @ beside`` as it is.

    Parameters
    ----------
    coefficients : (F,) float64
    intercept : float
    scaled : ((F,), (F,), float)
        Mean and scale that standardise a row, and what its values are then held to in either direction.
    beside : (F,) float64, optional
    """
    mean, scale, limit = scaled
    constants = {
        "mean": mean,
        "scale": scale,
        "low": np.array(-limit),
        "high": np.array(limit),
        "coefficients": coefficients.reshape(-1, 1),
        "intercept": np.array([intercept]),
    }
    nodes = [
        helper.make_node("Sub", [INPUT, "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "scale"], ["standard"]),
        helper.make_node("Clip", ["standard", "low", "high"], ["held"]),
        helper.make_node("MatMul", ["held", "coefficients"], ["product"]),
        helper.make_node("Add", ["product", "intercept"], [OUTPUT if beside is None else "level"]),
    ]
    if beside is not None:
        constants["beside"] = beside.reshape(-1, 1)
        nodes += [
            helper.make_node("MatMul", [INPUT, "beside"], ["plain"]),
            helper.make_node("Add", ["level", "plain"], [OUTPUT]),
        ]
    return graph(nodes, constants, features=len(coefficients))


def log_linear(coefficients: Floats, intercept: float) -> onnx.ModelProto:
    """``log(intercept + row @ coefficients)`` for coefficients (F,) and an intercept that leave it above 0.

    The logarithm is taken of `LANES` equal columns, of which one is kept: onnxruntime takes those of whole vector
    registers by another algorithm than those left over, and a row must get the same bits alone and among others.
    """
    constants = {
        "coefficients": np.repeat(coefficients.reshape(-1, 1), LANES, axis=1),
        "intercept": np.array([intercept]),
        "first": np.eye(LANES, 1),
    }
    nodes = [
        helper.make_node("MatMul", [INPUT, "coefficients"], ["product"]),
        helper.make_node("Add", ["product", "intercept"], ["sum"]),
        helper.make_node("Log", ["sum"], ["logs"]),
        helper.make_node("MatMul", ["logs", "first"], [OUTPUT]),
    ]
    return graph(nodes, constants, features=len(coefficients))


def graph(nodes: Sequence[onnx.NodeProto], constants: dict[str, Floats], *, features: int) -> onnx.ModelProto:
    """A model of the nodes, from ``features`` (n, F) to ``predicted`` (n, 1), both float64."""
    made: onnx.ModelProto = helper.make_model(
        helper.make_graph(
            nodes,
            "candidate",
            [helper.make_tensor_value_info(INPUT, TensorProto.DOUBLE, [None, features])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.DOUBLE, [None, 1])],
            [numpy_helper.from_array(np.asarray(value, np.float64), name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET[""])],
        ir_version=10,
    )
    return made
