"""What a ticker's bars are found to be: every finding with what came of it, and the bars that the graph gets.

Nothing is fetched or written here. The rules are `quant.quality`'s, the mending `quant.repair`'s, and what a finding
means for a run is `stock_assets.price_checks`' business.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from quant.bars import Bars
from quant.faults import Fault, Rule, faults
from quant.quality import examine
from quant.repair import Repair, Repaired, repair
from quant.sessions import SessionCalendar
from stock_assets.ingest.intake import Intake
from stock_assets.ingest.quarantine import settled
from stock_assets.ingest.restatements import Restatement
from stock_assets.sources.market_data import Refused

# In place of a session, of a finding on none in particular.
NO_SESSION: Final = "-"
# The field of a finding on a source that could not be read: its value is all that there is to tell.
SOURCE: Final = "source"


class Outcome(enum.Enum):
    """What came of a finding; those that a person has to act on come first."""

    HELD = "held"  # the vendor tells history otherwise; the old one is in force until a person decides
    OPEN = "open"  # it stands, in the bars that are used
    QUARANTINED = "quarantined"  # the row is not among the bars
    REPAIRED = "repaired"  # certain, so mended; the raw bar is kept
    ACCEPTED = "accepted"  # the vendor tells history otherwise, and is followed
    REJECTED = "rejected"  # the vendor tells history otherwise, and a person decided for the old one
    WITHDRAWN = "withdrawn"  # the vendor told history otherwise, and then as before


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule broken in one place: `field` of `session` holds `value` where `expected` was due.

    Of what was repaired, `mended` is the value that is used and `expected` the evidence that made it certain.
    """

    rule: Rule
    session: str
    field: str
    value: str
    expected: str
    outcome: Outcome
    mended: str = ""

    def record(self) -> dict[str, str]:
        """Its fields as text, by name: a row of a table."""
        return {
            "session": self.session,
            "rule": self.rule.value,
            "outcome": self.outcome.value,
            "field": self.field,
            "value": self.value,
            "expected": self.expected,
            "mended": self.mended,
        }

    def __str__(self) -> str:
        if self.field == SOURCE:
            return self.value
        if self.mended:
            return f"{self.session} {self.field}: {self.value} mended to {self.mended}, because {self.expected}"
        return f"{self.session} {self.field}: expected {self.expected}, got {self.value}"


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by what came of them, in the order of `Outcome`; otherwise as they stand."""
    gravity = list(Outcome)
    return sorted(findings, key=lambda found: gravity.index(found.outcome))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Assessment:
    """What one ticker's market data came to.

    Attributes
    ----------
    ticker : str
    bars : Bars
        Mended, through the as-of date: what the graph works with.
    findings : tuple of Finding
        By session.
    merged : int
        Rows of the last fetch that said the same as another.
    unfinished : tuple of str
        Sessions that had not settled yet; their bars are left for later.
    notes : tuple of str
        What the source wants to be known.
    """

    ticker: str
    bars: Bars
    findings: tuple[Finding, ...]
    merged: int
    unfinished: tuple[str, ...]
    notes: tuple[str, ...]

    def of(self, rules: Iterable[Rule], *outcomes: Outcome) -> tuple[Finding, ...]:
        """The findings under any of the rules, of some outcomes or of all."""
        wanted = frozenset(rules)
        return tuple(
            found for found in self.findings if found.rule in wanted and (not outcomes or found.outcome in outcomes)
        )


def assess(
    intake: Intake,
    calendar: SessionCalendar,
    *,
    quarantined: Iterable[Refused] = (),
    due: np.datetime64 | None,
    end: date | None,
) -> Assessment:
    """What an intake's bars are found to be.

    Parameters
    ----------
    intake : Intake
    calendar : SessionCalendar
        Of the ticker's exchange.
    quarantined : iterable of Refused
        Rows that earlier fetches refused; those whose session has a bar by now are settled and left out.
    due : datetime64[D], optional
        The session that the newest bar should be of; None where the source is history and stays so.
    end : date, optional
        The as-of date: bars after it are kept from the graph.
    """
    raw = intake.after.bars if end is None else intake.after.bars.through(np.datetime64(end))
    adjusted_close = None if intake.after.adjusted_close is None else intake.after.adjusted_close[: len(raw)]
    mended = repair(raw, adjusted_close=adjusted_close) if len(raw) else Repaired(raw, ())
    standing = [*faults(mended.bars), *examine(mended.bars, calendar, adjusted_close=adjusted_close, due=due)]
    refused = _unsettled((*quarantined, *intake.quarantined), raw, end)
    # A session whose row is in the quarantine is not missed twice, and the vendor's adjusted close knows no mending.
    explained = {(Rule.MISSING_SESSION, row.session) for row in refused}
    explained |= {(Rule.ADJUSTED_CLOSE, change.session) for change in mended.repairs}
    findings = [
        *(_told(row, Outcome.QUARANTINED) for row in refused),
        *(_repaired(change) for change in mended.repairs),
        *(_told(fault, Outcome.OPEN) for fault in standing if (fault.rule, fault.session) not in explained),
        *(_restated(change) for change in intake.restatements),
    ]
    return Assessment(
        ticker=intake.ticker,
        bars=mended.bars,
        findings=tuple(sorted(findings, key=lambda found: (found.session, found.rule.value, found.field))),
        merged=intake.fetched.merged,
        unfinished=intake.unfinished,
        notes=intake.fetched.notes,
    )


def _unsettled(rows: Iterable[Refused], bars: Bars, end: date | None) -> list[Refused]:
    """The refused rows, each once, without those after the end and those whose session has a bar by now."""
    known = list(dict.fromkeys(rows))
    last = "9999-12-31" if end is None else end.isoformat()
    done = settled([row.session for row in known], bars)
    return [row for row, is_settled in zip(known, done, strict=True) if not is_settled and row.session <= last]


def _told(one: Fault | Refused, outcome: Outcome) -> Finding:
    return Finding(
        rule=one.rule,
        session=one.session,
        field=one.field,
        value=one.value,
        expected=one.expected,
        outcome=outcome,
    )


def _repaired(change: Repair) -> Finding:
    return Finding(
        rule=change.rule,
        session=change.session,
        field=change.field,
        value=repr(change.old),
        expected=change.why,
        outcome=Outcome.REPAIRED,
        mended=repr(change.new),
    )


def _restated(change: Restatement) -> Finding:
    return Finding(
        rule=Rule.RESTATED,
        session=change.session,
        field=change.field,
        value=change.new or "none",
        expected=f"{change.old or 'none'} as before",
        outcome=Outcome(change.outcome.value),
    )
