"""Probabilities: scikit-learn as the oracle, a calibrated forecaster, and rows in any order."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from statsmodels.stats.proportion import proportion_confint

from quant import probability as probabilities
from quant.errors import QuantError, TooShort


def said(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Events, and probabilities that know a little of them."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=n)
    return (signal + rng.normal(size=n) > 0).astype(float), stats.norm.cdf(0.5 * signal)


forecasts = st.integers(0, 2**32 - 1).map(said)
# Tenths: equal probabilities in plenty, and on the bounds of bins.
tenths = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10)), min_size=1, max_size=60).map(
    lambda rows: (np.array([float(came) for came, _ in rows]), np.array([tenth / 10 for _, tenth in rows]))
)


@settings(max_examples=30, deadline=None)
@given(forecasts)
def test_brier_is_scikit_learns(forecast):
    assert probabilities.brier(*forecast) == pytest.approx(sk.brier_score_loss(*forecast))


@settings(max_examples=30, deadline=None)
@given(forecasts)
def test_the_log_score_is_scikit_learns(forecast):
    assert probabilities.log_score(*forecast) == pytest.approx(sk.log_loss(*forecast))


def test_certainty_and_error_cost_what_the_clip_leaves():
    happened, probability = np.array([1.0, 0.0]), np.array([0.0, 1.0])

    assert probabilities.log_score(happened, probability) == pytest.approx(-math.log(1e-12), rel=1e-6)
    assert probabilities.log_score(happened, happened) == pytest.approx(1e-12, rel=1e-3)


def test_a_coin_scores_a_quarter_and_log_two():
    happened, coin = np.array([1.0, 0.0, 1.0]), np.full(3, 0.5)

    assert probabilities.brier(happened, coin) == 0.25
    assert probabilities.log_score(happened, coin) == pytest.approx(math.log(2))


# Scikit-learn's quantiles go by percent, rounded: where one falls on a row, rounding decides to which side that row and
# all that are equal to it go. Here are the draws without such a row or with exact percentages; all others are next.
@settings(max_examples=40, deadline=None)
@given(
    st.one_of(
        st.tuples(forecasts, st.integers(1, 20)),
        st.tuples(tenths, st.sampled_from([1, 2, 4, 8, 16])),
    )
)
def test_reliability_is_scikit_learns_calibration_curve(drawn):
    forecast, bins = drawn

    diagram = probabilities.reliability(*forecast, bins=bins)

    observed, predicted = calibration_curve(*forecast, n_bins=bins, strategy="quantile")
    assert_allclose(diagram.observed, observed, atol=1e-12)
    assert_allclose(diagram.predicted, predicted, atol=1e-12)


def exact_bin(each: float, probability: np.ndarray, bins: int) -> int:
    """How many of the quantiles between bins, in fractions and so without any rounding, lie below a probability."""
    ascending = [Fraction(value) for value in np.sort(probability)]

    def quantile(place: Fraction) -> Fraction:
        low = math.floor(place)
        return ascending[low] + (place - low) * (ascending[math.ceil(place)] - ascending[low])

    return sum(quantile(Fraction(k * (len(ascending) - 1), bins)) < Fraction(each) for k in range(1, bins))


@settings(max_examples=150, deadline=None)
@given(st.one_of(tenths, st.integers(0, 1_000).map(lambda seed: said(seed, n=61))), st.integers(1, 30))
def test_reliability_parts_at_the_exact_quantiles_and_never_by_rounding(forecast, bins):
    probability = forecast[1]

    diagram = probabilities.reliability(*forecast, bins=bins)

    numbers = np.sort([exact_bin(each, probability, bins) for each in probability])
    assert_array_equal(diagram.count, np.unique(numbers, return_counts=True)[1])


@settings(max_examples=40, deadline=None)
@given(st.one_of(forecasts, tenths), st.integers(1, 20))
def test_reliability_loses_no_row_and_rises_from_bin_to_bin(forecast, bins):
    happened, probability = forecast

    diagram = probabilities.reliability(happened, probability, bins=bins)

    assert diagram.count.sum() == len(happened)
    assert diagram.count.min() >= 1
    assert np.all(np.diff(diagram.predicted) > 0)
    assert diagram.predicted @ diagram.count == pytest.approx(probability.sum())
    assert diagram.observed @ diagram.count == pytest.approx(happened.sum())


@settings(max_examples=40, deadline=None)
@given(st.one_of(forecasts, tenths), st.integers(1, 20))
def test_a_bin_lies_between_the_least_and_the_greatest_said_in_it_and_before_the_next(forecast, bins):
    diagram = probabilities.reliability(*forecast, bins=bins)

    ascending, ends = np.sort(forecast[1]), np.cumsum(diagram.count)
    assert_array_equal(diagram.lowest, [part[0] for part in np.split(ascending, ends[:-1])])
    assert_array_equal(diagram.highest, [part[-1] for part in np.split(ascending, ends[:-1])])
    assert np.all(diagram.highest[:-1] < diagram.lowest[1:])
    assert np.all(diagram.lowest - 1e-12 <= diagram.predicted)
    assert np.all(diagram.predicted <= diagram.highest + 1e-12)


@given(st.integers(1, 60).flatmap(lambda bins: st.tuples(st.integers(1, bins), st.just(bins))))
def test_the_upper_bound_of_a_bin_is_in_it_whatever_it_is_rounded_to(drawn):
    number, bins = drawn
    bound, below = number / bins, (number - 0.5) / bins

    error = probabilities.expected_calibration_error(np.array([1.0, 0.0]), np.array([bound, below]), bins=bins)

    # Of two bins it would be (1 - bound + below) / 2: only in one do the two make up for each other.
    assert error == pytest.approx(abs(1 - bound - below) / 2)


def test_bins_of_distinct_probabilities_hold_equally_many_rows():
    happened, probability = said(0, n=1_000)

    assert_array_equal(probabilities.reliability(happened, probability).count, np.full(10, 100))


def test_what_one_probability_was_said_of_is_one_bin():
    diagram = probabilities.reliability(np.array([1.0, 0.0, 0.0, 1.0]), np.full(4, 0.3))

    assert_array_equal(diagram.count, [4])
    assert_allclose(diagram.observed, [0.5])
    assert_allclose(diagram.predicted, [0.3])


def test_the_calibration_error_by_hand():
    happened = np.array([1.0, 0.0, 1.0, 1.0])
    probability = np.array([0.2, 0.4, 0.7, 0.9])

    # Two bins: 0.5 came where 0.3 was said, 1 where 0.8 was.
    assert probabilities.expected_calibration_error(happened, probability, bins=2) == pytest.approx(0.2)


@settings(max_examples=40, deadline=None)
@given(st.one_of(forecasts, tenths), st.integers(1, 20))
def test_the_calibration_error_is_that_of_scikit_learns_bins_of_equal_width(forecast, bins):
    happened, probability = forecast
    observed, predicted = calibration_curve(happened, probability, n_bins=bins, strategy="uniform")
    bin_of = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], probability)
    count = np.unique(bin_of, return_counts=True)[1]

    ours = probabilities.expected_calibration_error(happened, probability, bins=bins)

    assert ours == pytest.approx(float(np.abs(observed - predicted) @ count) / len(happened), abs=1e-12)


def test_a_calibrated_forecaster_errs_by_noise_and_an_overconfident_one_by_more():
    rng = np.random.default_rng(1)
    true = rng.uniform(0.2, 0.8, size=50_000)
    happened = (rng.random(50_000) < true).astype(float)
    overconfident = np.clip(0.5 + 2 * (true - 0.5), 0, 1)

    assert probabilities.expected_calibration_error(happened, true) < 0.01
    assert probabilities.expected_calibration_error(happened, overconfident) == pytest.approx(0.15, abs=0.01)


def test_confident_hits_by_hand():
    happened = np.array([1.0, 0.0, 0.0, 1.0, 1.0])
    probability = np.array([0.6, 0.4, 0.9, 0.55, 0.1])

    share, count = probabilities.confident_hits(happened, probability)

    # Sure of 0.6 up (right), 0.6 down (right), 0.9 up (wrong) and 0.9 down (wrong); 0.55 is not sure enough.
    assert (share, count) == (0.5, 4)


counts = st.lists(st.integers(1, 3_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1).map(
    lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True))
)


@settings(max_examples=60, deadline=None)
@given(counts, st.floats(0.5, 0.999))
def test_the_wilson_interval_is_statsmodels(rows, nominal):
    lower, upper = probabilities.wilson_interval(*rows, nominal=nominal)

    theirs = proportion_confint(*rows, alpha=1 - nominal, method="wilson")
    assert_allclose((lower, upper), theirs, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(counts, st.floats(0.01, 0.999))
def test_the_wilson_interval_holds_the_share_and_stays_within_zero_and_one(rows, nominal):
    came, count = rows

    lower, upper = probabilities.wilson_interval(came, count, nominal=nominal)

    assert np.all(lower >= 0)
    assert np.all(lower <= came / count)
    assert np.all(came / count <= upper)
    assert np.all(upper <= 1)


def test_the_wilson_interval_covers_what_it_promises_even_of_few_rows_that_are_nearly_all_alike():
    rng = np.random.default_rng(11)
    true = rng.uniform(0, 1, size=40_000)
    count = np.full(len(true), 20)

    lower, upper = probabilities.wilson_interval(rng.binomial(20, true), count)

    assert np.mean((lower <= true) & (true <= upper)) == pytest.approx(0.95, abs=0.01)


def test_counts_that_are_none_have_no_interval():
    with pytest.raises(QuantError, match="count: expected at least 1, got 0"):
        probabilities.wilson_interval(np.array([0]), np.array([0]))
    with pytest.raises(QuantError, match="came: expected 0 to 3, got 4"):
        probabilities.wilson_interval(np.array([1, 4]), np.array([2, 3]))
    with pytest.raises(QuantError, match="nominal: expected between 0 and 1, got 1"):
        probabilities.wilson_interval(np.array([1]), np.array([2]), nominal=1.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, math.nan]), max_size=40), st.integers(1, 6))
def test_the_past_share_is_a_naive_loops(happened, delay):
    naive = []
    for row in range(len(happened)):
        known = [came for came in happened[: max(row - delay + 1, 0)] if not math.isnan(came)]
        naive.append(sum(known) / len(known) if known else math.nan)

    assert_array_equal(probabilities.past_share(np.array(happened), delay=delay), naive)


@settings(max_examples=30, deadline=None)
@given(forecasts, st.integers(1, 20), st.integers(0, 199))
def test_what_is_not_known_yet_moves_no_past_share(forecast, delay, row):
    happened, _ = forecast
    other = happened.copy()
    other[max(row - delay + 1, 0) :] = 1 - other[max(row - delay + 1, 0) :]

    before, after = (probabilities.past_share(each, delay=delay) for each in (happened, other))

    assert_array_equal(before[: row + 1], after[: row + 1])


def test_a_past_share_without_a_delay_or_of_no_event_is_refused():
    with pytest.raises(QuantError, match="delay: expected at least 1 row, got 0"):
        probabilities.past_share(np.ones(2), delay=0)
    with pytest.raises(QuantError, match=r"happened: expected 0 or 1, got 0\.4"):
        probabilities.past_share(np.array([1.0, np.nan, 0.4]), delay=1)


def test_where_nothing_is_sure_no_share_is_right():
    share, count = probabilities.confident_hits(np.ones(3), np.full(3, 0.55))

    assert math.isnan(share)
    assert count == 0


@settings(max_examples=30, deadline=None)
@given(forecasts, st.floats(0.51, 0.9))
def test_confident_hits_are_the_same_for_the_opposite_event(forecast, threshold):
    happened, probability = forecast

    ours = probabilities.confident_hits(happened, probability, threshold=threshold)

    assert_array_equal(ours, probabilities.confident_hits(1 - happened, 1 - probability, threshold=threshold))


SCORES = (
    probabilities.brier,
    probabilities.log_score,
    probabilities.expected_calibration_error,
    lambda *forecast: probabilities.confident_hits(*forecast)[0],
    lambda *forecast: probabilities.reliability(*forecast).observed[0],
)


@settings(max_examples=30, deadline=None)
@given(tenths, st.randoms(use_true_random=False))
def test_the_order_of_rows_makes_no_difference(forecast, random):
    happened, probability = forecast
    order = random.sample(range(len(happened)), len(happened))

    for score in SCORES:
        again = score(happened[order], probability[order])
        assert again == pytest.approx(score(happened, probability), abs=1e-12, nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(tenths)
def test_shares_and_errors_stay_within_zero_and_one(forecast):
    assert 0 <= probabilities.brier(*forecast) <= 1
    assert 0 <= probabilities.expected_calibration_error(*forecast) <= 1
    assert 0 <= probabilities.log_score(*forecast) < 27.7


@pytest.mark.parametrize("score", SCORES)
def test_a_row_with_a_nan_is_left_out_and_a_wrong_one_refused(score):
    happened, probability = np.array([1.0, 0.0, np.nan, 1.0]), np.array([0.7, 0.3, 0.9, np.nan])

    assert score(happened, probability) == score(happened[:2], probability[:2])
    with pytest.raises(QuantError, match=r"probability: expected 0 to 1, got 0\.5 to 1\.2"):
        score(np.ones(2), np.array([0.5, 1.2]))
    with pytest.raises(QuantError, match=r"happened: expected 0 or 1, got 0\.4"):
        score(np.array([1.0, 0.4]), np.full(2, 0.5))
    with pytest.raises(TooShort, match="at least one without a NaN"):
        score(np.full(2, np.nan), np.full(2, 0.5))


@pytest.mark.parametrize("threshold", [0.5, 1.1, math.nan])
def test_a_threshold_that_is_no_direction_is_refused(threshold):
    with pytest.raises(QuantError, match=r"threshold: expected above 0\.5 and at most 1"):
        probabilities.confident_hits(np.ones(2), np.ones(2), threshold=threshold)


def test_no_bin_is_refused():
    with pytest.raises(QuantError, match="bins: expected at least 1, got 0"):
        probabilities.reliability(np.ones(2), np.ones(2), bins=0)
