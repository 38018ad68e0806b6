"""History that a source tells otherwise: what counts as that, and how it comes in force where it is accepted."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from shared_data import sample_bars

from quant.bars import VOLUME, Bars, actions_from_adjusted_close
from stock_assets.ingest.refresh import accept
from stock_assets.ingest.restatements import Outcome
from stock_assets.settings import RestatementPolicy

TICKER, NOW = "IBM", datetime(2013, 3, 2, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ACCEPT, HOLD = RestatementPolicy.ACCEPT, RestatementPolicy.HOLD
POLICIES = pytest.mark.parametrize("policy", RestatementPolicy)


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
    bars, vendor, refresh, telling, beyond, field, of
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
    assert of("field", "outcome") == [(field, "held")]


def test_a_new_split_in_the_window_is_no_restatement(bars, vendor, refresh, vault, same, divided):
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


def test_accepted_the_whole_new_history_replaces_the_old_one(bars, vendor, refresh, vault, telling, same, of):
    refresh(vendor)
    vendor.bars = telling(telling(bars, 2, close=1.001), -3, close=1.002)

    intake = refresh(vendor, policy=ACCEPT)

    assert [start for start, _ in vendor.asked] == [None, bars.session[49].item(), None]
    assert [r.session for r in intake.restatements] == [str(bars.session[2]), str(bars.session[-3])]
    assert not intake.held
    assert same(vault.read(TICKER).bars, vendor.bars)
    assert of("outcome", "decided_at") == [("accepted", "2013-03-02T12:00:00Z")] * 2


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
    bars, vendor, refresh, vault, same, policy, divided, of
):
    vendor.remote = False
    refresh(vendor)
    vendor.bars = divided(bars, 4.0)[20:]

    intake = refresh(vendor, policy=policy)
    if policy is HOLD:
        assert same(vault.read(TICKER).bars, bars)
        accept(vault, TICKER, LATER)

    gone = [row for row in of("session", "field", "new") if row[1] == "bar"]
    assert intake.held is (policy is HOLD)
    assert same(vault.read(TICKER).bars, vendor.bars)
    assert gone == [(str(session), "bar", "") for session in bars.session[:20]]


def test_a_source_that_shares_no_session_with_what_is_stored_is_held(bars, vendor, refresh, vault, same):
    vendor.remote, vendor.bars = False, bars[:20]
    refresh(vendor)
    vendor.bars = bars[30:]

    assert refresh(vendor).held
    assert same(vault.read(TICKER).bars, bars[:20])


# Another source


def test_another_source_replaces_everything_and_nothing_of_both_is_mixed(
    bars, vendor, refresh, vault, same, logs, divided
):
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
