"""Probabilities: scikit-learn as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from quant import probability as probabilities
from quant.errors import QuantError

series = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).normal(size=(3, 200)))


@settings(max_examples=30, deadline=None)
@given(series)
def test_brier_is_scikit_learns(columns):
    happened, probability = (columns[0] > 0).astype(float), stats.norm.cdf(columns[1])

    assert probabilities.brier(happened, probability) == pytest.approx(sk.brier_score_loss(happened, probability))


def test_a_probability_beyond_one_is_refused():
    with pytest.raises(QuantError, match="probability: expected 0 to 1"):
        probabilities.brier(np.ones(2), np.array([0.5, 1.2]))
