"""What a source is asked for, what enters the vault, and what does not."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from quant.bars import Bars
from quant.faults import Rule
from quant.sessions import SessionCalendar
from stock_assets.errors import DataEmpty
from stock_assets.ingest.errors import VaultChanged
from stock_assets.ingest.refresh import brings_news, commit, take_in
from stock_assets.ingest.vault import Vault
from stock_assets.settings import RestatementPolicy
from stock_assets.sources.market_data import Refused

TICKER, NOW = "IBM", datetime(2013, 3, 2, 12, 0, tzinfo=UTC)


def test_the_first_fetch_takes_everything_and_tells_where_it_came_from(vendor, refresh, vault, same):
    intake = refresh(vendor)

    stored = vault.read(TICKER)
    assert vendor.asked == [(None, None)]
    assert intake.before is None
    assert intake.added == 60
    assert same(stored.bars, vendor.bars)
    assert (stored.source, stored.origin, stored.sha256) == ("vendor", "memory", ("ab" * 32,))
    assert stored.fetched_at == "2013-03-02T12:00:00Z"


def test_a_later_refresh_asks_a_remote_source_for_the_overlap_and_what_follows_only(bars, vendor, refresh, vault, same):
    vendor.bars = bars[:50]
    refresh(vendor)
    vendor.bars = bars

    intake = refresh(vendor, overlap=7)

    assert vendor.asked[1:] == [(bars.session[49 - 7].item(), None)]
    assert intake.added == 10
    assert intake.restatements == ()
    assert same(vault.read(TICKER).bars, bars)


def test_an_overlap_longer_than_what_is_stored_asks_from_the_first_stored_session(bars, vendor, refresh):
    refresh(vendor)
    refresh(vendor, overlap=252)

    assert vendor.asked[1] == (bars.session[0].item(), None)


def test_a_local_source_is_asked_for_everything_each_time(vendor, refresh):
    vendor.remote = False
    refresh(vendor)
    refresh(vendor)

    assert vendor.asked == [(None, None)] * 2


def test_a_refresh_without_news_changes_nothing_but_when_it_was(vendor, refresh, vault, same):
    first = refresh(vendor)
    again = refresh(vendor, now=NOW + timedelta(hours=5))

    assert again.added == 0
    assert same(again.after.bars, first.after.bars)
    assert vault.read(TICKER).fetched_at == "2013-03-02T17:00:00Z"
    assert vault.restatements(TICKER).empty
    assert vault.quarantine(TICKER).empty


def test_equal_fetches_have_equal_digests_and_others_don_t(vendor, refresh, bars):
    vendor.remote = False
    first = refresh(vendor).after.fetch_digest
    again = refresh(vendor).after.fetch_digest
    vendor.refused = (refused_row("2013-01-02"),)
    with_a_refused_row = refresh(vendor).after.fetch_digest
    vendor.bars = bars[:-1]
    shorter = refresh(vendor).after.fetch_digest

    assert first == again
    assert len({first, with_a_refused_row, shorter}) == 3


def test_a_remote_source_with_nothing_in_the_range_has_nothing_new(bars, vendor, refresh, tmp_path):
    refresh(vendor)
    file = tmp_path / "lake" / "raw_bars" / f"{TICKER}.parquet"
    before = file.read_bytes()
    vendor.bars = bars[:20]

    intake = refresh(vendor)

    assert intake.added == 0
    assert not intake.held
    assert intake.after is intake.before
    assert len(intake.fetched.bars) == 0
    assert file.read_bytes() == before


def test_a_source_that_has_nothing_at_all_is_an_error(bars, vendor, refresh, vault):
    vendor.bars = bars[:0]

    with pytest.raises(DataEmpty, match="IBM: too short: expected bars from the start"):
        refresh(vendor)
    assert vault.read(TICKER) is None


def test_a_local_source_that_has_nothing_any_more_is_an_error_and_the_stored_bars_stay(bars, vendor, refresh, vault):
    vendor.remote = False
    refresh(vendor)
    vendor.bars = bars[:0]

    with pytest.raises(DataEmpty):
        refresh(vendor)
    assert len(vault.read(TICKER).bars) == 60


def test_an_as_of_date_asks_for_no_more_and_removes_nothing(bars, vendor, refresh, vault, same):
    end = bars.session[29].item()

    early = refresh(vendor, end=end)
    refresh(vendor)
    late = refresh(vendor, end=end)

    assert len(early.after.bars) == 30
    assert late.added == 0
    assert vendor.asked[2] == (bars.session[59 - 10].item(), date(2013, 3, 1))
    assert same(vault.read(TICKER).bars, bars)


# Today's bar


@pytest.mark.parametrize(
    ("now", "in_force"),
    [
        (datetime(2013, 3, 1, 21, 59, 59, tzinfo=UTC), "2013-02-28"),
        (datetime(2013, 3, 1, 22, 0, tzinfo=UTC), "2013-03-01"),
    ],
)
def test_a_bar_enters_once_its_session_has_closed_and_settled(vendor, refresh, now, in_force):
    intake = refresh(vendor, now=now)

    assert str(intake.after.bars.session[-1]) == in_force
    assert intake.unfinished == (() if in_force == "2013-03-01" else ("2013-03-01",))


@pytest.mark.parametrize(("hour", "unfinished"), [(18, ("2012-12-24",)), (19, ())])
def test_half_days_close_early(bars, vendor, refresh, hour, unfinished):
    vendor.bars = bars.through(np.datetime64("2012-12-24"))

    assert refresh(vendor, now=datetime(2012, 12, 24, hour, 0, tzinfo=UTC)).unfinished == unfinished


def test_what_was_unfinished_comes_in_as_it_is_once_it_has_closed(bars, vendor, refresh, vault, telling, same):
    vendor.bars = telling(bars, -1, high=1.01, volume=0.3)
    refresh(vendor, now=datetime(2013, 3, 1, 18, 0, tzinfo=UTC))
    vendor.bars = bars

    intake = refresh(vendor)

    assert intake.added == 1
    assert intake.restatements == ()
    assert same(vault.read(TICKER).bars, bars)


def test_nothing_but_an_unfinished_bar_is_nothing_yet(bars, vendor, refresh, vault):
    vendor.bars = bars[-1:]

    intake = refresh(vendor, now=datetime(2013, 3, 1, 18, 0, tzinfo=UTC))

    assert len(intake.after.bars) == 0
    assert intake.unfinished == ("2013-03-01",)
    assert vault.read(TICKER) is None


def test_a_row_of_a_session_under_way_that_is_no_bar_is_not_refused_yet(bars, vendor, refresh):
    # A dividend that is told before the market opens, on a day without prices.
    hole = Refused(rule=Rule.FINITE, session="2013-03-01", field="open", value="nan", expected="a number", row="{}")
    undated = dataclasses.replace(hole, session="soon")
    vendor.bars, vendor.refused = bars[:-1], (hole, undated)

    early = refresh(vendor, now=datetime(2013, 3, 1, 13, 0, tzinfo=UTC))
    late = refresh(vendor)

    assert (early.unfinished, early.quarantined) == (("2013-03-01",), (undated,))
    assert (late.unfinished, late.quarantined) == ((), (hole, undated))


def test_after_the_calendar_s_end_a_bar_is_finished_when_its_day_is_over(vendor, refresh, calendar):
    short = until(calendar, "2013-02-27")

    intake = refresh(vendor, calendar=short, now=datetime(2013, 3, 2, 0, 59, tzinfo=UTC))

    assert intake.unfinished == ("2013-03-01",)
    assert intake.quarantined == ()
    assert str(intake.after.bars.session[-1]) == "2013-02-28"


# The quarantine


def test_a_bar_on_a_day_without_a_session_is_set_aside_with_its_whole_row(bars, vendor, refresh, vault, same):
    saturday = Bars(np.array(["2013-02-23"], "datetime64[D]"), bars.ohlcv[:1], bars.split[:1], bars.dividend[:1])
    before = bars.through(np.datetime64("2013-02-22"))
    vendor.bars = before.append(saturday).append(bars.after(np.datetime64("2013-02-23")))

    intake = refresh(vendor)

    (row,) = vault.quarantine(TICKER).to_dict("records")
    assert [refused.rule for refused in intake.quarantined] == [Rule.EXTRA_SESSION]
    assert (row["session"], row["rule"], row["expected"]) == ("2013-02-23", "extra_session", "a session of XNYS")
    assert f'"close": {float(bars.close[0])!r}' in row["row"]
    assert same(vault.read(TICKER).bars, bars)


def test_a_bar_of_today_is_no_unfinished_one_where_today_is_no_session(bars, vendor, refresh):
    today = Bars(np.array(["2013-03-02"], "datetime64[D]"), bars.ohlcv[-1:], bars.split[-1:], bars.dividend[-1:])
    vendor.bars = bars.append(today)

    intake = refresh(vendor)

    assert intake.unfinished == ()
    assert [refused.session for refused in intake.quarantined] == ["2013-03-02"]


def test_days_that_the_calendar_does_not_reach_are_no_extra_sessions(vendor, refresh, calendar):
    late = dataclasses.replace(calendar, **{name: getattr(calendar, name)[-300:] for name in COLUMNS_OF_A_CALENDAR})

    intake = refresh(vendor, calendar=late)

    assert vendor.bars.session[0] < late.session[0]
    assert intake.quarantined == ()
    assert len(intake.after.bars) == 60


def test_a_refused_row_is_kept_once_with_the_time_it_was_first_seen(vendor, refresh, vault):
    vendor.refused = (refused_row("2013-02-27"), refused_row("2013-02-28"))
    refresh(vendor)
    vendor.refused += (refused_row("2013-03-01"),)
    refresh(vendor, now=NOW + timedelta(days=1))

    kept = vault.quarantine(TICKER)

    assert list(kept["session"]) == ["2013-02-27", "2013-02-28", "2013-03-01"]
    assert list(kept["seen_at"]) == ["2013-03-02T12:00:00Z"] * 2 + ["2013-03-03T12:00:00Z"]
    assert set(kept["source"]) == {"vendor"}


def test_a_refused_row_unsays_no_stored_bar(bars, vendor, refresh, vault, without, same):
    refresh(vendor)
    vendor.bars, vendor.refused = without(bars, -3), (refused_row(str(bars.session[-3])),)

    intake = refresh(vendor)

    assert intake.restatements == ()
    assert same(vault.read(TICKER).bars, bars)


# Writing


def test_take_in_writes_nothing(vendor, vault, calendar, tmp_path):
    policy = RestatementPolicy.HOLD

    take_in(TICKER, source=vendor, vault=vault, calendar=calendar, now=NOW, end=None, policy=policy, overlap=5)

    assert not (tmp_path / "lake").exists()


def test_an_end_between_evidence_and_bars_loses_nothing_and_a_rerun_adds_nothing_twice(
    bars, vendor, refresh, vault, lake, telling
):
    class DiesBeforeTheBars(Vault):
        def write(self, _ticker, _stored):
            raise KeyboardInterrupt

    refresh(vendor)
    vendor.bars, vendor.refused = telling(bars, -2, close=1.001), (refused_row("2013-02-28"),)
    with pytest.raises(KeyboardInterrupt):
        refresh(vendor, vault=DiesBeforeTheBars(lake), policy=RestatementPolicy.ACCEPT)
    after_the_end = vault.restatements(TICKER), vault.quarantine(TICKER), vault.read(TICKER).bars.close[-2]

    refresh(vendor, policy=RestatementPolicy.ACCEPT, now=NOW + timedelta(minutes=1))

    assert [len(table) for table in after_the_end[:2]] == [1, 1]
    assert after_the_end[2] == bars.close[-2]
    assert vault.restatements(TICKER).equals(after_the_end[0])
    assert vault.quarantine(TICKER).equals(after_the_end[1])
    assert vault.read(TICKER).bars.close[-2] == vendor.bars.close[-2]


def test_a_commit_done_again_is_the_same_and_one_that_was_overtaken_is_refused(vendor, refresh, vault):
    first = refresh(vendor)
    second = refresh(vendor, now=NOW + timedelta(minutes=1))

    commit(vault, second)

    with pytest.raises(VaultChanged, match="IBM: expected no bars in force as when it was decided, got"):
        commit(vault, first)
    assert vault.read(TICKER).fetched_at == second.after.fetched_at


def test_every_refresh_is_logged_with_its_ticker_and_source(vendor, refresh, logs):
    refresh(vendor)

    (entry,) = logs
    assert (entry["event"], entry["ticker"], entry["source"], entry["added"]) == ("taken_in", TICKER, "vendor", 60)


# News


def test_what_is_stored_already_is_no_news_however_much_of_it_was_asked_for(bars, vendor, refresh, look, vault):
    vendor.bars, vendor.refused = bars[:50], (refused_row(str(bars.session[48])),)
    refresh(vendor)
    vendor.bars = bars
    new_sessions = look(vendor)
    refresh(vendor)
    the_next_part = look(vendor)
    vendor.bars = bars[:20]
    nothing_in_the_range = look(vendor)

    assert brings_news(vault, new_sessions)
    assert new_sessions.after.fetch_digest != the_next_part.after.fetch_digest
    assert not brings_news(vault, the_next_part)
    assert not brings_news(vault, nothing_in_the_range)


def test_a_first_fetch_a_new_refused_row_a_settled_volume_and_another_source_are_news(
    bars, vendor, refresh, look, vault, telling
):
    first = brings_news(vault, look(vendor))
    refresh(vendor)
    vendor.refused = (refused_row(str(bars.session[-2])),)
    refused = brings_news(vault, look(vendor))
    refresh(vendor)
    refused_again = brings_news(vault, look(vendor))
    vendor.bars = telling(bars, -1, volume=1.1)
    settled = brings_news(vault, look(vendor))
    vendor.bars, vendor.name = bars, "other"
    other = brings_news(vault, look(vendor))

    assert (first, refused, refused_again, settled, other) == (True, True, False, True, True)


def test_a_held_fetch_is_news_once(bars, vendor, refresh, look, vault, telling):
    refresh(vendor)
    vendor.bars = telling(bars, -3, close=1.01)
    seen = brings_news(vault, look(vendor))
    refresh(vendor)
    again = brings_news(vault, look(vendor))
    vendor.bars = telling(bars, -3, close=1.02)

    assert (seen, again, brings_news(vault, look(vendor))) == (True, False, True)


COLUMNS_OF_A_CALENDAR = ("session", "open_utc", "close_utc")


def until(calendar: SessionCalendar, last: str) -> SessionCalendar:
    kept = calendar.session <= np.datetime64(last)
    return dataclasses.replace(calendar, **{name: getattr(calendar, name)[kept] for name in COLUMNS_OF_A_CALENDAR})


def refused_row(session: str) -> Refused:
    row = f'{{"date": "{session}", "close": null}}'
    return Refused(rule=Rule.FINITE, session=session, field="close", value="nan", expected="a finite number", row=row)
