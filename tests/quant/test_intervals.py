"""Intervals: their score is least where it should be."""

from __future__ import annotations

import numpy as np
import pytest

from quant import intervals


def test_the_interval_score_is_least_for_the_true_quantiles():
    actual = np.random.default_rng(3).normal(size=20_000)
    ones = np.ones(len(actual))
    scores = {z: intervals.interval_score(actual, -z * ones, z * ones, nominal=0.9) for z in (1.0, 1.645, 2.5)}

    assert min(scores, key=scores.get) == 1.645
    assert intervals.coverage(actual, -1.645 * ones, 1.645 * ones) == pytest.approx(0.9, abs=0.01)
