"""Equity curves, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from quant import performance


def test_a_curve_that_halves_and_recovers_has_a_drawdown_of_one_half():
    log_returns = np.log([1.5, 0.5, 2.0])

    assert performance.maximum_drawdown(log_returns) == pytest.approx(0.5)
    assert performance.annualised_return(log_returns, sessions_per_year=3) == pytest.approx(0.5)


def test_sharpe_is_annualised_mean_over_volatility_and_zero_without_any():
    log_returns = np.random.default_rng(4).normal(0.001, 0.01, 1_000)

    ours = performance.sharpe(log_returns, sessions_per_year=252)

    assert ours == pytest.approx(log_returns.mean() / log_returns.std(ddof=1) * np.sqrt(252))
    assert performance.sharpe(np.zeros(10), sessions_per_year=252) == 0.0
