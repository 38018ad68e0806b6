"""Market data by the real command line: what is merged, mended, quarantined, held, and what a person is told of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bokeh_sampledata import stocks
from command_line import Command


def table(ticker: str = "AAPL") -> pd.DataFrame:
    return pd.DataFrame(getattr(stocks, ticker))


def write(folder: Path, **tickers: pd.DataFrame) -> Path:
    """A folder with a file a ticker."""
    folder.mkdir(exist_ok=True)
    for name, bars in tickers.items():
        bars.to_csv(folder / f"{name}.csv", index=False)
    return folder


def quarantine(report: str) -> list[str]:
    """The rows of the report's table of the quarantine, with single blanks."""
    lines = [" ".join(line.split()) for line in report.splitlines()]
    return [line for line in lines[lines.index("What is in the quarantine") + 2 :] if " more " not in line]


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder of tickers with trouble that leaves a history to work with."""
    good = table()
    hundredfold = good.copy()
    hundredfold.loc[1000, ["open", "high", "low", "close"]] *= 100
    return write(
        tmp_path / "bars",
        NAN=good.assign(close=good["close"].mask(good.index == 100)),
        REVERSED=good.iloc[::-1],
        TWICE=pd.concat([good.iloc[:50], good.iloc[49:]]),
        UNITS=hundredfold,
        GAP=good.drop(index=1500),
    )


def test_trouble_that_leaves_a_history_is_told_and_costs_a_row_at_most(
    odd: Path, tmp_path: Path, stock_assets: Command
) -> None:
    home = tmp_path / "home"

    fetched = stock_assets("data", "fetch", "--json", "--data", str(odd), home=home)
    told = stock_assets("data", "report", "--json", home=home).json

    assert fetched.code == 0, fetched.stderr
    bars = {ticker: of["bars"] for ticker, of in told.items()}
    assert bars == {"GAP": 3269, "NAN": 3269, "REVERSED": 3270, "TWICE": 3270, "UNITS": 3270}
    (nan,) = told["NAN"]["quarantine"]
    assert (nan["rule"], nan["field"], nan["value"]) == ("finite", "close", "nan")
    assert table()["date"][100] == nan["session"]
    mended = {one["field"] for one in told["UNITS"]["findings"] if one["outcome"] == "repaired"}
    assert mended == {"open", "high", "low", "close"}
    assert "missing_session" in {one["rule"] for one in told["GAP"]["findings"]}


def test_the_order_and_the_repetition_of_rows_make_no_difference_to_what_is_stored(
    odd: Path, tmp_path: Path, stock_assets: Command
) -> None:
    home = tmp_path / "home"
    stock_assets("data", "fetch", "--tickers", "REVERSED,TWICE", "--data", str(odd), home=home)

    first, second = (pd.read_parquet(home / "lake" / "prices" / f"{name}.parquet") for name in ("REVERSED", "TWICE"))

    assert first.drop(columns="ticker").equals(second.drop(columns="ticker"))


def test_a_mended_price_is_used_and_the_raw_one_kept(odd: Path, tmp_path: Path, stock_assets: Command) -> None:
    home = tmp_path / "home"
    stock_assets("data", "fetch", "--tickers", "UNITS", "--data", str(odd), home=home)

    raw, used = (pd.read_parquet(home / "lake" / asset / "UNITS.parquet") for asset in ("raw_bars", "prices"))

    assert raw["close"][1000] == pytest.approx(100 * table()["close"][1000])
    assert used["close"][1000] == pytest.approx(table()["close"][1000])


def test_the_report_names_ticker_date_value_and_rule_a_line_each(
    odd: Path, tmp_path: Path, stock_assets: Command
) -> None:
    home = tmp_path / "home"
    stock_assets("data", "fetch", "--tickers", "NAN,UNITS", "--data", str(odd), home=home)

    told = stock_assets("data", "report", home=home).stdout

    assert any(line.startswith("repaired    UNITS ") for line in told.splitlines())
    assert "[unit_error_100x]" in told
    (row,) = quarantine(told)
    assert row.startswith(f"NAN {table()['date'][100]} close nan a finite number finite files 20")
    assert row.endswith(" UTC missing")


def test_the_report_shows_what_was_refused_once_when_its_session_has_a_bar_by_now(
    tmp_path: Path, stock_assets: Command
) -> None:
    home, good = tmp_path / "home", table("IBM")
    bad = good["close"].mask(good.index.isin([100, 200]))
    folder = write(tmp_path / "bars", IBM=good.assign(close=bad))
    stock_assets("data", "fetch", "--data", str(folder), home=home)
    write(folder, IBM=good.assign(close=bad.fillna(good["close"].where(good.index == 100))))
    stock_assets("data", "fetch", home=home)

    told = stock_assets("data", "report", home=home).stdout
    rows = stock_assets("data", "report", "--json", home=home).json["IBM"]["quarantine"]

    missing, settled = quarantine(told)
    assert missing.startswith(f"IBM {good['date'][200]} close nan")
    assert missing.endswith("missing")
    assert settled.startswith(f"IBM {good['date'][100]} close nan")
    assert settled.endswith("settled")
    assert "2 (1 settled)" in told
    assert [row["settled"] for row in rows] == [False, True]


def test_of_a_long_quarantine_the_report_shows_a_part_and_says_how_much_more_there_is(
    tmp_path: Path, stock_assets: Command
) -> None:
    home, good = tmp_path / "home", table("IBM")
    folder = write(tmp_path / "bars", IBM=good.assign(close=np.nan))
    assert stock_assets("data", "fetch", "--data", str(folder), home=home).code == 1

    told = stock_assets("data", "report", home=home).stdout

    assert len(quarantine(told)) == 20
    assert f"IBM: {len(good) - 20} more (--json has them all)" in told


def test_what_was_found_of_the_stored_bars_is_told_while_the_source_is_broken(
    odd: Path, tmp_path: Path, stock_assets: Command
) -> None:
    home = tmp_path / "home"
    stock_assets("data", "fetch", "--tickers", "GAP", "--data", str(odd), home=home)
    (odd / "GAP.csv").write_text('{"Error Message": "too many requests"}')

    broken = stock_assets("data", "fetch", home=home)
    told = stock_assets("data", "report", home=home).stdout

    assert broken.code == 1
    assert "GAP GAP.csv: expected rows of bars, got JSON: 'too many requests' [error_saved_as_data]" in told
    assert "[missing_session]" in told


def test_restated_history_is_held_until_a_person_decides(tmp_path: Path, stock_assets: Command) -> None:
    home, good = tmp_path / "home", table("IBM")
    folder = write(tmp_path / "bars", IBM=good)
    assert stock_assets("data", "fetch", "--data", str(folder), home=home).code == 0
    write(folder, IBM=good.assign(close=np.where(good.index == 3000, good["close"] - 0.01, good["close"])))

    held = stock_assets("data", "fetch", "--json", home=home)
    told = stock_assets("data", "report", "--json", home=home).json["IBM"]
    before = pd.read_parquet(home / "lake" / "raw_bars" / "IBM.parquet")
    accepted = stock_assets("data", "accept", "IBM", "--json", home=home)
    decided = stock_assets("data", "report", home=home).stdout
    again = stock_assets("data", "fetch", home=home)
    after = pd.read_parquet(home / "lake" / "prices" / "IBM.parquet")

    assert held.code == 1
    assert f"IBM {good['date'][3000]} close: expected {float(good['close'][3000])!r} as before" in held.json[0]["error"]
    assert told["held"]
    assert {one["outcome"] for one in told["restatements"]} == {"held"}
    assert before["close"][3000] == good["close"][3000]
    assert accepted.json == {"accepted": ["IBM"]}
    assert f"accepted    IBM {good['date'][3000]} close" in decided
    assert again.code == 0
    assert after["close"][3000] == pytest.approx(good["close"][3000] - 0.01)


def test_a_rejected_restatement_leaves_the_stored_history_in_force(tmp_path: Path, stock_assets: Command) -> None:
    home, good = tmp_path / "home", table("IBM")
    folder = write(tmp_path / "bars", IBM=good[:-1])
    stock_assets("data", "fetch", "--data", str(folder), home=home)
    write(folder, IBM=good.assign(close=np.where(good.index == 3000, good["close"] - 0.01, good["close"])))
    assert stock_assets("data", "fetch", home=home).code == 1

    rejected = stock_assets("data", "reject", "IBM", "--json", home=home)
    again = stock_assets("data", "fetch", home=home)
    after = pd.read_parquet(home / "lake" / "prices" / "IBM.parquet")

    assert rejected.json == {"rejected": ["IBM"]}
    assert again.code == 0, again.stderr
    assert after["close"][3000] == good["close"][3000]
    assert len(after) == len(good)


@pytest.mark.slow
def test_a_held_history_fails_its_ticker_and_is_told_run_after_run_while_the_release_stays(
    tmp_path: Path, stock_assets: Command
) -> None:
    home, good = tmp_path / "home", table("IBM")[-1400:]
    folder = write(tmp_path / "bars", IBM=good)
    release = stock_assets("demo", "--once", "--json", "--data", str(folder), home=home).json["release_id"]
    write(folder, IBM=good.assign(close=np.where(good.index == 3000, good["close"] - 0.01, good["close"])))

    first, second = (stock_assets("materialize", home=home) for _ in range(2))
    again = stock_assets("demo", "--once", "--json", home=home)

    for told, word in ((first, "failed"), (second, "failing")):
        assert told.code == 1
        assert f"{word} IBM: {good['date'][3000]} close: expected" in told.stdout
        assert "`stock-assets data accept IBM`" in told.stderr
    assert again.code == 0
    assert (again.json["fresh"], again.json["standing"], again.json["runs"]) == ([], ["IBM"], [])
    assert str(good["date"][3000]) in again.json["standing_reasons"]["IBM"]
    assert again.json["release_id"] == release


def test_a_failure_that_a_later_fetch_has_settled_is_no_longer_told(odd: Path, tmp_path: Path, stock_assets: Command):
    home, text = tmp_path / "home", (odd / "GAP.csv").read_text()
    (odd / "GAP.csv").write_text("")
    assert stock_assets("data", "fetch", "--tickers", "GAP", "--data", str(odd), home=home).code == 1
    (before,) = stock_assets("tickers", "list", "--json", home=home).json
    (odd / "GAP.csv").write_text(text)
    assert stock_assets("data", "fetch", home=home).code == 0

    (after,) = stock_assets("tickers", "list", "--json", home=home).json

    assert before["refused"] == "GAP.csv: expected bars, got an empty file"
    assert after["refused"] == "not materialized yet"


def test_evidence_that_there_is_none_of_is_exported_without_a_row(
    odd: Path, tmp_path: Path, stock_assets: Command
) -> None:
    home, out = tmp_path / "home", tmp_path / "out.csv"
    stock_assets("data", "fetch", "--tickers", "REVERSED", "--data", str(odd), home=home)

    for name in ("quarantine", "restatements"):
        answer = stock_assets("export", name, "--tickers", "REVERSED", "--out", str(out), home=home)

        assert answer.code == 0, answer.stderr
        assert len(pd.read_csv(out)) == 0


@pytest.mark.parametrize("command", ["accept", "reject"])
def test_a_decision_needs_a_ticker(command: str, tmp_path: Path, stock_assets: Command) -> None:
    answer = stock_assets("data", command, "", home=tmp_path / "home")

    assert answer.code == 1
    assert "ticker: expected at least one, got ''" in answer.error


@pytest.mark.parametrize("command", ["accept", "reject"])
def test_there_is_nothing_to_decide_where_nothing_is_held(command: str, tmp_path: Path, stock_assets: Command) -> None:
    answer = stock_assets("data", command, "IBM", home=tmp_path / "home")

    assert answer.code == 1
    assert "ticker: expected one whose restated history is held, got IBM" in answer.error


def test_a_report_on_an_unknown_ticker_names_the_known(odd: Path, tmp_path: Path, stock_assets: Command) -> None:
    home = tmp_path / "home"
    stock_assets("data", "fetch", "--tickers", "NAN", "--data", str(odd), home=home)

    answer = stock_assets("data", "report", "--tickers", "NOPE", home=home)

    assert answer.code == 1
    assert "--tickers: expected some of NAN, got NOPE" in answer.error
