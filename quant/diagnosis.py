"""Every suspect in turn, each rule looking at bars that the rules before it have mended where they were certain.

Prices come first, then splits, then dividends: a dividend is judged by the price of its day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from quant import actions, dividends, units
from quant.bars import Bars, Floats
from quant.faults import Rule
from quant.suspects import Suspect, mended

Stage = Callable[[Bars], list[Suspect]]

# What one round mends may let the next one see more; real files need two.
MOST_ROUNDS: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """What was found.

    Attributes
    ----------
    certain : tuple of Suspect
        In the order in which they were mended.
    doubtful : tuple of Suspect
        Named, and still there in `bars`.
    bars : Bars
        With everything mended that is certain; the very object that came in where nothing is.
    """

    certain: tuple[Suspect, ...]
    doubtful: tuple[Suspect, ...]
    bars: Bars


def diagnose(bars: Bars, adjusted_close: Floats | None = None) -> Diagnosis:
    """All suspects of the bars, until a round mends nothing more."""
    certain: list[Suspect] = []
    doubtful: dict[tuple[Rule, int, str], Suspect] = {}
    stages = _stages(adjusted_close)
    for _ in range(MOST_ROUNDS):
        before = bars
        for stage in stages:
            suspects = stage(bars)
            sure = [suspect for suspect in suspects if suspect.changes]
            doubtful |= {_place(suspect): suspect for suspect in suspects if not suspect.changes}
            certain += sure
            bars = mended(bars, (change for suspect in sure for change in suspect.changes))
        if bars is before:
            break
    settled = {_place(suspect)[1:] for suspect in certain}
    left = tuple(suspect for place, suspect in doubtful.items() if place[1:] not in settled)
    return Diagnosis(tuple(certain), left, bars)


def _place(suspect: Suspect) -> tuple[Rule, int, str]:
    return suspect.fault.rule, suspect.fault.row, suspect.fault.field


def _stages(adjusted_close: Floats | None) -> tuple[Stage, ...]:
    return (
        units.cell_suspects,
        units.level_suspects,
        units.share_count_suspects,
        actions.split_as_dividend_suspects,
        actions.unshown_split_suspects,
        partial(actions.unrecorded_split_suspects, adjusted_close=adjusted_close),
        actions.dividend_as_split_suspects,
        partial(dividends.vendor_unit_suspects, adjusted_close=adjusted_close),
        partial(dividends.too_large_suspects, adjusted_close=adjusted_close),
        partial(dividends.too_small_suspects, adjusted_close=adjusted_close),
        partial(dividends.twin_suspects, adjusted_close=adjusted_close),
    )
