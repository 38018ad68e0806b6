"""What a trading signal is: one pure function from a forecast to an action, its confidence and its reason.

The same function decides for the backtest and for the live engine. Executing trades does not belong here.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable

import msgspec

from quant.costs import BASIS_POINTS, Costs
from quant.errors import QuantError
from quant.forecast import Forecast


class Action(enum.Enum):
    """What the signal tells its reader to be: long, short, or out."""

    BUY = "BUY"
    SELL = "SELL"
    HOLD = "HOLD"


class SignalRule(msgspec.Struct, frozen=True, kw_only=True):
    """When an expected edge is worth a trade, given what trading costs.

    Entering has to pay for itself within the horizon, and so has turning round: the edge must exceed a round trip. Who
    is in already pays for the exit now or later, so that staying needs no more than an edge above 0 in its direction.
    What lies between the two keeps a signal from flickering, and so does `odds_margin`, by which the calibrated odds of
    the direction must exceed one half to enter; to stay they need no more than half. A fee for borrowed shares is not
    counted here: it goes by how long a short is held, which nobody knows beforehand.
    """

    costs: Costs = Costs()
    odds_margin: float = 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.odds_margin < 0.5:
            raise QuantError(f"odds_margin: expected 0 to below 0.5, got {self.odds_margin}")

    def due_odds(self, *, keeping: bool) -> float:
        """What the probability of the direction must exceed."""
        return 0.5 if keeping else 0.5 + self.odds_margin

    def due_bp(self, *, keeping: bool) -> float:
        """What an edge must exceed, in basis points per horizon: the costs that staying out would save."""
        return 0.0 if keeping else self.costs.round_trip_bp


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """An action with what it rests on.

    Attributes
    ----------
    action : Action
    confidence : float
        0-100: the calibrated probability, in percent, that the stated direction is right (for HOLD, of the
        likelier direction). A price that stays where it is gains nothing, and counts for SELL.
    edge_bp : float
        Expected log return over the horizon, in basis points, before costs.
    net_edge_bp : float
        What of its size the costs leave (`SignalRule.due_bp`): above 0 unless HOLD. What a HOLD would leave if it were
        a trade; above 0 only if the odds don't back the direction.
    reason : str
        One sentence for a person.
    """

    action: Action
    confidence: float
    edge_bp: float
    net_edge_bp: float
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
        The signal in force before; keeping it is cheaper than entering.
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
    due_bp = rule.due_bp(keeping=keeping)
    net_edge_bp = abs(edge_bp) - due_bp
    # Mean and calibrated odds may disagree: a skewed forecast, and no honest confidence in the trade.
    backed = p_direction > rule.due_odds(keeping=keeping)
    action = direction if net_edge_bp > 0 and backed else Action.HOLD

    toward = "up" if direction is Action.BUY else "down"
    doubt = "" if backed else " does not back it" if p_direction <= 0.5 else " hardly backs it"
    return Signal(
        action=action,
        confidence=100 * (max(p_up, 1 - p_up) if action is Action.HOLD else p_direction),
        edge_bp=edge_bp,
        net_edge_bp=net_edge_bp,
        reason=f"expected {edge_bp:+.1f} bp, {_after_costs(net_edge_bp, due_bp, keeping=keeping)}; "
        f"P({toward}) {p_direction:.0%}{doubt}",
    )


def _after_costs(net_edge_bp: float, due_bp: float, *, keeping: bool) -> str:
    if keeping:
        return "and keeping costs nothing"
    beside = f"{net_edge_bp:.1f} over" if net_edge_bp > 0 else f"{-net_edge_bp:.1f} short of"
    return f"{beside} the {due_bp:g} bp that a round trip costs"


def replay(forecast: Forecast, *, rule: SignalRule, start: Action = Action.HOLD) -> Iterable[Signal]:
    """The signals along consecutive forecasts of one ticker, each decided with the one before in force."""
    previous = start
    for mean, p_up in zip(forecast.mean.tolist(), forecast.p_up.tolist(), strict=True):
        signal = decide(mean=mean, p_up=p_up, previous=previous, rule=rule)
        yield signal
        previous = signal.action
