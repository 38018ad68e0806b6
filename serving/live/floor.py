"""All desks together: what the feed says goes in, what clients shall hear comes out.

Knows no connection and no clock, so that the same code runs live, replayed and in tests.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from quant.bars import Bars
from quant.errors import QuantError
from release.audit import AuditLog
from release.reader import Release
from serving.live.book import Taken
from serving.live.desk import Desk
from serving.live.status import Counts
from serving.live.ticks import Beat, FeedEvent, MarketEnd, SessionClose, Tick
from serving.messages import LiveMessage, PredictionMessage

COUNTS: Final = (Taken.COUNTED, Taken.OUT_OF_ORDER)

log = structlog.get_logger()


class Floor:
    """The desks of a release's tickers.

    Parameters
    ----------
    release : Release
    audit : AuditLog
        Every signal is in it before `say` returns it.
    counts : Counts
        Told of every tick and every prediction.

    Attributes
    ----------
    desks : dict of str to Desk
        By ticker.
    ended : bool
        Whether the feed has said that nothing more will come.
    """

    def __init__(self, release: Release, audit: AuditLog, counts: Counts) -> None:
        self.release = release
        self.desks: dict[str, Desk] = {}
        self.ended = False
        self._audit = audit
        self._counts = counts
        self._market: str | None = None
        self._changed: dict[str, None] = {}
        self._said: list[LiveMessage] = []
        self._failures: dict[str, str] = {}
        self._open()

    def adopt(self, release: Release) -> None:
        """Go on with another release: its tickers, its models, and its bars where they reach further."""
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
        if event.market != self._market:
            self._begin(event.market)
        if isinstance(event, Beat):
            return
        if isinstance(event, MarketEnd):
            self.ended = True
        elif (desk := self.desks.get(event.ticker)) is None:
            self._counts.ticks[Taken.UNKNOWN_TICKER] += isinstance(event, Tick)
        else:
            if desk.book.is_over(event.session):
                self._close_from_ticks(desk)
            if isinstance(event, Tick):
                self._fold(desk, event)
            else:
                self._close(desk, event)

    def say(self) -> list[LiveMessage]:
        """What follows from everything taken since the last call, computed once a ticker; closes come one by one."""
        for ticker in self._changed:
            self._hear(ticker, self.desks[ticker].messages)
        said, self._said, self._changed = self._said, [], {}
        return said

    def _begin(self, market: str) -> None:
        """Another market has opened: every ticker stands where the release left it."""
        if self._market is not None:
            log.info("market_begins_anew", market=market)
            self._open()
        self._market, self.ended = market, False

    def _open(self) -> None:
        self.desks, self._changed = {}, {}
        self._forget_failures()
        for ticker in self.release.tickers:
            self._open_desk(ticker)

    def _open_desk(self, ticker: str) -> None:
        try:
            desk = Desk(self.release, ticker, self._audit)
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

    def _close(self, desk: Desk, event: SessionClose) -> None:
        """End the ticker's session by the feed's own word."""
        bar = event.bar()
        taken = desk.book.check_close(bar)
        if taken is Taken.COUNTED:
            self._close_with(desk, bar)
        else:
            log.warning("close_refused", ticker=desk.ticker, session=event.session, reason=taken.value)

    def _close_from_ticks(self, desk: Desk) -> None:
        """End a session whose close was never told: the next one has begun."""
        if desk.book.open is not None:
            log.warning("closed_from_ticks", ticker=desk.ticker, session=str(desk.book.open.session))
            self._close_with(desk, desk.book.open.bar())

    def _close_with(self, desk: Desk, bar: Bars) -> None:
        self._changed.pop(desk.ticker, None)
        self._hear(desk.ticker, lambda: desk.close(bar))
        if not desk.book.whole:
            self._failed(desk.ticker, QuantError(f"session: expected no session missing before {desk.book.last}"))

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
        self._failures, self._counts.silent = {}, ()

    def _failed(self, ticker: str, error: QuantError) -> None:
        """Log a ticker's trouble when it begins and when it changes, not with every tick."""
        if self._failures.get(ticker) != type(error).__name__:
            self._failures[ticker] = type(error).__name__
            release_id = self.release.manifest.release_id
            log.error("no_prediction", ticker=ticker, error=str(error), release_id=release_id)
        self._counts.silent = tuple(sorted(self._failures))
