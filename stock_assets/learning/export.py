"""One ONNX graph out of a ticker's fitted candidates, refused unless it repeats them on every training row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper

from quant.bars import Floats
from release.onnx_model import output_name
from release.onnx_runtime import onnxruntime
from stock_assets.learning.candidates.graphs import INPUT, OPSET
from stock_assets.learning.errors import ExportRefused
from stock_assets.learning.training import Trained

PARITY_ROWS: Final = 32
# Edges and log variances are of order one; trees in float32 round an edge of 0.1 at about 1e-8.
TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """The graph and what it must repeat.

    Attributes
    ----------
    onnx : bytes
        Input ``features`` (n, F) float64; an output (n, 1) float64 for every family and horizon, named as
        `release.onnx_model.output_name` has it.
    parity : mapping of float64
        ``features`` (k, F), rows spread over the training set, and by output (k,) what the candidates say of them.
    max_error : float
        Largest difference from the candidates over all training rows: in volatilities, or logs of a variance.
    """

    onnx: bytes
    parity: Mapping[str, Floats]
    max_error: float


def export(trained: Sequence[Trained]) -> Exported:
    """The fitted candidates of every horizon as one graph.

    Raises
    ------
    ExportRefused
        If any training row comes out further than `TOLERANCE` from the candidate's own prediction, or not finite.
    """
    graphs, said = {}, {}
    # Horizons have nearly the same rows; the longest labelled set holds them all.
    X = max((part.X for part in trained), key=len)
    for part in trained:
        for name, candidate in part.candidates.items():
            output = output_name(name, horizon=part.horizon)
            graphs[output], said[output] = candidate.to_onnx(X.shape[1]), candidate.predict(X)
    graph = merge(graphs)
    max_error = verify(graph, X, said)
    spread = np.unique(np.linspace(0, len(X) - 1, PARITY_ROWS).astype(int))
    parity = {"features": X[spread], **{output: values[spread] for output, values in said.items()}}
    return Exported(graph, parity, max_error)


def merge(models: Mapping[str, onnx.ModelProto]) -> bytes:
    """Several one-output graphs over the same input as one, each output named for its model and widened to float64."""
    nodes, initializers, outputs = [], [], []
    for name, model in models.items():
        graph = model.graph
        renamed = {value: f"{name}/{value}" for value in _names(graph) if value and value != INPUT}
        given = graph.output[0]
        narrow = given.type.tensor_type.elem_type != TensorProto.DOUBLE
        renamed[given.name] = f"{name}/{given.name}" if narrow else name
        for place, node in enumerate(graph.node):
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.name = f"{name}/{place}"
            copy.input[:] = [renamed.get(value, value) for value in node.input]
            copy.output[:] = [renamed[value] for value in node.output]
            nodes.append(copy)
        for initializer in graph.initializer:
            constant = onnx.TensorProto()
            constant.CopyFrom(initializer)
            constant.name = renamed[initializer.name]
            initializers.append(constant)
        if narrow:
            nodes.append(helper.make_node("Cast", [renamed[given.name]], [name], to=TensorProto.DOUBLE))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 1]))
    inputs = [next(iter(models.values())).graph.input[0]]
    merged = helper.make_model(
        helper.make_graph(nodes, "distribution", inputs, outputs, initializers),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in OPSET.items()],
        ir_version=10,
    )
    onnx.checker.check_model(merged)
    serialised: bytes = merged.SerializeToString(deterministic=True)
    return serialised


def _names(graph: Any) -> set[str]:
    """Every value's name in a graph."""
    named = {initializer.name for initializer in graph.initializer}
    for node in graph.node:
        named.update(node.input, node.output)
    return named


def verify(graph: bytes, X: Floats, said: Mapping[str, Floats]) -> float:
    """The largest difference between the graph and what the models said of X; `ExportRefused` above `TOLERANCE`."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    answers = session.run(list(said), {INPUT: X})
    worst = 0.0
    for (name, expected), answer in zip(said.items(), answers, strict=True):
        error = float(np.max(np.abs(answer[:, 0] - expected)))
        if not error <= TOLERANCE:
            raise ExportRefused(
                f"{name}: expected the ONNX graph within {TOLERANCE:g} of the fitted model, got {error:g} off"
            )
        worst = max(worst, error)
    return worst
