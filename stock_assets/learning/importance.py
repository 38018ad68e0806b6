"""Which features the models lean on: what losing each would cost on sessions that they have not seen.

Importance is of the forecast, not of the world: two features that tell the same share theirs, and one that matters in
training alone shows nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from quant.bars import Floats
from quant.features import NAMES
from quant.forecast import ForecastParameters
from quant.metrics import automatic_lags, long_run_variance
from stock_assets.learning.candidates import EDGE_FAMILIES, VARIANCE_FAMILIES
from stock_assets.learning.candidates.base import Candidate, Part, loss
from stock_assets.learning.dataset import Dataset
from stock_assets.learning.walk_forward import Fitted

# Times that each feature is taken from other sessions; what they differ by is far below the sessions' own noise.
REPEATS: Final = 4
# Features whose copies are predicted at once: few calls, and arrays of a size that memory is not asked for anew.
AT_ONCE: Final = 8
# A family with less than this share of the combination is not asked.
LEAST_SHARE: Final = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Importance:
    """By how much the loss of one part of the distribution grows when a feature no longer tells of its own session.

    Attributes
    ----------
    part : Part
    feature : tuple of str
    increase : (F,) float64
        Mean over the sessions: squared volatilities for edges, quasi-likelihood (nats) for variances. Around 0, and as
        often below, for a feature that does not help.
    error : (F,) float64
        Standard error of `increase`, over the sessions.
    sessions : int
    """

    part: Part
    feature: tuple[str, ...]
    increase: Floats
    error: Floats
    sessions: int


def importance(data: Dataset, fitted: Fitted, parameters: ForecastParameters, *, seed: int) -> dict[Part, Importance]:
    """Permutation importance of every feature, out of sample, for the combined edge and the combined variance.

    Parameters
    ----------
    data : Dataset
    fitted : Fitted
        Candidates that have seen nothing from row ``fitted.start`` on: those rows are what they are asked about.
    parameters : ForecastParameters
        Its weights say in what proportion the families count; in equal parts where none is believed.
    seed : int

    Returns
    -------
    dict of Importance
        By part.

    Notes
    -----
    A column is not shuffled row by row but rotated against the others, `REPEATS` times by amounts spread over the year.
    Features of neighbouring sessions say nearly the same: a rotation takes each value from another season and leaves
    the column's own course as it was. The standard error is Newey and West's.

    References
    ----------
    Breiman (2001), Random forests, section 10; Fisher, Rudin & Dominici (2019), All models are wrong, but many are
    useful, on what it measures.
    """
    rows = slice(fitted.start, data.labelled)
    X, labels = np.ascontiguousarray(data.X[rows]), data.labels[rows]
    shifts = _shifts(len(X), seed=seed)
    told = {}
    for part, families, weights in (
        (Part.EDGE, EDGE_FAMILIES, parameters.edge_weights),
        (Part.VARIANCE, VARIANCE_FAMILIES, parameters.variance_weights),
    ):
        shares = _shares({family.name: weights.get(family.name, 0.0) for family in families})
        before = loss(part, _combined(fitted.candidates, shares, X), labels)
        costs = np.array(
            [
                np.mean([loss(part, said, labels) for said in copies], axis=0) - before
                for copies in _without_each(fitted.candidates, shares, X, shifts)
            ]
        )
        told[part] = Importance(part, NAMES, costs.mean(axis=1), _errors(costs, horizon=data.horizon), len(X))
    return told


def _shifts(rows: int, *, seed: int) -> list[int]:
    """By how many rows columns are rotated: spread evenly, and never by less than an eighth either way."""
    least, start = rows / 8.0, float(np.random.default_rng(seed).random())
    return [round(least + (rows - 2.0 * least) * (k + start) / REPEATS) for k in range(REPEATS)]


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    """The weights brought to a sum of 1, without the negligible; equal ones if there is nothing to go by."""
    total = sum(weights.values())
    if total < LEAST_SHARE:
        return dict.fromkeys(weights, 1.0 / len(weights))
    return {name: weight / total for name, weight in weights.items() if weight >= LEAST_SHARE * total}


def _combined(candidates: Mapping[str, Candidate], shares: Mapping[str, float], X: Floats) -> Floats:
    """What the families say together, (n,)."""
    total = np.zeros(len(X))
    for name, share in shares.items():
        total = total + share * candidates[name].predict(X)
    return total


def _without_each(
    candidates: Mapping[str, Candidate], shares: Mapping[str, float], X: Floats, shifts: list[int]
) -> Iterator[Floats]:
    """Feature by feature, what is said when it is rotated: (repeats, n)."""
    rows, features = X.shape
    for first in range(0, features, AT_ONCE):
        columns = range(first, min(first + AT_ONCE, features))
        copies = np.tile(X, (len(columns), len(shifts), 1, 1))
        for place, column in enumerate(columns):
            for repeat, shift in enumerate(shifts):
                copies[place, repeat, :, column] = np.roll(X[:, column], shift)
        yield from _combined(candidates, shares, copies.reshape(-1, features)).reshape(-1, len(shifts), rows)


def _errors(costs: Floats, *, horizon: int) -> Floats:
    """Standard errors of the means of each row of (F, n)."""
    n = costs.shape[1]
    lags = automatic_lags(n, horizon=horizon)
    return np.array([math.sqrt(long_run_variance(row, lags=lags) / n) for row in costs])
