"""From a released model and some bars to the messages that clients read; the server's own side of the live engine's."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
import numpy as np

from quant.bars import Bars
from quant.forecast import Forecast, price
from quant.signals import Action, SignalRule, decide
from release.inference import infer
from release.reader import Release, ReleasedTicker
from serving.messages import Further, PredictionMessage, SignalMessage

BOUNDS: Final = ("lower_90", "lower_50", "upper_50", "upper_90")


def predict(
    release: Release, ticker: ReleasedTicker, bars: Bars, *, made_at: datetime, provisional: bool
) -> PredictionMessage:
    """The prediction made at the last of `bars`, by the ticker's released model.

    Raises
    ------
    QuantError
        With fewer bars than a window, a last bar on a day that the ticker's exchange does not trade on, or one from
        which its calendar does not reach every horizon's target.
    """
    manifest = release.manifest
    session: np.datetime64 = bars.session[-1]
    close, calendar = float(bars.close[-1]), release.calendars[ticker.exchange]
    first, *others = (
        Further(horizon=horizon, target_session=str(calendar.ahead(session, steps=horizon)), **_figures(close, made))
        for horizon, made in infer(ticker, bars).items()
    )
    return PredictionMessage(
        ticker=ticker.ticker,
        made_at=made_at,
        session=str(session),
        close=close,
        **msgspec.structs.asdict(first),
        further=tuple(others),
        provisional=provisional,
        release_id=manifest.release_id,
        model_version=ticker.lineage.model_version,
    )


def _figures(close: float, made: Forecast) -> dict[str, float]:
    """The one row of a forecast as numbers, and the prices that follow from it."""
    returns = {name: float(getattr(made, name)[0]) for name in ("mean", "vol", "p_up", *BOUNDS)}
    prices = {f"price_{name}": float(price(close, returns[name])) for name in BOUNDS}
    return returns | {"price_median": float(price(close, returns["mean"]))} | prices


def signal_after(prediction: PredictionMessage, ticker: ReleasedTicker) -> SignalMessage:
    """The signal that the prediction leads to, given the one in force in the ticker's history before its session."""
    before = next((row.action for row in reversed(ticker.signals) if row.session < prediction.session), None)
    return signal_message(prediction, previous=Action(before) if before else Action.HOLD)


def signal_message(prediction: PredictionMessage, *, previous: Action, keeping: Action | None = None) -> SignalMessage:
    """The signal that the prediction leads to, not in the audit log yet.

    `previous` is what was in force before and is named in the message; `keeping` is the action that the rule's
    hysteresis holds on to where that is another one.
    """
    signal = decide(mean=prediction.mean, p_up=prediction.p_up, previous=keeping or previous, rule=SignalRule())
    return SignalMessage(
        ticker=prediction.ticker,
        at=prediction.made_at,
        session=prediction.session,
        action=signal.action,
        previous=previous,
        confidence=signal.confidence,
        edge_bp=signal.edge_bp,
        reason=signal.reason,
        provisional=prediction.provisional,
        release_id=prediction.release_id,
        audit_id=None,
    )
