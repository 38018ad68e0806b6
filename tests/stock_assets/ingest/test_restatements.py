"""History that a source tells otherwise: what counts as that, and what becomes of it under either policy."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from shared_data import sample_bars

from quant.bars import VOLUME, Bars, actions_from_adjusted_close
from quant.faults import Rule
from stock_assets.ingest.errors import NothingHeld
from stock_assets.ingest.refresh import accept, reject
from stock_assets.ingest.restatements import Outcome
from stock_assets.settings import RestatementPolicy
from stock_assets.sources.market_data import Refused

TICKER, NOW = "IBM", datetime(2013, 3, 2, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ACCEPT, HOLD = RestatementPolicy.ACCEPT, RestatementPolicy.HOLD
POLICIES = pytest.mark.parametrize("policy", RestatementPolicy)
# In the sample IBM's last ex-date, 0.85 a share.
EX_DATE = "2013-02-06"


def divided(bars: Bars, by: float) -> Bars:
    """Bars as a vendor tells them that has divided its whole history by a split, and not said so."""
    ohlcv = bars.ohlcv / by
    ohlcv[:, VOLUME] = bars.ohlcv[:, VOLUME] * by
    return dataclasses.replace(bars, ohlcv=ohlcv, dividend=bars.dividend / by)


def refused_row(session: str) -> Refused:
    return Refused(rule=Rule.FINITE, session=session, field="close", value="nan", expected="a finite number", row="{}")


def of(vault, *names: str) -> list[tuple[str, ...]]:
    return [tuple(row) for row in vault.restatements(TICKER)[list(names)].to_numpy()]


# What counts


@POLICIES
@pytest.mark.parametrize(
    "within",
    [
        {"close": 1 + 9e-7},
        {"open": 1 - 9e-7, "high": 1 + 9e-7, "low": 1 - 9e-7},
        {"volume": 1.0049},
        {"split": 1.00009},
        {"dividend": 0.0199},
    ],
)
def test_rounding_is_no_restatement_and_the_stored_values_stay(
    bars, vendor, refresh, vault, telling, same, policy, within
):
    refresh(vendor)
    vendor.bars = telling(bars, -3, **within)

    intake = refresh(vendor, policy=policy)

    assert intake.restatements == ()
    assert not intake.held
    assert same(vault.read(TICKER).bars, bars)


@pytest.mark.parametrize(
    ("beyond", "field"),
    [
        ({"open": 1 + 2e-6}, "open"),
        ({"high": 1 + 2e-6}, "high"),
        ({"low": 1 - 2e-6}, "low"),
        ({"close": 1 - 2e-6}, "close"),
        ({"split": 1.0002}, "split"),
        ({"dividend": 0.0205}, "dividend"),
    ],
)
def test_a_price_or_an_action_told_otherwise_is_one_restatement_with_both_values(
    bars, vendor, refresh, vault, telling, beyond, field
):
    refresh(vendor)
    vendor.bars = telling(bars, -3, **beyond)

    intake = refresh(vendor)

    (restated,) = intake.restatements
    columns = dict(zip(("open", "high", "low", "close", "volume"), range(5), strict=True))
    was, said = (
        b.ohlcv[-3, columns[field]] if field in columns else getattr(b, field)[-3] for b in (bars, vendor.bars)
    )
    assert (restated.session, restated.field) == (str(bars.session[-3]), field)
    assert (float(restated.old), float(restated.new)) == (was, said)
    assert (restated.ticker, restated.source, restated.seen_at) == (TICKER, "vendor", "2013-03-02T12:00:00Z")
    assert of(vault, "field", "outcome") == [(field, "held")]


def test_a_new_split_in_the_window_is_no_restatement(bars, vendor, refresh, vault, same):
    split = bars.split.copy()
    split[-2] = 4.0
    after = divided(bars, 4.0)
    ohlcv = np.vstack([bars.ohlcv[:-2], after.ohlcv[-2:]])
    vendor.bars = Bars(bars.session, ohlcv, split, bars.dividend)[:-2]
    refresh(vendor)
    vendor.bars = Bars(bars.session, ohlcv, split, bars.dividend)

    intake = refresh(vendor)

    assert intake.added == 2
    assert intake.restatements == ()
    assert same(vault.read(TICKER).bars, vendor.bars)


def test_dividends_read_back_from_rounded_adjusted_closes_may_jitter():
    """A later dividend scales every adjusted close before it, and each is rounded anew."""
    from stock_assets.ingest.comparison import compared

    bars = sample_bars("MSFT")[-800:]
    first, again = (
        np.round(bars.close * factor * np.cumprod(1 + 0.005 * (bars.dividend > 0)), 2) for factor in (0.3, 0.297)
    )
    stored, fetched = (
        Bars(bars.session, bars.ohlcv, *actions_from_adjusted_close(bars.close, adjusted))
        for adjusted in (first, again)
    )

    told = compared(stored, fetched, since=None, refused=(), adjusted_close=again)

    assert np.abs(stored.dividend - fetched.dividend).max() > 0.01
    assert not told.any
    assert compared(stored, fetched, since=None, refused=()).any


@POLICIES
def test_a_volume_that_settles_is_accepted_and_recorded_without_asking_for_more(
    bars, vendor, refresh, vault, telling, same, policy
):
    refresh(vendor)
    vendor.bars = telling(bars, -1, volume=1.2)

    intake = refresh(vendor, policy=policy)

    assert [(r.field, r.outcome) for r in intake.restatements] == [("volume", Outcome.ACCEPTED)]
    assert len(vendor.asked) == 2
    assert same(vault.read(TICKER).bars, vendor.bars)


@POLICIES
def test_a_bar_that_comes_late_is_accepted_and_recorded(bars, vendor, refresh, vault, without, same, policy):
    vendor.bars = without(bars, -4)
    refresh(vendor)
    vendor.bars = bars

    intake = refresh(vendor, policy=policy)

    (late,) = intake.restatements
    assert intake.added == 1
    assert (late.session, late.field, late.old, late.outcome) == (str(bars.session[-4]), "bar", "", Outcome.ACCEPTED)
    assert json.loads(late.new)["close"] == bars.close[-4]
    assert same(vault.read(TICKER).bars, bars)


# Accept


def test_accepted_the_whole_new_history_replaces_the_old_one(bars, vendor, refresh, vault, telling, same):
    refresh(vendor)
    vendor.bars = telling(telling(bars, 2, close=1.001), -3, close=1.002)

    intake = refresh(vendor, policy=ACCEPT)

    assert [start for start, _ in vendor.asked] == [None, bars.session[49].item(), None]
    assert [r.session for r in intake.restatements] == [str(bars.session[2]), str(bars.session[-3])]
    assert not intake.held
    assert same(vault.read(TICKER).bars, vendor.bars)
    assert of(vault, "outcome", "decided_at") == [("accepted", "2013-03-02T12:00:00Z")] * 2


def test_a_bar_that_is_gone_leaves_force_and_stays_on_record_whole(bars, vendor, refresh, vault, without, same):
    refresh(vendor)
    vendor.bars = without(bars, -5)

    (gone,) = refresh(vendor, policy=ACCEPT).restatements

    assert (gone.session, gone.field, gone.new) == (str(bars.session[-5]), "bar", "")
    assert json.loads(gone.old)["volume"] == bars.ohlcv[-5, VOLUME]
    assert same(vault.read(TICKER).bars, vendor.bars)


def test_an_answer_that_starts_later_than_it_was_asked_for_leaves_out_bars_too(bars, vendor, refresh, without):
    refresh(vendor)
    vendor.bars = without(bars, -11)

    intake = refresh(vendor, overlap=10)

    assert [(r.session, r.field) for r in intake.restatements] == [(str(bars.session[-11]), "bar")]
    assert intake.held


def test_a_change_back_and_forth_is_two_restatements_and_again_a_third(bars, vendor, refresh, vault, telling):
    other = telling(bars, -3, close=1.002)
    for told in (bars, other, bars, other, other):
        vendor.bars = told
        refresh(vendor, policy=ACCEPT)

    assert len(vault.restatements(TICKER)) == 3


def test_older_bars_than_the_source_still_has_stay_where_the_two_agree(bars, vendor, refresh, vault, telling, same):
    vendor.remote = False
    refresh(vendor)
    vendor.bars = telling(bars, -3, close=1.002)[20:]

    intake = refresh(vendor, policy=ACCEPT)

    assert [r.field for r in intake.restatements] == ["close"]
    assert same(vault.read(TICKER).bars, telling(bars, -3, close=1.002))


@POLICIES
def test_older_bars_than_the_source_still_has_are_not_mixed_with_another_share_count(
    bars, vendor, refresh, vault, same, policy
):
    vendor.remote = False
    refresh(vendor)
    vendor.bars = divided(bars, 4.0)[20:]

    intake = refresh(vendor, policy=policy)
    if policy is HOLD:
        assert same(vault.read(TICKER).bars, bars)
        accept(vault, TICKER, LATER)

    gone = [row for row in of(vault, "session", "field", "new") if row[1] == "bar"]
    assert intake.held is (policy is HOLD)
    assert same(vault.read(TICKER).bars, vendor.bars)
    assert gone == [(str(session), "bar", "") for session in bars.session[:20]]


def test_a_source_that_shares_no_session_with_what_is_stored_is_held(bars, vendor, refresh, vault, same):
    vendor.remote, vendor.bars = False, bars[:20]
    refresh(vendor)
    vendor.bars = bars[30:]

    assert refresh(vendor).held
    assert same(vault.read(TICKER).bars, bars[:20])


# Hold


@POLICIES
@pytest.mark.parametrize("remote", [True, False])
def test_a_history_divided_by_a_split_that_is_not_told_is_caught(bars, vendor, refresh, vault, same, policy, remote):
    vendor.remote, vendor.bars = remote, bars[:55]
    refresh(vendor)
    vendor.bars = divided(bars, 4.0)

    intake = refresh(vendor, policy=policy)

    closes = [r for r in intake.restatements if r.field == "close"]
    assert len(closes) == 55
    assert float(closes[0].old) == pytest.approx(4.0 * float(closes[0].new))
    assert same(vault.read(TICKER).bars, bars[:55] if policy is HOLD else vendor.bars)
    assert intake.held is (policy is HOLD)


def test_held_nothing_enters_and_the_fetch_is_kept_whole(bars, vendor, refresh, vault, telling, same, logs):
    vendor.bars = bars[:55]
    refresh(vendor)
    vendor.bars = telling(bars, 50, close=1.002)

    intake = refresh(vendor)

    assert intake.held
    assert intake.added == 0
    assert intake.after is intake.before
    assert same(vault.read(TICKER).bars, bars[:55])
    assert same(vault.held(TICKER).bars, vendor.bars)
    assert vault.held(TICKER).sha256 == ("ab" * 32,)
    assert "history_held" in [entry["event"] for entry in logs]


def test_while_a_fetch_is_held_everything_is_asked_for_and_the_same_is_recorded_once(
    bars, vendor, refresh, vault, telling
):
    vendor.bars = bars[:55]
    refresh(vendor)
    vendor.bars = telling(bars, 50, close=1.002)[:57]
    refresh(vendor)
    vendor.bars = telling(bars, 50, close=1.002)

    refresh(vendor, now=LATER)

    assert vendor.asked[-2:] == [(None, None)] * 2  # what raised the question, and the next refresh
    assert of(vault, "seen_at", "outcome") == [("2013-03-02T12:00:00Z", "held")]
    assert len(vault.held(TICKER).bars) == 60


def test_a_source_that_returns_to_the_old_telling_ends_the_hold(bars, vendor, refresh, vault, telling, same):
    vendor.bars = bars[:55]
    refresh(vendor)
    vendor.bars = telling(bars, 50, close=1.002)
    refresh(vendor)
    vendor.bars = bars

    intake = refresh(vendor, now=LATER)

    assert intake.added == 5
    assert vault.held(TICKER) is None
    assert of(vault, "outcome", "decided_at") == [("withdrawn", "2013-03-03T12:00:00Z")]
    assert same(vault.read(TICKER).bars, bars)


def test_accepted_by_a_person_the_held_fetch_is_in_force(bars, vendor, refresh, vault, telling, same):
    vendor.bars = bars[:55]
    refresh(vendor)
    vendor.bars = telling(bars, 50, close=1.002)
    refresh(vendor)

    accept(vault, TICKER, LATER)

    assert same(vault.read(TICKER).bars, vendor.bars)
    assert vault.held(TICKER) is None
    assert of(vault, "seen_at", "outcome", "decided_at") == [
        ("2013-03-02T12:00:00Z", "accepted", "2013-03-03T12:00:00Z")
    ]
    assert refresh(vendor).restatements == ()
    assert vendor.asked[-1][0] is not None


def test_a_bar_that_the_held_fetch_refused_stays_beside_those_that_agree(
    bars, vendor, refresh, vault, telling, without, same
):
    refresh(vendor)
    vendor.bars = without(telling(bars, -10, close=1.002), -3)
    vendor.refused = (refused_row(str(bars.session[-3])),)
    refresh(vendor)

    accept(vault, TICKER, LATER)

    assert same(vault.read(TICKER).bars, telling(bars, -10, close=1.002))
    assert of(vault, "session", "outcome") == [(str(bars.session[-10]), "accepted")]


@POLICIES
@pytest.mark.parametrize("remote", [True, False])
def test_rejected_by_a_person_the_old_values_stay_and_new_sessions_come_in(
    bars, vendor, refresh, vault, telling, same, policy, remote
):
    vendor.remote, vendor.bars = remote, bars[:55]
    refresh(vendor)
    vendor.bars = telling(bars, 50, close=1.002)[:57]
    refresh(vendor)

    reject(vault, TICKER, LATER)
    vendor.bars = telling(bars, 50, close=1.002 * (1 + 1e-8))
    intake = refresh(vendor, policy=policy)

    assert not intake.held
    assert intake.restatements == ()
    assert same(vault.read(TICKER).bars, bars)
    assert of(vault, "outcome") == [("rejected",)]


def test_another_restatement_than_the_rejected_one_is_held_again(bars, vendor, refresh, vault, telling, same):
    refresh(vendor)
    vendor.bars = telling(bars, -5, close=1.002)
    refresh(vendor)
    reject(vault, TICKER, LATER)
    vendor.bars = telling(bars, -5, close=1.003)

    assert refresh(vendor).held
    assert same(vault.read(TICKER).bars, bars)
    assert of(vault, "outcome") == [("rejected",), ("held",)]


def test_a_new_history_that_the_policy_accepts_comes_in_with_what_was_rejected_of_it(
    bars, vendor, refresh, vault, telling, same
):
    refresh(vendor)
    vendor.bars = telling(bars, -5, close=1.002)
    refresh(vendor)
    reject(vault, TICKER, LATER)
    vendor.bars = telling(telling(bars, -5, close=1.002), -4, close=1.003)

    refresh(vendor, policy=ACCEPT)

    assert same(vault.read(TICKER).bars, vendor.bars)
    assert of(vault, "session", "outcome") == [(str(bars.session[row]), "accepted") for row in (-5, -4)]


def test_each_value_that_was_rejected_stays_so(bars, vendor, refresh, vault, telling, same):
    refresh(vendor)
    for factor in (1.002, 1.003):
        vendor.bars = telling(bars, -5, close=factor)
        refresh(vendor)
        reject(vault, TICKER, LATER)
    vendor.bars = telling(bars, -5, close=1.002)

    assert not refresh(vendor).held
    assert same(vault.read(TICKER).bars, bars)


def test_what_one_source_was_rejected_for_another_may_say(bars, vendor, refresh, vault, telling):
    refresh(vendor)
    vendor.bars = telling(bars, -5, close=1.002)
    refresh(vendor)
    reject(vault, TICKER, LATER)
    other = dataclasses.replace(vendor, bars=bars, name="other")
    refresh(other)
    other.bars = vendor.bars

    assert refresh(other).held


def test_volumes_and_late_bars_of_a_rejected_share_count_are_not_mixed_in(
    bars, vendor, refresh, vault, telling, without, same
):
    stored = without(bars, -4)
    vendor.bars = stored
    refresh(vendor)
    vendor.bars = divided(stored, 4.0)
    refresh(vendor)
    reject(vault, TICKER, LATER)

    vendor.bars = telling(divided(stored, 4.0), -2, volume=1.1)
    volume = refresh(vendor)
    reject(vault, TICKER, LATER)
    vendor.bars = divided(bars, 4.0)
    late = refresh(vendor)

    assert volume.held
    assert [(r.field, r.session) for r in late.restatements] == [("bar", str(bars.session[-4]))]
    assert late.held
    assert same(vault.read(TICKER).bars, stored)


def test_what_was_rejected_can_still_be_accepted(bars, vendor, refresh, vault, telling, same):
    vendor.bars = bars[:55]
    refresh(vendor)
    vendor.bars = telling(bars, 50, close=1.002)[:57]
    refresh(vendor)
    reject(vault, TICKER, LATER)
    vendor.bars = telling(bars, 50, close=1.002)
    refresh(vendor, now=LATER)

    accept(vault, TICKER, LATER)

    assert same(vault.read(TICKER).bars, vendor.bars)
    assert of(vault, "outcome") == [("accepted",)]


@pytest.mark.parametrize("decide", [accept, reject])
def test_there_is_nothing_to_decide_where_nothing_is_held(vendor, refresh, vault, decide):
    refresh(vendor)

    with pytest.raises(NothingHeld, match="IBM: expected a fetch that is held for a decision, got none"):
        decide(vault, TICKER, NOW)


# Another source


def test_another_source_replaces_everything_and_nothing_of_both_is_mixed(bars, vendor, refresh, vault, same, logs):
    refresh(vendor)
    other = dataclasses.replace(vendor, bars=divided(bars, 1.0001)[10:], name="other", asked=[])

    intake = refresh(other)

    fields = [r.field for r in intake.restatements]
    assert other.asked == [(bars.session[49].item(), None), (None, None)]
    assert intake.source_changed
    assert not intake.held
    assert (fields.count("bar"), fields.count("close"), fields.count("volume")) == (10, 50, 0)
    assert {r.outcome for r in intake.restatements} == {Outcome.ACCEPTED}
    assert vault.read(TICKER).source == "other"
    assert same(vault.read(TICKER).bars, other.bars)
    assert "source_changed" in [entry["event"] for entry in logs]


def test_another_file_of_the_same_source_is_compared_as_usual(bars, vendor, refresh, vault, telling):
    refresh(vendor)
    vendor.origin = "elsewhere"

    same_telling = refresh(vendor)
    vendor.bars = telling(bars, -3, close=1.002)
    another = refresh(vendor)

    assert not same_telling.source_changed
    assert vault.read(TICKER).origin == "elsewhere"
    assert another.held
