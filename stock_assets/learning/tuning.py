"""Choosing a candidate's settings by forward validation inside the training rows, purged of overlapping labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from quant.bars import Floats
from stock_assets.learning.candidates import Candidate

FOLDS: Final = 2


def purged_folds(rows: int, *, folds: int, gap: int) -> Iterator[tuple[slice, slice]]:
    """Expanding training slices, each with the block of rows that comes `gap` rows after it.

    Parameters
    ----------
    rows : int
        Rows in time order; cut into ``folds + 1`` blocks, the first of which is only trained on.
    folds : int
    gap : int
        Rows left out before each validation block; at least the horizon, so that no training label reaches into it.

    References
    ----------
    Lopez de Prado (2018), Advances in financial machine learning, section 7.4.
    """
    edges = np.linspace(0, rows, folds + 2).astype(int)[1:]
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        yield slice(0, start - gap), slice(start, stop)


def tune(family: type[Candidate], X: Floats, y: Floats, *, horizon: int, seed: int) -> Candidate:
    """The settings of a family with the least mean squared error over the purged folds.

    Parameters
    ----------
    family : type of Candidate
    X, y : (n, F), (n,) float64
        Training rows in time order, labelled; nothing later may be among them.
    horizon : int
        Sessions that a label spans.
    seed : int

    Returns
    -------
    Candidate
        Unfitted. On a tie the more regularised settings, which stand first in the grid.
    """
    grid = family.grid()
    losses = np.zeros(len(grid))
    for train, validation in purged_folds(len(y), folds=FOLDS, gap=horizon):
        for k, candidate in enumerate(grid):
            predicted = candidate.fit(X[train], y[train], seed=seed).predict(X[validation])
            losses[k] += float(np.sum((y[validation] - predicted) ** 2))
    return grid[int(np.argmin(losses))]
