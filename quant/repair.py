"""Bars with everything mended that is certain, and a list of what was changed and why.

Which rules there are and what makes each certain is said where they are found: `quant.units` for prices,
`quant.actions` for splits, `quant.dividends`. What is doubtful stays as it came, for `quant.quality` to report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quant.bars import Bars, Floats
from quant.diagnosis import diagnose
from quant.faults import Rule
from quant.suspects import Suspect, mended, value_of


@dataclass(frozen=True, slots=True)
class Repair:
    """One cell: `field` of `session` held `old` and holds `new` now."""

    rule: Rule
    row: int
    session: str
    field: str
    old: float
    new: float
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Repaired:
    """Mended bars; `repairs`, undone from the last to the first, give back the ones that came."""

    bars: Bars
    repairs: tuple[Repair, ...]


def repair(bars: Bars, *, adjusted_close: Floats | None = None) -> Repaired:
    """The bars with everything mended that is certain.

    Parameters
    ----------
    bars : Bars
        Every row sound by itself (`quant.faults`), ascending, as traded.
    adjusted_close : (n,) float64, optional
        The vendor's adjusted closes, as it delivered them: a witness, never a price to use. NaN where it has none.

    Returns
    -------
    Repaired
        The same rows. Where nothing is certain the bars are the very object that came in. Repairing again changes
        nothing.

    Notes
    -----
    Certain means, rule by rule:

    - ``unit_error_100x``: a price that is 100 times off the rest of its bar and the closes around it; runs of bars that
      leave the others' unit and come back, which no split does; a unit that changes once, if five bars stand on each
      side and the volume goes on as before.
    - ``split_not_applied``: a run of bars that steps by the ratio of a split of this ticker and back again; a step
      by the ratio of a split in the ten sessions before that split, which shows as well; a split that the price denies
      by 20 deviations of its noise.
    - ``split_booked_as_dividend``: the dividend leaves a half, a third, ... of the price to half a percent, and the
      price fell by it.
    - ``split_not_recorded``: the price steps by a whole ratio and the vendor's adjusted close does not.
    - ``dividend_unit_error_100x``, ``dividend_on_another_share_count``: the adjusted close and the price of the ex-date
      both know the other amount; or the price denies a large dividend outright, and whether a hundredth of it or
      nothing was paid is told by the others or makes no difference; or 100 times a small one is what its neighbour
      paid, and the price agrees.
    - ``phantom_dividend``: the same amount twice within seven sessions, and a witness prefers one of the two clearly;
      or a large one that neither witness knows.

    Missing or extra sessions, stale prices, zero volumes, jumps, spin-offs booked as splits and adjusted closes that
    disagree are never mended.
    """
    found = diagnose(bars, adjusted_close)
    return Repaired(found.bars, tuple(_repairs(bars, found.certain)))


def _repairs(bars: Bars, certain: tuple[Suspect, ...]) -> Iterator[Repair]:
    for suspect in certain:
        for change in suspect.changes:
            old, session = value_of(bars, change.row, change.field), str(bars.session[change.row])
            yield Repair(suspect.fault.rule, change.row, session, change.field, old, change.new, suspect.why)
        bars = mended(bars, suspect.changes)
