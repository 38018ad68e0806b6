"""Yahoo's bars and actions, from recorded answers."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import numpy as np
import pytest
from numpy.testing import assert_allclose
from vendor_server import NOON, as_json, pace_of, recorded, settings_for
from yahoo_charts import AAPL, NVDA, SPAN, add_bar, add_split, path_of, series_of, write

from quant.bars import VOLUME, Convention, log_returns
from quant.faults import Rule
from release.files import sha256
from stock_assets.errors import DataEmpty
from stock_assets.settings import SourceName
from stock_assets.sources.catalogue import market_data
from stock_assets.sources.market_data import Fetched
from stock_assets.sources.vendors.transport import Transport
from stock_assets.sources.vendors.yahoo import Yahoo, symbol_of

pytestmark = pytest.mark.usefixtures("recorded_charts")


def on(fetched: Fetched, day: str) -> int:
    [row] = np.flatnonzero(fetched.bars.session == np.datetime64(day))
    return int(row)


def test_apples_split_and_dividend_come_out_as_traded(yahoo):
    fetched = yahoo.fetch("AAPL", *SPAN)

    bars, series = fetched.bars, series_of(AAPL)
    assert (str(bars.session[0]), str(bars.session[-1]), len(bars)) == ("2020-08-31", "2020-11-06", 49)
    assert {str(bars.session[i]): bars.split[i] for i in np.flatnonzero(bars.split != 1)} == {"2020-08-31": 4.0}
    assert {str(bars.session[i]): bars.dividend[i] for i in np.flatnonzero(bars.dividend)} == {"2020-11-06": 0.205}
    assert bars.close.tolist() == series["indicators"]["quote"][0]["close"]
    assert fetched.adjusted_close is not None
    assert fetched.adjusted_close.tolist() == series["indicators"]["adjclose"][0]["adjclose"]
    assert (fetched.refused, fetched.merged, fetched.notes) == ((), 0, ())


def test_a_number_leads_to_the_bytes_that_it_came_from(server, tmp_path, waits, yahoo):
    provenance = yahoo.fetch("AAPL", *SPAN).provenance

    assert provenance.source == "yahoo"
    assert provenance.origin.startswith(f"{server.url}/v8/finance/chart/AAPL?events=div")
    assert provenance.sha256 == (sha256(recorded(AAPL).body),)
    settings = settings_for(server, tmp_path)
    cache = Transport("yahoo", base_url=server.url, settings=settings, pace=pace_of(waits)).cache
    assert cache.body(provenance.sha256[0]) == recorded(AAPL).body


def test_prices_before_a_split_are_brought_back_and_volumes_too(yahoo):
    bars = yahoo.fetch("NVDA", date(2021, 2, 1)).bars

    quote = series_of(NVDA)["indicators"]["quote"][0]
    [split] = np.flatnonzero(bars.split != 1)
    assert (str(bars.session[split]), bars.split[split]) == ("2021-07-20", 4.0)
    assert_allclose(bars.close[:split], 4 * np.array(quote["close"][:split]))
    assert_allclose(bars.ohlcv[:split, VOLUME], np.array(quote["volume"][:split]) / 4)
    assert bars.close[split:].tolist() == quote["close"][split:]


def test_a_split_after_the_range_is_undone_in_it(server, yahoo):
    # The recording ends in 2022, and its prices are of 2025: ten shares for one came between.
    series = series_of(NVDA)
    ten_for_one = datetime(2024, 6, 10, 13, 30, tzinfo=UTC)
    add_bar(series, ten_for_one, 121.79)
    add_split(series, ten_for_one, 10, 1)
    write(server, series)

    fetched = yahoo.fetch("NVDA", date(2021, 2, 1), date(2022, 1, 31))

    # As the papers had it: 751.19 the day before the split of 2021, 186.12 on the day.
    assert str(fetched.bars.session[-1]) == "2022-01-28"
    assert fetched.bars.close[on(fetched, "2021-07-19")] == pytest.approx(751.19, abs=0.005)
    assert fetched.bars.close[on(fetched, "2021-07-20")] == pytest.approx(186.12, abs=0.005)
    assert np.unique(fetched.bars.split).tolist() == [1.0, 4.0]


def test_a_split_that_no_bar_has_followed_yet_is_undone_and_its_row_set_aside(server, yahoo):
    series = series_of(NVDA)
    add_split(series, datetime(2024, 6, 10, 13, 30, tzinfo=UTC), 10, 1)
    write(server, series)

    fetched = yahoo.fetch("NVDA", date(2021, 2, 1))

    assert fetched.bars.close[on(fetched, "2021-07-19")] == pytest.approx(751.19, abs=0.005)
    assert [(row.session, row.rule) for row in fetched.refused] == [("2024-06-10", Rule.FINITE)]


def test_a_dividend_is_on_the_share_count_of_its_day(server, yahoo):
    series = series_of(AAPL)
    two_for_one = datetime(2021, 3, 1, 14, 30, tzinfo=UTC)
    add_bar(series, two_for_one, 60.0)
    add_split(series, two_for_one, 2, 1)
    write(server, series)

    fetched = yahoo.fetch("AAPL", *SPAN)

    assert fetched.bars.dividend[on(fetched, "2020-11-06")] == pytest.approx(0.41)
    assert fetched.bars.close[on(fetched, "2020-11-06")] == pytest.approx(2 * 118.69, abs=0.01)


def test_microsofts_dividends_explain_its_adjusted_closes(yahoo):
    fetched = yahoo.fetch("MSFT", date(2021, 2, 1))

    paid = {str(fetched.bars.session[i]): fetched.bars.dividend[i] for i in np.flatnonzero(fetched.bars.dividend)}
    assert paid == {"2021-02-17": 0.56, "2021-05-19": 0.56, "2021-08-18": 0.56, "2021-11-17": 0.62}
    adjusted = fetched.adjusted_close
    assert adjusted is not None
    assert_allclose(log_returns(fetched.bars, convention=Convention.YAHOO)[1:], np.diff(np.log(adjusted)), atol=1e-5)


def test_bitcoins_days_are_utcs(yahoo):
    bars = yahoo.fetch("BTC-USD").bars

    assert bars.session.astype(str).tolist() == ["2020-01-01", "2020-01-02", "2020-01-03"]
    assert bars.close.tolist() == [7200.17431640625, 6985.47021484375, 7344.88427734375]


def test_a_whole_history_is_asked_for_from_its_beginning_through_today(server, yahoo):
    bars = yahoo.fetch("TSLA").bars

    assert (str(bars.session[0]), str(bars.session[-1]), len(bars)) == ("2010-06-29", "2023-08-11", 3303)
    asked = server.seen[-1].params
    assert int(asked["period1"]) < 0
    assert int(asked["period2"]) > NOON.timestamp()


def test_actions_are_asked_for_through_today_though_the_range_has_ended(server, yahoo):
    yahoo.fetch("AAPL", *SPAN)

    assert int(server.seen[-1].params["period2"]) > NOON.timestamp()
    assert "splits" in server.seen[-1].params["events"]


def test_a_range_without_bars_is_empty(yahoo):
    with pytest.raises(DataEmpty, match=r"^AAPL: too short: expected bars from 2024-01-01 to the end, got none"):
        yahoo.fetch("AAPL", date(2024, 1, 1))


@pytest.mark.parametrize(
    ("ticker", "symbol"),
    [
        ("BRK.B", "BRK-B"),
        ("AAPL", "AAPL"),
        ("BTC-USD", "BTC-USD"),
        ("AZT.OL", "AZT.OL"),
        ("OCDO.L", "OCDO.L"),
        ("EURUSD=X", "EURUSD=X"),
    ],
)
def test_a_class_of_shares_has_a_hyphen_at_yahoo(ticker, symbol):
    assert symbol_of(ticker) == symbol


def test_a_class_of_shares_is_asked_for_by_yahoos_name(server, yahoo):
    series = series_of(AAPL)
    series["meta"]["symbol"] = "BRK-B"
    body = as_json({"chart": {"result": [series], "error": None}})
    server.write(path_of("BRK-B"), body)

    assert len(yahoo.fetch("BRK.B").bars) == 49
    assert set(server.paths()) == {path_of("BRK-B")}


def test_nothing_but_charts_is_asked_for(server, yahoo):
    yahoo.fetch("AAPL", *SPAN)

    assert server.paths() == [path_of("AAPL")] * 2
    assert [seen.params.get("range") for seen in server.seen] == ["1d", None]
    assert all("crumb" not in seen.params for seen in server.seen)


def test_a_row_of_nulls_is_set_aside(server, yahoo):
    series = series_of(AAPL)
    for name in ("open", "high", "low", "close", "volume"):
        series["indicators"]["quote"][0][name][3] = None
    write(server, series)

    fetched = yahoo.fetch("AAPL", *SPAN)

    assert len(fetched.bars) == 48
    assert [(row.session, row.rule) for row in fetched.refused] == [("2020-09-03", Rule.FINITE)]


def test_what_yfinance_makes_up_or_leaves_out_is_noted(server, yahoo):
    series = series_of(AAPL)
    series["indicators"]["quote"][0]["volume"][3] = None
    # Yahoo tells the running session twice.
    add_bar(series, datetime(2020, 11, 6, 20, 59, tzinfo=UTC), 118.5)
    series["meta"]["instrumentType"] = "ETF"
    series["events"]["capitalGains"] = {"1604673000": {"amount": 1.5, "date": 1604673000}}
    write(server, series)

    fetched = yahoo.fetch("AAPL", *SPAN)

    assert fetched.notes == (
        "yahoo's answer has 50 bars, of which yfinance reads 49: one a session",
        "volume: 1 of the bars came without one, which yfinance reads as 0",
        "capital gains: 1 paid out, which are not among the dividends",
    )


def test_prices_that_are_not_restated_for_a_split_are_noted(server, yahoo):
    series = series_of(NVDA)
    quote, before = series["indicators"]["quote"][0], 117
    for name in ("open", "high", "low", "close"):
        quote[name][:before] = [4 * price for price in quote[name][:before]]
    write(server, series)

    fetched = yahoo.fetch("NVDA", date(2021, 2, 1))

    assert str(fetched.bars.session[before]) == "2021-07-20"
    assert fetched.notes == ("splits: expected prices that are restated for all of them, got as_traded",)


def test_adjusted_closes_that_yahoo_does_not_say_are_not_made_up(server, yahoo):
    series = series_of(AAPL)
    del series["indicators"]["adjclose"]
    write(server, series)

    assert yahoo.fetch("AAPL", *SPAN).adjusted_close is None


def test_the_running_sessions_bar_is_left_in(server, waits, yahoo):
    series = series_of(AAPL)
    add_bar(series, waits.now(), 245.0)
    write(server, series)

    assert str(yahoo.fetch("AAPL", date(2020, 8, 31)).bars.session[-1]) == "2025-02-20"


def test_tickers_in_threads_get_their_own_bars(yahoo):
    tickers = ["AAPL", "NVDA", "MSFT", "BTC-USD", "TSLA"] * 2
    alone = {ticker: yahoo.fetch(ticker).provenance for ticker in tickers}

    with ThreadPoolExecutor(len(tickers)) as threads:
        together = list(threads.map(lambda ticker: yahoo.fetch(ticker).provenance, tickers))

    assert together == [alone[ticker] for ticker in tickers]


QUIETLY = """
import logging
import sys
from pathlib import Path
from stock_assets.errors import SourceError
from stock_assets.settings import PipelineSettings
from stock_assets.sources.vendors.yahoo import Yahoo
yahoo = Yahoo(PipelineSettings(home=Path(sys.argv[1]), yahoo_url=sys.argv[2]))
assert "yfinance" not in sys.modules
assert len(yahoo.fetch("AAPL").bars) == 1
logging.getLogger("yfinance").error("whatever it has to say")
for none in ("NOSUCH", "US0378331005"):
    try:
        yahoo.fetch(none)
    except SourceError:
        continue
    sys.exit("expected an error")
"""


def test_yfinance_says_nothing_and_writes_nothing_outside_the_home(server, tmp_path):
    person, home = tmp_path / "person", tmp_path / "home"
    person.mkdir()
    environment = {**os.environ, "HOME": str(person), "XDG_CACHE_HOME": str(person / "cache"), "TMPDIR": str(person)}

    done = subprocess.run(
        [sys.executable, "-c", QUIETLY, str(home), server.url], env=environment, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(person.rglob("*"))
    assert {path.name for path in home.iterdir()} == {"responses"}


def test_the_settings_choose_yahoo_and_nobody_is_asked_yet(server, tmp_path):
    source = market_data(settings_for(server, tmp_path, source=SourceName.YAHOO))

    assert isinstance(source, Yahoo)
    assert source.remote
    assert source.tickers() == ("AAPL", "AMZN", "GOOGL", "MSFT", "TSLA")
    assert server.seen == []
