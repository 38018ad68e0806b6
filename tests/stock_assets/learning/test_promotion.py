"""Who serves: a challenger that is not worse, and never one that fails a guard."""

from __future__ import annotations

import numpy as np
import pytest

from stock_assets.learning.promotion import Verdict, decide


def changed(table, **columns):
    rows = table["model"] == "champion"
    other = table.copy()
    for name, change in columns.items():
        other.loc[rows, name] = change(other.loc[rows, name])
    return other


def test_the_first_model_that_passes_its_guards_is_promoted(real):
    decision = decide(real.walk.table, None)

    assert decision.promote
    assert decision.verdict is Verdict.FIRST


def test_equal_evidence_goes_to_the_challenger(real):
    decision = decide(real.walk.table, real.walk.table)

    assert decision.verdict is Verdict.NOT_WORSE
    assert decision.figures["common_days"] == real.walk.table["date"].nunique() - 1


def test_a_challenger_that_loses_significantly_more_is_not_promoted(real):
    rng = np.random.default_rng(0)
    vol = real.walk.table.loc[real.walk.table["model"] == "champion", "vol"]
    noisy = changed(real.walk.table, mean=lambda mean: mean + 0.6 * vol * rng.uniform(-1.0, 1.0, len(mean)))

    decision = decide(noisy, real.walk.table)

    assert decision.verdict is Verdict.WORSE
    assert not decision.promote
    assert decision.figures["p_two_sided"] < 0.1


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"lower_90": lambda x: x * 0.2, "upper_90": lambda x: x * 0.2}, "coverage_90: expected 80% to 98%"),
        ({"mean": lambda x: x + 0.1}, "mean / vol: expected at most 1"),
        ({"p_up": lambda x: x * np.nan}, "forecasts: expected finite rows"),
    ],
)
def test_a_failed_guard_keeps_even_a_lone_challenger_out(real, columns, reason):
    decision = decide(changed(real.walk.table, **columns), None)

    assert decision.verdict is Verdict.GUARD
    assert any(text.startswith(reason) for text in decision.reasons)
