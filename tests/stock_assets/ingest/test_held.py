"""History that is held for a person: nothing of it enters, until it is accepted, rejected or withdrawn."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from quant.faults import Rule
from stock_assets.ingest.errors import NothingHeld
from stock_assets.ingest.refresh import accept, reject
from stock_assets.settings import RestatementPolicy
from stock_assets.sources.market_data import Refused

TICKER, NOW = "IBM", datetime(2013, 3, 2, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ACCEPT, HOLD = RestatementPolicy.ACCEPT, RestatementPolicy.HOLD
POLICIES = pytest.mark.parametrize("policy", RestatementPolicy)


def refused_row(session: str) -> Refused:
    return Refused(rule=Rule.FINITE, session=session, field="close", value="nan", expected="a finite number", row="{}")


@POLICIES
@pytest.mark.parametrize("remote", [True, False])
def test_a_history_divided_by_a_split_that_is_not_told_is_caught(
    bars, vendor, refresh, vault, same, policy, remote, divided
):
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
    bars, vendor, refresh, vault, telling, of
):
    vendor.bars = bars[:55]
    refresh(vendor)
    vendor.bars = telling(bars, 50, close=1.002)[:57]
    refresh(vendor)
    vendor.bars = telling(bars, 50, close=1.002)

    refresh(vendor, now=LATER)

    assert vendor.asked[-2:] == [(None, None)] * 2  # what raised the question, and the next refresh
    assert of("seen_at", "outcome") == [("2013-03-02T12:00:00Z", "held")]
    assert len(vault.held(TICKER).bars) == 60


def test_a_source_that_returns_to_the_old_telling_ends_the_hold(bars, vendor, refresh, vault, telling, same, of):
    vendor.bars = bars[:55]
    refresh(vendor)
    vendor.bars = telling(bars, 50, close=1.002)
    refresh(vendor)
    vendor.bars = bars

    intake = refresh(vendor, now=LATER)

    assert intake.added == 5
    assert vault.held(TICKER) is None
    assert of("outcome", "decided_at") == [("withdrawn", "2013-03-03T12:00:00Z")]
    assert same(vault.read(TICKER).bars, bars)


def test_accepted_by_a_person_the_held_fetch_is_in_force(bars, vendor, refresh, vault, telling, same, of):
    vendor.bars = bars[:55]
    refresh(vendor)
    vendor.bars = telling(bars, 50, close=1.002)
    refresh(vendor)

    accept(vault, TICKER, LATER)

    assert same(vault.read(TICKER).bars, vendor.bars)
    assert vault.held(TICKER) is None
    assert of("seen_at", "outcome", "decided_at") == [("2013-03-02T12:00:00Z", "accepted", "2013-03-03T12:00:00Z")]
    assert refresh(vendor).restatements == ()
    assert vendor.asked[-1][0] is not None


def test_a_bar_that_the_held_fetch_refused_stays_beside_those_that_agree(
    bars, vendor, refresh, vault, telling, without, same, of
):
    refresh(vendor)
    vendor.bars = without(telling(bars, -10, close=1.002), -3)
    vendor.refused = (refused_row(str(bars.session[-3])),)
    refresh(vendor)

    accept(vault, TICKER, LATER)

    assert same(vault.read(TICKER).bars, telling(bars, -10, close=1.002))
    assert of("session", "outcome") == [(str(bars.session[-10]), "accepted")]


@POLICIES
@pytest.mark.parametrize("remote", [True, False])
def test_rejected_by_a_person_the_old_values_stay_and_new_sessions_come_in(
    bars, vendor, refresh, vault, telling, same, policy, remote, of
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
    assert of("outcome") == [("rejected",)]


def test_another_restatement_than_the_rejected_one_is_held_again(bars, vendor, refresh, vault, telling, same, of):
    refresh(vendor)
    vendor.bars = telling(bars, -5, close=1.002)
    refresh(vendor)
    reject(vault, TICKER, LATER)
    vendor.bars = telling(bars, -5, close=1.003)

    assert refresh(vendor).held
    assert same(vault.read(TICKER).bars, bars)
    assert of("outcome") == [("rejected",), ("held",)]


def test_a_new_history_that_the_policy_accepts_comes_in_with_what_was_rejected_of_it(
    bars, vendor, refresh, vault, telling, same, of
):
    refresh(vendor)
    vendor.bars = telling(bars, -5, close=1.002)
    refresh(vendor)
    reject(vault, TICKER, LATER)
    vendor.bars = telling(telling(bars, -5, close=1.002), -4, close=1.003)

    refresh(vendor, policy=ACCEPT)

    assert same(vault.read(TICKER).bars, vendor.bars)
    assert of("session", "outcome") == [(str(bars.session[row]), "accepted") for row in (-5, -4)]


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
    bars, vendor, refresh, vault, telling, without, same, divided
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


def test_what_was_rejected_can_still_be_accepted(bars, vendor, refresh, vault, telling, same, of):
    vendor.bars = bars[:55]
    refresh(vendor)
    vendor.bars = telling(bars, 50, close=1.002)[:57]
    refresh(vendor)
    reject(vault, TICKER, LATER)
    vendor.bars = telling(bars, 50, close=1.002)
    refresh(vendor, now=LATER)

    accept(vault, TICKER, LATER)

    assert same(vault.read(TICKER).bars, vendor.bars)
    assert of("outcome") == [("accepted",)]


@pytest.mark.parametrize("decide", [accept, reject])
def test_there_is_nothing_to_decide_where_nothing_is_held(vendor, refresh, vault, decide):
    refresh(vendor)

    with pytest.raises(NothingHeld, match="IBM: expected a fetch that is held for a decision, got none"):
        decide(vault, TICKER, NOW)
