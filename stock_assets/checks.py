"""What is checked about the tables, as plain functions from a table to a check's result.

Checks run inside the step that makes the table: a check of its own would cost every run another step. Those of the
market data are many and stand in `price_checks`.
"""

from __future__ import annotations

from typing import Any, Final

import dagster as dg
import numpy as np
import pandas as pd

from quant.intervals import coverage
from release.manifest import Verdict
from stock_assets.learning.export import TOLERANCE
from stock_assets.learning.promotion import PromotionDecision
from stock_assets.learning.scores import by_model
from stock_assets.learning.walk_forward import Model
from stock_assets.presentation import figures

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
    """How the challenger's case was decided. To be worse is a warning; what a guard finds is an error.

    Either way the champion before goes on serving, so nothing is held up.
    """
    lost = decision.verdict is Verdict.WORSE
    return dg.AssetCheckResult(
        check_name=DECIDED,
        passed=decision.promote,
        severity=dg.AssetCheckSeverity.WARN if lost else dg.AssetCheckSeverity.ERROR,
        description=str(decision),
        metadata=decision_metadata(decision),
    )


def decision_metadata(decision: PromotionDecision) -> dict[str, Any]:
    """The tests and the guards as tables for a person, and every figure by name for a plot over time."""
    tables: dict[str, list[dict[str, Any]]] = {
        "tests": [
            {
                "loss": test.loss.value,
                "horizon": test.horizon,
                "days": test.days,
                "challenger": f"{test.challenger:.6g}",
                "champion": f"{test.champion:.6g}",
                "statistic": f"{test.statistic:+.2f}",
                "p": f"{test.p:.3f}",
                "p of all tests": f"{test.p_holm:.3f}",
                "worse": test.worse,
            }
            for test in decision.tests
        ],
        "guards": [
            {
                "guard": guard.name,
                "value": f"{guard.value:.4g}",
                "at least": "" if guard.low == -np.inf else f"{guard.low:.4g}",
                "at most": "" if guard.high == np.inf else f"{guard.high:.4g}",
                "passed": guard.passed,
                "why": guard.why,
            }
            for guard in decision.guards
        ],
    }
    shown = {
        name: dg.MetadataValue.table([dg.TableRecord(row) for row in rows]) for name, rows in tables.items() if rows
    }
    return {**shown, **figures(decision.figures)}
