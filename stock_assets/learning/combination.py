"""How much to believe each model: weights, levels and the historical mean, from out-of-sample evidence only.

Every weight starts where next to nothing is believed and moves as far as the evidence goes. What the parameters then
mean is `quant.forecast`'s; how likely up and how wide are `calibration`'s and `quant.conformal`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from quant.bars import Floats

# Deviation of the prior on a session's Sharpe ratio: a quarter of a unit a year.
SHARPE_PRIOR_SD: Final = 0.015
# Belief, before any evidence, that nothing can be said of the mean; and of what is left, that only its past speaks.
NOTHING: Final = 0.6
ONLY_THE_PAST: Final = 0.4
# Volatilities per sqrt(session): a daily R2 of 4 % on a single day is far beyond what returns let anyone know.
EDGE_LIMIT: Final = 0.2
# An outcome of more volatilities than this says no more than one of this many.
LARGEST_OUTCOME: Final = 4.0
# Sessions of out-of-sample ratios that a variance's level is taken from, and what the training rows' level counts for.
LEVEL_ROWS: Final = 2_500
LEVEL_PRIOR_ROWS: Final = 250


def shrunk_mean(target: Floats, unit: Floats) -> float:
    """The mean of returns (n,), each weighted by its precision ``1 / unit**2``, shrunk towards 0.

    References
    ----------
    Lindley & Smith (1972), Bayes estimates for the linear model.
    """
    precision = 1.0 / unit**2
    mean = float(np.sum(precision * target) / np.sum(precision))
    return mean * len(target) / (len(target) + 1.0 / SHARPE_PRIOR_SD**2)


class Beliefs:
    """What may be said of the mean, by how well it has been said: a running Bayesian average of experts.

    The experts: nothing, the historical mean, and for each model the mean with the model's edge. Their weights are
    posterior probabilities under normal outcomes of unit variance: the mixture's log likelihood is never more than
    ``log(1 / NOTHING)`` below that of nothing, whatever comes. On noise of unit variance the mean therefore loses, in
    expectation, at most about ``2 * horizon * log(1 / NOTHING)`` squared volatilities against forecasting zero, however
    wrong the models are. Outcomes chosen by an opponent could cost more.

    Parameters
    ----------
    priors : mapping of float
        Relative belief in each model before any evidence.
    horizon : int
        Sessions that an outcome spans: so many overlapping rows count as one.

    References
    ----------
    Hoeting et al. (1999), Bayesian model averaging: a tutorial; Cesa-Bianchi & Lugosi (2006), Prediction, learning, and
    games, section 3.3, for the bound.
    """

    def __init__(self, priors: Mapping[str, float], *, horizon: int) -> None:
        self.models = tuple(priors)
        self.horizon = horizon
        total = sum(priors.values())
        left = 1.0 - NOTHING
        shares = [left * (1.0 - ONLY_THE_PAST) * prior / total for prior in priors.values()]
        self._log_prior = np.log([NOTHING, left * ONLY_THE_PAST, *shares])

    def experts(self, edges: Mapping[str, Floats], historical: Floats) -> Floats:
        """What each says of rows, in volatilities: (n, 2 + models), from edges and the historical mean (n,)."""
        limit = EDGE_LIMIT * math.sqrt(self.horizon)
        said = [np.zeros(len(historical)), historical]
        said += [historical + np.clip(edges[name], -limit, limit) for name in self.models]
        return np.column_stack(said)

    def evidence(self, experts: Floats, outcome: Floats) -> Floats:
        """Log likelihood ratios of each row against saying nothing (n, 2 + models); outcomes (n,) in volatilities."""
        held = np.clip(outcome, -LARGEST_OUTCOME, LARGEST_OUTCOME)[:, None]
        ratios: Floats = (held * experts - 0.5 * experts**2) / self.horizon
        return ratios

    def weights(self, evidence: Floats) -> Floats:
        """Posterior probabilities (..., 2 + models) given summed evidence of the same shape."""
        log_weight = self._log_prior + evidence
        weight = np.exp(log_weight - log_weight.max(axis=-1, keepdims=True))
        normed: Floats = weight / weight.sum(axis=-1, keepdims=True)
        return normed


def variance_weights(log_variances: Mapping[str, Floats], realised: Floats) -> dict[str, float]:
    """Posterior beliefs in each model of the variance, together 1.

    Parameters
    ----------
    log_variances : mapping of (n,) float64
        Out-of-sample log variances per session by model, each brought to its level.
    realised : (n,) float64
        Mean squared return per session over the horizon; any number of rows, 0 too. A session's square is in as many
        rows as the horizon has sessions, and counts for one over so many in each.

    Returns
    -------
    dict of float
        Equal without evidence. The likelihood is the quasi-likelihood of a variance, which QLIKE measures.
    """
    names = tuple(sorted(log_variances))
    losses = [float(np.sum(realised / np.exp(log_variances[name]) + log_variances[name])) for name in names]
    evidence = -0.5 * np.array(losses)
    belief = np.exp(evidence - evidence.max())
    belief = belief / belief.sum()
    return dict(zip(names, belief.tolist(), strict=True))


def level(ratio: Floats, *, in_sample: float) -> float:
    """What a variance forecast has to be multiplied by, from the newest out-of-sample ratios realised / forecast (n,).

    The mean ratio is the level with the least QLIKE. The training rows' own counts for `LEVEL_PRIOR_ROWS`.
    """
    newest = ratio[-LEVEL_ROWS:]
    return (float(newest.sum()) + LEVEL_PRIOR_ROWS * in_sample) / (len(newest) + LEVEL_PRIOR_ROWS)
