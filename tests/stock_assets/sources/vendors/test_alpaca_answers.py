"""How Alpaca is asked, and every kind of answer that is none."""

from __future__ import annotations

from datetime import timedelta

import pytest
from alpaca_pages import ACTIONS, AROUND_THE_SPLIT, BARS, alpaca_at, page
from vendor_server import HTML, PASSING, Reply, as_json, instead

from stock_assets.errors import BudgetSpent, ErrorBody, UnknownTicker, VendorRefused, VendorUnavailable, WrongTicker

pytestmark = pytest.mark.usefixtures("apple_around_its_split")


@pytest.mark.parametrize("kind", PASSING)
def test_what_passes_is_asked_again_and_then_good(server, alpaca, kind):
    server.misbehave(PASSING[kind])

    assert len(alpaca.fetch("AAPL").bars) == 3
    assert server.paths() == [BARS, BARS, ACTIONS]


@pytest.mark.parametrize("kind", PASSING)
def test_what_never_passes_is_unavailable(server, tmp_path, waits, kind):
    server.always(PASSING[kind])

    with pytest.raises(VendorUnavailable, match=r"^alpaca: expected an answer for AAPL within 2 attempts, got [^\n]+$"):
        alpaca_at(server, tmp_path, waits, request_attempts=2).fetch("AAPL")

    assert len(server.seen) == 2
    assert not list(tmp_path.rglob("*.gz"))


def test_bars_without_their_actions_are_not_handed_out(server, tmp_path, waits):
    server.write(ACTIONS, Reply(status=503))

    with pytest.raises(VendorUnavailable, match="within 2 attempts, got status 503"):
        alpaca_at(server, tmp_path, waits, request_attempts=2).fetch("AAPL")


NONE = {
    "HTML": (Reply(HTML), ErrorBody, "a JSON object for AAPL, got status 200 with '<!DOCTYPE html>"),
    "error, 200": (
        as_json({"code": 50010000, "message": "internal\nerror"}),
        ErrorBody,
        "bars of AAPL, got internal error",
    ),
    "other JSON": (as_json({"quotes": {}}), ErrorBody, "bars of AAPL, got JSON of quotes"),
    "bars that are none": (as_json({"bars": {"AAPL": "none"}}), ErrorBody, "a list of bars of AAPL, got str"),
    "another's": (page(AROUND_THE_SPLIT, symbol="MSFT"), WrongTicker, "bars of AAPL, got some of MSFT"),
    "401": (Reply(b"", 401), VendorRefused, r"keys that may ask for AAPL \(APCA_API_KEY_ID, .*got status 401"),
    "403": (as_json({"message": "forbidden."}, status=403), VendorRefused, "got status 403: forbidden."),
    "400": (as_json({"message": "invalid start"}, status=400), VendorRefused, "got status 400: invalid start"),
    "no symbol": (
        as_json({"message": "invalid symbol: AAPL"}, status=400),
        UnknownTicker,
        "one that alpaca carries, got AAPL: invalid symbol: AAPL",
    ),
    "404": (as_json({}, status=404), VendorRefused, "bars of AAPL, got status 404"),
}


@pytest.mark.parametrize("kind", NONE)
def test_what_is_no_page_is_said_in_one_line_and_not_kept(server, tmp_path, alpaca, kind):
    reply, error, said = NONE[kind]
    server.write(BARS, reply)

    with pytest.raises(error, match=rf"^[^\n]*{said}[^\n]*$"):
        alpaca.fetch("AAPL")

    assert len(server.seen) == 1
    assert not list(tmp_path.rglob("*.gz"))


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        (["APCA_API_KEY_ID"], "APCA_API_KEY_ID"),
        (["APCA_API_SECRET_KEY"], "APCA_API_SECRET_KEY"),
        (["APCA_API_KEY_ID", "APCA_API_SECRET_KEY"], "APCA_API_KEY_ID and APCA_API_SECRET_KEY"),
    ],
)
def test_without_keys_nobody_is_asked(server, tmp_path, waits, missing, named):
    alpaca = alpaca_at(server, tmp_path, waits, **dict.fromkeys(missing))

    for ask in (alpaca.fetch, alpaca.require):
        with pytest.raises(VendorRefused, match=f"^alpaca: expected keys in APCA_API_KEY_ID and .*, got no {named}$"):
            ask("AAPL")

    assert server.seen == []


def test_keys_travel_in_headers_and_stay_nowhere(server, tmp_path, alpaca, caplog):
    caplog.set_level("DEBUG")
    server.misbehave(instead(status=500))

    fetched = alpaca.fetch("AAPL")

    assert {seen.headers["APCA-API-KEY-ID"] for seen in server.seen} == {"key-of-a-test"}
    assert {seen.headers["APCA-API-SECRET-KEY"] for seen in server.seen} == {"secret-of-a-test"}
    files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    for told in (caplog.text.encode(), repr(fetched.provenance).encode(), *files):
        assert b"of-a-test" not in told


def test_what_was_answered_a_moment_ago_is_not_asked_again(server, tmp_path, waits, alpaca):
    first = alpaca.fetch("AAPL")
    waits.at += timedelta(minutes=5)
    again = alpaca_at(server, tmp_path, waits).fetch("AAPL")

    assert len(server.seen) == 2
    assert again.provenance == first.provenance
    assert again.bars.ohlcv.tobytes() == first.bars.ohlcv.tobytes()


def test_a_budget_that_is_spent_is_said(server, tmp_path, waits):
    alpaca = alpaca_at(server, tmp_path, waits, request_budget=1)

    with pytest.raises(BudgetSpent, match=r"^alpaca: .*1 requests an hour \(request_budget\), got one more, for AAPL"):
        alpaca.fetch("AAPL")

    assert len(server.seen) == 1


def test_a_ticker_is_required_with_one_small_request(replay, tmp_path, waits):
    alpaca = alpaca_at(replay, tmp_path, waits)

    alpaca.require("TSLA")
    alpaca.require("BTC-USD")

    assert [(seen.path, seen.params) for seen in replay.seen] == [
        ("/v2/stocks/bars/latest", {"symbols": "TSLA"}),
        ("/v1beta3/crypto/us/latest/bars", {"symbols": "BTC/USD"}),
    ]


def test_a_ticker_without_a_latest_bar_is_unknown(replay, tmp_path, waits):
    with pytest.raises(
        UnknownTicker, match=r"^ticker: expected one that alpaca carries, got NOSUCH: it has no bar of it$"
    ):
        alpaca_at(replay, tmp_path, waits).require("NOSUCH")
