"""What a finding means for a run: which check it fails, how gravely, and what is said."""

from __future__ import annotations

from collections import Counter

import dagster as dg
import pytest
from shared_data import sample_bars

from quant.faults import Rule
from stock_assets import price_checks
from stock_assets.errors import DataEmpty, ErrorBody, MissingColumn, VendorUnavailable, WrongTicker
from stock_assets.ingest.assessment import Assessment, Finding, Outcome


def finding(rule: Rule, outcome: Outcome = Outcome.OPEN, *, session: str = "2013-01-02", mended: str = "") -> Finding:
    return Finding(
        rule=rule, session=session, field="close", value="1.0", expected="2.0", outcome=outcome, mended=mended
    )


def assessment(*findings: Finding) -> Assessment:
    bars = sample_bars("IBM")
    return Assessment(ticker="IBM", bars=bars, findings=findings, merged=0, unfinished=(), notes=())


def result(name: str, *findings: Finding) -> dg.AssetCheckResult:
    return next(of for of in price_checks.evaluate(assessment(*findings)) if of.check_name == name)


def test_every_rule_belongs_to_exactly_one_check():
    counted = Counter(rule for check in price_checks.CHECKS for rule in check.rules)

    assert set(counted.values()) == {1}
    assert set(counted) == set(Rule)


def test_a_check_is_grave_about_rules_of_its_own_only():
    for check in price_checks.CHECKS:
        assert check.grave <= set(check.rules), check.name


def test_every_check_is_declared_and_evaluated():
    declared = [spec.name for spec in price_checks.specs()]

    assert [of.check_name for of in price_checks.evaluate(assessment())] == declared


def test_sound_bars_pass_every_check_and_may_train():
    assert all(of.passed for of in price_checks.evaluate(assessment()))
    assert price_checks.refusal(assessment()) is None


@pytest.mark.parametrize("rule", [Rule.UNIT, Rule.SCHEMA, Rule.POSITIVE_PRICE, Rule.EMPTY])
def test_a_grave_finding_that_stands_keeps_the_ticker_from_training(rule):
    found = assessment(finding(rule))

    assert price_checks.refusal(found) == f"IBM 2013-01-02 close: expected 2.0, got 1.0 [{rule.value}]"


@pytest.mark.parametrize("rule", [Rule.JUMP, Rule.MISSING_SESSION, Rule.LATE, Rule.SPLIT_NOT_APPLIED])
def test_a_finding_that_may_be_true_is_a_warning(rule):
    name = next(check.name for check in price_checks.CHECKS if rule in check.rules)

    of = result(name, finding(rule))

    assert (of.passed, of.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert price_checks.refusal(assessment(finding(rule))) is None


def test_restated_history_is_an_error_while_it_is_held_and_none_once_it_is_accepted():
    held = result("history_not_restated", finding(Rule.RESTATED, Outcome.HELD))
    accepted = result("history_not_restated", finding(Rule.RESTATED, Outcome.ACCEPTED))

    assert (held.passed, held.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert accepted.passed
    assert "2013-01-02 close" in accepted.description
    assert "`data reject IBM` keeps the stored one" in held.metadata["decide"].value
    assert "decide" not in accepted.metadata


def test_what_was_mended_passes_and_is_told():
    of = result("plausible_prices", finding(Rule.UNIT, Outcome.REPAIRED, mended="0.01"))

    assert of.passed
    assert of.description == "IBM 2013-01-02 close: 1.0 mended to 0.01, because 2.0 [unit_error_100x]"


def test_a_few_rows_in_the_quarantine_are_a_warning():
    of = result("sound_bars", finding(Rule.FINITE, Outcome.QUARANTINED))

    assert (of.passed, of.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_more_than_a_hundredth_of_the_sessions_in_the_quarantine_is_an_error_whatever_their_rules():
    sessions = [str(day) for day in sample_bars("IBM").session[:33]]
    rows = [finding(Rule.CONFLICT, Outcome.QUARANTINED, session=session) for session in sessions]

    of = result("sound_bars", *rows)

    assert (of.passed, of.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert of.description.endswith("(and 30 more)")
    assert result("sound_bars", *rows[:32]).passed


def test_rows_before_the_first_bar_are_no_gap_in_the_history():
    rows = [finding(Rule.FINITE, Outcome.QUARANTINED, session=f"1999-{day:03}") for day in range(200)]

    assert result("sound_bars", *rows).severity is dg.AssetCheckSeverity.WARN


def test_a_short_history_is_refused_with_how_much_is_needed():
    short = Assessment(ticker="FB", bars=sample_bars("FB"), findings=(), merged=0, unfinished=(), notes=())

    assert price_checks.refusal(short).startswith("FB: expected at least 1008 bars")


@pytest.mark.parametrize(
    ("error", "rule", "check"),
    [
        (ErrorBody("AAPL: expected bars, got an error"), Rule.ERROR_BODY, "readable"),
        (WrongTicker("AAPL: expected AAPL, got MSFT"), Rule.OTHER_TICKER, "readable"),
        (MissingColumn("a.csv: expected a column close"), Rule.SCHEMA, "readable"),
        (DataEmpty("AAPL: expected bars, got none"), Rule.SCHEMA, "readable"),
    ],
)
def test_data_that_can_not_be_read_fails_a_check_in_the_sources_own_words(error, rule, check):
    found = price_checks.unreadable(error)

    failed = price_checks.failed_by(found)

    assert found.rule is rule
    assert (failed.check_name, failed.passed, failed.description) == (check, False, str(error))


def test_a_vendor_that_is_down_says_nothing_of_the_data():
    assert price_checks.unreadable(VendorUnavailable("yahoo: expected an answer, got none")) is None


def test_findings_are_a_table_in_dagster():
    of = result("plausible_prices", finding(Rule.JUMP))

    records = of.metadata["findings"].records
    assert records[0].data["rule"] == "unexplained jump"
    assert of.metadata["findings_open"].value == 1


def test_a_check_that_nothing_broke_names_the_ticker_and_counts_nothing():
    of = result("plausible_prices")

    assert of.description == "IBM: kept"
    assert {name: entry.value for name, entry in of.metadata.items()} == {
        "findings_open": 0,
        "findings_repaired": 0,
        "findings_quarantined": 0,
    }


def test_an_error_of_too_many_rows_in_the_quarantine_shows_them():
    rows = [finding(Rule.CONFLICT, Outcome.QUARANTINED, session=str(day)) for day in sample_bars("IBM").session[:33]]

    assert len(result("sound_bars", *rows).metadata["findings"].records) == 33
