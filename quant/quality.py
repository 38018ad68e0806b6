"""What a stretch of history shows: gaps in the calendar, stale prices, jumps, and every suspect price and action.

What one row shows by itself is `quant.faults`'; what may be mended, and is, `quant.repair`'s. Nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.bars import VOLUME, Bars, Convention, Floats, log_returns
from quant.diagnosis import Diagnosis, diagnose
from quant.evidence import adjusted_steps, noise, rounding, steps
from quant.faults import Fault, Rule
from quant.sessions import SessionCalendar
from quant.suspects import fault_at, value_of

# A ticker normally trades if it did on this share of its sessions.
NORMALLY: Final = 0.8
# Bars in a row, the first included, that are the same to the last digit.
STALE: Final = 5
# An unexplained return: over 15 deviations of the ticker's noise, and over 35 % up or 26 % down.
JUMP_NOISES: Final = 15.0
JUMP_AT_LEAST: Final = 0.3
# What two ways to compute a return may differ by, beside the rounding of the figures.
SAME_RETURN: Final = 1e-4
# Sessions without a bar after which a ticker is taken to have stopped.
STOPPED_AFTER: Final = 20

Flags = npt.NDArray[np.bool_]


def examine(
    bars: Bars,
    calendar: SessionCalendar,
    *,
    adjusted_close: Floats | None = None,
    due: np.datetime64 | None = None,
) -> list[Fault]:
    """Every rule of a stretch of history that the bars break.

    Parameters
    ----------
    bars : Bars
        Every row sound by itself (`quant.faults`), ascending, as traded.
    calendar : SessionCalendar
        Of the ticker's exchange; sessions that it does not reach are not judged.
    adjusted_close : (n,) float64, optional
        The vendor's adjusted closes. NaN where it has none.
    due : datetime64[D], optional
        The newest session that should be there; without it the end of the bars is not judged.

    Returns
    -------
    list of Fault
        In row order within a rule; a run is one fault, at its first row. Empty for sound bars, and for none at all.

    Notes
    -----
    Jumps are looked for in the mended bars: what another rule names is not named again. A crash is flagged as well if
    it was sudden enough; nothing in the bars tells it from an error.
    """
    if not len(bars):
        return []
    found = diagnose(bars, adjusted_close)
    return [
        *_sessions_missing(bars, calendar),
        *_sessions_extra(bars, calendar),
        *_runs_without_volume(bars),
        *_unchanged_runs(bars),
        *_jumps(bars, found),
        *sorted((s.fault for s in found.certain + found.doubtful), key=lambda f: (list(Rule).index(f.rule), f.row)),
        *(_adjusted_closes(bars, adjusted_close) if adjusted_close is not None else ()),
        *(_end(bars, calendar, due) if due is not None else ()),
    ]


def _sessions_missing(bars: Bars, calendar: SessionCalendar) -> Iterator[Fault]:
    """A fault for each; its row is that of the next bar there is."""
    wanted = calendar.between(bars.session[0], bars.session[-1])
    if len(wanted) == len(bars) and np.array_equal(wanted, bars.session):
        return
    for session in np.setdiff1d(wanted, bars.session):
        row = int(np.searchsorted(bars.session, session))
        yield Fault(
            Rule.MISSING_SESSION, row, str(session), "session", "none", f"a bar on a session of {calendar.exchange}"
        )


def _sessions_extra(bars: Bars, calendar: SessionCalendar) -> Iterator[Fault]:
    covered = (bars.session >= calendar.session[0]) & (bars.session <= calendar.session[-1])
    at = np.searchsorted(calendar.session, bars.session).clip(max=len(calendar.session) - 1)
    for row in map(int, np.flatnonzero(covered & (calendar.session[at] != bars.session))):
        session = str(bars.session[row])
        yield Fault(Rule.EXTRA_SESSION, row, session, "session", session, f"a session of {calendar.exchange}")


def _runs(flags: Flags) -> Iterator[tuple[int, int]]:
    """First row and length of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    for start, end in edges.reshape(-1, 2):
        yield int(start), int(end - start)


def _runs_without_volume(bars: Bars) -> Iterator[Fault]:
    none = bars.ohlcv[:, VOLUME] == 0
    if not none.any() or none.mean() > 1.0 - NORMALLY:
        return
    for row, length in _runs(none):
        sessions = f"{length} session{'s' if length > 1 else ''} without any"
        yield fault_at(bars, Rule.ZERO_VOLUME, row, "volume", f"a volume above 0 ({sessions})")


def _unchanged_runs(bars: Bars) -> Iterator[Fault]:
    prices = bars.ohlcv[:, :VOLUME]
    same = np.concatenate([[False], (prices[1:] == prices[:-1]).all(axis=1)])
    for row, length in _runs(same):
        if length + 1 >= STALE:
            yield fault_at(bars, Rule.UNCHANGED, row - 1, "close", f"prices that move ({length + 1} bars are the same)")


def _jumps(bars: Bars, found: Diagnosis) -> Iterator[Fault]:
    returns = log_returns(found.bars)
    returns[0] = 0.0
    large = np.flatnonzero(np.abs(returns) > JUMP_AT_LEAST)
    if not len(large):
        return
    named = {row for suspect in found.doubtful for row in (suspect.fault.row, *suspect.explains)}
    sigma = noise(steps(found.bars))
    for row in map(int, large[np.abs(returns[large]) > JUMP_NOISES * sigma[large]]):
        if row not in named:
            before = value_of(found.bars, row - 1, "close")
            moved = (
                f"moved {np.expm1(returns[row]):+.1%} from {before:g}, {abs(returns[row]) / sigma[row]:.0f} deviations"
            )
            yield fault_at(bars, Rule.JUMP, row, "close", f"a split, a dividend or a smaller move ({moved})")


def _adjusted_closes(bars: Bars, adjusted_close: Floats) -> Iterator[Fault]:
    """Where the vendor's returns are neither convention's of the vendor's own actions."""
    for row, length in _runs(~(np.isfinite(adjusted_close) & (adjusted_close > 0))):
        value, session = repr(float(adjusted_close[row])), str(bars.session[row])
        expected = f"a price above 0 ({length} bar{'s have' if length > 1 else ' has'} none)"
        yield Fault(Rule.ADJUSTED_CLOSE, row, session, "adj_close", value, expected)
    vendor, allowed = adjusted_steps(adjusted_close), rounding(adjusted_close) + SAME_RETURN
    with np.errstate(invalid="ignore"):
        own = np.stack([log_returns(bars, convention=convention) for convention in Convention])
    off = np.nanmin(np.abs(own[:, 1:] - vendor[1:]), axis=0, initial=np.inf)
    for row in map(int, np.flatnonzero((off > allowed[1:]) & np.isfinite(vendor[1:])) + 1):
        value, session = f"a return of {np.expm1(vendor[row]):+.4%}", str(bars.session[row])
        expected = f"{np.expm1(own[0, row]):+.4%}, by split and dividend"
        yield Fault(Rule.ADJUSTED_CLOSE, row, session, "adj_close", value, expected)


def _end(bars: Bars, calendar: SessionCalendar, due: np.datetime64) -> Iterator[Fault]:
    last = bars.session[-1]
    late = len(calendar.between(last + np.timedelta64(1, "D"), due))
    if late:
        rule = Rule.STOPPED if late > STOPPED_AFTER else Rule.LATE
        yield Fault(rule, len(bars) - 1, str(last), "session", str(last), f"{due} ({late} sessions later)")
