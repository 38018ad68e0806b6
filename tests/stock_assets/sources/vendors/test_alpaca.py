"""Alpaca's bars and actions, from recorded bars and from answers written after its documentation."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from alpaca_pages import (
    ACTIONS,
    AROUND_THE_SPLIT,
    BARS,
    NO_ACTIONS,
    PAIRS,
    actions,
    alpaca_at,
    bar,
    dividend,
    page,
    split,
)
from vendor_server import settings_for

from quant.faults import Rule
from release.files import sha256
from stock_assets.errors import BadValue, DataEmpty, ErrorBody
from stock_assets.settings import SourceName
from stock_assets.sources.catalogue import market_data
from stock_assets.sources.market_data import Fetched
from stock_assets.sources.vendors.alpaca import Alpaca

pytestmark = pytest.mark.usefixtures("apple_around_its_split")


def sessions(fetched: Fetched) -> list[str]:
    return fetched.bars.session.astype(str).tolist()


def test_recorded_bars_come_out_as_traded(replay, tmp_path, waits):
    fetched = alpaca_at(replay, tmp_path, waits).fetch("AAPL", date(2022, 2, 1), date(2022, 2, 2))

    assert sessions(fetched) == ["2022-02-01", "2022-02-02"]
    assert fetched.bars.ohlcv.tolist() == [
        [174, 174.84, 172.31, 174.61, 85998033],
        [174.64, 175.88, 173.33, 175.84, 84817432],
    ]
    assert fetched.bars.split.tolist() == [1, 1]
    assert fetched.bars.dividend.tolist() == [0, 0]
    assert fetched.adjusted_close is None


def test_raw_daily_bars_are_asked_for_page_after_page(replay, tmp_path, waits):
    alpaca_at(replay, tmp_path, waits).fetch("AAPL", date(2022, 2, 1), date(2022, 2, 2))

    first, second, of_actions = replay.seen
    question = {"symbols": "AAPL", "timeframe": "1Day", "adjustment": "raw", "limit": "10000"}
    assert first.params == {**question, "start": "2022-02-01", "end": "2022-02-03"}
    assert second.params == {**first.params, "page_token": "QUFQTHxEfDIwMjItMDItMDJUMDU6MDA6MDAuMDAwMDAwMDAwWg=="}
    assert of_actions.path == ACTIONS
    assert of_actions.params == {
        "symbols": "AAPL",
        "types": "cash_dividend,forward_split,reverse_split",
        "start": "2022-02-01",
        # A dividend is processed weeks after its ex-date.
        "end": "2025-06-20",
        "limit": "1000",
    }


def test_recorded_bars_that_came_newest_first_are_in_order(replay, tmp_path, waits):
    assert sessions(alpaca_at(replay, tmp_path, waits).fetch("TSLA")) == ["2023-09-25", "2023-09-26", "2023-09-27"]


def test_a_pair_is_asked_for_by_alpacas_name_and_has_no_actions(replay, tmp_path, waits):
    fetched = alpaca_at(replay, tmp_path, waits).fetch("BTC-USD", date(2022, 3, 1))

    assert sessions(fetched) == ["2022-03-09"]
    assert [(seen.path, seen.params) for seen in replay.seen] == [
        (PAIRS, {"symbols": "BTC/USD", "timeframe": "1Day", "start": "2022-03-01", "limit": "10000"})
    ]


def test_a_pairs_day_is_utcs_and_a_stocks_new_yorks(server, alpaca):
    midnight_utc = {**bar("2022-03-09", 100.0), "t": "2022-03-09T00:00:00Z"}
    server.write(PAIRS, page([midnight_utc], symbol="BTC/USD"))
    server.write(BARS, page([bar("2022-01-03", 100.0) | {"t": "2022-01-03T05:00:00Z"}, bar("2022-07-01", 100.0)]))

    assert sessions(alpaca.fetch("BTC-USD")) == ["2022-03-09"]
    assert sessions(alpaca.fetch("AAPL")) == ["2022-01-03", "2022-07-01"]


def test_splits_and_dividends_are_put_on_their_sessions(server, alpaca):
    server.write(
        ACTIONS,
        actions(forward_splits=[split("2020-08-31", 4, 1)], cash_dividends=[dividend("2020-08-28", 0.82)]),
    )

    fetched = alpaca.fetch("AAPL")

    assert fetched.bars.close.tolist() == [500.04, 499.23, 129.04]
    assert fetched.bars.split.tolist() == [1, 1, 4]
    assert fetched.bars.dividend.tolist() == [0, 0.82, 0]


def test_a_reverse_split_leaves_fewer_shares(server, alpaca):
    server.write(ACTIONS, actions(reverse_splits=[split("2020-08-31", 1, 8)]))

    assert alpaca.fetch("AAPL").bars.split.tolist() == [1, 1, 0.125]


def test_actions_of_one_day_add_up_and_one_said_twice_is_one(server, alpaca):
    regular, special = dividend("2020-08-28", 0.5), dividend("2020-08-28", 0.25, special=True)
    server.write(ACTIONS, actions(cash_dividends=[regular, special, regular], token="more"))
    server.write(
        ACTIONS, actions(cash_dividends=[special], forward_splits=[split("2020-08-31", 4, 1)]), page_token="more"
    )

    fetched = alpaca.fetch("AAPL")

    assert fetched.bars.dividend.tolist() == [0, 0.75, 0]
    assert fetched.bars.split.tolist() == [1, 1, 4]


def test_an_action_on_a_day_without_a_bar_is_noted(server, alpaca):
    server.write(ACTIONS, actions(cash_dividends=[dividend("2020-08-29", 0.5), dividend("2020-09-05", 0.5)]))

    fetched = alpaca.fetch("AAPL")

    assert fetched.notes == ("cash_dividends: 0.5 on 2020-08-29, where there is no bar",)
    assert fetched.bars.dividend.tolist() == [0, 0, 0]


def test_other_kinds_of_actions_are_none_of_a_bars(server, alpaca):
    server.write(ACTIONS, actions(name_changes=[{"old_symbol": "X", "new_symbol": "AAPL"}], cash_dividends=[]))

    assert alpaca.fetch("AAPL").bars.split.tolist() == [1, 1, 1]


def test_pages_are_put_together_and_each_is_on_record(server, alpaca):
    first, second = page(AROUND_THE_SPLIT[:2], token="two"), page(AROUND_THE_SPLIT[2:])
    server.write(BARS, first)
    server.write(BARS, second, page_token="two")

    fetched = alpaca.fetch("AAPL")

    assert len(fetched.bars) == 3
    assert fetched.provenance.source == "alpaca"
    assert fetched.provenance.origin.startswith(f"{server.url}{BARS}?adjustment=raw")
    assert fetched.provenance.sha256 == (sha256(first.body), sha256(second.body), sha256(NO_ACTIONS.body))


def test_bars_at_the_seam_of_two_pages_are_merged(server, alpaca):
    server.write(BARS, page(AROUND_THE_SPLIT[:2], token="two"))
    server.write(BARS, page(AROUND_THE_SPLIT[1:]), page_token="two")

    fetched = alpaca.fetch("AAPL")

    assert (len(fetched.bars), fetched.merged) == (3, 1)


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"]])
def test_pages_that_go_round_in_a_circle_are_an_error(server, alpaca, tokens):
    server.write(BARS, page(AROUND_THE_SPLIT, token=tokens[0]))
    for token, after in pairwise(tokens):
        server.write(BARS, page(AROUND_THE_SPLIT, token=after), page_token=token)

    with pytest.raises(ErrorBody, match=r"^alpaca: expected a page of AAPL not seen before, got the token 'a' again$"):
        alpaca.fetch("AAPL")


@pytest.mark.parametrize(("end", "asked"), [(date(2025, 2, 20), None), (date(2025, 2, 18), "2025-02-19"), (None, None)])
def test_an_end_is_asked_for_only_where_it_has_passed(server, alpaca, end, asked):
    # Keys without leave for the newest quarter of an hour are refused a range that holds it.
    alpaca.fetch("AAPL", date(2020, 8, 1), end)

    assert server.seen[0].params.get("end") == asked


def test_bars_outside_the_range_are_cut(alpaca):
    assert sessions(alpaca.fetch("AAPL", date(2020, 8, 28), date(2020, 8, 28))) == ["2020-08-28"]


def test_no_bar_is_empty(server, alpaca):
    server.write(BARS, page([]))

    with pytest.raises(DataEmpty, match=r"^AAPL: expected bars from 2021-01-01 to now, got none from alpaca$"):
        alpaca.fetch("AAPL", date(2021, 1, 1))

    assert server.paths() == [BARS]


def test_a_bar_with_a_hole_is_set_aside(server, alpaca):
    server.write(BARS, page([*AROUND_THE_SPLIT, bar("2020-09-01", 134.18) | {"c": None}]))

    fetched = alpaca.fetch("AAPL")

    assert len(fetched.bars) == 3
    assert [(row.session, row.field, row.rule) for row in fetched.refused] == [("2020-09-01", "close", Rule.FINITE)]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ({"t": "yesterday"}, "AAPL t: expected a time such as 2022-02-01T05:00:00Z, got 'yesterday'"),
        ({"t": None}, "AAPL t: expected a time such as 2022-02-01T05:00:00Z, got None"),
        ({"h": "n/a"}, "AAPL 2020-08-27T04:00:00Z h: expected a number, got 'n/a'"),
    ],
)
def test_a_cell_that_is_no_time_or_number_is_named(server, alpaca, cell, said):
    server.write(BARS, page([AROUND_THE_SPLIT[0] | cell]))

    with pytest.raises(BadValue, match=f"^{said}$"):
        alpaca.fetch("AAPL")


def test_an_action_without_a_date_is_named(server, alpaca):
    server.write(ACTIONS, actions(cash_dividends=[dividend("soon", 1.0)]))

    with pytest.raises(BadValue, match=r"^AAPL ex_date: expected a date such as 2022-02-01, got 'soon'$"):
        alpaca.fetch("AAPL")


def test_a_split_of_no_shares_is_named(server, alpaca):
    server.write(ACTIONS, actions(forward_splits=[split("2020-08-31", 4, 0)]))

    with pytest.raises(BadValue, match=r"^AAPL 2020-08-31 old_rate: expected a number above 0, got 0$"):
        alpaca.fetch("AAPL")


def test_the_settings_choose_alpaca_and_nobody_is_asked_yet(server, tmp_path):
    source = market_data(settings_for(server, tmp_path, source=SourceName.ALPACA))

    assert isinstance(source, Alpaca)
    assert source.remote
    assert source.tickers() == ("AAPL", "AMZN", "GOOGL", "MSFT", "TSLA")
    assert server.seen == []
