"""Whether a challenger takes the champion's place: a paired test over the same days, and guards that it must pass."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from quant.intervals import coverage
from quant.metrics import diebold_mariano
from stock_assets.learning.scores import by_model
from stock_assets.learning.walk_forward import Model

SIGNIFICANCE: Final = 0.05
# Sampling error of a 90 % coverage over a year is under 2 %; five times that is a broken interval, not bad luck.
COVERAGE_BOUNDS: Final = (0.80, 0.98)
# A daily mean forecast beyond its own volatility is a broken scale: skill of that size does not exist.
LARGEST_MEAN_OVER_VOL: Final = 1.0


class Verdict(enum.StrEnum):
    """How the decision came about."""

    FIRST = "first"
    NOT_WORSE = "not_worse"
    WORSE = "worse"
    GUARD = "guard"


@dataclass(frozen=True, slots=True)
class PromotionDecision:
    """The verdict, its reasons for a person, and the figures that it rests on."""

    verdict: Verdict
    reasons: tuple[str, ...]
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def promote(self) -> bool:
        """Whether the challenger is to serve."""
        return self.verdict in (Verdict.FIRST, Verdict.NOT_WORSE)


def decide(challenger: pd.DataFrame, champion: pd.DataFrame | None, *, horizon: int) -> PromotionDecision:
    """Compare two sets of out-of-sample forecasts (`oos_predictions` of one ticker).

    Parameters
    ----------
    challenger : DataFrame
    champion : DataFrame or None
        The forecasts of the model in service; None for a ticker that has none.

    Returns
    -------
    PromotionDecision
        The challenger is promoted unless a guard fails or its squared errors on the common days are worse by a
        one-sided Diebold-Mariano test at 5 %: equal evidence goes to the model with the newer data.
    """
    new = by_model(challenger, Model.CHAMPION, horizon=horizon)
    broken = guards(new)
    if broken:
        return PromotionDecision(Verdict.GUARD, tuple(broken))
    if champion is None:
        return PromotionDecision(Verdict.FIRST, ("no champion yet, and every guard passed",))
    both = new.merge(by_model(champion, Model.CHAMPION, horizon=horizon), on="date", suffixes=("_new", "_old"))
    if both.empty:
        return PromotionDecision(Verdict.NOT_WORSE, ("no common days with the champion, and every guard passed",))
    loss_new, loss_old = (
        ((both[f"realised_{side}"] - both[f"mean_{side}"]) ** 2).to_numpy(dtype=np.float64) for side in ("new", "old")
    )
    statistic, p = diebold_mariano(loss_new, loss_old, horizon=horizon)
    figures = {"diebold_mariano": statistic, "p_two_sided": p, "common_days": float(len(both))}
    worse = statistic > 0 and p / 2 < SIGNIFICANCE
    said = f"Diebold-Mariano {statistic:+.2f} (p {p:.3f}) over {len(both)} common days"
    return PromotionDecision(Verdict.WORSE if worse else Verdict.NOT_WORSE, (said,), figures)


def guards(forecasts: pd.DataFrame) -> list[str]:
    """What is wrong with a champion's forecasts whatever the competition; empty if nothing is."""
    columns = ["mean", "vol", "p_up", "lower_90", "upper_90"]
    values = forecasts[columns].to_numpy(dtype=np.float64)
    if not len(values) or not np.isfinite(values).all():
        return [
            f"forecasts: expected finite rows, got {int((~np.isfinite(values)).sum())} that are not, of {len(values)}"
        ]
    broken = []
    covered = coverage(*(forecasts[name].to_numpy(dtype=np.float64) for name in ("realised", "lower_90", "upper_90")))
    if not COVERAGE_BOUNDS[0] <= covered <= COVERAGE_BOUNDS[1]:
        broken.append(f"coverage_90: expected {COVERAGE_BOUNDS[0]:.0%} to {COVERAGE_BOUNDS[1]:.0%}, got {covered:.1%}")
    boldest = float((forecasts["mean"].abs() / forecasts["vol"]).max())
    if boldest > LARGEST_MEAN_OVER_VOL:
        broken.append(f"mean / vol: expected at most {LARGEST_MEAN_OVER_VOL:g}, got {boldest:.2f}")
    return broken
