"""Drift alarms: rare without drift, even for clustered volatility, and certain when errors double."""

from __future__ import annotations

import numpy as np
import pytest

from quant.drift import drift, stationary_bootstrap
from quant.errors import QuantError, TooShort


def clustered(rng: np.random.Generator, n: int) -> np.ndarray:
    """Unit-variance residuals whose log volatility is an AR(1): calm and nervous months."""
    log_vol = np.zeros(n)
    for k in range(1, n):
        log_vol[k] = 0.9 * log_vol[k - 1] + 0.1 * rng.normal()
    return np.exp(log_vol - np.mean(log_vol)) * rng.normal(size=n)


def test_false_alarms_stay_rare_on_clustered_residuals():
    rng = np.random.default_rng(5)
    alarms = [drift(*np.split(clustered(rng, 2_063), [2_000]), seed=k).drifted for k in range(150)]

    # 1 % asked for; a binomial with 150 looks exceeds 7 with probability 0.0001.
    assert sum(alarms) <= 7


def test_errors_twice_as_large_are_noticed():
    rng = np.random.default_rng(6)

    verdict = drift(clustered(rng, 2_000), 2.0 * clustered(rng, 63), seed=0)

    assert verdict.drifted
    assert verdict.n == 63


def test_resampled_rows_run_on_in_blocks():
    rows = stationary_bootstrap(500, samples=200, draws=100, mean_block=20.0, rng=np.random.default_rng(0))

    runs_on = (np.diff(rows, axis=1) % 500 == 1).mean()

    assert runs_on == pytest.approx(1 - 1 / 20, abs=0.01)


def test_too_few_residuals_are_refused():
    with pytest.raises(TooShort, match="at least 21 live and 84 reference, got 5 and 1000"):
        drift(np.ones(1_000), np.ones(5), seed=0)


def test_a_residual_that_is_not_finite_is_refused():
    live = np.ones(63)
    live[7] = np.nan

    with pytest.raises(QuantError, match="residuals: expected finite values"):
        drift(np.ones(1_000), live)


def test_whoever_looks_again_comes_to_the_same_verdict():
    rng = np.random.default_rng(8)
    reference, live = np.split(clustered(rng, 1_063), [1_000])

    assert drift(reference, live) == drift(reference, live)
