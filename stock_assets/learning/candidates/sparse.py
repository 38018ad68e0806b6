"""A Bayesian regression of the edge on very few features: which ones, and whether any, is part of what it learns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import numpy as np

from quant.bars import Floats
from quant.features import NAMES, column
from quant.variance_features import SCALED_RETURN_SPANS
from stock_assets.learning.candidates.base import Candidate, Part
from stock_assets.learning.candidates.graphs import linear
from stock_assets.learning.dataset import Labels

if TYPE_CHECKING:
    import onnx
    from optuna.trial import BaseTrial
    from sklearn.preprocessing import StandardScaler

# Effects that are looked for, and the prior variance of each as a share of the edge's: a daily R2 of 0.3 %.
EFFECTS: Final = 3
EFFECT_SHARE: Final = 0.003
SWEEPS: Final = 8
# Standard deviations: a feature further out than any in training must not carry the forecast with it.
LIMIT: Final = 5.0
# What a regression on all features is averaged with, one on those that are free of the volatility's scale: that single
# accidents of either count half.
SCALE_FREE: Final = (
    *(f"scaled_return_{span}" for span in SCALED_RETURN_SPANS),
    "nervous_return_1",
    "nervous_return_5",
    "scaled_drawdown",
    "log_variance_ratio",
    "vol_ratio_5_63",
)


class SparseCandidate(Candidate):
    """Sum of single effects: each is one feature's, which one is uncertain, and none at all is as likely as any.

    References
    ----------
    Wang et al. (2020), A simple new approach to variable selection in regression, with application to genetic fine
    mapping: the sum of single effects, fitted by iterative Bayesian stepwise selection.
    """

    name = "sparse"
    part = Part.EDGE

    scaler_: StandardScaler
    coefficients_: Floats  # of the standardised features, (F,)

    @classmethod
    def suggest(cls, trial: BaseTrial) -> Self:  # noqa: ARG003 - results are flat in the prior: nothing to choose
        return cls()

    def settings(self) -> dict[str, float]:
        return {}

    def fit(self, X: Floats, labels: Labels, *, seed: int) -> Self:  # noqa: ARG002 - nothing is random
        from sklearn.preprocessing import StandardScaler

        self.scaler_ = StandardScaler().fit(X)
        Z = self._standard(X)
        # Overlapping labels repeat each other: what n rows tell of a horizon's return, n / horizon would.
        gram = Z.T @ Z / labels.horizon
        moment = Z.T @ labels.over_the_mean / labels.horizon
        variance = float(labels.edge.var())
        self.coefficients_ = np.zeros(X.shape[1])
        # Outcomes that never vary have no effect to find, and nothing to measure one by.
        for names in (SCALE_FREE, NAMES) if variance > 0 else ():
            places = [column(name) for name in names]
            found = single_effects(gram[np.ix_(places, places)], moment[places], variance=variance)
            self.coefficients_[places] += 0.5 * found
        return self

    def _standard(self, X: Floats) -> Floats:
        standard: Floats = np.clip(self.scaler_.transform(X), -LIMIT, LIMIT)
        return standard

    def predict(self, X: Floats) -> Floats:
        predicted: Floats = self._standard(X) @ self.coefficients_
        return predicted

    def to_onnx(self, features: int) -> onnx.ModelProto:
        assert features == len(self.coefficients_)
        return linear(self.coefficients_, 0.0, scaled=(self.scaler_.mean_, self.scaler_.scale_, LIMIT))


def single_effects(gram: Floats, moment: Floats, *, variance: float) -> Floats:
    """Posterior mean coefficients (p,) of a sum of `EFFECTS` single effects.

    Parameters
    ----------
    gram : (p, p) float64
        ``Z.T @ Z`` of the standardised features.
    moment : (p,) float64
        ``Z.T @ y`` of the centred response.
    variance : float
        Of the response, which is nearly all noise; above 0.
    """
    p, prior = len(moment), EFFECT_SHARE * variance
    posterior = 1.0 / (np.diag(gram) / variance + 1.0 / prior)  # each coefficient's variance, were it alone
    effects = np.zeros((EFFECTS, p))
    for _ in range(SWEEPS):
        for k in range(EFFECTS):
            left = moment - gram @ (effects.sum(axis=0) - effects[k])
            mean = posterior * left / variance
            # Of "it is this feature's" against "it is no feature's", for which the prior odds are 1 to p.
            log_odds = 0.5 * np.log(posterior / prior) + 0.5 * mean**2 / posterior - np.log(p)
            top = max(float(log_odds.max()), 0.0)
            share = np.exp(log_odds - top)
            effects[k] = share / (share.sum() + np.exp(-top)) * mean
    total: Floats = effects.sum(axis=0)
    return total
