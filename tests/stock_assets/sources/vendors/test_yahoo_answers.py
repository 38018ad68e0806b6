"""How Yahoo is asked, and every kind of answer that is none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from vendor_server import HTML, PASSING, Reply, as_json, recorded
from yahoo_charts import AAPL, FOLDER, HISTORY, SPAN, path_of, series_of, yahoo_at

from stock_assets.errors import (
    BudgetSpent,
    DataEmpty,
    ErrorBody,
    UnknownTicker,
    VendorRefused,
    VendorUnavailable,
    WrongTicker,
)

pytestmark = pytest.mark.usefixtures("recorded_charts")


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


def test_a_ticker_is_required_with_one_small_request(server, yahoo):
    yahoo.require("AAPL")

    assert [seen.params for seen in server.seen] == [{"range": "1d", "interval": "1d"}]


def test_a_ticker_that_yahoo_does_not_carry_is_unknown(server, yahoo):
    for ask in (yahoo.require, yahoo.fetch):
        with pytest.raises(UnknownTicker, match=r"^ticker: expected one that yahoo carries, got NOSUCH: No data found"):
            ask("NOSUCH")

    assert len(server.seen) == 2
