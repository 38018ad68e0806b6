"""Alpaca's stock stream: a list of JSON messages a frame, after credentials and a subscription have been taken.

Which trades count is decided by their conditions, as the consolidated tapes define them.
"""

from __future__ import annotations

import enum
from collections import Counter
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from release.clock import Clock
from release.reader import Release
from serving.errors import CannotStart
from serving.live.feeds.dialect import RAVING, UNREADABLE, Heard, Instruments, Refused, Said, unreadable
from serving.live.ticks import Tick

NEW_YORK: Final = "XNYS"

# Sale conditions, by what they keep a trade from; every other one, and a trade without any, counts in full.
# Printed before the open or after the close: extended hours, and those sold out of sequence.
EXTENDED_HOURS: Final = frozenset("TU")
# Official prices, which repeat shares that have been counted: market centre's open and close, corrected close.
NOT_TRADED: Final = frozenset("MQ9")
# Neither last price nor range for sure: derivatively priced, qualified contingent, cash, bunched sold, price variation,
# odd lot, sold last (late), next day, prior reference, seller, contingent, average price, sold out of sequence.
VOLUME_ONLY: Final = frozenset("47CGHILNPRVWZ")
# The same letter is an average price on the tapes of New York's exchanges and a bunched trade on Nasdaq's.
AVERAGE_PRICE: Final = "B"
NEW_YORK_TAPES: Final = frozenset("AB")

# An exchange numbers its own trades: its one-letter code makes the numbers of two tell apart.
EXCHANGE_CODES: Final = 128

# What no second try soon makes better: wrong keys, a plan that doesn't have what is asked for.
LEFT_ALONE_SECONDS: Final = 300.0


class ErrorCode(enum.IntEnum):
    """The errors that the stream's documentation lists."""

    INVALID_SYNTAX = 400
    NOT_AUTHENTICATED = 401
    AUTH_FAILED = 402
    ALREADY_AUTHENTICATED = 403
    AUTH_TIMEOUT = 404
    SYMBOL_LIMIT = 405
    CONNECTION_LIMIT = 406
    SLOW_CLIENT = 407
    NOT_ENABLED = 408
    INSUFFICIENT_SUBSCRIPTION = 409
    INVALID_SUBSCRIPTION = 410
    INTERNAL = 500


HOPELESS: Final = frozenset(
    {
        ErrorCode.INVALID_SYNTAX,
        ErrorCode.AUTH_FAILED,
        ErrorCode.SYMBOL_LIMIT,
        ErrorCode.NOT_ENABLED,
        ErrorCode.INSUFFICIENT_SUBSCRIPTION,
        ErrorCode.INVALID_SUBSCRIPTION,
    }
)


class _Control(msgspec.Struct, tag_field="T", tag="success"):
    msg: str


class _Error(msgspec.Struct, tag_field="T", tag="error"):
    code: int
    msg: str = ""


class _Subscription(msgspec.Struct, tag_field="T", tag="subscription"):
    trades: tuple[str, ...] | None = None


class _Trade(msgspec.Struct, tag_field="T", tag="t"):
    S: str
    i: Annotated[int, Meta(ge=0, lt=2**56)]
    p: float
    s: float
    t: Annotated[datetime, Meta(tz=True)]
    x: str = ""
    c: tuple[str, ...] | None = None
    z: str = ""


class _Quote(msgspec.Struct, tag_field="T", tag="q"):
    S: str
    bp: float
    ap: float


class _Other(msgspec.Struct):
    """Whatever it is: bars (b, d, u), corrections (c) and cancellations (x) of trades, halts (s), price bands (l)."""

    T: str


KNOWN: Final = frozenset({"success", "error", "subscription", "t", "q"})
REVOKING: Final = frozenset({"c", "x"})

_Message = _Control | _Error | _Subscription | _Trade | _Quote
_messages: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_other: Final = msgspec.json.Decoder(_Other).decode
_message: Final = msgspec.json.Decoder(_Message).decode


class Alpaca:
    """Alpaca's dialect.

    Parameters
    ----------
    instruments : Instruments
    key, secret : str
        Sent once a connection; they are in no log and no message.
    market : str
        The feed's run, for the ticks.
    clock : Clock
    """

    def __init__(self, instruments: Instruments, *, key: str, secret: str, market: str, clock: Clock) -> None:
        self.counts: Counter[Heard] = Counter()
        self.subscribed = False
        self._instruments = instruments
        self._market = market
        self._clock = clock
        self._credentials = msgspec.json.encode({"action": "auth", "key": key, "secret": secret})
        symbols = list(instruments.symbols)
        self._subscription = msgspec.json.encode({"action": "subscribe", "trades": symbols, "quotes": symbols})
        self._quotes: dict[str, _Quote] = {}
        self._carried: dict[str, tuple[str, float]] = {}

    def begin(self) -> list[bytes]:
        """Nothing: the vendor speaks first. What its quotes were before the connection broke is not known to stand."""
        self.subscribed = False
        self._quotes.clear()
        return []

    def heartbeat(self) -> list[bytes]:
        """Nothing: the protocol's own pings do."""
        return []

    def hear(self, frame: bytes) -> Said:
        """What a frame's messages say, one by one: a bad one spoils no other."""
        try:
            messages = _messages(frame)
        except UNREADABLE as error:
            unreadable(self.counts, error, frame)
            return RAVING
        said, understood = Said(), False
        for raw in messages:
            try:
                heard = self._hear(bytes(raw), said)
            except UNREADABLE as error:
                unreadable(self.counts, error, bytes(raw))
            else:
                self.counts[heard] += 1
                understood = True
        return said if understood else RAVING

    def _hear(self, raw: bytes, said: Said) -> Heard:
        kind = _other(raw).T
        if kind not in KNOWN:
            return Heard.REVOKED if kind in REVOKING else Heard.PASSED_OVER
        message = _message(raw)
        if isinstance(message, _Trade):
            return self._trade(message, said)
        if isinstance(message, _Quote):
            return self._quote(message)
        if isinstance(message, _Error):
            said.answers.extend(self._error(message))
        elif isinstance(message, _Subscription):
            self.subscribed = set(self._instruments.symbols) <= set(message.trades or ())
        elif message.msg == "connected":
            said.answers.append(self._credentials)
        elif message.msg == "authenticated":
            said.answers.append(self._subscription)
        return Heard.CONTROL

    def _error(self, error: _Error) -> list[bytes]:
        """What to do about an error; `Refused` for all but one."""
        if error.code == ErrorCode.ALREADY_AUTHENTICATED:
            return [] if self.subscribed else [self._subscription]
        hopeless = error.code in HOPELESS
        raise Refused(f"alpaca: {error.msg} ({error.code})", seconds=LEFT_ALONE_SECONDS if hopeless else None)

    def _quote(self, quote: _Quote) -> Heard:
        if (ticker := self._instruments.ticker(quote.S)) is None:
            return Heard.NOT_ASKED
        self._quotes[ticker] = quote
        return Heard.QUOTE

    def _trade(self, trade: _Trade, said: Said) -> Heard:
        ticker = self._instruments.ticker(trade.S)
        if ticker is None:
            return Heard.NOT_ASKED
        session = self._instruments.session(ticker, trade.t, self._clock)
        if isinstance(session, Heard):
            return session
        counts = weight(trade.c or (), tape=trade.z)
        if counts is Heard.VOLUME_ONLY:
            self._carried[ticker] = session, self._carry(ticker, session) + trade.s
        elif counts is Heard.TICK:
            said.ticks.append(self._tick(ticker, session, trade))
        return counts

    def _carry(self, ticker: str, session: str) -> float:
        """The shares that wait for the ticker's next trade of the session, which no longer wait."""
        of_session, shares = self._carried.pop(ticker, (session, 0.0))
        return shares if of_session == session else 0.0

    def _tick(self, ticker: str, session: str, trade: _Trade) -> Tick:
        quote = self._quotes.get(ticker)
        return Tick(
            market=self._market,
            ticker=ticker,
            session=session,
            at=trade.t,
            number=EXCHANGE_CODES * trade.i + ord(trade.x[:1] or "\0") % EXCHANGE_CODES,
            price=trade.p,
            size=trade.s + self._carry(ticker, session),
            bid=None if quote is None else quote.bp or None,
            ask=None if quote is None else quote.ap or None,
        )


def instruments(release: Release) -> Instruments:
    """The release's tickers of New York, whose symbols are Alpaca's too.

    Raises
    ------
    CannotStart
        If there are none: the stream has no others.
    """
    symbols = {ticker: ticker for ticker, released in release.tickers.items() if released.exchange == NEW_YORK}
    if not symbols:
        raise CannotStart(f"feed: expected tickers of {NEW_YORK} for alpaca, got {', '.join(release.tickers)}")
    return Instruments.of(release, symbols)


def weight(conditions: tuple[str, ...], *, tape: str) -> Heard:
    """How far a trade with these sale conditions counts: `TICK`, `VOLUME_ONLY` or not at all.

    A trade is worth what the strictest of its conditions leaves of it.

    References
    ----------
    The consolidated processing guidelines in the CTS and UTP output specifications, which say of each condition whether
    it updates last, high and low, and volume. Where they say "only if it is the first of the day" it is taken for no.
    """
    given = set(conditions)
    if given & EXTENDED_HOURS:
        return Heard.OUT_OF_HOURS
    if given & NOT_TRADED:
        return Heard.PASSED_OVER
    if given & VOLUME_ONLY or (AVERAGE_PRICE in given and tape in NEW_YORK_TAPES):
        return Heard.VOLUME_ONLY
    return Heard.TICK
