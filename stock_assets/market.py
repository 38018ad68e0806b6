"""One ticker's market data, from the source that the settings name to the bars that the graph works with.

The `prices` asset, the question whether a ticker is fresh and the command line all come through here, so they can't
come to different bars. Fetching, storing and judging are `sources`', `ingest`'s and `quant`'s work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from quant.bars import Bars
from quant.repair import repair
from quant.sessions import SessionCalendar
from release.clock import iso
from stock_assets.calendars import exchange_of, newest_due, session_calendar
from stock_assets.ingest.assessment import Assessment, assess
from stock_assets.ingest.delivery import delivery, no_delivery
from stock_assets.ingest.errors import VaultChanged
from stock_assets.ingest.intake import Intake, decide
from stock_assets.ingest.quarantine import refused_rows
from stock_assets.ingest.refresh import commit, take_in
from stock_assets.ingest.vault import Vault
from stock_assets.settings import PipelineSettings, SourceName
from stock_assets.sources.market_data import MarketData


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a fetch brought, and what it was found to be; nothing of it is written yet."""

    intake: Intake
    assessment: Assessment


def look(ticker: str, *, source: MarketData, vault: Vault, settings: PipelineSettings, now: datetime) -> Look:
    """Ask the source for what is missing and judge what the ticker's bars would then be.

    Raises
    ------
    SourceError
        If the source has nothing usable.
    """
    calendar = session_calendar(exchange_of(ticker), through=now.date())
    intake = take_in(
        ticker,
        source=source,
        vault=vault,
        calendar=calendar,
        now=now,
        end=settings.as_of,
        policy=settings.restatements,
        overlap=settings.overlap_sessions,
    )
    return Look(intake, _assessed(intake, calendar, vault=vault, settings=settings, now=now))


def refresh(ticker: str, *, source: MarketData, vault: Vault, settings: PipelineSettings, now: datetime) -> Look:
    """`look`, and write what was decided; where another process wrote meanwhile, once more on what that has stored.

    Raises
    ------
    SourceError
        As of `look`.
    VaultChanged
        If others write again and again.
    """
    seen = look(ticker, source=source, vault=vault, settings=settings, now=now)
    try:
        commit(vault, seen.intake)
    except VaultChanged:
        seen = look(ticker, source=source, vault=vault, settings=settings, now=now)
        commit(vault, seen.intake)
    return seen


def _assessed(
    intake: Intake, calendar: SessionCalendar, *, vault: Vault, settings: PipelineSettings, now: datetime
) -> Assessment:
    return assess(
        intake,
        calendar,
        quarantined=refused_rows(vault.quarantine(intake.ticker)),
        # The sample is history and stays so.
        due=None if settings.source is SourceName.SAMPLE else newest_due(calendar, now=now, as_of=settings.as_of),
        end=settings.as_of,
    )


def stored(ticker: str, *, vault: Vault, settings: PipelineSettings, now: datetime) -> Assessment | None:
    """What the stored bars are found to be, with nobody asked; None before the first fetch."""
    before = vault.read(ticker)
    if before is None:
        return None
    calendar = session_calendar(exchange_of(ticker), through=now.date())
    nothing_asked = decide(ticker, before, no_delivery(before, at=iso(now)), record=tuple, policy=settings.restatements)
    return _assessed(nothing_asked, calendar, vault=vault, settings=settings, now=now)


def bars_of_source(ticker: str, *, source: MarketData, now: datetime) -> Bars:
    """All that the source has of closed sessions, mended; nothing is compared or stored: what a replay plays.

    Raises
    ------
    SourceError
        If it has nothing usable.
    """
    calendar = session_calendar(exchange_of(ticker), through=now.date())
    delivered = delivery(source.fetch(ticker), calendar=calendar, now=now)
    return repair(delivered.bars, adjusted_close=delivered.adjusted_close).bars
