"""What is checked about the tables, as plain functions from a table to a check's result.

Checks run inside the step that makes the table: a check of its own would cost every run another step. What makes
bars sound is defined in `quant.bars`.
"""

from __future__ import annotations

from typing import Final

import dagster as dg
import numpy as np
import pandas as pd

from quant.bars import Bars
from quant.faults import Fault, faults
from quant.metrics import coverage
from quant.sessions import SessionCalendar
from stock_assets.learning.dataset import require_history
from stock_assets.learning.errors import TooLittleHistory
from stock_assets.learning.export import TOLERANCE
from stock_assets.learning.promotion import PromotionDecision, Verdict
from stock_assets.learning.scores import by_model
from stock_assets.learning.walk_forward import Model

SOUND: Final = "sound_bars"
HISTORY: Final = "enough_history"
CALENDAR: Final = "sessions_of_the_calendar"
PARITY: Final = "onnx_repeats_scikit_learn"
SANE: Final = "sane_forecasts"
DECIDED: Final = "promotion"
VERIFIES: Final = "verifies"
SHOWN: Final = 3
PLAUSIBLE_COVERAGE: Final = (0.85, 0.95)


def spec(asset: str, name: str, description: str, *, blocking: bool) -> dg.AssetCheckSpec:
    """A check of an asset; a blocking one keeps what comes after from running."""
    return dg.AssetCheckSpec(name=name, asset=asset, description=description, blocking=blocking)


def sound_bars(ticker: str, found: list[Fault]) -> dg.AssetCheckResult:
    """Whether the bars break no rule of `quant.bars`."""
    return dg.AssetCheckResult(
        check_name=SOUND,
        passed=not found,
        description=told(ticker, found) if found else "every bar keeps every rule",
        metadata={"faults": len(found)},
    )


def told(ticker: str, found: list[Fault]) -> str:
    """The first faults and how many more there are, on one line."""
    more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
    return f"{ticker} {'; '.join(str(fault) for fault in found[:SHOWN])}{more}"


def refusal(ticker: str, bars: Bars) -> str | None:
    """What a blocking check of the bars will say against them, None if they pass."""
    if found := faults(bars):
        return told(ticker, found)
    history = enough_history(ticker, bars)
    return None if history.passed else history.description


def enough_history(ticker: str, bars: Bars) -> dg.AssetCheckResult:
    """Whether a model can be trained and judged on the bars."""
    try:
        require_history(bars, ticker=ticker)
    except TooLittleHistory as error:
        return dg.AssetCheckResult(check_name=HISTORY, passed=False, description=str(error))
    return dg.AssetCheckResult(check_name=HISTORY, passed=True, metadata={"bars": len(bars)})


def sessions_of_the_calendar(bars: Bars, calendar: SessionCalendar) -> dg.AssetCheckResult:
    """Whether there is a bar for each session between the first and the last, and for none else; a warning only."""
    due = calendar.between(bars.session[0], bars.session[-1])
    missing, extra = np.setdiff1d(due, bars.session), np.setdiff1d(bars.session, due)
    shown = ", ".join(str(day) for day in [*missing[:SHOWN], *extra[:SHOWN]])
    return dg.AssetCheckResult(
        check_name=CALENDAR,
        passed=not (len(missing) or len(extra)),
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(missing)} sessions of {calendar.exchange} without a bar, {len(extra)} bars outside them"
        + (f": {shown}" if shown else ""),
        metadata={"missing": len(missing), "extra": len(extra)},
    )


def parity(max_error: float) -> dg.AssetCheckResult:
    """How far the exported graph is from scikit-learn; the export itself refuses anything beyond the tolerance."""
    return dg.AssetCheckResult(
        check_name=PARITY, passed=max_error <= TOLERANCE, metadata={"max_error": max_error, "tolerance": TOLERANCE}
    )


def sane_forecasts(table: pd.DataFrame) -> dg.AssetCheckResult:
    """Whether the champion's forecasts are finite and their intervals hold about what they say."""
    rows = by_model(table, Model.CHAMPION)
    values = rows[["mean", "vol", "p_up", "lower_90", "upper_90", "realised"]].to_numpy(dtype=np.float64)
    finite = bool(len(rows)) and bool(np.isfinite(values).all())
    held = coverage(values[:, 5], values[:, 3], values[:, 4]) if finite else float("nan")
    low, high = PLAUSIBLE_COVERAGE
    return dg.AssetCheckResult(
        check_name=SANE,
        passed=finite and low <= held <= high,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(rows)} forecasts; 90 % intervals held {held:.1%} (expected {low:.0%} to {high:.0%})",
    )


def promotion(decision: PromotionDecision) -> dg.AssetCheckResult:
    """How the challenger's case was decided; a warning where it was turned down."""
    return dg.AssetCheckResult(
        check_name=DECIDED,
        passed=decision.verdict not in (Verdict.WORSE, Verdict.GUARD),
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{decision.verdict.value}: {'; '.join(decision.reasons)}",
    )
