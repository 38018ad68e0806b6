"""A GARCH-type variance: a level and a bank of exponentially weighted squared returns, mixed by quasi-likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import numpy as np

from quant.bars import Floats
from quant.features import column
from quant.variance_features import EWMA_DECAYS, FLOOR
from stock_assets.learning.candidates.base import Candidate, Part
from stock_assets.learning.candidates.graphs import log_linear
from stock_assets.learning.dataset import Labels

if TYPE_CHECKING:
    import onnx
    from optuna.trial import BaseTrial

BANK: Final = tuple(f"ewma_variance_{percent}" for percent in EWMA_DECAYS)
# The loss is flat long before: weights move in the third digit after these.
ITERATIONS: Final = 50


class GarchCandidate(Candidate):
    """``omega + sum of weight * EWMA``, all at least 0: ARCH with a memory mixed of several decays, of finite length.

    A GARCH(1,1) is the case of one decay. It is written in the window's features, so that a forecast needs no state.

    References
    ----------
    Bollerslev (1986), Generalized autoregressive conditional heteroskedasticity; Ding & Granger (1996), Modeling
    volatility persistence of speculative returns. The fit is Fevotte & Idier's (2011) multiplicative update for the
    Itakura-Saito divergence, which is the quasi-likelihood of a variance; its square root keeps the loss from rising.
    """

    name = "garch"
    part = Part.VARIANCE

    weights_: Floats  # of the bank's columns
    omega_: float

    @classmethod
    def suggest(cls, trial: BaseTrial) -> Self:  # noqa: ARG003 - the quasi-likelihood leaves nothing to choose
        return cls()

    def settings(self) -> dict[str, float]:
        return {}

    def fit(self, X: Floats, labels: Labels, *, seed: int) -> Self:  # noqa: ARG002 - nothing is random
        level = labels.variance.mean() + FLOOR
        parts = np.column_stack([np.full(len(X), level), _bank(X)])
        weights = np.full(parts.shape[1], 1.0 / parts.shape[1])
        for _ in range(ITERATIONS):
            variance = parts @ weights + FLOOR
            weights = weights * np.sqrt((parts.T @ (labels.variance / variance**2)) / (parts.T @ (1.0 / variance)))
        self.omega_, self.weights_ = float(weights[0] * level), weights[1:]
        return self

    def predict(self, X: Floats) -> Floats:
        logged: Floats = np.log(self.omega_ + FLOOR + _bank(X) @ self.weights_)
        return logged

    def to_onnx(self, features: int) -> onnx.ModelProto:
        coefficients = np.zeros(features)
        coefficients[[column(name) for name in BANK]] = self.weights_
        return log_linear(coefficients, self.omega_ + FLOOR)


def _bank(X: Floats) -> Floats:
    return X[:, [column(name) for name in BANK]]
