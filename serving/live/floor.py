"""All desks together: what the feed says goes in, what clients shall hear comes out.

Knows no connection and no clock, so that the same code runs live, replayed and in tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

import msgspec
import numpy as np
import structlog

from quant.bars import Bars
from quant.errors import QuantError
from release.audit import AuditLog, LoggedForecast, Record
from release.reader import Release
from serving.forecasts import predict_together
from serving.live.book import Taken
from serving.live.desk import Desk, Moment
from serving.live.drift import drifted
from serving.live.standing import Standing
from serving.live.status import Counts
from serving.live.ticks import Beat, FeedEvent, MarketEnd, SessionClose, Tick
from serving.messages import FeedState, LiveMessage, PortfolioMessage, PredictionMessage, SignalMessage

COUNTS: Final = (Taken.COUNTED, Taken.OUT_OF_ORDER)
# While it is not, what was traded meanwhile may come with the connection.
CONNECTED: Final = (FeedState.LIVE, FeedState.STALE, FeedState.CLOSED)

log = structlog.get_logger()


class Unsealed(NamedTuple):
    """A signal on its way into the audit log: its places among the records and the messages, and the one before it."""

    record: int
    message: int
    desk: Desk
    before: SignalMessage


class Floor:
    """The desks of a release's tickers.

    Parameters
    ----------
    release : Release
    audit : AuditLog
        Every signal is in it before `say` returns it.
    counts : Counts
        Told of every tick and every prediction.
    term : int
        The engine's, in which the log takes rows from no engine of an earlier one.
    audit_every : int
        Of the ticks behind a ticker's provisional predictions, each so many-th has its prediction logged.

    Attributes
    ----------
    desks : dict of str to Desk
        By ticker.
    ended : bool
        Whether the feed has said that nothing more will come.
    feed : Beat or None
        What the feed said last of itself.
    term : int
        Of the engine; it is set when that takes over.
    """

    def __init__(
        self, release: Release, audit: AuditLog, counts: Counts, *, term: int = 0, audit_every: int = 100
    ) -> None:
        self.release = release
        self.desks: dict[str, Desk] = {}
        self.ended = False
        self.feed: Beat | None = None
        self._audit = audit
        self._counts = counts
        self.term = term
        self._audit_every = audit_every
        self._market: str | None = None
        self._closes: list[tuple[Desk, Moment]] = []
        self._changed: dict[str, None] = {}
        self._said: list[LiveMessage] = []
        self._records: list[Record] = []
        self._unsealed: list[Unsealed] = []
        self._failures: dict[str, QuantError] = {}
        self._open()

    def adopt(self, release: Release) -> None:
        """Go on with another release: its tickers, its models, and its bars where they reach further."""
        self._answer()
        self.release = release
        self._forget_failures()
        self.desks = {ticker: desk for ticker, desk in self.desks.items() if ticker in release.tickers}
        for ticker, desk in self.desks.items():
            self._hear(ticker, partial(desk.adopt, release))
        self._changed = dict.fromkeys(self.desks)
        for ticker in release.tickers:
            if ticker not in self.desks:
                self._open_desk(ticker)

    def take(self, event: FeedEvent) -> None:
        """Follow the feed by one event."""
        for desk, bar in self._advance(event):
            self._close_with(desk, bar)

    def follow(self, event: FeedEvent) -> None:
        """Follow the feed by one event without a word, as another engine has spoken of it: only the bars grow."""
        for desk, bar in self._advance(event):
            desk.book.close(bar)
        self._said.clear()
        self._changed.clear()

    def standing(self) -> Standing:
        """What a successor that has followed the same ticks needs besides, as of the last `say`."""
        return Standing(
            market=self._market,
            shown={ticker: desk.shown for ticker, desk in self.desks.items()},
            at_close={ticker: desk.at_close for ticker, desk in self.desks.items()},
        )

    def restore(self, standing: Standing) -> None:
        """Go on where another engine stood, after `follow` through the ticks that it had taken in.

        What it has said is not said again. A ticker of which it knew nothing speaks, and so does one whose signal in
        force is of another release than ours, whose own signal takes over where it reaches to the newest close.
        """
        self._said.clear()
        self._changed.clear()
        self._market = standing.market
        for ticker, desk in self.desks.items():
            if (shown := standing.shown.get(ticker)) is None:
                self._said.append(desk.shown)
                self._changed[ticker] = None
                continue
            adopted = desk.restore(shown, at_close=standing.at_close.get(ticker, shown.action))
            self._said.extend(adopted)
            if shown.release_id != self.release.manifest.release_id:
                self._changed[ticker] = None

    def say(self) -> list[LiveMessage]:
        """What follows from everything taken since the last call, computed once a ticker; closes come one by one.

        All of it is in the audit log, as far as it belongs there, before anything is returned.

        Raises
        ------
        AuditFailed
            If it can't be logged, and so must not be said; the floor is of no more use.
        """
        self._answer()
        self._append()
        said, self._said = self._said, []
        return said

    def portfolio(self, at: datetime) -> PortfolioMessage | None:
        """The released portfolio as the prices of time `at`, which are the newest there are, have moved it; or None."""
        if self.release.portfolio is None:
            return None
        books = {ticker: desk.book for ticker, desk in self.desks.items()}
        return drifted(self.release.portfolio, books, at=at, release_id=self.release.manifest.release_id)

    def _advance(self, event: FeedEvent) -> Iterator[tuple[Desk, Bars]]:
        """Let the books follow the feed; yields each session that has ended with its bar, which the caller closes."""
        if event.market != self._market:
            self._begin(event.market)
        if isinstance(event, Beat):
            self.feed = event
            yield from self._past(event)
        elif isinstance(event, MarketEnd):
            self.ended = True
        elif (desk := self.desks.get(event.ticker)) is None:
            self._counts.ticks[Taken.UNKNOWN_TICKER] += isinstance(event, Tick)
        else:
            believed = desk.book.ends_with(event) if isinstance(event, Tick) else self._takes_close(desk, event)
            if believed and desk.book.is_over(event.session):
                yield self._from_ticks(desk)
            if isinstance(event, Tick):
                self._fold(desk, event)
            elif believed:
                yield desk, event.bar()

    def _past(self, beat: Beat) -> Iterator[tuple[Desk, Bars]]:
        """The sessions that nobody has closed though their time is past."""
        if beat.state in CONNECTED:
            for desk in self.desks.values():
                if desk.book.is_past(beat.at):
                    yield self._from_ticks(desk)

    def _from_ticks(self, desk: Desk) -> tuple[Desk, Bars]:
        """A session whose close was never told, with the bar that its ticks made."""
        assert desk.book.open is not None
        log.warning("closed_from_ticks", ticker=desk.ticker, session=str(desk.book.open.session))
        return desk, desk.book.open.bar()

    def _begin(self, market: str) -> None:
        """Another market has opened: every ticker stands where the release left it."""
        self._answer()
        if self._market is not None:
            log.info("market_begins_anew", market=market)
            self._open()
        self._market, self.ended, self.feed = market, False, None

    def _open(self) -> None:
        self.desks, self._changed = {}, {}
        self._forget_failures()
        for ticker in self.release.tickers:
            self._open_desk(ticker)

    def _open_desk(self, ticker: str) -> None:
        try:
            desk = Desk(self.release, ticker, audit_every=self._audit_every)
        except QuantError as error:
            self._failed(ticker, error)
            return
        self.desks[ticker] = desk
        self._hear(ticker, desk.released_messages)

    def _fold(self, desk: Desk, tick: Tick) -> None:
        taken = desk.book.fold(tick)
        self._counts.ticks[taken] += 1
        if taken in COUNTS:
            self._counts.session = max(self._counts.session, tick.session)
            self._changed[desk.ticker] = None

    def _takes_close(self, desk: Desk, event: SessionClose) -> bool:
        """Whether the ticker's session ends by the feed's own word."""
        taken = desk.book.check_close(event.bar())
        if taken is not Taken.COUNTED:
            log.warning("close_refused", ticker=desk.ticker, session=event.session, reason=taken.value)
        return taken is Taken.COUNTED

    def _close_with(self, desk: Desk, bar: Bars) -> None:
        self._changed.pop(desk.ticker, None)
        self._closes.append((desk, desk.close(bar)))

    def _answer(self) -> None:
        """Ask the models about every close and every change there was, and hear what the desks make of the answers."""
        changed = [self.desks[ticker] for ticker in self._changed]
        moments = [*self._closes, *((desk, desk.now()) for desk in changed)]
        self._closes, self._changed = [], {}
        asked = [moment.question for _, moment in moments if moment.question is not None]
        answers = iter(predict_together(self.release, asked))
        for desk, moment in moments:
            if moment.question is None:
                self._say_price(desk, moment)
                continue
            if moment.at_close:
                self._settle(desk, moment)
            if isinstance(prediction := next(answers), QuantError):
                self._failed(desk.ticker, prediction)
            else:
                self._hear_answer(desk, moment, prediction)

    def _say_price(self, desk: Desk, moment: Moment) -> None:
        """All there is to say over a hole."""
        self._said.append(moment.price)
        expected = f"session: expected no session missing before {moment.price.session}"
        self._failed(desk.ticker, QuantError(expected))

    def _settle(self, desk: Desk, moment: Moment) -> None:
        """Log what came of the forecasts for this close."""
        if any(isinstance(record, LoggedForecast) and record.ticker == desk.ticker for record in self._records):
            # One of them may be the forecast that waits, of a close that came with this one.
            self._append()
        session = np.datetime64(moment.price.session, "D")
        self._records.extend(desk.outcomes(moment, self._audit.unsettled(desk.ticker, target_session=session)))

    def _hear_answer(self, desk: Desk, moment: Moment, prediction: PredictionMessage) -> None:
        before = desk.shown
        try:
            messages, records = desk.answer(moment, prediction)
        except QuantError as error:
            self._failed(desk.ticker, error)
            return
        self._counts.predictions += 1
        self._recovered(desk.ticker)
        if desk.shown is not before:
            # A signal is the last thing that a desk says, and logs.
            places = len(self._records) + len(records) - 1, len(self._said) + len(messages) - 1
            self._unsealed.append(Unsealed(*places, desk, before))
        self._said.extend(messages)
        self._records.extend(records)

    def _append(self) -> None:
        """Write what has to be in the log, and give the signals their places there."""
        if not self._records:
            return
        with self._counts.audit_commit():
            receipts = self._audit.append(self._records, term=self.term)
        self._counts.audit_id = max(self._counts.audit_id or 0, receipts[-1].audit_id)
        repeated = set()
        for record, message, desk, before in self._unsealed:
            signal, receipt = self._said[message], receipts[record]
            assert isinstance(signal, SignalMessage)
            sealed = msgspec.structs.replace(signal, audit_id=receipt.audit_id, audit_sha256=receipt.sha256)
            self._said[message] = sealed
            if desk.shown is signal:
                desk.shown = sealed
            if sealed == before:
                repeated.add(message)
        self._said = [message for place, message in enumerate(self._said) if place not in repeated]
        self._records, self._unsealed = [], []

    def _hear(self, ticker: str, speaks: Callable[[], list[LiveMessage]]) -> None:
        """What a desk has to say; one that can't speak hurts no other."""
        try:
            said = speaks()
        except QuantError as error:
            self._failed(ticker, error)
            return
        self._counts.predictions += sum(isinstance(message, PredictionMessage) for message in said)
        self._said.extend(said)

    def _forget_failures(self) -> None:
        self._failures, self._counts.silent = {}, {}

    def _failed(self, ticker: str, error: QuantError) -> None:
        """Log a ticker's trouble when it begins and when it changes, not with every tick."""
        if type(self._failures.get(ticker)) is not type(error):
            self._failures[ticker] = error
            release_id = self.release.manifest.release_id
            log.error("no_prediction", ticker=ticker, error=str(error), release_id=release_id)
            self._count_failures()

    def _recovered(self, ticker: str) -> None:
        if self._failures.pop(ticker, None) is not None:
            self._count_failures()

    def _count_failures(self) -> None:
        self._counts.silent = {ticker: str(error) for ticker, error in sorted(self._failures.items())}
