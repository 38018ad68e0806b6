"""From a released model and some bars to the messages that clients read; the server's own side of the live engine's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from quant.bars import Bars
from quant.errors import QuantError
from quant.features import WINDOW
from quant.forecast import Forecast, price
from quant.signals import Action, SignalRule, decide
from release.inference import infer, infer_together
from release.reader import Release, ReleasedTicker
from serving.messages import Further, PredictionMessage, SignalMessage

BOUNDS: Final = ("lower_90", "lower_50", "upper_50", "upper_90")
RETURNS: Final = ("mean", *BOUNDS)
PRICES: Final = ("price_median", *(f"price_{name}" for name in BOUNDS))


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What one ticker's model is asked: its view at the last of `bars`, for a message made at `made_at`."""

    ticker: ReleasedTicker
    bars: Bars
    made_at: datetime
    provisional: bool


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
    return _message(release, Question(ticker, bars, made_at, provisional), infer(ticker, bars))


def predict_together(release: Release, questions: Sequence[Question]) -> list[PredictionMessage | QuantError]:
    """What `predict` says to each of several questions, or the error that it raises; cheaper than one by one.

    Questions may be of one ticker or of many; to the last bit the answers are those that each would get alone.
    """
    answers: list[PredictionMessage | QuantError] = []
    whole = [question for question in questions if len(question.bars) >= WINDOW]
    made = iter(infer_together([(question.ticker, question.bars) for question in whole]))
    for question in questions:
        try:
            forecasts = next(made) if len(question.bars) >= WINDOW else infer(question.ticker, question.bars)
            answers.append(_message(release, question, forecasts))
        except QuantError as error:
            answers.append(error)
    return answers


def _message(release: Release, question: Question, made: Mapping[int, Forecast]) -> PredictionMessage:
    ticker, session = question.ticker, question.bars.session[-1]
    close, calendar = float(question.bars.close[-1]), release.calendars[ticker.exchange]
    first, *others = (
        _figures(close, forecast) | {"horizon": horizon, "target_session": str(calendar.ahead(session, steps=horizon))}
        for horizon, forecast in made.items()
    )
    return PredictionMessage(
        ticker=ticker.ticker,
        made_at=question.made_at,
        session=str(session),
        close=close,
        **first,
        further=tuple(Further(**other) for other in others),
        provisional=question.provisional,
        release_id=release.manifest.release_id,
        model_version=ticker.lineage.model_version,
    )


def _figures(close: float, made: Forecast) -> dict[str, Any]:
    """The one row of a forecast as numbers, and the prices that follow from it."""
    returns = np.concatenate([getattr(made, name) for name in RETURNS])
    figures = dict(zip(RETURNS, returns.tolist(), strict=True))
    figures["vol"], figures["p_up"] = float(made.vol[0]), float(made.p_up[0])
    return figures | dict(zip(PRICES, np.asarray(price(close, returns)).tolist(), strict=True))


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
