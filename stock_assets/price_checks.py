"""The checks of `prices`: which rules each holds the market data to, how grave it is, and what it says.

Checks run inside the step that makes the table, from one assessment: a check of its own would cost every run another
step. The rules themselves are `quant.faults`', `quant.quality`'s and the sources'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import dagster as dg

from quant.bars import Bars
from quant.faults import Rule
from stock_assets.errors import (
    BadValue,
    DataEmpty,
    DataUnreadable,
    ErrorBody,
    MissingColumn,
    SourceError,
    WrongTicker,
)
from stock_assets.ingest.assessment import NO_SESSION, SOURCE, Assessment, Finding, Outcome
from stock_assets.ingest.restatements import choice
from stock_assets.learning.dataset import require_history
from stock_assets.learning.errors import TooLittleHistory
from stock_assets.partitions import ticker_check
from stock_assets.presentation import findings_metadata

ASSET: Final = "prices"
SOUND: Final = "sound_bars"
HISTORY: Final = "enough_history"
# More than this share of a ticker's sessions in the quarantine, and what is left is no history to learn from.
QUARANTINED_SHARE: Final = 0.01
STANDING: Final = (Outcome.OPEN, Outcome.HELD)
SETTLED: Final = (Outcome.REPAIRED, Outcome.ACCEPTED, Outcome.REJECTED, Outcome.WITHDRAWN)
SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCheck:
    """One check: it fails on a finding under its rules that was not mended or accepted; each finding names its rule.

    A finding under a rule of `grave` that stands in the bars, or holds them up, keeps the ticker from training. One in
    the quarantine does not: its row is not among the bars.
    """

    name: str
    rules: tuple[Rule, ...]
    description: str
    grave: frozenset[Rule] = frozenset()


# Few, because every one costs a run some 20 ms of Dagster's time; the rule is in each finding.
CHECKS: Final = (
    PriceCheck(
        name="readable",
        rules=(Rule.EMPTY, Rule.SCHEMA, Rule.ERROR_BODY, Rule.OTHER_TICKER),
        grave=frozenset({Rule.EMPTY, Rule.SCHEMA, Rule.ERROR_BODY, Rule.OTHER_TICKER}),
        description="There are bars, with every column and type; no error saved as data, no other ticker's row.",
    ),
    PriceCheck(
        name="one_bar_per_session",
        rules=(Rule.CONFLICT, Rule.DUPLICATE, Rule.ORDER),
        grave=frozenset({Rule.DUPLICATE, Rule.ORDER}),
        description="Bars stand in order, one a session: rows that agree are merged, rows that don't quarantined.",
    ),
    PriceCheck(
        name="sessions_of_the_calendar",
        rules=(Rule.MISSING_SESSION, Rule.EXTRA_SESSION),
        description="A bar for each of the exchange's sessions, and none on another day.",
    ),
    PriceCheck(
        name="up_to_date",
        rules=(Rule.LATE, Rule.STOPPED),
        description="The newest bar is of the newest session that has closed; the ticker has not stopped.",
    ),
    PriceCheck(
        name="plausible_prices",
        rules=(Rule.UNIT, Rule.JUMP, Rule.UNCHANGED, Rule.ZERO_VOLUME),
        grave=frozenset({Rule.UNIT}),
        description="No 100-fold price, no jump without a cause, no price that stands still, no day without volume.",
    ),
    PriceCheck(
        name="splits_and_dividends",
        rules=(
            Rule.PAYOUT,
            Rule.SPLIT_NOT_APPLIED,
            Rule.SPLIT_MISSING,
            Rule.SPLIT_AS_DIVIDEND,
            Rule.DIVIDEND_AS_SPLIT,
            Rule.DIVIDEND_UNIT,
            Rule.DIVIDEND_SHARE_COUNT,
            Rule.DIVIDEND_PHANTOM,
            Rule.ADJUSTED_CLOSE,
        ),
        description="Splits and dividends agree with prices, with each other and with the vendor's adjusted closes.",
    ),
    PriceCheck(
        name="history_not_restated",
        rules=(Rule.RESTATED,),
        grave=frozenset({Rule.RESTATED}),
        description="The vendor tells history as before; what it restates is recorded, and held or accepted.",
    ),
    PriceCheck(
        name=SOUND,
        rules=(Rule.FINITE, Rule.POSITIVE_PRICE, Rule.NEGATIVE_VOLUME, Rule.HIGH_LOW, Rule.ACTION),
        grave=frozenset({Rule.FINITE, Rule.POSITIVE_PRICE, Rule.NEGATIVE_VOLUME, Rule.HIGH_LOW, Rule.ACTION}),
        description="Numbers in every cell, prices above 0, high and low around open and close, possible actions; and "
        f"at most {QUARANTINED_SHARE:.0%} of the sessions in the quarantine, for whatever reason.",
    ),
)

# What an error of the source says of the data; the others (a vendor is down) say nothing of it.
SOURCE_RULES: Final[tuple[tuple[type[SourceError], Rule], ...]] = (
    (ErrorBody, Rule.ERROR_BODY),
    (WrongTicker, Rule.OTHER_TICKER),
    (MissingColumn, Rule.SCHEMA),
    (BadValue, Rule.SCHEMA),
    (DataUnreadable, Rule.SCHEMA),
    (DataEmpty, Rule.SCHEMA),
)


def specs() -> list[dg.AssetCheckSpec]:
    """Every check of `prices`, as Dagster wants them declared."""
    return [ticker_check(ASSET, check.name, check.description, blocking=bool(check.grave)) for check in CHECKS]


def evaluate(found: Assessment) -> Iterator[dg.AssetCheckResult]:
    """The result of every check of `prices`."""
    for check in CHECKS:
        yield _result(check, found, too_many=_too_many_quarantined(found) if check.name == SOUND else ())


def history_spec() -> dg.AssetCheckSpec:
    """The check of `features` that comes before any of them is made."""
    return ticker_check("features", HISTORY, "Enough bars to train a model and to judge it.", blocking=True)


def refusal(found: Assessment) -> str | None:
    """What a run would say against training on the bars; None if they may train."""
    return refused_by((*evaluate(found), enough_history(found.ticker, found.bars)))


def refused_by(results: Iterable[dg.AssetCheckResult]) -> str | None:
    """What the first check that failed for a grave reason says; None if none did."""
    for result in results:
        if not result.passed and result.severity is dg.AssetCheckSeverity.ERROR:
            return result.description
    return None


def unreadable(error: SourceError) -> Finding | None:
    """What an error of the source says of the data; None if it says nothing of it."""
    for kind, rule in SOURCE_RULES:
        if isinstance(error, kind):
            return Finding(
                rule=rule,
                session=NO_SESSION,
                field=SOURCE,
                value=" ".join(str(error).split()),
                expected="usable market data",
                outcome=Outcome.OPEN,
            )
    return None


def failed_by(finding: Finding) -> dg.AssetCheckResult:
    """The check that a finding of `unreadable` fails."""
    name = next(check.name for check in CHECKS if finding.rule in check.rules)
    return dg.AssetCheckResult(check_name=name, passed=False, description=finding.value)


def _result(check: PriceCheck, found: Assessment, *, too_many: Sequence[Finding] = ()) -> dg.AssetCheckResult:
    """Failed on what stands, is held or quarantined; an error only where that is grave, or the quarantine too full."""
    grave = (*found.of(check.grave, *STANDING), *too_many)
    broken = found.of(check.rules, *STANDING, Outcome.QUARANTINED)
    settled = found.of(check.rules, *SETTLED)
    shown = tuple(dict.fromkeys((*broken, *too_many, *settled)))
    return dg.AssetCheckResult(
        check_name=check.name,
        passed=not (broken or too_many),
        severity=dg.AssetCheckSeverity.ERROR if grave else dg.AssetCheckSeverity.WARN,
        description=told(found.ticker, grave or broken or settled) if grave or shown else f"{found.ticker}: kept",
        metadata=_to_decide(found.ticker, broken) | findings_metadata(shown),
    )


def _to_decide(ticker: str, broken: Iterable[Finding]) -> dict[str, str]:
    """What to do about history that is held, for the page that shows it; nothing where none is."""
    if all(finding.outcome is not Outcome.HELD for finding in broken):
        return {}
    # Dagster shows metadata by name: this one comes before the table.
    return {"decide": choice(ticker)}


def _too_many_quarantined(found: Assessment) -> tuple[Finding, ...]:
    """The rows in the quarantine from the first bar on, if they are of more sessions than a history can lack."""
    if not len(found.bars):
        return ()
    first = str(found.bars.session[0])
    rows = tuple(row for row in found.findings if row.outcome is Outcome.QUARANTINED and row.session >= first)
    return rows if len({row.session for row in rows}) > QUARANTINED_SHARE * len(found.bars) else ()


def enough_history(ticker: str, bars: Bars) -> dg.AssetCheckResult:
    """Whether a model can be trained and judged on the bars."""
    try:
        require_history(bars, ticker=ticker)
    except TooLittleHistory as error:
        return dg.AssetCheckResult(check_name=HISTORY, passed=False, description=str(error))
    return dg.AssetCheckResult(check_name=HISTORY, passed=True, metadata={"bars": len(bars)})


def told(ticker: str, findings: Sequence[Finding]) -> str:
    """The first findings with their rule, and how many more there are, on one line."""
    more = f" (and {len(findings) - SHOWN} more)" if len(findings) > SHOWN else ""
    return f"{ticker} {'; '.join(f'{found} [{found.rule.value}]' for found in findings[:SHOWN])}{more}"
