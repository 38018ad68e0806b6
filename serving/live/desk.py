"""One ticker's desk: from its bars to what is asked of its model, and from the answer to messages and their records.

Writes nothing itself: what it returns is to be said once its records are in the audit log, which is the floor's work.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import numpy as np
import structlog

from quant.bars import CLOSE, HIGH, LOW, OPEN, VOLUME, Bars, log_returns
from quant.signals import Action
from release.audit import LoggedForecast, LoggedOutcome, LoggedPrediction, LoggedSignal, Record, Unsettled
from release.reader import Release, ReleasedTicker
from release.tables import digest
from serving.forecasts import Question, predict, signal_after, signal_message
from serving.live.book import Book, Taken
from serving.live.ticks import Tick
from serving.messages import LiveMessage, PredictionMessage, PriceMessage, SignalMessage

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A ticker as it stood at some time.

    Attributes
    ----------
    price : PriceMessage
    at_close : bool
        Whether a session has ended with it.
    closed : Bars
        Of the sessions that had closed.
    question : Question or None
        What its model is to be asked; None where a session is missing, over which returns would be wrong.
    sampled : bool
        Whether the answer goes into the audit log though it is provisional.
    """

    price: PriceMessage
    at_close: bool
    closed: Bars
    question: Question | None
    sampled: bool = False


class Said(NamedTuple):
    """Messages, and the records that have to be in the audit log before anyone hears them."""

    messages: list[LiveMessage]
    records: list[Record]


class Desk:
    """One ticker, live.

    A signal during the session holds on to the action in force, so that it doesn't flicker. The one at the close
    holds on to the close before, as in a backtest: signals at closes are the same live and in a batch.

    Parameters
    ----------
    release : Release
    ticker : str
        One of the release's.
    audit_every : int
        A provisional prediction is sampled with each so many-th tick of a session. Each session begins somewhere else
        in that count, as its date says, so that sessions of fewer ticks get their share of samples too.

    Attributes
    ----------
    book : Book
    shown : SignalMessage
        The signal in force.
    at_close : Action
        The action in force at the last close.
    """

    def __init__(self, release: Release, ticker: str, *, audit_every: int) -> None:
        self._audit_every = audit_every
        self._release = release
        self._released = release.tickers[ticker]
        self.book = Book(self._released.bars, release.calendars[self._released.exchange])
        self.shown = signal_after(self._predict_released(), self._released)
        self.at_close = self.shown.action
        self._samples = self._samples_due()

    @property
    def ticker(self) -> str:
        """The symbol."""
        return self._released.ticker

    def adopt(self, release: Release) -> list[LiveMessage]:
        """Go on with another release's model, and with its bars as far as they reach.

        Where they reach as far as the book does, the release's own signal is in force and is what there is to say.
        """
        self._release, self._released = release, release.tickers[self.ticker]
        self.book.rebase(self._released.bars, release.calendars[self._released.exchange])
        return self._adopt_signal()

    def restore(self, shown: SignalMessage, *, at_close: Action) -> list[LiveMessage]:
        """Go on with the signals of a desk that is no more; returns what there is to say, as `adopt` does.

        The book has to have followed the same ticks. A signal of this very release stands, whatever it is.
        """
        self.shown, self.at_close = shown, at_close
        self._samples = self._samples_due()
        return [] if shown.release_id == self._release.manifest.release_id else self._adopt_signal()

    def _adopt_signal(self) -> list[LiveMessage]:
        if self.book.last == self._released.bars.session[-1]:
            self.shown = signal_after(self._predict_released(), self._released)
            self.at_close = self.shown.action
            return [self.shown]
        return []

    def fold(self, tick: Tick) -> Taken:
        """Count a tick; see `Book.fold`."""
        return self.book.fold(tick)

    def released_messages(self) -> list[LiveMessage]:
        """Where the ticker stands before its first tick: its last close, and what the release says of it."""
        return [self._price(provisional=False), self._predict_released(), self.shown]

    def now(self) -> Moment:
        """The ticker as its newest tick left it."""
        samples, provisional = self._samples_due(), self.book.open is not None
        sampled, self._samples = provisional and samples > self._samples, samples
        price = self._price(provisional=provisional)
        return Moment(price, at_close=False, closed=self.book.closed, question=self._question(), sampled=sampled)

    def close(self, bar: Bars) -> Moment:
        """End the session with its final bar, and the ticker as that leaves it."""
        self.book.close(bar)
        self._samples = 0
        price = self._price(provisional=False)
        return Moment(price, at_close=True, closed=self.book.closed, question=self._question())

    def outcomes(self, moment: Moment, waiting: Iterable[Unsettled]) -> list[LoggedOutcome]:
        """What came of the forecasts that `waiting` names for the close at `moment`; splits and dividends included."""
        bars, found = moment.closed, []
        returns = log_returns(bars)
        for forecast in waiting:
            made = int(np.searchsorted(bars.session, forecast.session))
            if made == len(bars) or bars.session[made] != forecast.session:
                log.warning("forecast_unsettled", ticker=self.ticker, session=str(forecast.session), reason="no bar")
                continue
            outcome = LoggedOutcome(
                forecast_id=forecast.forecast_id,
                ticker=self.ticker,
                session=str(forecast.session),
                target_session=moment.price.session,
                realised=float(returns[made + 1 :].sum()),
            )
            found.append(outcome)
        return found

    def answer(self, moment: Moment, prediction: PredictionMessage) -> Said:
        """The price, the prediction and, at a close or where the action changes, the signal that is in force from now.

        Raises
        ------
        QuantError
            If the prediction is no number; nothing has changed then.
        """
        return self._at_close(moment, prediction) if moment.at_close else self._between(moment, prediction)

    def _between(self, moment: Moment, prediction: PredictionMessage) -> Said:
        said = Said([moment.price, prediction], [])
        signal = signal_message(prediction, previous=self.shown.action)
        if moment.sampled:
            said.records.append(_logged_prediction(prediction, self._released, inputs=_inputs(moment)))
        if signal.action is not self.shown.action:
            self._show(signal, said, inputs=_inputs(moment))
        return said

    def _at_close(self, moment: Moment, prediction: PredictionMessage) -> Said:
        said, before, inputs = Said([moment.price, prediction], []), self.shown, _inputs(moment)
        # Said before by an engine whose successor comes to the same close: the same signal again, word for word.
        repeated = not before.provisional and before.session == prediction.session
        previous = before.previous if repeated else before.action
        # First, because it refuses a prediction that is no number, which the log must not get to see.
        signal = signal_message(prediction, previous=previous, keeping=self.at_close)
        said.records.append(_logged_forecast(prediction, self._released, inputs=inputs))
        self.at_close = signal.action
        self._show(signal, said, inputs=inputs)
        return said

    def _show(self, signal: SignalMessage, said: Said, *, inputs: str) -> None:
        self.shown = signal
        said.messages.append(signal)
        said.records.append(_logged_signal(signal, self._released, inputs=inputs))

    def _samples_due(self) -> int:
        """How many predictions of the session under way should be in the log by now."""
        if (bar := self.book.open) is None:
            return 0
        begins = zlib.crc32(f"{self.ticker} {bar.session}".encode()) % self._audit_every
        return (begins + bar.ticks) // self._audit_every

    def _question(self) -> Question | None:
        if not self.book.whole:
            return None
        provisional = self.book.open is not None
        return Question(self._released, self.book.window(), made_at=self._at(), provisional=provisional)

    def _predict_released(self) -> PredictionMessage:
        made_at = datetime.fromisoformat(self._release.manifest.created_at)
        return predict(self._release, self._released, self._released.bars, made_at=made_at, provisional=False)

    def _price(self, *, provisional: bool) -> PriceMessage:
        closed = self.book.closed
        if (bar := self.book.open) is not None:
            row, split, before = (bar.open, bar.high, bar.low, bar.close, bar.volume), bar.split, closed[-1:]
            session = bar.session
        else:
            row, split, before = tuple(closed.ohlcv[-1].tolist()), float(closed.split[-1]), closed[-2:-1]
            session = self.book.last
        return PriceMessage(
            ticker=self.ticker,
            session=str(session),
            at=self._at(),
            price=row[CLOSE],
            volume=row[VOLUME],
            provisional=provisional,
            open=row[OPEN],
            high=row[HIGH],
            low=row[LOW],
            previous_close=float(before.close[-1]) / split if len(before) else None,
        )

    def _at(self) -> datetime:
        """The market's time of the newest price: the last tick's, or the last session's close."""
        if self.book.open is not None:
            return self.book.open.at
        calendar = self._release.calendars[self._released.exchange]
        close: datetime = calendar.close_utc[calendar.index(self.book.last)].astype("datetime64[s]").item()
        return close.replace(tzinfo=UTC)


def _inputs(moment: Moment) -> str:
    """What the model was shown, as a digest."""
    assert moment.question is not None
    return digest(moment.question.bars)


def _logged_forecast(prediction: PredictionMessage, ticker: ReleasedTicker, *, inputs: str) -> LoggedForecast:
    return LoggedForecast(
        ticker=prediction.ticker,
        session=prediction.session,
        target_session=prediction.target_session,
        close=prediction.close,
        mean=prediction.mean,
        vol=prediction.vol,
        p_up=prediction.p_up,
        lower_90=prediction.lower_90,
        upper_90=prediction.upper_90,
        lower_50=prediction.lower_50,
        upper_50=prediction.upper_50,
        inputs_sha256=inputs,
        release_id=prediction.release_id,
        model_version=prediction.model_version,
        dagster_run_id=ticker.lineage.dagster_run_id,
        mlflow_run_id=ticker.lineage.mlflow_run_id,
    )


def _logged_prediction(prediction: PredictionMessage, ticker: ReleasedTicker, *, inputs: str) -> LoggedPrediction:
    forecast = _logged_forecast(prediction, ticker, inputs=inputs)
    return LoggedPrediction(at=prediction.made_at, **msgspec.structs.asdict(forecast))


def _logged_signal(signal: SignalMessage, ticker: ReleasedTicker, *, inputs: str) -> LoggedSignal:
    return LoggedSignal(
        ticker=signal.ticker,
        session=signal.session,
        at=signal.at,
        action=signal.action.value,
        previous=signal.previous.value,
        confidence=signal.confidence,
        edge_bp=signal.edge_bp,
        reason=signal.reason,
        provisional=signal.provisional,
        inputs_sha256=inputs,
        release_id=signal.release_id,
        model_version=ticker.lineage.model_version,
        dagster_run_id=ticker.lineage.dagster_run_id,
        mlflow_run_id=ticker.lineage.mlflow_run_id,
    )
