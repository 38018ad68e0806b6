"""How much to believe each model: weights, levels and the historical mean, from out-of-sample evidence only.

Every weight starts where nothing is believed and moves as far as the evidence goes. What the parameters then mean is
`quant.forecast`'s; how likely up is and how wide, `calibration`'s and `quant.conformal`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from quant.bars import Floats

# Deviation of the prior on a session's Sharpe ratio: 0.5 a year, which is what stock markets have earned.
SHARPE_PRIOR_SD: Final = 0.03
# Belief, before any evidence, that nothing can be said of the mean.
NOTHING: Final = 0.6
# Volatilities per sqrt(session): a daily R2 of 1 % on a single day is beyond what returns let anyone know.
EDGE_LIMIT: Final = 0.1
# Sessions of out-of-sample ratios that a variance's level is taken from, and what the training rows' level counts for.
LEVEL_ROWS: Final = 1_500
LEVEL_PRIOR_ROWS: Final = 250


@dataclass(frozen=True, slots=True)
class MeanWeights:
    """Beliefs in the historical mean and in each model's edge, in [0, 1]."""

    historical: float
    edges: dict[str, float]


def shrunk_mean(target: Floats, unit: Floats) -> float:
    """The mean of returns (n,), each weighted by its precision ``1 / unit**2``, shrunk towards 0.

    References
    ----------
    Lindley & Smith (1972), Bayes estimates for the linear model.
    """
    precision = 1.0 / unit**2
    mean = float(np.sum(precision * target) / np.sum(precision))
    return mean * len(target) / (len(target) + 1.0 / SHARPE_PRIOR_SD**2)


def believe(edges: Mapping[str, Floats], historical: Floats, realised: Floats, *, horizon: int) -> MeanWeights:
    """Posterior beliefs in what may be said of the mean.

    Parameters
    ----------
    edges : mapping of (n,) float64
        Out-of-sample edges by model, in volatilities.
    historical : (n,) float64
        The historical mean known at each row, in volatilities.
    realised : (n,) float64
        What came, in volatilities; any number of rows, 0 too.
    horizon : int
        Sessions that an outcome spans: so many overlapping rows count as one.

    Returns
    -------
    MeanWeights
        Average over every combination of "historical mean or not" and "no model, one model, all models in equal
        parts", weighted by its likelihood under normal outcomes of unit variance, with `NOTHING` as the prior of
        forecasting 0.

    References
    ----------
    Hoeting et al. (1999), Bayesian model averaging: a tutorial.
    """
    names = tuple(sorted(edges))
    limit = EDGE_LIMIT * math.sqrt(horizon)
    held = {name: np.clip(edges[name], -limit, limit) for name in names}
    experts = [(use_mean, shares) for shares in _shares(names) for use_mean in (0.0, 1.0)]
    prior = np.full(len(experts), (1.0 - NOTHING) / (len(experts) - 1))
    prior[0] = NOTHING
    evidence = np.log(prior)
    for k, (use_mean, shares) in enumerate(experts):
        said = use_mean * historical
        for name, share in shares.items():
            said = said + share * held[name]
        evidence[k] -= 0.5 * float(np.sum((realised - said) ** 2 - realised**2)) / horizon
    belief = np.exp(evidence - evidence.max())
    belief = belief / belief.sum()
    return MeanWeights(
        historical=float(sum(b * use_mean for b, (use_mean, _) in zip(belief, experts, strict=True))),
        edges={
            name: float(sum(b * shares.get(name, 0.0) for b, (_, shares) in zip(belief, experts, strict=True)))
            for name in names
        },
    )


def _shares(names: Sequence[str]) -> list[dict[str, float]]:
    """No model, each alone, all together."""
    alone = [{name: 1.0} for name in names]
    together = [{name: 1.0 / len(names) for name in names}] if len(names) > 1 else []
    return [{}, *alone, *together]


def variance_weights(log_variances: Mapping[str, Floats], realised: Floats, *, horizon: int) -> dict[str, float]:
    """Posterior beliefs in each model of the variance, together 1.

    Parameters
    ----------
    log_variances : mapping of (n,) float64
        Out-of-sample log variances per session by model, each brought to its level.
    realised : (n,) float64
        Mean squared return per session over the horizon; any number of rows, 0 too.
    horizon : int

    Returns
    -------
    dict of float
        Equal without evidence. The likelihood is the quasi-likelihood of a variance, which QLIKE measures.
    """
    names = tuple(sorted(log_variances))
    evidence = np.array(
        [-0.5 * float(np.sum(realised / np.exp(log_variances[name]) + log_variances[name])) / horizon for name in names]
    )
    belief = np.exp(evidence - evidence.max())
    belief = belief / belief.sum()
    return dict(zip(names, belief.tolist(), strict=True))


def level(ratio: Floats, *, in_sample: float) -> float:
    """What a variance forecast has to be multiplied by, from the newest out-of-sample ratios realised / forecast (n,).

    The mean ratio is the level with the least QLIKE. The training rows' own counts for `LEVEL_PRIOR_ROWS`.
    """
    newest = ratio[-LEVEL_ROWS:]
    return (float(newest.sum()) + LEVEL_PRIOR_ROWS * in_sample) / (len(newest) + LEVEL_PRIOR_ROWS)
