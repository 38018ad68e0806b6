"""RiskMetrics' variance as a candidate: nothing to learn, and hard to beat by much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from quant.bars import Floats
from quant.features import column
from quant.variance_features import FLOOR
from stock_assets.learning.candidates.base import Candidate, Part
from stock_assets.learning.candidates.graphs import log_linear
from stock_assets.learning.dataset import Labels

if TYPE_CHECKING:
    import onnx
    from optuna.trial import BaseTrial


class EwmaCandidate(Candidate):
    """The exponentially weighted variance with a decay of 0.94 (RiskMetrics, 1996)."""

    name = "ewma"
    part = Part.VARIANCE

    @classmethod
    def suggest(cls, trial: BaseTrial) -> Self:  # noqa: ARG003 - there is nothing to choose
        return cls()

    def settings(self) -> dict[str, float]:
        return {}

    def fit(self, X: Floats, labels: Labels, *, seed: int) -> Self:  # noqa: ARG002 - there is nothing to learn
        return self

    def predict(self, X: Floats) -> Floats:
        logged: Floats = np.log(FLOOR + X[:, column("ewma_variance_94")])
        return logged

    def to_onnx(self, features: int) -> onnx.ModelProto:
        coefficients = np.zeros(features)
        coefficients[column("ewma_variance_94")] = 1.0
        return log_linear(coefficients, FLOOR)
