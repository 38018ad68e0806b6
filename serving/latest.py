"""The newest state of everything this server answers: one release's view with the live messages on top of it.

Lives on the event loop: every method is called from there and none of them waits. A live number is encoded when it is
first asked for, and once until it changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from release.clock import Clock
from serving.answers import Answer
from serving.errors import NotReady
from serving.messages import (
    AlertKind,
    AlertMessage,
    LiveMessage,
    PortfolioMessage,
    PredictionMessage,
    PriceMessage,
    Severity,
    SignalMessage,
    StatusMessage,
)
from serving.metrics import Metrics
from serving.portfolio.view import require_performance
from serving.records import FeedStatus, Predictions, Served, Signals
from serving.view import PREDICTIONS, SIGNALS, View, answer_path, encode, message_answer

# The engine speaks at least every few seconds while a feed is open, if only to say that nothing trades.
SILENCE_SECONDS: Final = 15.0
# Of a ticker, after its release: a year. A release that is older than that has other worries.
SESSIONS_KEPT: Final = 260

M = TypeVar("M", PredictionMessage, SignalMessage)


class Latest:
    """The newest state.

    Parameters
    ----------
    clock : Clock
        For the age of things.
    metrics : Metrics
        Told of every live message and of every release.
    live : bool
        Whether a live feed is configured.
    """

    def __init__(self, clock: Clock, metrics: Metrics, *, live: bool = False) -> None:
        self.clock = clock
        self.metrics = metrics
        self.live = live
        self.connected = False
        self.reload_error: str | None = None
        self._reason = "release: expected one to be published, none was yet"
        self._view: View | None = None
        self._answers: dict[str, Answer] = {}
        # The live messages whose answers nobody has asked for yet, with the Unix time of each.
        self._unasked: dict[str, tuple[PredictionMessage | SignalMessage, float]] = {}
        # What came live and still holds; what the release itself says is in the view.
        self._predictions: dict[str, PredictionMessage] = {}
        self._signals: dict[str, SignalMessage] = {}
        self._prices: dict[str, PriceMessage] = {}
        # By ticker the last price of each session that has been followed by another, oldest first.
        self._closed: dict[str, dict[str, PriceMessage]] = {}
        self._portfolio: PortfolioMessage | None = None
        # The engine's that are active; and by subject this process' own, which are kept when they are over.
        self._alerts: dict[tuple[AlertKind, str], AlertMessage] = {}
        self._own_alerts: dict[str, AlertMessage] = {}
        self._status: StatusMessage | None = None
        self._arrived_at: datetime | None = None

    @property
    def view(self) -> View:
        """The view of the release in force; `NotReady` before there is one."""
        if self._view is None:
            raise NotReady(self._reason)
        return self._view

    @property
    def release_id(self) -> str | None:
        """The id of the release in force, None before there is one."""
        return self._view.release_id if self._view else None

    @property
    def tickers(self) -> Mapping[str, object]:
        """The tickers of the release in force, none before there is one."""
        return self._view.release.tickers if self._view else {}

    @property
    def own_alerts(self) -> tuple[AlertMessage, ...]:
        """The alerts of this process itself, with those that are over."""
        return tuple(self._own_alerts.values())

    def install(self, view: View) -> tuple[AlertMessage, ...]:
        """Answer from a new release from now on, all of it at once; returns the alerts that are over with that.

        Live predictions and signals stay where they are of a later session than the release's last bar, and fall
        where the release knows better or doesn't carry the ticker; a live portfolio falls with its release.
        """
        predictions = _newer(self._predictions, view.predictions)
        signals = _newer(self._signals, view.signals)
        kept = {*map(answer_path, predictions.values()), *map(answer_path, signals.values())}
        self._unasked = {path: unasked for path, unasked in self._unasked.items() if path in kept}
        answers = {path: answer for path, answer in view.answers.items() if path not in kept}
        answers |= {path: self._answers[path] for path in kept - self._unasked.keys()}
        self._predictions, self._signals = predictions, signals
        if self._portfolio is not None and self._portfolio.release_id != view.release_id:
            self._portfolio = None
        self._prices = {name: price for name, price in self._prices.items() if name in view.release.tickers}
        self._closed = {
            name: {session: price for session, price in closed.items() if session > view.predictions[name].session}
            for name, closed in self._closed.items()
            if name in view.release.tickers
        }
        self._view, self._answers, self.reload_error = view, answers, None
        self.metrics.release()
        over = self._own_alerts_over(f"{view.release_id} is served")
        self._own_alerts |= over
        return tuple(over.values())

    def refuse(self, reason: str, *, subject: str) -> tuple[AlertMessage, ...]:
        """A release could not be loaded: say so, and go on with the one before if there is one.

        Returns the alert that `subject`, the release's id or what stood in its place, was refused, after those that
        are over because theirs is in force no more; none if all that was said before.
        """
        self.reload_error = self._reason = reason
        self.metrics.release_refused()
        before = self._own_alerts.get(subject)
        if before is not None and before.active and before.text == reason:
            return ()
        alert = AlertMessage(
            at=self.clock.now(),
            kind=AlertKind.RELEASE_REFUSED,
            severity=Severity.WARNING if self._view else Severity.CRITICAL,
            subject=subject,
            text=reason,
            active=True,
        )
        over = self._own_alerts_over(f"{subject} is in force")
        over.pop(subject, None)
        # Those that were over before were told, and need not be kept for ever.
        self._own_alerts = over | {subject: alert}
        return (*over.values(), alert)

    def _own_alerts_over(self, text: str) -> dict[str, AlertMessage]:
        """The ends of those that stand, by subject."""
        now = self.clock.now()
        return {
            subject: msgspec.structs.replace(alert, at=now, text=text, active=False)
            for subject, alert in self._own_alerts.items()
            if alert.active
        }

    def forget_alerts(self) -> None:
        """What the engine has alerted of is told anew."""
        self._alerts.clear()

    def apply(self, message: LiveMessage, *, at: datetime | None = None) -> bool:
        """Take in a live message, which was said `at` (now, if None); whether it changed anything."""
        self._arrived_at = at or self.clock.now()
        self.metrics.live_message(type(message).__name__, at=self._arrived_at.timestamp())
        if not self.carries(message):
            return False
        if isinstance(message, StatusMessage):
            self._status = message
        elif isinstance(message, AlertMessage):
            self._take_alert(message)
        elif isinstance(message, PortfolioMessage):
            self._portfolio = message
        else:
            self._take(message, self._arrived_at.timestamp())
        return True

    def carries(self, message: LiveMessage) -> bool:
        """Whether the release in force goes with a live message.

        It doesn't with one of a ticker that is not in it, of an earlier session than its last bar, or with another
        release's portfolio: these come from an engine that has not taken up the release yet.
        """
        if isinstance(message, StatusMessage | AlertMessage):
            return True
        if isinstance(message, PortfolioMessage):
            return message.release_id == self.release_id
        released = self._view.predictions.get(message.ticker) if self._view is not None else None
        return released is not None and message.session >= released.session

    def _take(self, message: PriceMessage | PredictionMessage | SignalMessage, now: float) -> None:
        if isinstance(message, PriceMessage):
            self._take_price(message)
            return
        if isinstance(message, PredictionMessage):
            self._predictions[message.ticker] = message
            collection = PREDICTIONS
        else:
            self._signals[message.ticker] = message
            collection = SIGNALS
        # Encoded when someone asks for it: of many changes a second, most are never asked for.
        path = answer_path(message)
        self._unasked[path] = message, now
        self._answers.pop(path, None)
        self._answers.pop(collection, None)

    def _take_price(self, price: PriceMessage) -> None:
        before = self._prices.get(price.ticker)
        if before is not None and before.session != price.session:
            closed = self._closed.setdefault(price.ticker, {})
            closed[before.session] = before
            # A market that begins again, as a replay does, has not come to the sessions that the one before had.
            kept = [session for session in closed if session < price.session][-SESSIONS_KEPT:]
            self._closed[price.ticker] = {session: closed[session] for session in kept}
        self._prices[price.ticker] = price

    def _take_alert(self, alert: AlertMessage) -> None:
        key = alert.kind, alert.subject
        self._alerts.pop(key, None)
        if alert.active:
            self._alerts[key] = alert

    def cached(self, path: str) -> Answer | None:
        """The ready answer for a path, None if there is none or it has to be made of many."""
        answer = self._answers.get(path)
        if answer is None and (unasked := self._unasked.pop(path, None)) is not None:
            message, made_at = unasked
            answer = self._answers[path] = message_answer(message, made_at=made_at)
        return answer

    def now(self) -> float:
        """Unix time by the clock."""
        return self.clock.now().timestamp()

    def released(self, path: str) -> Answer:
        """An answer that only a release changes; its path must be one that `View.answers` has."""
        return self.view.answers[path]

    def portfolio(self, path: str) -> Answer:
        """An answer about the portfolio; `NotInRelease` if the release has none."""
        self.view.portfolio()
        return self.view.answers[path]

    def performance(self, path: str) -> Answer:
        """The answer about what the strategies have earned; `NotInRelease` if the release has no record of it."""
        require_performance(self.view.release)
        return self.view.answers[path]

    def prediction(self, ticker: str) -> Answer:
        """The newest prediction of one ticker."""
        return self._ready(f"{PREDICTIONS}/{self.view.ticker(ticker).ticker}")

    def signal(self, ticker: str) -> Answer:
        """The signal in force of one ticker."""
        return self._ready(f"{SIGNALS}/{self.view.ticker(ticker).ticker}")

    def predictions(self) -> Answer:
        """The newest prediction of every ticker."""
        return self._collection(
            PREDICTIONS, Predictions(predictions=self._all(self._predictions, self.view.predictions))
        )

    def signals(self) -> Answer:
        """The signal in force of every ticker."""
        return self._collection(SIGNALS, Signals(signals=self._all(self._signals, self.view.signals)))

    def since_release(self, ticker: str) -> tuple[PriceMessage, ...]:
        """The last live price of each session after the release's bars that this process has heard of, oldest first."""
        price = self._prices.get(ticker)
        return (*self._closed.get(ticker, {}).values(), *((price,) if price is not None else ()))

    def prices(self) -> dict[str, float]:
        """The newest live prices there are, by ticker."""
        return {ticker: message.price for ticker, message in self._prices.items()}

    def messages(self) -> tuple[LiveMessage, ...]:
        """All that a new listener has to know: what concerns no ticker, then prices, predictions and signals."""
        single = [message for message in (self._status, self._portfolio) if message is not None]
        active = [alert for alert in (*self._alerts.values(), *self._own_alerts.values()) if alert.active]
        if self._view is None:
            return (*single, *active)
        predictions = self._all(self._predictions, self._view.predictions)
        signals = self._all(self._signals, self._view.signals)
        return (*single, *active, *self._prices.values(), *predictions, *signals)

    def status(self) -> Served:
        """What is served, and from where it comes live."""
        view, manifest = self._view, self._view.release.manifest if self._view else None
        return Served(
            ready=view is not None,
            reason=None if view else self._reason,
            release_id=self.release_id,
            as_of=manifest.as_of if manifest else None,
            published_at=manifest.created_at if manifest else None,
            tickers=tuple(view.release.tickers) if view else (),
            reload_error=self.reload_error,
            feed=self._feed(),
        )

    @property
    def arrived_at(self) -> datetime | None:
        """When the newest live message came, None before the first."""
        return self._arrived_at

    @property
    def stale(self) -> bool:
        """Whether live numbers are expected and can't be relied on: none came for long, or the way to them is cut."""
        age = self._age()
        return self.live and (not self.connected or age is None or age > SILENCE_SECONDS)

    def _age(self) -> float | None:
        """Seconds since the newest live message, None before the first."""
        return None if self._arrived_at is None else (self.clock.now() - self._arrived_at).total_seconds()

    def _feed(self) -> FeedStatus:
        arrived, status, age = self._arrived_at, self._status, self._age()
        return FeedStatus(
            configured=self.live,
            state=status.feed.value if status else None,
            detail=status.detail if status else None,
            last_message_at=arrived.isoformat().replace("+00:00", "Z") if arrived else None,
            last_message_age_seconds=None if age is None else round(age, 3),
            stale=self.stale,
        )

    def _all(self, live: Mapping[str, M], released: Mapping[str, M]) -> tuple[M, ...]:
        """The live message of each ticker where there is one, else the release's, in the release's order."""
        return tuple(live.get(name, message) for name, message in released.items())

    def _ready(self, path: str) -> Answer:
        answer = self.cached(path)
        assert answer is not None, path
        return answer

    def _made_at(self, path: str) -> float:
        unasked = self._unasked.get(path)
        return self._answers[path].made_at if unasked is None else unasked[1]

    def _collection(self, path: str, body: msgspec.Struct) -> Answer:
        answer = self._answers.get(path)
        if answer is None:
            made_at = max(self._made_at(f"{path}/{name}") for name in self.view.release.tickers)
            answer = self._answers[path] = Answer(encode(body), route=path, made_at=made_at)
        return answer


def _newer(live: Mapping[str, M], released: Mapping[str, M]) -> dict[str, M]:
    """The live messages of tickers that the release carries, of sessions after its own."""
    return {
        name: message for name, message in live.items() if name in released and message.session > released[name].session
    }
