"""The model that goes into service: tuned and fitted once on every labelled row, as each quarter's was on its own."""

from __future__ import annotations

from dataclasses import dataclass

from quant.bars import Floats
from stock_assets.learning.candidates import FAMILIES, Candidate
from stock_assets.learning.dataset import Dataset
from stock_assets.learning.tuning import tune


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Fitted candidates by name, and the rows they were fitted on (n, F)."""

    candidates: dict[str, Candidate]
    X: Floats

    def settings(self) -> dict[str, float]:
        """Every tuned setting as ``<family>_<name>``."""
        return {
            f"{name}_{key}": value
            for name, candidate in self.candidates.items()
            for key, value in candidate.settings().items()
        }


def train(data: Dataset, *, seed: int) -> Trained:
    """Tune and fit every family on the labelled rows; `seed` fixes every random choice."""
    X, y = data.X[: data.labelled], data.target[: data.labelled]
    tuned = [tune(family, X, y, horizon=data.horizon, seed=seed) for family in FAMILIES]
    return Trained({candidate.name: candidate.fit(X, y, seed=seed) for candidate in tuned}, X)
