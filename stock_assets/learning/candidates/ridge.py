"""Ridge regression of the edge on every feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import numpy as np

from quant.bars import Floats
from stock_assets.learning.candidates.base import Candidate, Part
from stock_assets.learning.candidates.graphs import linear
from stock_assets.learning.dataset import Labels

if TYPE_CHECKING:
    import onnx
    from optuna.trial import BaseTrial
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

# Standard deviations: a feature further out than any in training must not carry the forecast with it.
LIMIT: Final = 5.0


class RidgeCandidate(Candidate):
    """Ridge regression on standardised features, held to `LIMIT` standard deviations.

    Parameters
    ----------
    alpha : float
        Penalty a session of the horizon; against n rows that tell of a session each it shrinks a direction of variance
        v by ``n v / (n v + alpha)``.
    """

    name = "ridge"
    part = Part.EDGE
    trials = 5
    # On all features at once a ridge mistakes noise for an edge far more often than a sparse regression does: unless
    # the record says otherwise, it is hardly listened to.
    prior = 0.03

    scaler_: StandardScaler
    ridge_: Ridge

    def __init__(self, *, alpha: float = 1e4) -> None:
        self.alpha = alpha

    @classmethod
    def suggest(cls, trial: BaseTrial) -> Self:
        return cls(alpha=trial.suggest_float("alpha", 3e3, 3e4, log=True))

    def settings(self) -> dict[str, float]:
        return {"alpha": self.alpha}

    def fit(self, X: Floats, labels: Labels, *, seed: int) -> Self:  # noqa: ARG002 - a ridge has nothing random
        from sklearn.linear_model import Ridge
        from sklearn.preprocessing import StandardScaler

        self.scaler_ = StandardScaler().fit(X)
        self.ridge_ = Ridge(alpha=self.alpha * labels.horizon).fit(self._standard(X), labels.over_the_mean)
        return self

    def _standard(self, X: Floats) -> Floats:
        standard: Floats = np.clip(self.scaler_.transform(X), -LIMIT, LIMIT)
        return standard

    def predict(self, X: Floats) -> Floats:
        predicted: Floats = self.ridge_.predict(self._standard(X))
        return predicted

    def to_onnx(self, features: int) -> onnx.ModelProto:
        assert features == len(self.ridge_.coef_)
        return linear(
            self.ridge_.coef_, float(self.ridge_.intercept_), scaled=(self.scaler_.mean_, self.scaler_.scale_, LIMIT)
        )
