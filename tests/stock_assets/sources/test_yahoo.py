"""Yahoo, from recorded answers, and from every kind of answer that is none."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from shared_data import shared_data
from vendor_server import (
    HTML,
    Reply,
    VendorServer,
    Waits,
    as_json,
    cut,
    instead,
    pace_of,
    recorded,
    recording,
    reset,
    settings_for,
    stalled,
)

from quant.bars import VOLUME, Convention, log_returns
from quant.faults import Rule
from release.files import sha256
from stock_assets.errors import (
    BudgetSpent,
    DataEmpty,
    ErrorBody,
    UnknownTicker,
    VendorRefused,
    VendorUnavailable,
    WrongTicker,
)
from stock_assets.settings import SourceName
from stock_assets.sources.catalogue import market_data
from stock_assets.sources.market_data import Fetched
from stock_assets.sources.transport import Transport
from stock_assets.sources.yahoo import Yahoo, symbol_of

NOW = datetime(2025, 2, 20, 15, tzinfo=UTC)
FOLDER = "yahoo/recorded_2025"
AAPL = f"{FOLDER}/chart-AAPL-2020-08-31-to-2020-11-07.json"
NVDA = f"{FOLDER}/historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv.json"
MSFT = f"{FOLDER}/historical-via-chart-MSFT-dividends-2021-02-01-to-2022-01-31.csv.json"
SPAN = (date(2020, 8, 31), date(2020, 11, 7))
# What yfinance asks for with a history, and not with its look at the time zone.
HISTORY = {"events": "div,splits,capitalGains"}


@pytest.fixture
def server() -> Iterator[VendorServer]:
    shared_data(f"api/{FOLDER}")
    with VendorServer().running() as running:
        yield running


@pytest.fixture
def waits() -> Waits:
    return Waits(NOW)


@pytest.fixture
def yahoo(server, tmp_path, waits) -> Yahoo:
    return yahoo_at(server, tmp_path, waits)


def yahoo_at(server: VendorServer, home: Path, waits: Waits, **changes: object) -> Yahoo:
    return Yahoo(settings_for(server, home, request_timeout_seconds=0.2, **changes), pace=pace_of(waits))


def path_of(symbol: str) -> str:
    return f"/v8/finance/chart/{symbol}"


def series_of(name: str) -> dict[str, Any]:
    """A recorded series, to be edited."""
    series: dict[str, Any] = copy.deepcopy(recording(name)["body"]["chart"]["result"][0])
    return series


def write(server: VendorServer, series: dict[str, Any]) -> None:
    """Have the server answer histories of its symbol with the series."""
    body = {"chart": {"result": [series], "error": None}}
    server.write(path_of(series["meta"]["symbol"]), as_json(body), **HISTORY)


def add_bar(series: dict[str, Any], at: datetime, price: float, *, volume: float | None = 1e6) -> None:
    series["timestamp"].append(int(at.timestamp()))
    quote = series["indicators"]["quote"][0]
    for name in ("open", "high", "low", "close"):
        quote[name].append(price)
    quote["volume"].append(volume)
    series["indicators"]["adjclose"][0]["adjclose"].append(price)


def add_split(series: dict[str, Any], at: datetime, new: int, old: int) -> None:
    stamp = int(at.timestamp())
    split = {"date": stamp, "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"}
    series.setdefault("events", {}).setdefault("splits", {})[str(stamp)] = split


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
    assert int(asked["period2"]) > NOW.timestamp()


def test_actions_are_asked_for_through_today_though_the_range_has_ended(server, yahoo):
    yahoo.fetch("AAPL", *SPAN)

    assert int(server.seen[-1].params["period2"]) > NOW.timestamp()
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


def test_what_was_answered_a_moment_ago_is_not_asked_again(server, tmp_path, waits, yahoo):
    first = yahoo.fetch("AAPL", *SPAN)
    waits.at += timedelta(minutes=5)
    again = yahoo_at(server, tmp_path, waits).fetch("AAPL", *SPAN)

    assert len(server.seen) == 2
    assert again.provenance == first.provenance
    assert again.bars.ohlcv.tobytes() == first.bars.ohlcv.tobytes()


def test_a_refresh_costs_one_request(server, waits, yahoo):
    yahoo.fetch("AAPL", *SPAN)
    waits.at += timedelta(minutes=20)
    yahoo.fetch("AAPL", *SPAN)

    assert [seen.params.get("range") for seen in server.seen] == ["1d", None, None]


PASSING = {
    "429": instead(b"Too Many Requests", status=429),
    "429 that says when": instead(status=429, Retry_After="3"),
    "500": instead(status=500),
    "slow body": stalled,
    "cut body": cut,
    "connection reset": reset,
}


@pytest.mark.parametrize("kind", PASSING)
def test_what_passes_is_asked_again_and_then_good(server, yahoo, kind):
    server.misbehave(PASSING[kind])

    assert len(yahoo.fetch("AAPL", *SPAN).bars) == 49
    assert len(server.seen) == 3


@pytest.mark.parametrize("kind", PASSING)
def test_what_never_passes_is_unavailable(server, tmp_path, waits, kind):
    server.always(PASSING[kind])

    with pytest.raises(VendorUnavailable, match=r"^yahoo: expected an answer for AAPL within 2 attempts, got [^\n]+$"):
        yahoo_at(server, tmp_path, waits, request_attempts=2).fetch("AAPL", *SPAN)

    assert len(server.seen) == 2
    assert not list(tmp_path.rglob("*.gz"))


def test_a_budget_that_is_spent_is_said(server, tmp_path, waits):
    yahoo = yahoo_at(server, tmp_path, waits, request_budget=2)
    yahoo.fetch("AAPL", *SPAN)

    with pytest.raises(BudgetSpent, match=r"^yahoo: .*2 requests an hour \(request_budget\), got one more, for MSFT"):
        yahoo.fetch("MSFT")


def chart_error(code: str, description: str, *, status: int) -> Reply:
    return as_json({"chart": {"result": None, "error": {"code": code, "description": description}}}, status=status)


NO_DATA = "No data found, symbol may be delisted"
NO_RANGE = "Data doesn't exist for startDate = 1, endDate = 2"
NONE = {
    "HTML": (lambda: Reply(HTML), ErrorBody, "a JSON object for AAPL, got status 200 with '<!DOCTYPE html>"),
    "nothing": (lambda: Reply(b""), ErrorBody, "a JSON object for AAPL, got status 200 with an empty body"),
    "a list": (lambda: Reply(b"[1]"), ErrorBody, "a JSON object for AAPL, got status 200 with '.1.'"),
    "empty day": (
        lambda: recorded(f"{FOLDER}/chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m.json"),
        DataEmpty,
        "AAPL: expected bars, got an empty chart from yahoo",
    ),
    "no result": (
        lambda: as_json({"chart": {"result": None, "error": None}}),
        ErrorBody,
        "a chart of AAPL, got JSON of chart",
    ),
    "unknown, 200": (lambda: chart_error("Not Found", NO_DATA, status=200), UnknownTicker, f"got AAPL: {NO_DATA}"),
    "unknown, 404": (lambda: chart_error("Not Found", NO_DATA, status=404), UnknownTicker, f"got AAPL: {NO_DATA}"),
    "error, 200": (
        lambda: chart_error("Internal", "It\nbroke", status=200),
        ErrorBody,
        "AAPL: expected bars, got status 200 from yahoo: Internal: It broke",
    ),
    "error, 400": (
        lambda: chart_error("Bad Request", "Invalid input", status=400),
        VendorRefused,
        "got status 400 from yahoo: Bad Request: Invalid input",
    ),
    "nothing in range": (lambda: chart_error("Bad Request", NO_RANGE, status=400), DataEmpty, "AAPL: expected bars"),
    "401": (
        lambda: as_json({"finance": {"result": None, "error": {"code": "Unauthorized"}}}, status=401),
        VendorRefused,
        "status 401 from yahoo: Unauthorized: no description",
    ),
    "HTML, 403": (lambda: Reply(HTML, 403), VendorRefused, "got status 403 with '<!DOCTYPE"),
    "404, edited": (
        lambda: recorded(f"{FOLDER}/pageWith404andJson.fake.json"),
        VendorRefused,
        "a chart of AAPL, got status 404 without a reason",
    ),
    "404, recorded": (
        lambda: recorded(f"{FOLDER}/pageWithUnknownError.json"),
        VendorRefused,
        "status 404 from yahoo: Made Up Error: I'm made up",
    ),
    "other JSON, edited": (
        lambda: recorded(f"{FOLDER}/weirdJsonResult.fake.json"),
        ErrorBody,
        "a chart of AAPL, got JSON of somethingWeird",
    ),
    "prices without times, edited": (
        lambda: recorded(f"{FOLDER}/chart-notimestamp-weird-quote.fake.json"),
        ErrorBody,
        "open of AAPL for each time, got 1 and 0 times",
    ),
    "another's": (
        lambda: recorded(f"{FOLDER}/chart-AMZN-2020-01-01-to-2020-01-03.json"),
        WrongTicker,
        "a chart of AAPL, got one of AMZN",
    ),
}


# For its time zone a market needs no bars.
NO_BARS = ("empty day", "prices without times, edited")


@pytest.mark.parametrize(
    ("stage", "kind"),
    [("history", kind) for kind in NONE] + [("time zone", kind) for kind in NONE if kind not in NO_BARS],
)
def test_what_is_no_chart_is_said_in_one_line_and_not_kept(server, tmp_path, yahoo, kind, stage):
    make, error, said = NONE[kind]
    server.write(path_of("AAPL"), make(), **(HISTORY if stage == "history" else {"range": "1d"}))

    with pytest.raises(error, match=f"^[^\n]*{said}[^\n]*$"):
        yahoo.fetch("AAPL", *SPAN)

    # Asked once, and not in other ways that yfinance would try.
    assert len(server.seen) == (2 if stage == "history" else 1)
    assert len(list(tmp_path.rglob("*.gz"))) == len(server.seen) - 1


def edited(**changes: object) -> dict[str, Any]:
    series = series_of(AAPL)
    series["meta"] |= changes
    return series


def without(series: dict[str, Any], *path: str | int) -> dict[str, Any]:
    inside: Any = series
    for step in path[:-1]:
        inside = inside[step]
    del inside[path[-1]]
    return series


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda: without(edited(), "meta", "exchangeTimezoneName"), "with exchangeTimezoneName, got one without"),
        (lambda: without(edited(), "meta"), "with meta, got one without"),
        (lambda: without(edited(), "indicators"), "open of AAPL for each time, got none"),
        (lambda: without(edited(), "indicators", "quote", 0, "volume"), "volume of AAPL for each time, got none"),
        (lambda: without(edited(), "timestamp", 3), "open of AAPL for each time, got 49 and 48 times"),
        (lambda: without(edited(), "indicators", "adjclose", 0, "adjclose", 3), "that yfinance can read, got Val"),
        (lambda: edited(exchangeTimezoneName="Atlantis"), "that yfinance can read, got Unknown"),
    ],
)
def test_a_chart_that_lacks_what_is_needed_is_no_chart(server, yahoo, broken, said):
    body = {"chart": {"result": [broken()], "error": None}}
    server.write(path_of("AAPL"), as_json(body), **HISTORY)

    with pytest.raises(ErrorBody, match=f"^yahoo: expected [^\n]*{said}[^\n]*$"):
        yahoo.fetch("AAPL", *SPAN)


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


def test_a_ticker_is_required_with_one_small_request(server, yahoo):
    yahoo.require("AAPL")

    assert [seen.params for seen in server.seen] == [{"range": "1d", "interval": "1d"}]


def test_a_ticker_that_yahoo_does_not_carry_is_unknown(server, yahoo):
    for ask in (yahoo.require, yahoo.fetch):
        with pytest.raises(UnknownTicker, match=r"^ticker: expected one that yahoo carries, got NOSUCH: No data found"):
            ask("NOSUCH")

    assert len(server.seen) == 2


QUIETLY = """
import logging
import sys
from pathlib import Path
from stock_assets.errors import SourceError
from stock_assets.settings import PipelineSettings
from stock_assets.sources.yahoo import Yahoo
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
