"""One ONNX graph out of the fitted candidates, refused unless it repeats scikit-learn on every training row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper

from quant.bars import Floats
from release.onnx_runtime import onnxruntime
from stock_assets.learning.candidates import Candidate
from stock_assets.learning.errors import ExportRefused
from stock_assets.learning.training import Trained

INPUT: Final = "features"
OPSET: Final = {"": 18, "ai.onnx.ml": 3}
PARITY_ROWS: Final = 32
# Log return: a hundredth of a basis point. Trees in float32 round a mean return of 1e-3 at about 1e-10.
TOLERANCE: Final = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """The graph and what it must repeat.

    Attributes
    ----------
    onnx : bytes
        Input ``features`` (n, F) float64; outputs ``ridge`` and ``forest`` (n, 1) float64.
    parity_features, parity_ridge, parity_forest : (k, F), (k,), (k,) float64
        Rows spread over the training set, and what scikit-learn says of them.
    max_error : float
        Largest difference from scikit-learn over all training rows, as a log return.
    """

    onnx: bytes
    parity_features: Floats
    parity_ridge: Floats
    parity_forest: Floats
    max_error: float


def export(trained: Trained) -> Exported:
    """The fitted candidates as one graph.

    Raises
    ------
    ExportRefused
        If any training row comes out further than `TOLERANCE` from scikit-learn, or not finite.
    """
    graph = merge({name: convert(candidate, trained.X.shape[1]) for name, candidate in trained.candidates.items()})
    said = {name: candidate.predict(trained.X) for name, candidate in trained.candidates.items()}
    max_error = verify(graph, trained.X, said)
    spread = np.unique(np.linspace(0, len(trained.X) - 1, PARITY_ROWS).astype(int))
    return Exported(graph, trained.X[spread], said["ridge"][spread], said["forest"][spread], max_error)


def convert(candidate: Candidate, features: int) -> onnx.ModelProto:
    """One candidate's own graph."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType

    input_type = [(INPUT, DoubleTensorType([None, features]))]
    model: onnx.ModelProto = to_onnx(candidate.pipeline_, initial_types=input_type, target_opset=OPSET)
    return model


def merge(models: dict[str, onnx.ModelProto]) -> bytes:
    """Several one-output graphs over the same input as one, each output named for its model and widened to float64."""
    nodes, initializers, outputs = [], [], []
    for name, model in models.items():
        graph = model.graph
        renamed = {value: f"{name}/{value}" for value in _names(graph) if value != INPUT}
        for node in graph.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.name = f"{name}/{node.name}"
            copy.input[:] = [renamed.get(value, value) for value in node.input]
            copy.output[:] = [renamed[value] for value in node.output]
            nodes.append(copy)
        for initializer in graph.initializer:
            constant = onnx.TensorProto()
            constant.CopyFrom(initializer)
            constant.name = renamed[initializer.name]
            initializers.append(constant)
        nodes.append(helper.make_node("Cast", [renamed[graph.output[0].name]], [name], to=TensorProto.DOUBLE))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 1]))
    inputs = [next(iter(models.values())).graph.input[0]]
    merged = helper.make_model(
        helper.make_graph(nodes, "mean_return", inputs, outputs, initializers),
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


def verify(graph: bytes, X: Floats, said: dict[str, Floats]) -> float:
    """The largest difference between the graph and what the models said of X; `ExportRefused` above `TOLERANCE`."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    answers = session.run(list(said), {INPUT: X})
    worst = 0.0
    for (name, expected), answer in zip(said.items(), answers, strict=True):
        error = float(np.max(np.abs(answer[:, 0] - expected)))
        if not error <= TOLERANCE:
            raise ExportRefused(
                f"{name}: expected the ONNX graph within {TOLERANCE:g} of scikit-learn, got {error:g} off"
            )
        worst = max(worst, error)
    return worst
