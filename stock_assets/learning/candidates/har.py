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
# The second step: its penalty, its iterations, and the absolute return, in means, beyond which none counts for more.
SIZE_ALPHA: Final = 16_000.0
SIZE_STEPS: Final = 3
LARGEST_SIZE: Final = 4.0


class HarCandidate(Candidate):
    """Ridge regression of the coming log range variance, less a mixture of past ones, on the features in `READ`.

    Ranges say most of a session's variance, with the least noise, but not how far the close will be: a second, far more
    shrunk step moves the coefficients towards what the absolute returns say.

    Parameters
    ----------
    alpha : float
        Penalty on standardised features: with a large one the forecast is the mixture, brought to level.

    References
    ----------
    Corsi (2009), A simple approximate long-memory model of realized volatility.
    """

    name = "har"
    part = Part.VARIANCE
    trials = 5

    scaler_: StandardScaler
    ridge_: Ridge
    coefficients_: Floats  # of the standardised features in `READ`, both steps together

    def __init__(self, *, alpha: float = 200.0) -> None:
        self.alpha = alpha

    @classmethod
    def suggest(cls, trial: BaseTrial) -> Self:
        return cls(alpha=trial.suggest_float("alpha", 20.0, 2_000.0, log=True))

    def settings(self) -> dict[str, float]:
        return {"alpha": self.alpha}

    def fit(self, X: Floats, labels: Labels, *, seed: int) -> Self:  # noqa: ARG002 - a ridge has nothing random
        from sklearn.linear_model import Ridge
        from sklearn.preprocessing import StandardScaler

        rows = _read(X)
        self.scaler_ = StandardScaler().fit(rows)
        standard = self._standard(rows)
        self.ridge_ = Ridge(alpha=self.alpha).fit(standard, labels.log_variance - _anchor(X))
        scale = np.exp(0.5 * (_anchor(X) + self.ridge_.predict(standard)))
        self.coefficients_ = self.ridge_.coef_ + _towards_sizes(standard, labels.size / scale)
        return self

    def _standard(self, rows: Floats) -> Floats:
        standard: Floats = np.clip(self.scaler_.transform(rows), -LIMIT, LIMIT)
        return standard

    def predict(self, X: Floats) -> Floats:
        predicted: Floats = _anchor(X) + self.ridge_.intercept_ + self._standard(_read(X)) @ self.coefficients_
        return predicted

    def to_onnx(self, features: int) -> onnx.ModelProto:
        coefficients, mean, scale, anchor = (np.full(features, value) for value in (0.0, 0.0, 1.0, 0.0))
        read = [column(name) for name in READ]
        coefficients[read], mean[read], scale[read] = self.coefficients_, self.scaler_.mean_, self.scaler_.scale_
        for name, weight in ANCHOR.items():
            anchor[column(name)] = weight
        return linear(coefficients, float(self.ridge_.intercept_), scaled=(mean, scale, LIMIT), beside=anchor)


def _towards_sizes(standard: Floats, size: Floats) -> Floats:
    """Steps of Fisher scoring that move a log variance's coefficients (p,) until sizes (n,) have one mean throughout.

    `size` is the absolute return over the scale that is already forecast. Large ones are held to `LARGEST_SIZE` means.
    """
    information = standard.T @ standard / 2.0 + SIZE_ALPHA * np.eye(standard.shape[1])
    moved, unit = np.zeros(standard.shape[1]), size / size.mean()
    for _ in range(SIZE_STEPS):
        left = np.minimum(unit / np.exp(0.5 * (standard @ moved)), LARGEST_SIZE)
        moved = moved + np.linalg.solve(information, standard.T @ (left - left.mean()) - SIZE_ALPHA * moved)
    return moved


def _read(X: Floats) -> Floats:
    return X[:, [column(name) for name in READ]]


def _anchor(X: Floats) -> Floats:
    total = np.zeros(len(X))
    for name, weight in ANCHOR.items():
        total = total + weight * X[:, column(name)]
    return total
