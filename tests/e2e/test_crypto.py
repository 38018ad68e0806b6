"""Pairs that trade around the clock, from a file of bars to a served prediction: no day of the week is left out."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pandas as pd
import pytest
from command_line import Answer, Command, environment, words
from shared_data import shared_data

from quant.bars import Bars
from release.audit import AuditLog
from release.portfolio import Strategy
from release.reader import Release
from release.store import Store
from serving.live.book import Book
from serving.live.feeds.replay import Replay, load_replay
from serving.live.floor import Floor
from serving.live.status import Counts
from serving.messages import PredictionMessage
from stock_assets.allocation.panel import LOOKBACK, Panel
from stock_assets.allocation.strategies import Estimates
from stock_assets.allocation.weekly import weekly
from stock_assets.cli.universe import write_replay
from stock_assets.frames import bars_of
from stock_assets.live import outcomes
from stock_assets.settings import PipelineSettings, SourceName
from stock_assets.sources.catalogue import market_data

# A Friday: the session that is forecast is a Saturday. Two weeks are left to replay.
AS_OF = "2024-11-22"
BARS = 1400
PAIRS = ("BTC-USD", "ETH-USD")


@dataclass(frozen=True)
class Crypto:
    """A home filled from the two pairs' bars."""

    home: Path
    file: Path
    table: pd.DataFrame
    answer: Answer

    @property
    def release(self) -> Release:
        return Store(self.home / "releases").load()

    @property
    def settings(self) -> PipelineSettings:
        return PipelineSettings(home=self.home, source=SourceName.FILES, data=self.file)


@pytest.fixture(scope="module")
def crypto(tmp_path_factory: pytest.TempPathFactory, stock_assets: Command) -> Crypto:
    """`demo --once` on the newest bars of both pairs, as their vendor wrote them."""
    folder = tmp_path_factory.mktemp("crypto")
    table = pd.read_csv(shared_data("crypto_daily_2014_2024.csv.gz")).groupby("ticker").tail(BARS)
    table.to_csv(folder / "pairs.csv.gz", index=False)
    options = ["--data", str(folder / "pairs.csv.gz"), "--as-of", AS_OF]
    answer = stock_assets("demo", "--once", "--json", *options, home=folder / "home")
    assert answer.code == 0, answer.stderr
    return Crypto(folder / "home", folder / "pairs.csv.gz", table, answer)


def exported(name: str, crypto: Crypto, stock_assets: Command, folder: Path) -> pd.DataFrame:
    """A table of the home."""
    answer = stock_assets("export", name, "--out", str(folder / f"{name}.parquet"), home=crypto.home)
    assert answer.code == 0, answer.stderr
    return pd.read_parquet(folder / f"{name}.parquet")


# Made.


def test_both_pairs_are_released_with_a_bar_for_every_day(crypto: Crypto) -> None:
    release = crypto.release

    assert sorted(crypto.answer.json["metrics"]) == list(PAIRS)
    assert crypto.answer.json["refused"] == []
    for name in PAIRS:
        bars = release.tickers[name].bars
        assert str(bars.session[-1]) == AS_OF
        assert set(np.diff(bars.session).astype(int)) == {1}


def test_the_release_has_the_calendar_of_days_of_utc(crypto: Crypto) -> None:
    release = crypto.release

    assert {ticker.exchange for ticker in release.tickers.values()} == {"24/7"}
    assert release.calendars["24/7"].sessions_per_year == 365
    assert str(release.calendars["24/7"].session[-1]) > "2025-11-22"


def ahead_by_horizon(table: pd.DataFrame) -> dict[int, pd.Series]:
    """How far each row's target lies ahead: by a column for each horizon, by a row for each, or at the first alone."""
    if "target_date" not in table:
        return {horizon: table[f"target_date_{horizon}"] - table["date"] for horizon in (1, 5)}
    rows = table.groupby("horizon") if "horizon" in table else [(1, table)]
    return {horizon: part["target_date"] - part["date"] for horizon, part in rows}


@pytest.mark.parametrize("name", ["features", "oos_predictions", "signals"])
def test_every_row_is_of_a_day_and_aims_at_the_next_one_weekends_included(
    name: str, crypto: Crypto, stock_assets: Command, tmp_path: Path
) -> None:
    table = exported(name, crypto, stock_assets, tmp_path)

    assert set(table["ticker"]) == set(PAIRS)
    for horizon, ahead in ahead_by_horizon(table).items():
        assert set(ahead) == {pd.Timedelta(days=horizon)}
    for _, days in table.groupby("ticker")["date"]:
        of_weekday = days.drop_duplicates().dt.day_name().value_counts()
        assert len(of_weekday) == 7
        assert of_weekday.max() - of_weekday.min() <= 1


def test_the_portfolio_is_annualised_by_365_days(crypto: Crypto) -> None:
    portfolio = crypto.release.portfolio
    close = crypto.table[crypto.table["date"] <= AS_OF].pivot(index="date", columns="ticker", values="close")
    daily = close.pct_change().iloc[-LOOKBACK:]

    annualised = np.sqrt(np.diag(portfolio.covariance))

    np.testing.assert_allclose(annualised, daily.std().to_numpy() * np.sqrt(365), rtol=0.05)
    assert portfolio.data_through == AS_OF
    assert 0.3 < portfolio.allocations[Strategy.EQUAL_WEIGHT].volatility_in_sample < 0.8


# Served.


@pytest.fixture
def server(crypto: Crypto) -> Iterator[str]:
    """The real server on the home; its address."""
    process = subprocess.Popen(
        words("serve", "--port", "0", home=crypto.home), stdout=subprocess.PIPE, text=True, env=environment()
    )
    try:
        line = process.stdout.readline()
        assert line.startswith("serving http://127.0.0.1:"), line
        yield line.split()[1]
    finally:
        process.kill()
        process.communicate()


def test_the_server_predicts_saturday_from_friday(crypto: Crypto, server: str) -> None:
    with httpx.Client(base_url=server, timeout=30, trust_env=False) as client:
        prediction = client.get("/v1/predictions/BTC-USD").json()
        signal = client.get("/v1/signals/ETH-USD").json()
        prices = client.get("/v1/prices/BTC-USD").json()

    close = crypto.table.query("ticker == 'BTC-USD' and date == @AS_OF")["close"].item()
    assert (prediction["session"], prediction["target_session"]) == (AS_OF, "2024-11-23")
    assert prediction["close"] == close
    assert prediction["price_lower_90"] < prediction["price_median"] < prediction["price_upper_90"]
    assert 0.005 < prediction["vol"] < 0.1
    assert signal["session"] == AS_OF
    assert [bar["session"] for bar in prices["bars"][-3:]] == ["2024-11-20", "2024-11-21", AS_OF]


# Live.


def test_a_live_replay_goes_through_the_weekend_day_by_day(crypto: Crypto, tmp_path: Path) -> None:
    release, source, log = crypto.release, market_data(crypto.settings), tmp_path / "audit.sqlite3"
    write_replay(crypto.settings, release, {name: source.fetch(name).bars for name in PAIRS})
    replay = load_replay(crypto.settings.replay, release, seed=7)

    with AuditLog.open(log) as audit:
        floor = Floor(release, audit, Counts())
        made = played(replay, floor)

    days = [str(day) for day in np.arange("2024-11-23", "2024-12-08", dtype="datetime64[D]")]
    for name in PAIRS:
        assert [said.session for said in made[name]] == days[:-1]
        assert [said.target_session for said in made[name]] == days[1:]
        assert [f"{said.made_at:%Y-%m-%dT%H:%M}" for said in made[name]] == [f"{day}T00:00" for day in days[1:]]
        assert floor.desks[name].book.whole
        close = crypto.table.query("ticker == @name and date >= '2024-11-23'")["close"]
        settled = outcomes(log, name)
        assert [str(day.date()) for day in settled["date"]] == days[:-2]
        np.testing.assert_allclose(settled["realised"], np.diff(np.log(close)), rtol=1e-9)


def played(replay: Replay, floor: Floor) -> dict[str, list[PredictionMessage]]:
    """By ticker, the predictions made at the closes of a replay."""
    floor.say()
    for event in replay.events(market="m"):
        floor.take(event)
    said = [message for message in floor.say() if isinstance(message, PredictionMessage)]
    return {name: [message for message in said if message.ticker == name] for name in PAIRS}


def test_a_pair_that_was_released_a_day_behind_a_stock_is_replayed_without_a_hole(
    crypto: Crypto, tmp_path: Path
) -> None:
    # As on a Saturday's first hour: a stock's bar of a later day is released, the pair's of that day is not.
    later = msgspec.structs.replace(crypto.release.manifest, as_of="2024-11-23")
    release, source = dataclasses.replace(crypto.release, manifest=later), market_data(crypto.settings)
    settings = crypto.settings.model_copy(update={"home": tmp_path})
    write_replay(settings, release, {name: source.fetch(name).bars for name in PAIRS})

    replay = load_replay(settings.replay, release, seed=7)

    assert {name: str(bars.session[0]) for name, bars in replay.bars.items()} == dict.fromkeys(PAIRS, "2024-11-23")


def test_a_book_that_missed_a_sunday_says_so(crypto: Crypto) -> None:
    release = crypto.release
    book = Book(release.tickers["BTC-USD"].bars, release.calendars["24/7"])
    bars = market_data(crypto.settings).fetch("BTC-USD").bars.after(np.datetime64(AS_OF))

    whole = []
    for row in (0, 2):  # Saturday, then Monday
        book.close(one(bars, row))
        whole.append(book.whole)

    assert whole == [True, False]


def one(bars: Bars, row: int) -> Bars:
    """A row of the bars, as bars."""
    return bars[row : row + 1]


# Beside a stock.


@pytest.fixture(scope="module")
def mixed() -> dict[str, Bars]:
    """Real bars of Apple and of both pairs, through a Wednesday of April 2021."""
    stocks = pd.read_parquet(shared_data("us130_daily_raw_2004_2021.parquet"))
    pairs = pd.read_csv(shared_data("crypto_daily_2014_2024.csv.gz"), parse_dates=["date"])
    pairs = pairs[pairs["date"] <= "2021-04-21"].assign(split=1.0, dividend=0.0)
    table = pd.concat([stocks[stocks["ticker"] == "AAPL"].astype({"date": "datetime64[ns]"}), pairs])
    return {str(name): bars_of(rows) for name, rows in table.groupby("ticker")}


def test_beside_a_stock_a_pair_s_return_over_a_weekend_is_part_of_its_return_to_monday(mixed: dict[str, Bars]) -> None:
    panel = Panel.of({name: mixed[name] for name in ("AAPL", "BTC-USD")})
    session, level = panel.session, panel.close[:, 1]

    close = pd.Series(mixed["BTC-USD"].close, index=mixed["BTC-USD"].session)
    monday = list(session).index(np.datetime64("2021-04-12"))
    assert not np.isin(session, [np.datetime64("2021-04-10"), np.datetime64("2021-04-11")]).any()
    assert level[monday] - level[monday - 1] == pytest.approx(np.log(close["2021-04-12"] / close["2021-04-09"]))
    listed = np.flatnonzero(np.isfinite(level))
    assert level[-1] - level[listed[0]] == pytest.approx(np.log(close[session[-1]] / close[session[listed[0]]]))


@pytest.mark.parametrize("beside", [("AAPL",), ("AAPL", "ETH-USD"), ("ETH-USD",), ()], ids="+".join)
def test_a_pair_is_as_volatile_a_year_whoever_stands_beside_it(beside: tuple[str, ...], mixed: dict[str, Bars]) -> None:
    panel = Panel.of({name: mixed[name] for name in ("BTC-USD", *beside)})
    known = panel.known(panel.session[-1])
    days = mixed["BTC-USD"].after(panel.session[known.row - LOOKBACK] - 1).close

    covariance = Estimates.of(known.returns, sessions_per_year=panel.sessions_per_year).covariance
    (week,) = weekly(["2021-04-18"], panel, {}, cost_bp=10.0)

    # By 252 common sessions beside a stock, by 365 days among pairs: the wrong one of them would be off by a fifth.
    of_days = np.std(np.diff(days) / days[:-1]) * np.sqrt(365)
    assert np.sqrt(covariance[0, 0]) == pytest.approx(of_days, rel=0.08)
    assert week.tickers == ("BTC-USD", *beside)
    assert str(week.data_through) == "2021-04-21"
