"""Signals: edge over cost, confidence that is a probability, and no flicker at a threshold."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from quant.backtest import backtest
from quant.costs import Costs
from quant.errors import QuantError
from quant.forecast import Forecast
from quant.signals import Action, SignalRule, decide, replay

RULE = SignalRule(costs=Costs(cost_bp=1.0, slippage_bp=3.0))  # 8 bp the round trip

costs = st.builds(Costs, cost_bp=st.floats(0.0, 50.0), slippage_bp=st.floats(0.0, 50.0))
edges = st.floats(-0.1, 0.1)


def forecast_of(mean, p_up):
    """A path of forecasts; what signals don't look at is a normal distribution's."""
    mean, vol = np.asarray(mean, dtype=np.float64), np.full(len(mean), 0.01)
    bounds = (mean + z * vol for z in (-1.645, -0.674, 0.674, 1.645))
    return Forecast(mean, vol, np.full(len(mean), p_up) if np.isscalar(p_up) else p_up, *bounds)


@pytest.mark.parametrize(
    ("edge_bp", "p_up", "previous", "action"),
    [
        (9.0, 0.55, Action.HOLD, Action.BUY),
        (7.0, 0.55, Action.HOLD, Action.HOLD),
        (7.0, 0.55, Action.BUY, Action.BUY),
        (0.1, 0.55, Action.BUY, Action.BUY),
        (-0.1, 0.55, Action.BUY, Action.HOLD),
        (7.0, 0.55, Action.SELL, Action.HOLD),
        (9.0, 0.55, Action.SELL, Action.BUY),
        (-9.0, 0.45, Action.HOLD, Action.SELL),
        (-3.0, 0.45, Action.SELL, Action.SELL),
        (-3.0, 0.45, Action.BUY, Action.HOLD),
        (9.0, 0.49, Action.HOLD, Action.HOLD),
        (9.0, 0.49, Action.BUY, Action.HOLD),
        (9.0, 0.505, Action.HOLD, Action.HOLD),
        (9.0, 0.505, Action.BUY, Action.BUY),
        (-9.0, 0.495, Action.HOLD, Action.HOLD),
        (-9.0, 0.495, Action.SELL, Action.SELL),
        (0.0, 0.5, Action.BUY, Action.HOLD),
        (0.0, 0.5, Action.SELL, Action.HOLD),
    ],
)
def test_a_trade_is_entered_for_more_than_its_round_trip_and_kept_for_any_edge(edge_bp, p_up, previous, action):
    assert decide(mean=edge_bp / 1e4, p_up=p_up, previous=previous, rule=RULE).action is action


def test_the_thresholds_are_those_of_the_costs_that_a_backtest_charges_by_default():
    assert SignalRule().costs == Costs()
    assert SignalRule().due_bp(keeping=False) == Costs().round_trip_bp
    assert SignalRule().due_bp(keeping=True) == 0.0


@given(edges, st.floats(0.0, 1.0), st.sampled_from(Action), costs)
def test_whoever_enters_is_left_with_something_after_the_costs(mean, p_up, previous, costs):
    signal = decide(mean=mean, p_up=p_up, previous=previous, rule=SignalRule(costs=costs))

    assert signal.edge_bp == 1e4 * mean
    entered = signal.action is not Action.HOLD and signal.action is not previous
    if entered:
        assert signal.net_edge_bp == abs(signal.edge_bp) - costs.round_trip_bp > 0
    if signal.action is Action.HOLD:
        assert signal.net_edge_bp <= 0 or (p_up <= 0.51 if mean > 0 else 1 - p_up <= 0.51)


@given(edges, st.floats(0.0, 1.0), st.sampled_from(Action), costs, st.floats(0.0, 50.0))
def test_dearer_trading_never_makes_a_trade_that_cheaper_trading_would_not(mean, p_up, previous, costs, more):
    dearer = msgspec.structs.replace(costs, slippage_bp=costs.slippage_bp + more)

    cheap, dear = (
        decide(mean=mean, p_up=p_up, previous=previous, rule=SignalRule(costs=each)) for each in (costs, dearer)
    )

    assert dear.action in (cheap.action, Action.HOLD)


@given(st.floats(0.0, 20.0), costs)
def test_a_trade_is_entered_exactly_where_a_book_gains_by_it(edge_bp, costs):
    # Costs are added up to first order: at the threshold itself a book is off by a hundredth of a basis point.
    assume(abs(edge_bp - costs.round_trip_bp) > 0.05)
    path = 100.0 * np.exp(np.array([0.0, 0.0, edge_bp / 1e4]))

    gain = backtest(path, path, [Action.BUY, Action.HOLD, Action.HOLD], costs=costs).equity[-1] - 1.0

    signal = decide(mean=edge_bp / 1e4, p_up=0.6, previous=Action.HOLD, rule=SignalRule(costs=costs))
    assert (signal.action is Action.BUY) == (gain > 0)


@given(edges, st.floats(0.0, 1.0), st.sampled_from(Action))
def test_confidence_is_the_percent_probability_of_the_stated_direction(mean, p_up, previous):
    signal = decide(mean=mean, p_up=p_up, previous=previous, rule=RULE)

    stated = {Action.BUY: p_up, Action.SELL: 1 - p_up, Action.HOLD: max(p_up, 1 - p_up)}[signal.action]
    assert signal.confidence == pytest.approx(100 * stated)
    assert signal.action is Action.HOLD or signal.confidence > 50


@pytest.mark.parametrize(
    ("edge_bp", "p_up", "previous", "reason"),
    [
        (12.0, 0.56, Action.HOLD, "expected +12.0 bp, 4.0 over the 8 bp that a round trip costs; P(up) 56%"),
        (-12.0, 0.44, Action.BUY, "expected -12.0 bp, 4.0 over the 8 bp that a round trip costs; P(down) 56%"),
        (5.0, 0.56, Action.HOLD, "expected +5.0 bp, 3.0 short of the 8 bp that a round trip costs; P(up) 56%"),
        (5.0, 0.56, Action.BUY, "expected +5.0 bp, and keeping costs nothing; P(up) 56%"),
        (
            12.0,
            0.506,
            Action.HOLD,
            "expected +12.0 bp, 4.0 over the 8 bp that a round trip costs; P(up) 51% hardly backs it",
        ),
        (5.0, 0.46, Action.BUY, "expected +5.0 bp, and keeping costs nothing; P(up) 46% does not back it"),
    ],
)
def test_the_reason_is_a_sentence_with_the_edge_before_and_after_costs(edge_bp, p_up, previous, reason):
    assert decide(mean=edge_bp / 1e4, p_up=p_up, previous=previous, rule=RULE).reason == reason


def test_an_edge_that_hovers_around_its_cost_does_not_flicker():
    mean = 1e-4 * np.array([9.0, 7.0, 9.0, 7.5, 8.1, 5.0, 0.5])

    actions = [signal.action for signal in replay(forecast_of(mean, 0.55), rule=RULE)]

    assert actions == [Action.BUY] * 7


def test_an_edge_that_hovers_around_nothing_does_not_flicker():
    mean = 1e-4 * np.array([9.0, 0.5, -0.5, 0.5, -0.5, 0.5])

    actions = [signal.action for signal in replay(forecast_of(mean, 0.55), rule=RULE)]

    assert actions == [Action.BUY, Action.BUY, *[Action.HOLD] * 4]


@given(st.lists(st.floats(0.5001, 0.5099), min_size=1, max_size=40), st.sampled_from(Action))
def test_odds_that_hover_around_the_threshold_of_entering_do_not_flicker(p_up, before):
    mean = np.full(len(p_up), 20e-4)

    actions = [
        before,
        *(signal.action for signal in replay(forecast_of(mean, np.array(p_up)), rule=RULE, start=before)),
    ]

    assert sum(a is not b for a, b in pairwise(actions)) <= 1


@given(st.lists(st.floats(-30.0, 30.0), min_size=1, max_size=40), costs)
def test_a_path_is_decided_step_by_step_with_what_was_in_force(edges_bp, costs):
    mean, rule, previous = 1e-4 * np.array(edges_bp), SignalRule(costs=costs), Action.HOLD
    p_up = 1.0 / (1.0 + np.exp(-mean * 160.0))

    path = list(replay(forecast_of(mean, p_up), rule=rule))

    for signal, of, odds in zip(path, mean.tolist(), p_up.tolist(), strict=True):
        assert signal == decide(mean=of, p_up=odds, previous=previous, rule=rule)
        previous = signal.action


def test_figures_without_meaning_are_refused():
    with pytest.raises(QuantError, match="mean: expected a finite log return, got nan"):
        decide(mean=float("nan"), p_up=0.5, previous=Action.HOLD, rule=RULE)
    with pytest.raises(QuantError, match=r"p_up: expected 0 to 1, got 1\.5"):
        decide(mean=0.0, p_up=1.5, previous=Action.HOLD, rule=RULE)
    with pytest.raises(QuantError, match=r"odds_margin: expected 0 to below 0\.5, got 0\.5"):
        SignalRule(odds_margin=0.5)
    with pytest.raises(QuantError, match="cost_bp: expected 0 to below 10000, got -1"):
        SignalRule(costs=Costs(cost_bp=-1.0))
