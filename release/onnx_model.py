"""A released model in onnxruntime. What goes in and what becomes of its output is `release.inference`'s business."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from quant.bars import Floats
from release.errors import BadRelease
from release.onnx_runtime import onnxruntime

INPUT: Final = "features"


def output_name(model: str, *, horizon: int) -> str:
    """What the graph calls the output of a model for a horizon, in sessions."""
    return f"{model}_{horizon}"


class OnnxModel:
    """A ticker's models, of all horizons, in one ONNX graph.

    The graph's input is ``features``, (n, F) float64; its outputs are (n, 1) float64 each, named by `output_name`.
    Runs on one thread of the CPU, so that the same input gives the same bits on every call and many models can share
    a machine.

    Parameters
    ----------
    data : bytes
        The serialised graph.
    file : str
        What to call it in an error.

    Raises
    ------
    BadRelease
        If the bytes are no ONNX graph or its inputs and outputs are not of that kind.
    """

    def __init__(self, data: bytes, *, file: str = "model.onnx") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        # A model scores a row at a time: an arena would only hold on to memory.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no public base
            raise BadRelease(f"{file}: expected an ONNX graph, got {error}") from error
        taken = [(node.name, node.type) for node in self._session.get_inputs()]
        given = {node.name: node.type for node in self._session.get_outputs()}
        if taken != [(INPUT, "tensor(double)")] or set(given.values()) != {"tensor(double)"}:
            raise BadRelease(
                f"{file}: expected input {INPUT} of tensor(double) and outputs of the same, got {taken} and {given}"
            )
        self.outputs = tuple(given)

    def predict(self, X: Floats) -> dict[str, Floats]:
        """What each model says, by output.

        Parameters
        ----------
        X : (n, F) float64
            Feature rows, finite.

        Returns
        -------
        dict of (n,) float64
            Edges in volatilities, or logs of a variance per session.
        """
        answers: list[Any] = self._session.run(self.outputs, {INPUT: np.ascontiguousarray(X, dtype=np.float64)})
        return {name: answer.reshape(-1) for name, answer in zip(self.outputs, answers, strict=True)}
