"""The models that go into service: tuned and fitted once on every labelled row, as each quarter's were on their own."""

from __future__ import annotations

from dataclasses import dataclass

from quant.bars import Floats
from stock_assets.learning.candidates import FAMILIES, Candidate
from stock_assets.learning.dataset import Dataset
from stock_assets.learning.errors import named
from stock_assets.learning.tuning import Budget, tune
from stock_assets.learning.walk_forward import require_learnable


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """One horizon's fitted candidates by name, the rows (n, F) they were fitted on, and how many settings they took."""

    horizon: int
    candidates: dict[str, Candidate]
    X: Floats
    trials: int

    def settings(self) -> dict[str, float]:
        """Every tuned setting as ``<family>_<horizon>_<name>``."""
        return {
            f"{name}_{self.horizon}_{key}": value
            for name, candidate in self.candidates.items()
            for key, value in candidate.settings().items()
        }


def train(data: Dataset, *, seed: int, budget: Budget = Budget()) -> Trained:  # noqa: B008 - frozen
    """Tune and fit every family on the labelled rows; `seed` fixes every random choice.

    Raises
    ------
    TooLittleHistory, NothingToLearn, NothingFound
        As `walk_forward` does.
    """
    require_learnable(data)
    X, labels = data.X[: data.labelled], data.labels[: data.labelled]
    with named(data.ticker):
        tuned = [tune(family, X, labels, horizon=data.horizon, seed=seed, budget=budget) for family in FAMILIES]
    fitted = {choice.candidate.name: choice.candidate.fit(X, labels, seed=seed) for choice in tuned}
    return Trained(data.horizon, fitted, X, sum(choice.trials for choice in tuned))
