"""Which tickers a command is about, and which bars the replay gets."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from quant.bars import Bars
from release.manifest import TICKER
from release.reader import Release
from release.tables import save_bars
from stock_assets.cli.console import CommandFailed
from stock_assets.errors import SourceError, UnknownTicker

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from stock_assets.settings import PipelineSettings
    from stock_assets.sources.market_data import MarketData

KEPT_FOR_REPLAY: Final = timedelta(days=365)


def universe(
    settings: PipelineSettings, instance: DagsterInstance, source: MarketData, *, asked: Sequence[str]
) -> tuple[str, ...]:
    """The tickers asked for, else those of the home, else of the universe file, of the settings, of the source.

    Those that the home does not know yet become partitions: all of them or, if the source lacks one, none.

    Raises
    ------
    UnknownTicker
        Naming every one that the source does not carry.
    """
    from stock_assets.partitions import TICKERS, known_tickers

    at_home = known_tickers(instance)
    named = tuple(asked) or at_home or _named(settings)
    wanted = named or source.tickers()
    new = [ticker for ticker in wanted if ticker not in at_home]
    if named:
        require(source, new)
    instance.add_dynamic_partitions(TICKERS, new)
    return wanted


def _named(settings: PipelineSettings) -> tuple[str, ...]:
    """What the installation itself says its universe is, if it does."""
    if settings.universe is None:
        return settings.tickers
    from stock_assets.universe_file import read_universe

    return read_universe(settings.universe).tickers


def require(source: MarketData, tickers: Sequence[str]) -> None:
    """Return if the source carries every one of the tickers; `UnknownTicker` naming all that it doesn't."""
    unknown = []
    for ticker in tickers:
        try:
            if not TICKER.fullmatch(ticker):
                raise UnknownTicker(f"ticker: expected one like AAPL or BTC-USD, got {ticker}")
            source.require(ticker)
        except UnknownTicker as error:
            unknown.append(str(error))
    if unknown:
        raise UnknownTicker("; ".join(unknown))


def readable_bars(source: MarketData, tickers: Sequence[str], *, now: datetime) -> dict[str, Bars]:
    """The bars of every ticker whose bars can be read, mended and of closed sessions only.

    One that can't is left out: its own run in the graph fails by the same error and says so.
    """
    from stock_assets.market import bars_of_source

    bars = {}
    for ticker in tickers:
        with contextlib.suppress(SourceError):
            bars[ticker] = bars_of_source(ticker, source=source, now=now)
    return bars


def start_of_replay(bars: dict[str, Bars]) -> date:
    """The last date for the graph if the newest year of bars is kept for the replay."""
    newest: date = max(np.max(of.session) for of in bars.values()).astype("datetime64[D]").item()
    return newest - KEPT_FOR_REPLAY


def write_replay(settings: PipelineSettings, release: Release, bars: Mapping[str, Bars]) -> None:
    """Write the bars that the release has not seen into the replay's folder, one ``TICKER.npz`` for each ticker.

    Of a released ticker without bars an older such file goes, as it would be played. Everything else in the folder is
    somebody else's and stays.

    Raises
    ------
    CommandFailed
        If there are none: no market is left to replay.
    """
    released = {ticker: of.bars.session[-1] for ticker, of in release.tickers.items() if ticker in bars}
    kept = {ticker: bars[ticker].after(last) for ticker, last in released.items()}
    if not any(len(of) for of in kept.values()):
        raise CommandFailed(
            f"replay: expected the source to have bars after the release's last, {release.manifest.as_of}, got none; "
            "--as-of keeps some from the graph"
        )
    settings.replay.mkdir(parents=True, exist_ok=True)
    for ticker in release.tickers.keys() - kept.keys():
        (settings.replay / f"{ticker}.npz").unlink(missing_ok=True)
    for ticker, of in kept.items():
        save_bars(settings.replay / f"{ticker}.npz", of)
