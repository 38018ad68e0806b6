"""One ticker's desk: from its bars to the messages that clients get, with everything audited before it is said."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import numpy as np
import structlog

from quant.bars import Bars, log_returns
from quant.signals import Action
from release.audit import AuditLog, LoggedForecast, LoggedOutcome, LoggedSignal
from release.reader import Release, ReleasedTicker
from release.tables import digest
from serving.forecasts import predict, signal_after, signal_message
from serving.live.book import Book, Taken
from serving.live.ticks import Tick
from serving.messages import LiveMessage, PredictionMessage, PriceMessage, SignalMessage

log = structlog.get_logger()


class Desk:
    """One ticker, live.

    A signal during the session holds on to the action in force, so that it doesn't flicker. The one at the close
    holds on to the close before, as in a backtest: signals at closes are the same live and in a batch.

    Parameters
    ----------
    release : Release
    ticker : str
        One of the release's.
    audit : AuditLog

    Attributes
    ----------
    book : Book
    shown : SignalMessage
        The signal in force.
    at_close : Action
        The action in force at the last close.
    """

    def __init__(self, release: Release, ticker: str, audit: AuditLog) -> None:
        self._audit = audit
        self._release = release
        self._released = release.tickers[ticker]
        self.book = Book(self._released.bars, release.calendars[self._released.exchange])
        prediction = self._predict_released()
        self.shown = signal_after(prediction, self._released)
        self.at_close = self.shown.action

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

    def messages(self) -> list[LiveMessage]:
        """The price so far and, if no session is missing, the prediction; the signal too where its action changes.

        Raises
        ------
        QuantError
            If the calendar doesn't reach the prediction's target.
        """
        window, provisional = self.book.window(), self.book.open is not None
        price = self._price(provisional=provisional)
        if not self.book.whole:
            return [price]
        prediction = self._predict(window, provisional=provisional)
        said: list[LiveMessage] = [price, prediction]
        signal = signal_message(prediction, previous=self.shown.action)
        if signal.action is not self.shown.action:
            said.append(self._audited(signal, inputs=digest(window)))
        return said

    def close(self, bar: Bars) -> list[LiveMessage]:
        """End the session with its final bar: settle the forecasts that waited for it and make the next one.

        `QuantError` as for `messages`; the bar has been taken and the forecasts settled all the same.
        """
        self.book.close(bar)
        if not self.book.whole:
            return [self._price(provisional=False)]
        self._settle()
        window = self.book.window()
        prediction, inputs = self._predict(window, provisional=False), digest(window)
        # First, because it refuses a prediction that is no number, which the log must not get to see.
        signal = signal_message(prediction, previous=self.shown.action, keeping=self.at_close)
        self._audit.append([_logged_forecast(prediction, self._released, inputs=inputs)])
        self.at_close = signal.action
        return [self._price(provisional=False), prediction, self._audited(signal, inputs=inputs)]

    def _settle(self) -> None:
        """Write what came of the forecasts for this close, dividends and splits on the way included."""
        bars = self.book.closed
        returns = log_returns(bars)
        for waiting in self._audit.unsettled(self.ticker, target_session=self.book.last):
            made = int(np.searchsorted(bars.session, waiting.session))
            if made == len(bars) or bars.session[made] != waiting.session:
                log.warning("forecast_unsettled", ticker=self.ticker, session=str(waiting.session), reason="no bar")
                continue
            outcome = LoggedOutcome(
                forecast_id=waiting.forecast_id,
                ticker=self.ticker,
                session=str(waiting.session),
                target_session=str(self.book.last),
                realised=float(returns[made + 1 :].sum()),
            )
            self._audit.append([outcome])

    def _audited(self, signal: SignalMessage, *, inputs: str) -> SignalMessage:
        """The signal with its place in the audit log, where it is from now on; only then may anyone see it."""
        (receipt,) = self._audit.append([_logged_signal(signal, self._released, inputs=inputs)])
        self.shown = msgspec.structs.replace(signal, audit_id=receipt.audit_id, audit_sha256=receipt.sha256)
        return self.shown

    def _predict(self, bars: Bars, *, provisional: bool) -> PredictionMessage:
        return predict(self._release, self._released, bars, made_at=self._at(), provisional=provisional)

    def _predict_released(self) -> PredictionMessage:
        made_at = datetime.fromisoformat(self._release.manifest.created_at)
        return predict(self._release, self._released, self._released.bars, made_at=made_at, provisional=False)

    def _price(self, *, provisional: bool) -> PriceMessage:
        bars = self.book.closed if self.book.open is None else self.book.open.bar()
        return PriceMessage(
            ticker=self.ticker,
            session=str(bars.session[-1]),
            at=self._at(),
            price=float(bars.close[-1]),
            volume=float(bars.ohlcv[-1, -1]),
            provisional=provisional,
        )

    def _at(self) -> datetime:
        """The market's time of the newest price: the last tick's, or the last session's close."""
        if self.book.open is not None:
            return self.book.open.at
        calendar = self._release.calendars[self._released.exchange]
        close: datetime = calendar.close_utc[calendar.index(self.book.last)].astype("datetime64[s]").item()
        return close.replace(tzinfo=UTC)


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
        inputs_sha256=inputs,
        release_id=prediction.release_id,
        model_version=prediction.model_version,
        dagster_run_id=ticker.lineage.dagster_run_id,
        mlflow_run_id=ticker.lineage.mlflow_run_id,
    )


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
