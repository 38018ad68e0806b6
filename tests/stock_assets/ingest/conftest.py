"""A vendor over real sample bars, which says what a test makes it say, and a vault in a folder of the test's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np
import pytest
import structlog
from shared_data import sample_bars
from upath import UPath

from quant.bars import VOLUME, Bars
from quant.sessions import SessionCalendar
from stock_assets.calendars import calendar_of
from stock_assets.errors import UnknownTicker
from stock_assets.ingest.refresh import Intake, commit, take_in
from stock_assets.ingest.vault import Vault
from stock_assets.resources.lake import Lake
from stock_assets.settings import RestatementPolicy
from stock_assets.sources.market_data import Fetched, Provenance, Refused, between

TICKER = "IBM"
# A Saturday: every session of the sample has closed.
NOW = datetime(2013, 3, 2, 12, 0, tzinfo=UTC)
OVERLAP = 10


@dataclass(slots=True, eq=False)
class Vendor:
    """A source of one ticker's bars; it remembers what it was asked for."""

    bars: Bars
    remote: bool = True
    name: str = "vendor"
    origin: str = "memory"
    ticker: str = TICKER
    refused: tuple[Refused, ...] = ()
    adjusted_close: np.ndarray | None = None
    asked: list[tuple[date | None, date | None]] = field(default_factory=list)

    def tickers(self) -> tuple[str, ...]:
        return (self.ticker,)

    def require(self, ticker: str) -> None:
        if ticker != self.ticker:
            raise UnknownTicker(f"ticker: expected {self.ticker}, got {ticker}")

    def fetch(self, ticker: str, start: date | None = None, end: date | None = None) -> Fetched:
        self.require(ticker)
        self.asked.append((start, end))
        whole = Fetched(
            bars=self.bars,
            provenance=Provenance(source=self.name, origin=self.origin, sha256=("ab" * 32,)),
            refused=self.refused,
            adjusted_close=self.adjusted_close,
        )
        return between(whole, start, end, ticker=ticker)


@pytest.fixture(scope="session")
def bars() -> Bars:
    """60 real sessions through 2013-03-01, with two dividends in them."""
    return sample_bars(TICKER)[-60:]


@pytest.fixture
def vendor(bars) -> Vendor:
    """A remote vendor that has all of `bars`."""
    return Vendor(bars)


@pytest.fixture(scope="session")
def vendor_of() -> type[Vendor]:
    """``vendor_of(bars, remote=...)``: a vendor of other bars."""
    return Vendor


@pytest.fixture(scope="session")
def calendar() -> SessionCalendar:
    return calendar_of(TICKER, as_of=NOW.date())


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(UPath(tmp_path / "lake"))


@pytest.fixture
def vault(lake) -> Vault:
    return Vault(lake)


@pytest.fixture
def look(vault, calendar) -> Callable[..., Intake]:
    """`take_in`, under the policy that holds unless told otherwise."""

    def looked(source: Vendor, **told) -> Intake:
        given = {"vault": vault, "calendar": calendar, "now": NOW, "end": None, "overlap": OVERLAP}
        return take_in(TICKER, source=source, **(given | {"policy": RestatementPolicy.HOLD} | told))

    return looked


@pytest.fixture
def refresh(look, vault) -> Callable[..., Intake]:
    """`look` and `commit` in one."""

    def refreshed(source: Vendor, **told) -> Intake:
        intake = look(source, **told)
        commit(told.get("vault", vault), intake)
        return intake

    return refreshed


@pytest.fixture(scope="session")
def telling() -> Callable[..., Bars]:
    """Bars with the value of one cell multiplied: ``telling(bars, row, field=factor)``, or set for split, dividend."""

    def told(of: Bars, row: int, **changes: float) -> Bars:
        ohlcv, split, dividend = of.ohlcv.copy(), of.split.copy(), of.dividend.copy()
        for name, value in changes.items():
            if name in ("split", "dividend"):
                (split if name == "split" else dividend)[row] = value
            else:
                ohlcv[row, ("open", "high", "low", "close", "volume").index(name)] *= value
        return dataclasses.replace(of, ohlcv=ohlcv, split=split, dividend=dividend)

    return told


@pytest.fixture(scope="session")
def without() -> Callable[[Bars, int], Bars]:
    """Bars without one row, counted from either end."""

    def shorter(of: Bars, row: int) -> Bars:
        left = np.delete(np.arange(len(of)), row)
        return Bars(of.session[left], of.ohlcv[left], of.split[left], of.dividend[left])

    return shorter


@pytest.fixture(scope="session")
def same() -> Callable[[Bars, Bars], bool]:
    """Whether two histories are equal to the last bit."""

    names = ("session", "ohlcv", "split", "dividend")

    def equal(one: Bars, other: Bars) -> bool:
        return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)

    return equal


@pytest.fixture
def logs():
    """What was logged, as a list of dictionaries."""
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture(scope="session")
def divided() -> Callable[[Bars, float], Bars]:
    """Bars as a vendor tells them that has divided its whole history by a split, and not said so."""

    def by_a_split(of: Bars, by: float) -> Bars:
        ohlcv = of.ohlcv / by
        ohlcv[:, VOLUME] = of.ohlcv[:, VOLUME] * by
        return dataclasses.replace(of, ohlcv=ohlcv, dividend=of.dividend / by)

    return by_a_split


@pytest.fixture
def of(vault) -> Callable[..., list[tuple[str, ...]]]:
    """Columns of the vault's restatements: ``of("field", "outcome")``, a tuple a row."""

    def columns(*names: str) -> list[tuple[str, ...]]:
        return [tuple(row) for row in vault.restatements(TICKER)[list(names)].to_numpy()]

    return columns
