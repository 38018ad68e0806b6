"""Yahoo's streamer: JSON frames around Base64 around a protocol-buffer message, one a change of price.

It confirms nothing and repeats nothing on its own: who wants to go on hearing says so every 15 seconds. There is no
number of a trade, and no size that can be trusted: a tick's size is what the day's volume has grown by.
"""

from __future__ import annotations

import binascii
import math
from base64 import b64decode
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import numpy as np

from release.clock import Clock
from release.reader import Release
from serving.live.feeds.dialect import RAVING, UNREADABLE, Heard, Instruments, Said, unreadable
from serving.live.feeds.wire import Field, Kind, read
from serving.live.ticks import Tick

PRICING: Final = "pricing"
# The fields of its message `PricingData` that are of use here, by number.
FIELDS: Final = {
    1: Field("id", Kind.STRING),
    2: Field("price", Kind.FLOAT),
    3: Field("time", Kind.SINT64),
    7: Field("market_hours", Kind.INT32),
    9: Field("day_volume", Kind.SINT64),
    23: Field("bid", Kind.FLOAT),
    25: Field("ask", Kind.FLOAT),
}
REGULAR_MARKET: Final = 1
NEW_YORK: Final = "XNYS"
# Room for what changes within one millisecond.
NUMBERS_A_MILLISECOND: Final = 1_000


class _Frame(msgspec.Struct):
    type: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Pricing:
    """What a frame tells: `time` in milliseconds, `bid` and `ask` None where there is none."""

    symbol: str
    price: float
    time: int
    regular: bool
    day_volume: int
    bid: float | None
    ask: float | None


@dataclass(slots=True)
class _Seen:
    """A ticker's newest pricing, and which of its millisecond it was."""

    pricing: Pricing
    session: str
    number: int


class Yahoo:
    """Yahoo's dialect.

    Parameters
    ----------
    instruments : Instruments
    market : str
        The feed's run, for the ticks.
    clock : Clock
    """

    subscribed = True

    def __init__(self, instruments: Instruments, *, market: str, clock: Clock) -> None:
        self.counts: Counter[Heard] = Counter()
        self._instruments = instruments
        self._market = market
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._subscription = msgspec.json.encode({"subscribe": list(instruments.symbols)})

    def begin(self) -> list[bytes]:
        """The subscription."""
        return [self._subscription]

    def heartbeat(self) -> list[bytes]:
        """The subscription again."""
        return [self._subscription]

    def hear(self, frame: bytes) -> Said:
        """The tick that a frame tells, if it tells one."""
        try:
            outer = _decode(frame)
            pricing = pricing_of(outer.message) if outer.type == PRICING else None
        except UNREADABLE as error:
            unreadable(self.counts, error, frame)
            return RAVING
        heard = Heard.PASSED_OVER if pricing is None else self._take(pricing)
        self.counts[Heard.TICK if isinstance(heard, Tick) else heard] += 1
        return Said(ticks=[heard]) if isinstance(heard, Tick) else Said()

    def _take(self, pricing: Pricing) -> Tick | Heard:
        ticker = self._instruments.ticker(pricing.symbol)
        if ticker is None:
            return Heard.NOT_ASKED
        at = datetime.fromtimestamp(pricing.time / 1000, UTC)
        session = self._instruments.session(ticker, at, self._clock)
        if isinstance(session, Heard):
            return session
        if not pricing.regular:
            return Heard.OUT_OF_HOURS
        before = self._seen.get(ticker)
        if before is not None and before.pricing == pricing:
            return Heard.REPEATED
        number = NUMBERS_A_MILLISECOND * pricing.time
        if before is not None and before.pricing.time == pricing.time:
            number = before.number + 1
        self._seen[ticker] = _Seen(pricing, session, number)
        return Tick(
            market=self._market,
            ticker=ticker,
            session=session,
            at=at,
            number=number,
            price=pricing.price,
            size=_traded(pricing, session, before),
            bid=pricing.bid,
            ask=pricing.ask,
        )


def instruments(release: Release) -> Instruments:
    """The release's tickers by Yahoo's symbols: a class of New York's shares has a hyphen, BRK-B for BRK.B."""
    symbols = {
        ticker.replace(".", "-") if released.exchange == NEW_YORK else ticker: ticker
        for ticker, released in release.tickers.items()
    }
    return Instruments.of(release, symbols)


def pricing_of(message: str) -> Pricing:
    """The message out of its Base64; `ValueError` if it is none, or lacks what a trade needs."""
    try:
        found: dict[str, Any] = read(b64decode(message, validate=True), FIELDS)
    except binascii.Error as error:
        raise ValueError(f"message: expected Base64, got {error}") from error
    if not found.get("id") or "time" not in found:
        raise ValueError(f"message: expected an id and a time, got {', '.join(found) or 'nothing'}")
    # Out of range for a date is as good as none.
    try:
        datetime.fromtimestamp(found["time"] / 1000, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(f"time: expected milliseconds since 1970, got {found['time']}") from error
    price = _decimal(found.get("price", 0.0))
    if not math.isfinite(price):
        raise ValueError(f"price: expected a finite number, got {price}")
    return Pricing(
        symbol=found["id"],
        price=price,
        time=found["time"],
        regular=found.get("market_hours", 0) == REGULAR_MARKET,
        day_volume=found.get("day_volume", 0),
        bid=_quote(found.get("bid", 0.0)),
        ask=_quote(found.get("ask", 0.0)),
    )


def _traded(pricing: Pricing, session: str, before: _Seen | None) -> float:
    """By how much the day's volume has grown since it was seen last: nothing at first sight, and never less.

    Where another session has begun it has grown from nothing, if it has been set back.
    """
    if before is None:
        return 0.0
    since = before.pricing.day_volume
    if session != before.session:
        return float(pricing.day_volume) if 0 <= pricing.day_volume < since else 0.0
    return float(max(0, pricing.day_volume - since))


def _decimal(single: float) -> float:
    """The shortest decimal that a single-precision price stands for: 126.55, not 126.55000305."""
    return float(str(np.float32(single)))


def _quote(single: float) -> float | None:
    return _decimal(single) if math.isfinite(single) and single > 0 else None


_decode: Final = msgspec.json.Decoder(_Frame).decode
