"""What a source delivered, with what does not enter set apart: rows of no session, rows of one that has not settled.

`stock_assets.sources.rows` refuses what is wrong with a row by itself; here a calendar and the time come to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from quant.bars import Bars, Floats, Sessions
from quant.faults import Rule
from quant.sessions import SessionCalendar
from release.clock import iso
from release.tables import digest
from stock_assets.calendars import SETTLING
from stock_assets.ingest.comparison import Comparison, Marks, bar_json, compared, rows_of
from stock_assets.ingest.vault import Stored
from stock_assets.sources.market_data import Fetched, Provenance, Refused


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Delivery:
    """An answer of a source, sifted.

    Attributes
    ----------
    fetched : Fetched
        As it came.
    since : datetime64[D], optional
        Where the source was asked to start; None if it was asked for everything.
    at : str
        When, ISO UTC.
    bars : Bars
        Of sessions whose close is `calendars.SETTLING` old.
    adjusted_close : (n,) float64, optional
        The vendor's, of these bars.
    refused : tuple of Refused
        The fetch's own, then bars of days that are no sessions (`Rule.EXTRA_SESSION`).
    unfinished : tuple of str
        Sessions of rows, sound or not, that were cut because they had not settled; they come in with a later fetch.
    """

    fetched: Fetched
    since: np.datetime64 | None
    at: str
    bars: Bars
    adjusted_close: Floats | None = None
    refused: tuple[Refused, ...] = ()
    unfinished: tuple[str, ...] = ()

    @property
    def stored(self) -> Stored:
        """As it would lie in the vault by itself."""
        provenance = self.fetched.provenance
        return Stored(
            bars=self.bars,
            source=provenance.source,
            origin=provenance.origin,
            sha256=provenance.sha256,
            fetched_at=self.at,
            fetch_digest=_digest(self.bars, self.refused),
            adjusted_close=self.adjusted_close,
        )

    def against(self, stored: Stored) -> Comparison:
        """What it says of bars that are stored; neither may be empty."""
        return compared(
            stored.bars,
            self.bars,
            since=self.since,
            refused={row.session for row in self.refused},
            adjusted_close=self.adjusted_close,
            carried=self.fetched.carried,
        )


def delivery(
    fetched: Fetched, *, calendar: SessionCalendar, now: datetime, since: np.datetime64 | None = None
) -> Delivery:
    """What was fetched at `now` (aware), sifted by what the calendar knows.

    A session is finished when its close has settled: until then a vendor's bar may lack the last auction, and an answer
    from the cache may be of the time before. Of days that the calendar does not reach nobody knows whether they are
    sessions: they are taken for some, which close when the day is over in UTC.
    """
    bars, adjusted = fetched.bars, fetched.adjusted_close
    extra, unfinished = _extra(bars.session, calendar), _unfinished(bars.session, calendar, now)
    enters = ~(extra | unfinished)
    early = _unfinished(_days(fetched.refused), calendar, now)
    refused = [row for row, cut in zip(fetched.refused, early, strict=True) if not cut]
    cut = [row.session for row, cut in zip(fetched.refused, early, strict=True) if cut]
    return Delivery(
        fetched=fetched,
        since=since,
        at=iso(now),
        bars=rows_of(bars, enters),
        adjusted_close=None if adjusted is None else adjusted[enters],
        refused=(*refused, *(_no_session(bars, int(row), calendar) for row in np.flatnonzero(extra))),
        unfinished=tuple(sorted({*bars.session[unfinished].astype(str).tolist(), *cut})),
    )


def no_delivery(before: Stored, *, at: str, notes: tuple[str, ...] = ()) -> Delivery:
    """What a source delivers that has no bar in the range it was asked for; `notes` tell why, in its words."""
    none = before.bars[:0]
    fetched = Fetched(bars=none, provenance=Provenance(source=before.source, origin=before.origin), notes=notes)
    return Delivery(fetched=fetched, since=None, at=at, bars=none)


def _days(refused: Sequence[Refused]) -> Sessions:
    """The rows' sessions, (n,); NaT for a cell that is no date."""
    days = pd.to_datetime([row.session for row in refused], format="%Y-%m-%d", errors="coerce")
    return days.to_numpy().astype("datetime64[D]")


def _extra(session: Sessions, calendar: SessionCalendar) -> Marks:
    within = (session >= calendar.session[0]) & (session <= calendar.session[-1])
    extra: Marks = within & ~np.isin(session, calendar.session)
    return extra


def _unfinished(session: Sessions, calendar: SessionCalendar, now: datetime) -> Marks:
    """Of days that may be sessions, which have not settled; NaT is none."""
    settled = np.datetime64((now - SETTLING).astimezone(UTC).replace(tzinfo=None), "us")
    closes = (session + np.timedelta64(1, "D")).astype("datetime64[s]")
    row = np.searchsorted(calendar.session, session)
    known = np.isin(session, calendar.session)
    closes[known] = calendar.close_utc[row[known]]
    unfinished: Marks = (closes > settled) & ~_extra(session, calendar)
    return unfinished


def _no_session(bars: Bars, row: int, calendar: SessionCalendar) -> Refused:
    session = str(bars.session[row])
    return Refused(
        rule=Rule.EXTRA_SESSION,
        session=session,
        field="session",
        value=session,
        expected=f"a session of {calendar.exchange}",
        row=bar_json(bars, row),
    )


def _digest(bars: Bars, refused: tuple[Refused, ...]) -> str:
    state = hashlib.sha256(digest(bars).encode())
    for row in refused:
        state.update(f"\n{row.rule.value}\0{row.session}\0{row.field}\0{row.value}\0{row.expected}\0{row.row}".encode())
    return state.hexdigest()
