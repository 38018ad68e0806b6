"""From a released model and some bars to the messages that clients read; the server's own side of the live engine's."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from quant.bars import Bars
from quant.forecast import price
from quant.signals import Action, SignalRule, decide
from release.inference import infer
from release.reader import Release, ReleasedTicker
from serving.messages import PredictionMessage, SignalMessage


def predict(
    release: Release, ticker: ReleasedTicker, bars: Bars, *, made_at: datetime, provisional: bool
) -> PredictionMessage:
    """The prediction made at the last of `bars`, by the ticker's released model.

    Raises
    ------
    QuantError
        With fewer bars than a window, or a last bar on a day that the ticker's exchange does not trade on.
    """
    manifest = release.manifest
    session: np.datetime64 = bars.session[-1]
    target = release.calendars[ticker.exchange].ahead(session, steps=manifest.horizon)
    made = infer(ticker, bars)[manifest.horizon]
    mean, lower, upper = float(made.mean[0]), float(made.lower_90[0]), float(made.upper_90[0])
    close = float(bars.close[-1])
    return PredictionMessage(
        ticker=ticker.ticker,
        made_at=made_at,
        session=str(session),
        target_session=str(target),
        horizon=manifest.horizon,
        close=close,
        mean=mean,
        vol=float(made.vol[0]),
        p_up=float(made.p_up[0]),
        lower_90=lower,
        upper_90=upper,
        price_median=float(price(close, mean)),
        price_lower_90=float(price(close, lower)),
        price_upper_90=float(price(close, upper)),
        provisional=provisional,
        release_id=manifest.release_id,
        model_version=ticker.lineage.model_version,
    )


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
