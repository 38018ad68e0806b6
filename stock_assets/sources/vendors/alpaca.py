"""Daily bars and corporate actions from Alpaca, page by page. Reading its answers is `vendor.alpaca_answers`' work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from stock_assets.calendars import AROUND_THE_CLOCK, exchange_of
from stock_assets.errors import DataEmpty, ErrorBody, UnknownTicker, VendorRefused
from stock_assets.settings import PipelineSettings
from stock_assets.sources.market_data import Fetched, Provenance, between
from stock_assets.sources.rows import Rows, admit
from stock_assets.sources.vendors.alpaca_answers import (
    KEY_VARIABLE,
    SECRET_VARIABLE,
    VENDOR,
    actions_on,
    bars_of,
    content,
    next_page,
    rows_of,
)
from stock_assets.sources.vendors.response_cache import Answer
from stock_assets.sources.vendors.transport import Pace, Transport
from stock_assets.sources.vendors.universe import START

# Its bars begin with 2016; without a start it would answer today's only.
EARLIEST: Final = date(2000, 1, 1)
# Actions are found by the day on which they are processed: a dividend's is weeks after its ex-date.
PROCESSED_WITHIN: Final = timedelta(days=120)
BARS_A_PAGE: Final = "10000"
ACTIONS_A_PAGE: Final = "1000"
STOCK_BARS: Final = "/v2/stocks/bars"
CRYPTO_BARS: Final = "/v1beta3/crypto/us/bars"
LATEST_STOCK_BARS: Final = "/v2/stocks/bars/latest"
LATEST_CRYPTO_BARS: Final = "/v1beta3/crypto/us/latest/bars"
CORPORATE_ACTIONS: Final = "/v1/corporate-actions"
ACTION_TYPES: Final = "cash_dividend,forward_split,reverse_split"
BARS: Final = "bars"
ACTIONS: Final = "corporate_actions"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Symbol:
    """A ticker by Alpaca's name: a pair has a slash, BTC/USD for BTC-USD."""

    ticker: str
    name: str
    crypto: bool

    @classmethod
    def of(cls, ticker: str) -> _Symbol:
        crypto = exchange_of(ticker) == AROUND_THE_CLOCK
        return cls(ticker=ticker, name="/".join(ticker.rsplit("-", 1)) if crypto else ticker, crypto=crypto)

    def bars(self, page: Answer) -> list[dict[str, Any]]:
        return bars_of(content(page, ticker=self.ticker, name=BARS), ticker=self.ticker, symbol=self.name)


class Alpaca:
    """US stocks and funds as traded with their splits and cash dividends, and crypto pairs.

    Parameters
    ----------
    settings : PipelineSettings
    pace : Pace, optional
        Time, waiting and chance; the machine's own by default.
    """

    remote: Final = True

    def __init__(self, settings: PipelineSettings, *, pace: Pace | None = None) -> None:
        self._settings = settings
        self._pace = pace or Pace()
        self._transport = Transport(VENDOR, base_url=settings.alpaca_url, settings=settings, pace=self._pace)

    def tickers(self) -> tuple[str, ...]:
        """The tickers to start with; Alpaca has nearly every other one of the US too."""
        return START

    def require(self, ticker: str) -> None:
        """Return if Alpaca has a latest bar of the ticker, for one small request; see `MarketData.require`."""
        symbol = _Symbol.of(ticker)
        path = LATEST_CRYPTO_BARS if symbol.crypto else LATEST_STOCK_BARS

        def has_bar(answer: Answer) -> None:
            if symbol.name not in content(answer, ticker=ticker, name=BARS):
                raise UnknownTicker(f"ticker: expected one that {VENDOR} carries, got {ticker}: it has no bar of it")

        self._get(path, {"symbols": symbol.name}, ticker=ticker, accept=has_bar)

    def fetch(self, ticker: str, start: date | None = None, end: date | None = None) -> Fetched:
        """The ticker's bars; see `MarketData.fetch`."""
        symbol = _Symbol.of(ticker)
        pages = list(self._bar_pages(symbol, start=start, end=end))
        listed = [bar for page in pages for bar in symbol.bars(page)]
        if not listed:
            # A symbol that Alpaca doesn't know looks the same.
            span = f"from {start or EARLIEST} to {end or 'now'}"
            raise DataEmpty(f"{ticker}: expected bars {span}, got none from {VENDOR}")
        rows = rows_of(listed, ticker=ticker)
        notes: tuple[str, ...] = ()
        if not symbol.crypto:
            action_pages = list(self._action_pages(symbol, since=rows.session.min().item()))
            rows, notes = _with_actions(rows, action_pages, ticker=ticker)
            pages += action_pages
        origin, digests = str(pages[0].address), tuple(page.sha256 for page in pages)
        provenance = Provenance(source=VENDOR, origin=origin, sha256=digests)
        return between(admit(rows, provenance=provenance, notes=notes), start, end, ticker=ticker)

    def _bar_pages(self, symbol: _Symbol, *, start: date | None, end: date | None) -> Iterator[Answer]:
        params = {
            "symbols": symbol.name,
            "timeframe": "1Day",
            "start": str(start or EARLIEST),
            "limit": BARS_A_PAGE,
        }
        if not symbol.crypto:
            params["adjustment"] = "raw"
        # Without an end it is as late as the keys may see; the day after, because a session of New York ends in it.
        if end is not None and end + timedelta(days=1) < self._pace.clock.now().date():
            params["end"] = str(end + timedelta(days=1))

        path = CRYPTO_BARS if symbol.crypto else STOCK_BARS
        return self._pages(path, params, ticker=symbol.ticker, accept=symbol.bars)

    def _action_pages(self, symbol: _Symbol, *, since: date) -> Iterator[Answer]:
        params = {
            "symbols": symbol.name,
            "types": ACTION_TYPES,
            "start": str(since),
            "end": str(self._pace.clock.now().date() + PROCESSED_WITHIN),
            "limit": ACTIONS_A_PAGE,
        }
        return self._pages(
            CORPORATE_ACTIONS,
            params,
            ticker=symbol.ticker,
            accept=lambda page: content(page, ticker=symbol.ticker, name=ACTIONS),
        )

    def _pages(
        self, path: str, params: dict[str, str], *, ticker: str, accept: Callable[[Answer], object]
    ) -> Iterator[Answer]:
        """Every page of an answer; `ErrorBody` if they go round in a circle."""
        seen: set[str] = set()
        token: str | None = ""
        while token is not None:
            page = self._get(path, params | ({"page_token": token} if token else {}), ticker=ticker, accept=accept)
            yield page
            token = next_page(page)
            if token in seen:
                raise ErrorBody(f"{VENDOR}: expected a page of {ticker} not seen before, got the token {token!r} again")
            seen.add(token or "")

    def _get(self, path: str, params: dict[str, str], *, ticker: str, accept: Callable[[Answer], object]) -> Answer:
        key, secret = self._settings.alpaca_key, self._settings.alpaca_secret
        if key is None or secret is None:
            missing = " and ".join(
                name for name, value in ((KEY_VARIABLE, key), (SECRET_VARIABLE, secret)) if value is None
            )
            raise VendorRefused(f"{VENDOR}: expected keys in {KEY_VARIABLE} and {SECRET_VARIABLE}, got no {missing}")
        headers = {"APCA-API-KEY-ID": key.get_secret_value(), "APCA-API-SECRET-KEY": secret.get_secret_value()}
        return self._transport.get(path, params, about=ticker, accept=accept, headers=headers)


def _with_actions(rows: Rows, pages: list[Answer], *, ticker: str) -> tuple[Rows, tuple[str, ...]]:
    contents = [content(page, ticker=ticker, name=ACTIONS) for page in pages]
    split, dividend, notes = actions_on(rows.session, contents, ticker=ticker)
    return replace(rows, split=split, dividend=dividend), notes
