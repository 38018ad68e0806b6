"""A vendor's days: what Yahoo and Alpaca would say of a share at any moment, computed from how it was traded.

Yahoo divides all of history by every split and restates its adjusted closes at every dividend; Alpaca tells prices as
traded and its actions by themselves. What a vendor does late or wrongly is asked for by a test.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from upath import UPath
from vendor_server import Reply, Seen, VendorServer, Waits, as_json, pace_of, settings_for

from quant.bars import CLOSE, OPEN, VOLUME, Bars, Floats
from quant.basis import later_splits
from stock_assets.calendars import AROUND_THE_CLOCK, calendar_of, exchange_of
from stock_assets.ingest.refresh import commit
from stock_assets.ingest.vault import Vault
from stock_assets.market import Look, look
from stock_assets.resources.lake import Lake
from stock_assets.settings import SourceName
from stock_assets.sources.vendors.alpaca import Alpaca
from stock_assets.sources.vendors.yahoo import Yahoo

CHART = "/v8/finance/chart/"
GONE = {"code": "Not Found", "description": "No data found, symbol may be delisted"}


@dataclass
class Share:
    """How a share is traded, the days to come included, and what a vendor does to its telling.

    Attributes
    ----------
    ticker : str
    bars : Bars
        As traded.
    event_told : dict of str to str
        Days whose splits and dividends the vendor tells later: from which day on.
    blank : set of str
        Sessions that are told without numbers.
    also : dict of str to float
        Rows that are no session's, by day, with their price.
    volume : dict of str to float
        By what the volume of a day is off, until it is settled.
    misbooked : dict of str to float
        By what the dividend of a day is off for good, while the adjusted close is right.
    twice : bool
        Whether the session under way stands in two rows.
    gone : bool
        Whether the vendor knows the share no longer.
    """

    ticker: str
    bars: Bars
    event_told: dict[str, str] = field(default_factory=dict)
    blank: set[str] = field(default_factory=set)
    also: dict[str, float] = field(default_factory=dict)
    volume: dict[str, float] = field(default_factory=dict)
    misbooked: dict[str, float] = field(default_factory=dict)
    twice: bool = False
    gone: bool = False

    def day(self, n: int) -> str:
        """The nth session."""
        return str(self.bars.session[n])


def share(ticker: str, first: date, sessions: int, *, split: dict[int, float] | None = None,
          dividend: dict[int, float] | None = None, price: float = 200.0) -> Share:  # fmt: skip
    """A share that moves a little every day from `first` on, with splits and dividends on some of its sessions."""
    calendar = calendar_of(ticker, as_of=first)
    day = calendar.session[calendar.session >= np.datetime64(first)][:sessions]
    splits, paid = np.ones(sessions), np.zeros(sessions)
    for row, ratio in (split or {}).items():
        splits[row] = ratio
    for row, amount in (dividend or {}).items():
        paid[row] = amount
    chance = np.random.default_rng(7)
    close = price * np.exp(np.cumsum(chance.normal(0, 0.01, sessions))) / np.cumprod(splits)
    spread = close[:, None] * np.array([0.001, 0.012, -0.011, 0.0])
    prices = np.round(close[:, None] + spread, 2)
    volume = np.round(chance.uniform(1e6, 3e6, sessions) * np.cumprod(splits))
    return Share(ticker, Bars(day, np.column_stack([prices, volume]), splits, paid))


class VendorLife(VendorServer):
    """Yahoo and Alpaca as they are at the time of `waits`."""

    def __init__(self, waits: Waits, *shares: Share) -> None:
        super().__init__()
        self.waits = waits
        self.shares = {one.ticker: one for one in shares}
        self.empty_page = False

    def answer(self, seen: Seen) -> Reply:
        if seen.path.startswith(CHART):
            return self._chart(self.shares[seen.path.removeprefix(CHART)], seen.params)
        one = self.shares[seen.params["symbols"].replace("/", "-")]
        if seen.path.endswith("/corporate-actions"):
            return self._actions(one, seen.params)
        return self._bars(one, seen.params)

    # What both know

    def _known(self, one: Share) -> tuple[Bars, bool]:
        """The sessions that have opened, the last of them as far as it has gone, and whether that is under way."""
        calendar = calendar_of(one.ticker, as_of=one.bars.session[-1].item())
        traded = np.isin(calendar.session, one.bars.session)
        now = np.datetime64(self.waits.now().replace(tzinfo=None), "s")
        n = int((calendar.open_utc[traded] <= now).sum())
        bars = one.bars[:n]
        under_way = bool(n) and bool(calendar.close_utc[traded][n - 1] > now)
        ohlcv = bars.ohlcv.copy()
        if under_way:
            # It opens as it will have opened; nothing else of it is final.
            ohlcv[-1, CLOSE] = np.round((ohlcv[-1, OPEN] + ohlcv[-1, CLOSE]) / 2, 2)
            ohlcv[-1, VOLUME] = np.round(ohlcv[-1, VOLUME] * 0.4)
        ohlcv[:, VOLUME] *= [one.volume.get(str(day), 1.0) for day in bars.session]
        return Bars(bars.session, ohlcv, bars.split, bars.dividend), under_way

    def _tells(self, one: Share, day: np.datetime64) -> bool:
        today = str(self.waits.now().date())
        return one.event_told.get(str(day), str(day)) <= today

    # Yahoo

    def _chart(self, one: Share, params: dict[str, str]) -> Reply:
        if one.gone:
            return as_json({"chart": {"result": None, "error": GONE}}, status=404)
        # Actions of today are told before the market opens, and history is restated for them by then.
        acting = one.bars.through(np.datetime64(self.waits.now().date()))
        told = np.array([self._tells(one, day) for day in acting.session], dtype=bool)
        paid = np.where(told, np.round(acting.dividend / later_splits(acting.split), 6), 0.0)
        first, end = int(params.get("period1", 0)), int(params.get("period2", 2**40))
        series = _series(one.ticker, [row for row in self._rows(one, acting, paid) if first <= row[0] < end])
        opens = self._opens(one, acting)
        events = [i for i in range(len(acting)) if told[i] and first <= opens[i] < end]
        paid *= [one.misbooked.get(str(day), 1.0) for day in acting.session]
        series["events"] = {
            "dividends": {str(opens[i]): {"amount": float(paid[i]), "date": opens[i]} for i in events if paid[i]},
            "splits": {str(opens[i]): _split(opens[i], acting.split[i]) for i in events if acting.split[i] != 1},
        }
        return as_json({"chart": {"result": [series], "error": None}})

    def _rows(self, one: Share, acting: Bars, paid: Floats) -> list[list[Any]]:
        """Time, open, high, low, close, volume and adjusted close of every row, by time."""
        bars, under_way = self._known(one)
        factor = later_splits(acting.split)[: len(bars)]
        # Yahoo's prices have been through single precision.
        prices = (bars.ohlcv[:, :VOLUME] / factor[:, None]).astype(np.float32).astype(np.float64)
        volume = np.round(bars.ohlcv[:, VOLUME] * factor)
        adjusted = _yahoos_adjusted(prices[:, CLOSE], paid[: len(bars)])
        cells = np.column_stack([prices, volume, adjusted]).tolist()
        blank = [str(day) in one.blank for day in bars.session]
        opens = self._opens(one, bars)
        rows = [[opens[i], *([None] * 6 if blank[i] else cells[i])] for i in range(len(bars))]
        if under_way:
            now = [int(self.waits.now().timestamp()), *rows[-1][1:]]
            rows = [*rows, now] if one.twice else [*rows[:-1], now]
        rows += [[_stamp(day), *[price] * 4, 0.0, price] for day, price in one.also.items()]
        return sorted(rows, key=lambda row: row[0])

    def _opens(self, one: Share, bars: Bars) -> list[int]:
        calendar = calendar_of(one.ticker, as_of=one.bars.session[-1].item())
        traded = np.isin(calendar.session, bars.session)
        return [int(second) for second in calendar.open_utc[traded].astype(np.int64)]

    # Alpaca

    def _bars(self, one: Share, params: dict[str, str]) -> Reply:
        bars, _ = self._known(one)
        symbol = params["symbols"]
        crypto = exchange_of(one.ticker) == AROUND_THE_CLOCK
        listed = [
            {"t": f"{day}T{'00' if crypto else '05'}:00:00Z", **dict(zip("ohlcv", row, strict=True))}
            for day, row in zip(bars.session, bars.ohlcv.tolist(), strict=True)
            if str(day) >= params["start"] and str(day) not in one.blank
        ]
        if not self.empty_page:
            return as_json({"bars": {symbol: listed} if listed else {}, "next_page_token": None})
        half = len(listed) // 2
        page = {"": (listed[:half], "a"), "a": ([], "b"), "b": (listed[half:], None)}[params.get("page_token", "")]
        return as_json({"bars": {symbol: page[0]} if page[0] else {}, "next_page_token": page[1]})

    def _actions(self, one: Share, params: dict[str, str]) -> Reply:
        bars, _ = self._known(one)
        kinds: dict[str, list[dict[str, Any]]] = {"cash_dividends": [], "forward_splits": [], "reverse_splits": []}
        for i, day in enumerate(bars.session):
            if not self._tells(one, day) or str(day) < params["start"]:
                continue
            about = {"symbol": one.ticker, "ex_date": str(day), "process_date": str(day)}
            if bars.dividend[i]:
                kinds["cash_dividends"].append(about | {"rate": float(bars.dividend[i]), "special": False})
            if bars.split[i] != 1:
                new, old = _ratio(bars.split[i])
                kind = "forward_splits" if new > old else "reverse_splits"
                kinds[kind].append(about | {"new_rate": new, "old_rate": old})
        return as_json({"corporate_actions": {k: v for k, v in kinds.items() if v}, "next_page_token": None})


def _yahoos_adjusted(close: Floats, paid: Floats) -> Floats:
    kept = np.ones(len(close))
    kept[1:] = 1.0 - paid[1:] / close[:-1]
    later = np.append(np.cumprod(kept[:0:-1])[::-1], 1.0)
    adjusted: Floats = (close * later).astype(np.float32).astype(np.float64)
    return adjusted


def _series(symbol: str, rows: list[list[Any]]) -> dict[str, Any]:
    crypto = exchange_of(symbol) == AROUND_THE_CLOCK
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(7)]
    quote = dict(zip(("open", "high", "low", "close", "volume"), columns[1:6], strict=True))
    meta = {
        "symbol": symbol, "currency": "USD", "instrumentType": "CRYPTOCURRENCY" if crypto else "EQUITY",
        "exchangeName": "CCC" if crypto else "NMS", "gmtoffset": 0 if crypto else -18000,
        "timezone": "UTC" if crypto else "EST", "exchangeTimezoneName": "UTC" if crypto else "America/New_York",
        "priceHint": 2, "dataGranularity": "1d", "range": "", "validRanges": ["1d", "max"],
    }  # fmt: skip
    return {"meta": meta, "timestamp": columns[0],
            "indicators": {"quote": [quote], "adjclose": [{"adjclose": columns[6]}]}}  # fmt: skip


def _split(at: int, ratio: float) -> dict[str, Any]:
    new, old = _ratio(ratio)
    return {"date": at, "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"}


def _ratio(ratio: float) -> tuple[int, int]:
    """New and old shares."""
    return (round(ratio), 1) if ratio > 1 else (1, round(1 / ratio))


def _stamp(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T14:30:00+00:00").timestamp())


@dataclass
class Desk:
    """A home that asks a vendor and takes in what it says."""

    life: VendorLife
    home: Path
    source: Any
    settings: Any
    vault: Vault

    def refresh(self, ticker: str, at: datetime) -> Look:
        """Look and commit at a moment."""
        self.life.waits.at = at
        seen = look(ticker, source=self.source, vault=self.vault, settings=self.settings, now=at)
        commit(self.vault, seen.intake)
        return seen


def desk_at(life: VendorLife, home: Path, name: SourceName, **changes: Any) -> Desk:
    """A desk with a source and a vault of its own."""
    settings = settings_for(life, home, source=name, **changes)
    source = (Yahoo if name is SourceName.YAHOO else Alpaca)(settings, pace=pace_of(life.waits))
    return Desk(life, home, source, settings, Vault(Lake(UPath(home / "lake"))))


def at(day: str, hour: float) -> datetime:
    """A moment of a day, UTC."""
    return datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(hours=hour)
