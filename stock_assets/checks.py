"""What is checked about the tables, as plain functions from a table to a check's result.

Checks run inside the step that makes the table: a check of its own would cost every run another step. Those of the
market data are many and stand in `price_checks`.
"""

from __future__ import annotations

from typing import Final

import dagster as dg
import numpy as np
import pandas as pd

from quant.intervals import coverage
from stock_assets.learning.export import TOLERANCE
from stock_assets.learning.promotion import PromotionDecision, Verdict
from stock_assets.learning.scores import by_model
from stock_assets.learning.walk_forward import Model

PARITY: Final = "onnx_repeats_scikit_learn"
SANE: Final = "sane_forecasts"
DECIDED: Final = "promotion"
VERIFIES: Final = "verifies"
PLAUSIBLE_COVERAGE: Final = (0.85, 0.95)


def parity(max_error: float) -> dg.AssetCheckResult:
    """How far the exported graph is from scikit-learn; the export itself refuses anything beyond the tolerance."""
    return dg.AssetCheckResult(
        check_name=PARITY, passed=max_error <= TOLERANCE, metadata={"max_error": max_error, "tolerance": TOLERANCE}
    )


def sane_forecasts(table: pd.DataFrame, *, horizon: int) -> dg.AssetCheckResult:
    """Whether the champion's forecasts are finite and their intervals hold about what they say."""
    rows = by_model(table, Model.CHAMPION, horizon=horizon)
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
