"""What a trading signal is: one pure function from a forecast to an action, its confidence and its reason.

The same function decides for the backtest and for the live engine. Executing trades does not belong here.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable
from typing import Final

import msgspec

from quant.errors import QuantError
from quant.forecast import Forecast

BASIS_POINTS: Final = 1e4


class Action(enum.Enum):
    """What the signal tells its reader to be: long, short, or out."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


class SignalRule(msgspec.Struct, frozen=True, kw_only=True):
    """When an expected edge is worth a trade. All figures per horizon, in basis points.

    `enter_edge_bp` covers the round trip of a liquid US large cap (two half spreads and fees); `exit_edge_bp` is
    lower, so that a signal doesn't flicker around a single threshold.
    """

    enter_edge_bp: float = 8.0
    exit_edge_bp: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.exit_edge_bp <= self.enter_edge_bp:
            raise QuantError(
                f"exit_edge_bp: expected 0 to enter_edge_bp ({self.enter_edge_bp}), got {self.exit_edge_bp}"
            )


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """An action with what it rests on.

    Attributes
    ----------
    action : Action
    confidence : float
        0-100: the calibrated probability, in percent, that the stated direction is right (for HOLD, of the
        likelier direction).
    edge_bp : float
        Expected log return over the horizon, in basis points.
    reason : str
        One sentence for a person.
    """

    action: Action
    confidence: float
    edge_bp: float
    reason: str


def decide(*, mean: float, p_up: float, previous: Action, rule: SignalRule) -> Signal:
    """The signal for one forecast.

    Parameters
    ----------
    mean : float
        Expected log return over the horizon.
    p_up : float in [0, 1]
        Calibrated probability of a gain.
    previous : Action
        The signal in force before; an action is kept down to `rule.exit_edge_bp`.
    rule : SignalRule

    Raises
    ------
    QuantError
        If `mean` or `p_up` is not finite, or `p_up` lies outside [0, 1].
    """
    if not math.isfinite(mean):
        raise QuantError(f"mean: expected a finite log return, got {mean}")
    if not 0 <= p_up <= 1:
        raise QuantError(f"p_up: expected 0 to 1, got {p_up}")
    edge_bp = mean * BASIS_POINTS
    direction = Action.BUY if edge_bp > 0 else Action.SELL
    p_direction = p_up if direction is Action.BUY else 1 - p_up
    keeping = previous is direction
    needed = rule.exit_edge_bp if keeping else rule.enter_edge_bp
    bar = f"the {needed:g} bp that {'keeping' if keeping else 'entering'} a trade needs"

    if abs(edge_bp) < needed:
        action, verdict = Action.HOLD, f"under {bar}"
    elif p_direction <= 0.5:
        # Mean and calibrated direction disagree: a skewed forecast, and no honest confidence in the trade.
        action, verdict = Action.HOLD, "the calibrated odds don't back the direction"
    else:
        action, verdict = direction, f"over {bar}"
    toward = "up" if direction is Action.BUY else "down"
    reason = f"expected {edge_bp:+.1f} bp, P({toward}) {p_direction:.0%}: {verdict}"
    confidence = p_direction if action is not Action.HOLD else max(p_up, 1 - p_up)
    return Signal(action=action, confidence=100 * confidence, edge_bp=edge_bp, reason=reason)


def replay(forecast: Forecast, *, rule: SignalRule, start: Action = Action.HOLD) -> Iterable[Signal]:
    """The signals along consecutive forecasts of one ticker, each decided with the one before in force."""
    previous = start
    for mean, p_up in zip(forecast.mean.tolist(), forecast.p_up.tolist(), strict=True):
        signal = decide(mean=mean, p_up=p_up, previous=previous, rule=rule)
        yield signal
        previous = signal.action
