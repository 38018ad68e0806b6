"""The heterogeneous autoregression of the log variance, with what else tells of it, by ridge regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import numpy as np

from quant.bars import Floats
from quant.features import NAMES, column
from quant.variance_features import LOG_VARIANCE_SPANS
from stock_assets.learning.candidates.base import Candidate, Part
from stock_assets.learning.candidates.graphs import linear
from stock_assets.learning.dataset import Labels

if TYPE_CHECKING:
    import onnx
    from optuna.trial import BaseTrial
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

READ: Final = (
    *(f"log_variance_{span}" for span in LOG_VARIANCE_SPANS),
    *(name for name in NAMES if name.startswith(("variance_tail_", "log_rogers_satchell_", "quarter_"))),
    "log_ewma_variance",
    "recent_jump",
    "log_volume_1",
    "log_volume_5",
    *(f"scaled_return_{span}" for span in (1, 5, 22, 66)),
    "scaled_drawdown",
    "scaled_fall_22",
    "scaled_rise_22",
    "weekday_sin",
    "weekday_cos",
)
# What the penalty shrinks to: the variance stays what it was, a plain mixture of the last week, month and year's end.
ANCHOR: Final = {"log_variance_22": 0.5, "log_variance_5": 0.25, "log_ewma_variance": 0.25}
LIMIT: Final = 6.0


class HarCandidate(Candidate):
    """Ridge regression of the coming log range variance, less a mixture of past ones, on the features in `READ`.

    Parameters
    ----------
    alpha : float
        Penalty on standardised features a session of the horizon, whose overlapping labels tell so much less: with a
        large one the forecast is the mixture, brought to level.

    References
    ----------
    Corsi (2009), A simple approximate long-memory model of realized volatility.
    """

    name = "har"
    part = Part.VARIANCE
    refit_every = 21
    trials = 5

    scaler_: StandardScaler
    ridge_: Ridge

    def __init__(self, *, alpha: float = 200.0) -> None:
        self.alpha = alpha

    @classmethod
    def suggest(cls, trial: BaseTrial) -> Self:
        return cls(alpha=trial.suggest_float("alpha", 100.0, 600.0, log=True))

    def settings(self) -> dict[str, float]:
        return {"alpha": self.alpha}

    def fit(self, X: Floats, labels: Labels, *, seed: int) -> Self:  # noqa: ARG002 - a ridge has nothing random
        from sklearn.linear_model import Ridge
        from sklearn.preprocessing import StandardScaler

        rows = _read(X)
        self.scaler_ = StandardScaler().fit(rows)
        alpha = self.alpha * labels.horizon
        self.ridge_ = Ridge(alpha=alpha).fit(self._standard(rows), labels.log_variance - _anchor(X))
        return self

    def _standard(self, rows: Floats) -> Floats:
        standard: Floats = np.clip(self.scaler_.transform(rows), -LIMIT, LIMIT)
        return standard

    def predict(self, X: Floats) -> Floats:
        predicted: Floats = _anchor(X) + self.ridge_.predict(self._standard(_read(X)))
        return predicted

    def to_onnx(self, features: int) -> onnx.ModelProto:
        coefficients, mean, scale, anchor = (np.full(features, value) for value in (0.0, 0.0, 1.0, 0.0))
        read = [column(name) for name in READ]
        coefficients[read], mean[read], scale[read] = self.ridge_.coef_, self.scaler_.mean_, self.scaler_.scale_
        for name, weight in ANCHOR.items():
            anchor[column(name)] = weight
        return linear(coefficients, float(self.ridge_.intercept_), scaled=(mean, scale, LIMIT), beside=anchor)


def _read(X: Floats) -> Floats:
    return X[:, [column(name) for name in READ]]


def _anchor(X: Floats) -> Floats:
    total = np.zeros(len(X))
    for name, weight in ANCHOR.items():
        total = total + weight * X[:, column(name)]
    return total
