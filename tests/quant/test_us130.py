"""130 real tickers, as traded, with the vendor's adjusted closes: what is found in 537,049 bars, and what is mended.

Every fault that the README of the data names, those that it does not, and each day on which the vendor disagrees.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pytest
from shared_data import shared_data

from quant.bars import COLUMNS, VOLUME, Bars, Floats, log_returns
from quant.evidence import adjusted_steps, rounding
from quant.faults import Fault, Rule
from quant.quality import examine
from quant.repair import Repaired, repair
from stock_assets.calendars import session_calendar

LAST = date(2021, 4, 21)
AGREE = 1e-4


@dataclass(frozen=True)
class Ticker:
    bars: Bars
    adjusted_close: Floats
    faults: list[Fault]
    repaired: Repaired


@pytest.fixture(scope="module")
def tickers() -> dict[str, Ticker]:
    table = pd.read_parquet(shared_data("us130_daily_raw_2004_2021.parquet"))
    return {str(name): _ticker(rows) for name, rows in table.groupby("ticker")}


def _ticker(rows: pd.DataFrame) -> Ticker:
    bars = Bars(
        rows["date"].to_numpy(dtype="datetime64[D]"),
        rows[list(COLUMNS)].to_numpy(dtype=float),
        rows["split"].to_numpy(dtype=float),
        rows["dividend"].to_numpy(dtype=float),
    )
    adjusted_close = rows["adj_close"].to_numpy(dtype=float)
    calendar = session_calendar("XNYS", through=LAST)
    faults = examine(bars, calendar, adjusted_close=adjusted_close, due=np.datetime64(LAST))
    return Ticker(bars, adjusted_close, faults, repair(bars, adjusted_close=adjusted_close))


def _named(tickers: dict[str, Ticker], rule: Rule) -> set[tuple[str, str]]:
    return {(name, f.session) for name, ticker in tickers.items() for f in ticker.faults if f.rule is rule}


def test_24_missing_sessions_are_found_in_the_four_tickers_that_lack_them(tickers):
    found = Counter(name for name, _ in _named(tickers, Rule.MISSING_SESSION))

    assert set(found) == {"WELL", "SPGI", "VIAC", "KIM"}
    assert found.total() == 24
    assert _named(tickers, Rule.EXTRA_SESSION) == set()


def test_all_39_bars_without_volume_are_in_a_run_that_is_named(tickers):
    found = _named(tickers, Rule.ZERO_VOLUME)

    without = {
        (name, str(session))
        for name, ticker in tickers.items()
        for session in ticker.bars.session[ticker.bars.ohlcv[:, VOLUME] == 0]
    }
    # Three runs of CHTR's have two sessions.
    assert len(without) == 39
    assert len(found) == 36
    assert found < without
    assert {name for name, _ in without - found} == {"CHTR"}


def test_googles_split_that_was_booked_as_a_dividend_is_mended(tickers):
    google = tickers["GOOGL"]
    day = int(np.searchsorted(google.bars.session, np.datetime64("2014-04-03")))

    assert _named(tickers, Rule.SPLIT_AS_DIVIDEND) == {("GOOGL", "2014-04-03")}
    assert [(change.field, change.new) for change in google.repaired.repairs] == [("split", 2.0), ("dividend", 0.0)]
    assert google.bars.dividend[day] == pytest.approx(567.97, abs=0.01)
    assert log_returns(google.repaired.bars)[day] == pytest.approx(np.log(571.5 * 2 / 1135.1), abs=1e-6)


def test_splits_that_the_prices_deny_are_named_and_mended(tickers):
    found = _named(tickers, Rule.SPLIT_NOT_APPLIED)

    assert found == {
        # Booked on the second day of trading; the price did not move.
        ("GNRC", "2010-02-12"),
        # One bar on the share count after the 3:2 split of 2007.
        ("CMCSA", "2004-08-02"),
    }


def test_spin_offs_that_were_booked_as_splits_are_named(tickers):
    assert _named(tickers, Rule.DIVIDEND_AS_SPLIT) == {
        ("ABT", "2004-05-03"),  # Hospira
        ("HON", "2018-10-01"),  # Garrett
        ("HON", "2018-10-29"),  # Resideo
        ("PFE", "2020-11-17"),  # Upjohn
        ("RF", "2004-07-01"),  # a merger's exchange ratio
        ("RTX", "2020-04-03"),  # Otis and Carrier
    }


def test_dividends_that_were_booked_twice_within_a_week_are_named(tickers):
    assert _named(tickers, Rule.DIVIDEND_PHANTOM) == {
        ("QCOM", "2012-02-28"),
        ("SCHW", "2015-02-05"),
        ("V", "2012-08-23"),
        ("WDC", "2013-12-23"),
    }


def test_seven_jumps_in_half_a_million_bars_are_named(tickers):
    assert _named(tickers, Rule.JUMP) == {
        ("ANTM", "2005-06-02"),  # a 2:1 split that is recorded nowhere, not even in the adjusted closes
        ("ANTM", "2008-03-11"),  # forecasts cut
        ("CDNS", "2008-01-31"),
        ("CDNS", "2008-07-24"),
        ("MRK", "2004-09-30"),  # Vioxx
        ("NFLX", "2004-10-15"),
        ("PWR", "2015-10-16"),
    }


def test_nothing_else_is_found(tickers):
    found = {fault.rule for ticker in tickers.values() for fault in ticker.faults}

    assert found == {
        Rule.MISSING_SESSION,
        Rule.ZERO_VOLUME,
        Rule.JUMP,
        Rule.SPLIT_NOT_APPLIED,
        Rule.SPLIT_AS_DIVIDEND,
        Rule.DIVIDEND_AS_SPLIT,
        Rule.DIVIDEND_PHANTOM,
        Rule.ADJUSTED_CLOSE,
    }


def test_adjusted_closes_over_the_close_are_right_after_a_reverse_split(tickers):
    over = {name for name, ticker in tickers.items() if np.any(ticker.adjusted_close > ticker.bars.close * 1.01)}

    assert {"AIG", "C"} <= over
    assert _named(tickers, Rule.ADJUSTED_CLOSE) == {("WDC", "2020-07-17"), ("WDC", "2020-07-20")}


def test_only_three_tickers_are_touched_and_each_as_little_as_possible(tickers):
    changed = {name: {(c.session, c.field) for c in t.repaired.repairs} for name, t in tickers.items()}

    assert {name: cells for name, cells in changed.items() if cells} == {
        "CMCSA": {("2004-08-02", field) for field in COLUMNS},
        "GNRC": {("2010-02-12", "split")},
        "GOOGL": {("2014-04-03", "split"), ("2014-04-03", "dividend")},
    }
    assert all(t.repaired.bars is t.bars for name, t in tickers.items() if not changed[name])


def test_mended_returns_are_the_vendors_to_1e_4_except_where_it_is_wrong_or_its_digits_end(tickers):
    unlike, rounded = set(), Counter()
    for name, ticker in tickers.items():
        apart = np.abs(log_returns(ticker.repaired.bars) - adjusted_steps(ticker.adjusted_close))
        explained = AGREE + rounding(ticker.adjusted_close)
        unlike |= {(name, str(ticker.bars.session[row])) for row in np.flatnonzero(apart > explained)}
        rounded[name] += int(np.sum((apart > AGREE) & (apart <= explained)))

    assert unlike == {
        # Adjusted closes follow the split that was no split.
        ("GNRC", "2010-02-12"),
        # They take Google's new shares for a dividend of their first price.
        ("GOOGL", "2014-04-03"),
        # They follow the bar on another share count, there and back.
        ("CMCSA", "2004-08-02"),
        ("CMCSA", "2004-08-03"),
        # One of them is half a cent off its close, without an action.
        ("WDC", "2020-07-17"),
        ("WDC", "2020-07-20"),
    }
    # Early prices of shares that rose a hundredfold have three digits left.
    assert +rounded == {"AAPL": 62, "MNST": 95}
