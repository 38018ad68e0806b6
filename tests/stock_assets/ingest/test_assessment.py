"""What bars are found to be: each finding once, with what came of it, and the bars that are used."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

import numpy as np
import pytest

from quant.bars import Convention, log_returns
from quant.faults import Rule
from stock_assets import price_checks
from stock_assets.ingest.assessment import Outcome, assess
from stock_assets.ingest.findings import findings_of, findings_table
from stock_assets.settings import RestatementPolicy
from stock_assets.sources.market_data import Refused

TICKER = "IBM"


@pytest.fixture
def assessed(refresh, calendar):
    """What a fetch of a source is found to be: ``assessed(source, end=..., due=..., policy=...)``."""

    def found(source, *, end=None, due=None, quarantined=(), **told):
        intake = refresh(source, **told)
        return assess(intake, calendar, quarantined=quarantined, due=due, end=end)

    return found


def refused(session: str, *, rule: Rule = Rule.FINITE) -> Refused:
    return Refused(rule=rule, session=session, field="close", value="nan", expected="a finite number", row="{}")


def test_sound_bars_are_found_sound_and_used_as_they_are(vendor, assessed, same):
    found = assessed(vendor)

    assert found.findings == ()
    assert same(found.bars, vendor.bars)


def test_a_bar_in_another_unit_is_mended_and_the_raw_one_is_kept(vendor, assessed, vault, bars, telling, same):
    vendor.bars = telling(bars, 30, open=100, high=100, low=100, close=100)

    found = assessed(vendor)

    assert {(one.rule, one.outcome) for one in found.findings} == {(Rule.UNIT, Outcome.REPAIRED)}
    assert np.allclose(found.bars.ohlcv, bars.ohlcv)
    assert same(vault.read(TICKER).bars, vendor.bars)


def test_what_was_mended_is_told_with_both_values_and_the_reason(vendor, assessed, bars, telling):
    vendor.bars = telling(bars, 30, open=100, high=100, low=100, close=100)

    close = next(one for one in assessed(vendor).findings if one.field == "close")

    assert str(close).startswith(f"{bars.session[30]} close: {float(vendor.bars.close[30])!r} mended to ")
    assert ", because " in str(close)
    assert float(close.mended) == pytest.approx(bars.close[30])


def test_a_missing_session_is_a_finding_that_stands(vendor, assessed, bars, without):
    vendor.bars = without(bars, 20)

    found = assessed(vendor)

    assert [(one.rule, one.session, one.outcome) for one in found.findings] == [
        (Rule.MISSING_SESSION, str(bars.session[20]), Outcome.OPEN)
    ]


def test_a_session_whose_row_is_in_the_quarantine_is_not_missed_twice(vendor, assessed, bars, without):
    vendor.bars, vendor.refused = without(bars, 20), (refused(str(bars.session[20])),)

    found = assessed(vendor)

    assert [(one.rule, one.outcome) for one in found.findings] == [(Rule.FINITE, Outcome.QUARANTINED)]


def test_a_row_of_an_earlier_fetch_is_settled_once_its_session_has_a_bar(vendor, assessed, bars):
    settled, standing = refused(str(bars.session[20])), refused("2012-01-03")

    found = assessed(vendor, quarantined=[settled, standing])

    assert [one.session for one in found.findings] == ["2012-01-03"]


def test_the_same_row_refused_again_is_one_finding(vendor, assessed):
    vendor.refused = (refused("2013-01-01"),)

    found = assessed(vendor, quarantined=[refused("2013-01-01")])

    assert len(found.findings) == 1


def test_nothing_after_the_as_of_date_is_used_or_told(vendor, assessed, bars, telling):
    end = bars.session[39].item()
    vendor.bars = telling(bars, 50, open=100, high=100, low=100, close=100)
    vendor.refused = (refused(str(bars.session[-1] + 5)),)

    found = assessed(vendor, end=end)

    assert found.findings == ()
    assert found.bars.session[-1] == bars.session[39]


def test_a_restatement_is_a_finding_with_its_outcome(vendor, assessed, bars, telling):
    assessed(vendor)
    vendor.bars = telling(bars, 55, close=0.999)

    held = assessed(vendor)
    accepted = assessed(vendor, policy=RestatementPolicy.ACCEPT)

    (one,), (other,) = held.of([Rule.RESTATED]), accepted.of([Rule.RESTATED])
    assert (one.outcome, other.outcome) == (Outcome.HELD, Outcome.ACCEPTED)
    assert one.session == str(bars.session[55])
    assert one.value == repr(float(vendor.bars.close[55]))
    assert repr(float(bars.close[55])) in one.expected


def test_a_ticker_that_is_late_is_told_from_one_that_has_stopped(vendor, assessed, bars):
    vendor.bars = bars[:-2]
    late = assessed(vendor, due=bars.session[-1])
    vendor.bars = bars[:-2]

    stopped = assessed(vendor, due=np.datetime64("2013-06-03"))

    assert [one.rule for one in late.findings] == [Rule.LATE]
    assert [one.rule for one in stopped.findings] == [Rule.STOPPED]


def test_findings_are_told_by_rule_and_by_what_came_of_them(vendor, assessed, bars, without):
    vendor.bars, vendor.refused = without(without(bars, 20), 40), (refused(str(bars.session[20])),)

    found = assessed(vendor)

    assert len(found.findings) == 2
    assert len(found.of(Rule, Outcome.QUARANTINED)) == 1
    assert found.of([Rule.MISSING_SESSION]) == found.of(Rule, Outcome.OPEN)


def test_findings_go_through_their_table_unchanged(vendor, assessed, bars, telling):
    vendor.bars = telling(bars, 30, open=100, high=100, low=100, close=100)
    found = assessed(vendor).findings

    assert findings_of(findings_table(TICKER, found)) == list(found)
    assert findings_of(findings_table(TICKER, [])) == []


def test_every_finding_names_its_session_field_value_and_what_was_expected(vendor, assessed, bars, without):
    vendor.bars, vendor.refused = without(bars, 20), (refused("2013-01-01"),)

    for one in assessed(vendor, due=np.datetime64(date(2013, 3, 4))).findings:
        told = str(one)
        assert all(part in told for part in (one.session, one.field, one.value, one.expected)), dataclasses.asdict(one)


def test_a_repair_that_the_vendors_adjusted_close_proves_stands_when_only_new_bars_are_asked_for(
    vendor, assessed, vault, bars, telling
):
    wrong = telling(bars, int(np.flatnonzero(bars.dividend)[0]), dividend=100 * bars.dividend.max())
    witness = np.exp(np.nancumsum(log_returns(bars, convention=Convention.YAHOO)))
    # A dividend to come puts all that came before on another level.
    vendor.bars, vendor.adjusted_close = wrong[:50], 0.99 * witness[:50]
    whole = assessed(vendor)
    vendor.bars, vendor.adjusted_close = wrong, witness

    later = assessed(vendor)

    assert vendor.asked[1][0] is not None
    assert {one.rule for one in whole.findings} == {Rule.DIVIDEND_UNIT}
    assert later.findings == whole.findings
    assert np.allclose(later.bars.dividend, bars.dividend, rtol=1e-3)
    assert np.allclose(vault.read(TICKER).adjusted_close, witness)


def test_bars_that_are_in_force_without_a_witness_have_none(vendor, assessed, vault):
    assessed(vendor)

    assert vault.read(TICKER).adjusted_close is None


def test_a_ticker_whose_only_bar_is_still_growing_has_none_yet(vendor, assessed, bars):
    vendor.bars = bars[-1:]
    session_under_way = datetime(2013, 3, 1, 15, 0, tzinfo=UTC)

    found = assessed(vendor, now=session_under_way)

    assert found.unfinished == (str(bars.session[-1]),)
    assert [one.rule for one in found.findings] == [Rule.EMPTY]
    assert price_checks.refusal(found) == "IBM - bars: expected at least one bar, got none [empty]"
