"""`tickers add` and `tickers remove` by the real command line, on homes filled from a folder of real bars."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import command_line
import pandas as pd
import pytest
from bokeh_sampledata import stocks
from command_line import Answer
from shared_data import shared_data

from release.store import Store

# Enough to train a model and to judge it, and little more.
BARS = 1100
Run = Callable[..., Answer]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tickers that will do, one with too few bars, and a file that is none."""
    folder = tmp_path_factory.mktemp("market")
    for name in ("AAPL", "IBM", "MSFT", "FB"):
        pd.DataFrame(getattr(stocks, name)).iloc[-BARS:].to_csv(folder / f"{name}.csv", index=False)
    (folder / "PAGE.csv").write_text("<html>502 Bad Gateway</html>")
    return folder


@pytest.fixture(scope="module")
def released(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a release of AAPL; read it only."""
    home = tmp_path_factory.mktemp("released") / "home"
    answer = command_line.stock_assets("materialize", "--data", str(folder), "--tickers", "AAPL", home=home)
    assert answer.code == 0, answer.stderr
    return home


@pytest.fixture
def home(released: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(released, tmp_path / "home"))


@pytest.fixture
def tickers(home: Path) -> Run:
    """Runs ``stock-assets tickers ...`` on the home."""

    def run(*arguments: str) -> Answer:
        return command_line.stock_assets("tickers", *arguments, home=home)

    return run


def listed(tickers: Run) -> dict[str, dict[str, Any]]:
    """What `tickers list` says, by ticker."""
    return {row["ticker"]: row for row in tickers("list", "--json").json}


def released_tickers(home: Path) -> list[str]:
    """Those of the release in force."""
    return sorted(Store(home / "releases").load().tickers)


def test_a_ticker_is_added_filled_and_released_at_once_and_one_that_comes_back_costs_no_run(tickers, home):
    added = tickers("add", "ibm", "--json")
    with_it = (released_tickers(home), Store(home / "releases").load().portfolio.tickers)
    removed = tickers("remove", "IBM")
    published = command_line.stock_assets("materialize", "--json", home=home)
    without_it = (released_tickers(home), Store(home / "releases").load().portfolio.tickers)
    back = tickers("add", "IBM", "--json")

    assert (added.code, added.json["added"]) == (0, ["IBM"]), added.stderr
    assert [(run["ticker"], run["ok"]) for run in added.json["runs"]] == [("IBM", True)]
    assert with_it == (["AAPL", "IBM"], ("AAPL", "IBM"))
    assert (removed.code, published.code) == (0, 0), published.stderr
    assert without_it == (["AAPL"], ("AAPL",))
    assert list((home / "lake").glob("**/IBM*")), "the history of a removed ticker stays"
    assert (back.code, back.json["runs"], back.json["fresh"]) == (0, [], ["IBM"])
    assert released_tickers(home) == ["AAPL", "IBM"]
    assert len(command_line.stock_assets("release", "list", "--json", home=home).json) >= 2


def test_if_the_source_lacks_one_each_is_named_and_none_is_added(tickers, home):
    refused = tickers("add", "MSFT", "NOPE", "A/B")

    assert refused.code == 1
    assert "expected one of AAPL, FB, IBM, MSFT, PAGE, got NOPE" in refused.error
    assert "expected one like AAPL or BTC-USD, got A/B" in refused.error
    assert list(listed(tickers)) == ["AAPL"]
    assert released_tickers(home) == ["AAPL"]


def test_filling_can_be_left_for_later_and_a_known_ticker_that_is_not_filled_is_filled(tickers, home):
    left = tickers("add", "MSFT", "--no-fill", "--json")
    meanwhile = listed(tickers)["MSFT"]
    filled = tickers("add", "MSFT,AAPL", "--json")

    assert (left.code, left.json) == (0, {"added": ["MSFT"]})
    assert (meanwhile["released"], meanwhile["refused"]) == (False, "not materialized yet")
    assert (filled.code, filled.json["added"], filled.json["fresh"]) == (0, [], ["AAPL"]), filled.stderr
    assert released_tickers(home) == ["AAPL", "MSFT"]


def test_tickers_that_turn_out_unusable_are_told_and_stay_listed_with_the_reason(tickers, home):
    answer = tickers("add", "FB", "PAGE")

    rows = listed(tickers)
    assert answer.code == 1
    assert "expected at least 1008 bars" in answer.stderr
    assert "got 196" in rows["FB"]["refused"]
    assert rows["PAGE"]["refused"] not in ("", "not materialized yet")
    assert not rows["FB"]["released"]
    assert not rows["PAGE"]["released"]
    assert released_tickers(home) == ["AAPL"]


def test_the_first_ticker_of_a_home_may_be_unusable_too(folder, tmp_path):
    home = tmp_path / "home"
    # Named by the file, since a new home remembers no source yet.
    command_line.stock_assets("materialize", "--data", str(folder), "--tickers", "FB", home=home)

    answer = command_line.stock_assets("tickers", "add", "FB", home=home)

    assert answer.code == 1
    assert "release: expected a ticker with a champion, got none (FB: " in answer.error
    row = command_line.stock_assets("tickers", "list", "--json", home=home).json[0]
    assert (row["ticker"], row["released"]) == ("FB", False)
    assert "got 196" in row["refused"]


def test_a_pair_is_added_beside_stocks(tickers, home, folder):
    table = pd.read_csv(shared_data("crypto_daily_2014_2024.csv.gz")).query("ticker == 'BTC-USD'")
    table.iloc[-BARS:].to_csv(folder / "BTC-USD.csv", index=False)

    answer = tickers("add", "BTC-USD", "--json")

    release = Store(home / "releases").load()
    assert answer.code == 0, answer.stderr
    assert {name: of.exchange for name, of in release.tickers.items()} == {"AAPL": "XNYS", "BTC-USD": "24/7"}
    assert sorted(release.calendars) == ["24/7", "XNYS"]
    assert release.manifest.as_of == "2024-12-06"


@pytest.mark.parametrize(("command", "name"), [("add", ","), ("remove", " ")])
def test_no_ticker_at_all_is_told(command, name, tickers):
    assert "ticker: expected at least one, got" in tickers(command, name).error


def test_only_what_is_there_can_be_removed(tickers):
    assert "ticker: expected one of AAPL, got IBM" in tickers("remove", "AAPL", "IBM").error
    assert list(listed(tickers)) == ["AAPL"]
