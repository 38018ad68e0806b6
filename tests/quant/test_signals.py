"""Signals: edge over cost, confidence that is a probability, and no flicker at a threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant.errors import QuantError
from quant.forecast import Forecast
from quant.signals import Action, SignalRule, decide, replay

RULE = SignalRule(enter_edge_bp=8.0, exit_edge_bp=2.0)


@pytest.mark.parametrize(
    ("edge_bp", "p_up", "previous", "action"),
    [
        (9.0, 0.55, Action.HOLD, Action.BUY),
        (7.0, 0.55, Action.HOLD, Action.HOLD),
        (7.0, 0.55, Action.BUY, Action.BUY),
        (1.0, 0.55, Action.BUY, Action.HOLD),
        (7.0, 0.55, Action.SELL, Action.HOLD),
        (-9.0, 0.45, Action.HOLD, Action.SELL),
        (-3.0, 0.45, Action.SELL, Action.SELL),
        (-3.0, 0.45, Action.BUY, Action.HOLD),
        (9.0, 0.49, Action.HOLD, Action.HOLD),
        (0.0, 0.5, Action.BUY, Action.HOLD),
    ],
)
def test_a_trade_is_entered_above_one_edge_and_left_below_a_lower_one(edge_bp, p_up, previous, action):
    assert decide(mean=edge_bp / 1e4, p_up=p_up, previous=previous, rule=RULE).action is action


@given(st.floats(-0.1, 0.1), st.floats(0.0, 1.0), st.sampled_from(Action))
def test_confidence_is_the_percent_probability_of_the_stated_direction(mean, p_up, previous):
    signal = decide(mean=mean, p_up=p_up, previous=previous, rule=RULE)

    stated = {Action.BUY: p_up, Action.SELL: 1 - p_up, Action.HOLD: max(p_up, 1 - p_up)}[signal.action]
    assert signal.confidence == pytest.approx(100 * stated)
    assert signal.action is Action.HOLD or signal.confidence > 50


def test_the_reason_is_a_sentence_with_the_figures():
    signal = decide(mean=0.0012, p_up=0.56, previous=Action.HOLD, rule=RULE)

    assert signal.reason == "expected +12.0 bp, P(up) 56%: over the 8 bp that entering a trade needs"


def test_an_edge_that_hovers_around_the_threshold_does_not_flicker():
    mean = 1e-4 * np.array([9.0, 7.0, 9.0, 7.5, 8.1, 5.0])
    forecast = Forecast(mean, np.full(6, 0.01), np.full(6, 0.55), mean - 0.01, mean + 0.01)

    actions = [signal.action for signal in replay(forecast, rule=RULE)]

    assert actions == [Action.BUY] * 6


def test_figures_without_meaning_are_refused():
    with pytest.raises(QuantError, match="mean: expected a finite log return, got nan"):
        decide(mean=float("nan"), p_up=0.5, previous=Action.HOLD, rule=RULE)
    with pytest.raises(QuantError, match=r"p_up: expected 0 to 1, got 1\.5"):
        decide(mean=0.0, p_up=1.5, previous=Action.HOLD, rule=RULE)
    with pytest.raises(QuantError, match=r"exit_edge_bp: expected 0 to enter_edge_bp \(8\.0\), got 9\.0"):
        SignalRule(enter_edge_bp=8.0, exit_edge_bp=9.0)
