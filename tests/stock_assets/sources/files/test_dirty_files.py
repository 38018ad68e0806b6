"""Real files as vendors and their users left them: each is read or refused by name, and what it comes to is pinned."""

from __future__ import annotations

import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from shared_data import shared_data

from quant.bars import CLOSE
from quant.faults import Rule, check
from stock_assets.errors import DataUnreadable, ErrorBody, MissingColumn
from stock_assets.sources.files.source import Files


def refused(fetched) -> dict[Rule, int]:
    return dict(Counter(row.rule for row in fetched.refused))


def test_an_error_that_was_saved_as_a_table_is_quoted():
    file = shared_data("dirty/alphavantage_error_saved_as_csv_BF.B.csv")

    with pytest.raises(ErrorBody, match=rf"^{file.name}: expected rows of bars, got JSON: 'Error Message'$"):
        Files(file).tickers()


def test_days_before_months_in_another_order_of_columns_are_read_right():
    source = Files(shared_data("dirty/ddmmyyyy_reordered_columns_AAPL_head.csv"))
    (ticker,) = source.tickers()

    fetched = source.fetch(ticker)

    assert (len(fetched.bars), fetched.merged, fetched.refused) == (299, 0, ())
    assert [str(day) for day in fetched.bars.session[[0, -1]]] == ["1980-12-12", "1982-02-18"]
    assert_array_equal(
        fetched.bars.ohlcv[0],
        [0.1283479928970337, 0.1289059966802597, 0.1283479928970337, 0.1283479928970337, 469033600.0],
    )
    assert fetched.notes == ("ddmmyyyy_reordered_columns_AAPL_head.csv: dates read as dd/mm: a day above 12",)


def test_the_same_days_read_from_another_vendor_are_the_same_sessions():
    odd = Files(shared_data("dirty/ddmmyyyy_reordered_columns_AAPL_head.csv"))
    plain = Files(shared_data("bigtech5_daily_1980_2022.csv.gz")).fetch("AAPL").bars

    bars = odd.fetch(odd.tickers()[0]).bars

    assert_array_equal(bars.session, plain.session[:299])
    assert_allclose(bars.ohlcv[:, CLOSE], plain.ohlcv[:299, CLOSE], atol=1e-6)


def test_leading_rows_without_a_number_are_refused_one_by_one(tmp_path):
    data = shared_data("dirty/yahoo_leading_nan_rows_ETH-USD.csv.gz").read_bytes()
    (tmp_path / "ETH-USD.csv.gz").write_bytes(data)

    fetched = Files(tmp_path).fetch("ETH-USD")

    assert (len(fetched.bars), fetched.merged) == (1559, 0)
    assert refused(fetched) == {Rule.FINITE: 1149}
    assert str(fetched.refused[0]) == "2014-09-17 open: expected a finite number, got nan"
    leading = [row for row in fetched.refused if row.session < str(fetched.bars.session[0])]
    assert (len(leading), str(fetched.bars.session[0])) == (1149, "2017-11-09")


def test_three_header_lines_are_understood_and_prices_without_actions_refused():
    file = shared_data("dirty/yf_multiheader_AAPL_head.csv")

    expected = r"expected a column adj_close \(or split and dividend\), got Date, Close, High, Low, Open, Volume"
    with pytest.raises(MissingColumn, match=rf"^{file.name}: {expected}$"):
        Files(file).tickers()


def test_the_columns_of_two_tickers_under_the_same_names_are_refused():
    file = shared_data("dirty/yf_thread_mix_AAPL.csv.gz")

    with pytest.raises(MissingColumn, match=rf"^{file.name}: expected one column open, got 2 \(Open, Open\)$"):
        Files(file).tickers()


def test_a_dump_of_daily_drops_is_merged_where_it_repeats_itself_and_refused_where_it_contradicts_itself():
    source = Files(shared_data("dirty/dirt_pystock_dump_2015_2017.csv.gz"))

    fetched = {ticker: source.fetch(ticker) for ticker in source.tickers()}

    name = "dirt_pystock_dump_2015_2017.csv.gz"
    assert len(fetched) == 105
    assert "SYMBOL" not in fetched
    assert sum(len(of.bars) for of in fetched.values()) == 35_374
    assert sum(of.merged for of in fetched.values()) == 34_342
    assert sum((Counter(refused(of)) for of in fetched.values()), Counter()) == {Rule.CONFLICT: 6_960}
    # With the header in the middle, every line of the 76,677 is accounted for.
    assert 35_374 + 34_342 + 6_960 + 1 == 76_677
    assert {of.notes for of in fetched.values()} == {
        (
            f"{name}: columns left unread that are not understood: file_date",
            f"{name}: rows left out that say the header once more: 1",
        )
    }


def test_a_restated_close_names_both_values():
    fetched = Files(shared_data("dirty/dirt_pystock_dump_2015_2017.csv.gz")).fetch("UNTY")

    first = fetched.refused[0]

    assert first.rule is Rule.CONFLICT
    assert first.expected.startswith("one value of 2 rows (")


@pytest.mark.parametrize(
    ("name", "tickers", "bars"),
    [
        ("us130_daily_raw_2004_2021.parquet", 130, 537_049),
        ("bigtech5_daily_1980_2022.csv.gz", 5, 34_106),
        ("crypto_daily_2014_2024.csv.gz", 2, 6_319),
    ],
)
def test_a_clean_file_is_read_whole_without_a_surprise(name, tickers, bars):
    source = Files(shared_data(name))

    fetched = {ticker: source.fetch(ticker) for ticker in source.tickers()}

    assert len(fetched) == tickers
    assert sum(len(of.bars) for of in fetched.values()) == bars
    assert {(of.refused, of.merged, of.notes) for of in fetched.values()} == {((), 0, ())}


def test_bars_of_minutes_are_refused():
    file = shared_data("intraday_1m_2025_11.parquet")

    with pytest.raises(DataUnreadable, match=rf"^{file.name}: expected one bar a day, got 390 on 2025-11-11 \(14:30, "):
        Files(file).tickers()


@pytest.fixture(scope="module")
def repair_files(tmp_path_factory) -> Path:
    """The 81 files of yfinance's tests of its repairs, each in a folder of its own under its ticker's name."""
    folder = tmp_path_factory.mktemp("repair")
    with tarfile.open(shared_data("dirty/dirt_yfinance_repair.tar.gz")) as archive:
        for member in archive.getmembers():
            if member.isfile():
                stem = Path(member.name).stem
                place = folder / stem / f"{ticker_of(stem)}.csv"
                place.parent.mkdir()
                place.write_bytes(archive.extractfile(member).read())
    return folder


def ticker_of(stem: str) -> str:
    return next(stem.partition(f"-{step}-")[0] for step in ("1d", "1h", "1wk", "15m") if f"-{step}-" in stem)


# By pair, alike for the bad half and the fixed one: bars, rows refused as not finite and for high or low, actions of
# refused rows that stand at the next bar, and whether the prices were adjusted for splits.
READ = {
    "1398-HK-1d-bad-div": (647, 1, 0, 0, False),
    "3988-HK-1d-bad-div": (647, 1, 0, 0, False),
    "4063-T-1d-bad-div": (667, 0, 0, 0, True),
    "4063-T-1d-bad-stock-split": (22, 0, 0, 0, True),
    "8TRA-DE-1d-missing-div-adjust": (5, 0, 0, 0, False),
    "ABDP-L-1d-bad-div": (622, 0, 43, 0, False),
    "ADIG-L-1d-bad-div": (661, 0, 4, 0, False),
    "AET-L-1d-100x-error": (23, 0, 0, 0, False),
    "ALPHA-PA-1d-bad-stock-split": (29, 0, 0, 0, True),
    "CALM-1d-no-bad-divs": (662, 0, 0, 0, False),
    "CLC-L-1d-bad-div": (656, 1, 8, 0, False),
    "CNE-L-1d-bad-stock-split": (10, 0, 0, 0, True),
    "DEX-AX-1d-bad-stock-split": (23, 0, 0, 0, True),
    "DODFX-1d-cg-double-count": (502, 0, 0, 0, True),
    "ELCO-L-1d-bad-div": (357, 0, 308, 1, False),
    "EWG-1d-no-bad-divs": (662, 0, 0, 0, False),
    "HSBK-IL-1d-no-bad-divs": (665, 0, 0, 0, False),
    "IBE-MC-1d-no-bad-divs": (677, 0, 0, 0, False),
    "JENYX-1d-cg-double-count": (1256, 0, 0, 0, False),
    "KAP-IL-1d-bad-div": (665, 0, 0, 0, False),
    "KEN-TA-1d-bad-div": (646, 1, 4, 0, False),
    "KME-MI-1d-bad-div": (674, 0, 0, 0, False),
    "KMR-L-1d-no-bad-divs": (663, 0, 2, 0, False),
    "LA-V-1d-bad-stock-split": (41, 0, 0, 0, True),
    "LSC-L-1d-bad-div": (561, 0, 109, 1, False),
    "MOB-ST-1d-bad-stock-split": (16, 0, 0, 0, True),
    "NVT-L-1d-bad-div": (477, 0, 248, 1, False),
    "PSH-L-1d-bad-div": (662, 2, 1, 0, False),
    "REL-L-1d-bad-div": (663, 1, 1, 1, False),
    "RGL-L-1d-bad-div": (663, 0, 2, 0, True),
    "SAND-1d-bad-div": (662, 0, 0, 0, False),
    "SCR-TO-1d-bad-div": (722, 0, 0, 0, False),
    "SERE-L-1d-bad-div": (646, 0, 19, 0, False),
    "SPM-MI-1d-bad-stock-split": (22, 0, 0, 0, True),
    "SSNLF-1d-bad-div": (6017, 242, 0, 2, True),
    "SSW-JO-1d-100x-error": (25, 0, 4, 0, False),
    "TEM-L-1d-bad-div": (665, 0, 0, 0, False),
    "TENT-L-1d-bad-div": (568, 0, 117, 1, False),
    "TEP-PA-1d-bad-div": (676, 0, 1, 0, False),
    "TISG-MI-1d-no-bad-divs": (583, 0, 0, 0, False),
    "VWILX-1d-cg-double-count": (502, 0, 0, 0, False),
}
NOT_DAILY = {
    "ASAI-L-1h-bad-unit": "ASAI-L.csv: expected one bar a day, got 5 on 2024-10-24 (08:00, 09:00, 14:00, ...)",
    "AV-L-1wk-bad-stock-split": "AV-L.csv: expected one bar a session, got one every 7 days",
    "EA-15m-no-bad-divs": "EA.csv: expected one bar a day, got 63 on 2026-06-01 (04:00, 04:15, 04:30, ...)",
}
ONE_HALF = {name for name in (*READ, *NOT_DAILY) if name.endswith("no-bad-divs")}


def halves(name: str) -> list[str]:
    return [name] if name in ONE_HALF else [name, f"{name}-fixed"]


def test_every_file_of_the_repairs_is_pinned_here(repair_files):
    pinned = {half for name in (*READ, *NOT_DAILY) for half in halves(name)}

    assert {folder.name for folder in repair_files.iterdir()} == pinned
    assert len(pinned) == 81


@pytest.mark.parametrize("name", READ)
def test_a_file_of_the_repairs_is_read(repair_files, name):
    bars, not_finite, high_low, carried, restored = READ[name]
    for half in halves(name):
        fetched = Files(repair_files / half).fetch(ticker_of(name))

        assert (len(fetched.bars), fetched.merged) == (bars, 0)
        assert refused(fetched) == {
            rule: count for rule, count in ((Rule.FINITE, not_finite), (Rule.HIGH_LOW, high_low)) if count
        }
        assert sum("of a refused row stand at" in note for note in fetched.notes) == carried
        assert any("they are brought back to each day's share count" in note for note in fetched.notes) == restored
        assert fetched.adjusted_close is not None
        check(fetched.bars[:1], ticker=name)


@pytest.mark.parametrize("name", NOT_DAILY)
def test_a_file_of_the_repairs_that_holds_no_daily_bars_is_refused(repair_files, name):
    for half in halves(name):
        with pytest.raises(DataUnreadable) as raised:
            Files(repair_files / half).fetch(ticker_of(name))

        assert str(raised.value) == NOT_DAILY[name]


@pytest.mark.parametrize("name", sorted({name for name in READ if "-cg-" in name} | {"CLC-L-1d-bad-div"}))
def test_capital_gains_in_a_column_of_their_own_are_told(repair_files, name):
    fetched = Files(repair_files / name).fetch(ticker_of(name))

    assert f"{ticker_of(name)}.csv: columns left unread that are not understood: Capital Gains" in fetched.notes


def test_prices_adjusted_for_a_split_are_as_traded_again(repair_files):
    bars = Files(repair_files / "DODFX-1d-cg-double-count").fetch("DODFX").bars
    split = int(np.flatnonzero(bars.split != 1)[0])

    assert (str(bars.session[split]), bars.split[split]) == ("2025-10-27", 4.0)
    assert bars.close[split - 1] / bars.close[split] == pytest.approx(4.0, rel=0.02)
    assert bars.ohlcv[0, CLOSE] == pytest.approx(4 * 12.147500038147)
