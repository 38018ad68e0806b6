"""Choosing a candidate's settings by forward validation inside the training rows, purged of overlapping labels.

Optuna proposes, here is judged. What is worth proposing is the family's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from quant.bars import Floats
from stock_assets.learning.candidates import Candidate
from stock_assets.learning.candidates.base import loss
from stock_assets.learning.dataset import Labels
from stock_assets.learning.errors import NothingFound

if TYPE_CHECKING:
    from optuna import Trial

FOLDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one choice of settings may cost: `trials` at most (a family may want fewer), and `seconds`.

    Seconds are there for a machine that hangs: a choice that they cut short depends on the machine's speed, so they are
    far above what the trials take.
    """

    trials: int = 8
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Tuned:
    """Unfitted candidate, and how many settings were tried for it."""

    candidate: Candidate
    trials: int


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


def tune(family: type[Candidate], X: Floats, labels: Labels, *, horizon: int, seed: int, budget: Budget) -> Tuned:
    """The settings of a family with the least loss over the purged folds.

    Parameters
    ----------
    family : type of Candidate
    X, labels : (n, F), (n,) float64
        Training rows in time order, labelled; nothing later may be among them.
    horizon : int
        Sessions that a label spans.
    seed : int
    budget : Budget

    Returns
    -------
    Tuned
        The family's default settings are the first to be tried, and stay on a tie.

    Raises
    ------
    NothingFound
        If no settings give finite predictions on every fold.
    """
    wanted = min(family.trials, budget.trials)
    if wanted == 1:
        return Tuned(family(), 1)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def total_loss(trial: Trial) -> float:
        candidate = family.suggest(trial)
        return sum(_losses(candidate, X, labels, horizon=horizon, seed=seed))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(wanted // 2, 2)))
    study.enqueue_trial(family().settings())
    study.optimize(total_loss, n_trials=wanted, timeout=budget.seconds)
    finished = [trial for trial in study.trials if trial.value is not None and np.isfinite(trial.value)]
    if not finished:
        raise NothingFound(
            f"{family.name}: expected settings with a finite loss, got none in {len(study.trials)} trials"
        )
    best = min(finished, key=lambda trial: (trial.value, trial.number))
    return Tuned(family(**best.params), len(study.trials))


def _losses(candidate: Candidate, X: Floats, labels: Labels, *, horizon: int, seed: int) -> Iterator[float]:
    for train, validation in purged_folds(len(labels), folds=FOLDS, gap=horizon):
        predicted = candidate.fit(X[train], labels[train], seed=seed).predict(X[validation])
        yield float(np.sum(loss(candidate.part, predicted, labels[validation])))
