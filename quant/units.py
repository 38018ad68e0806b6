"""Prices in another unit, or on another share count: single cells, single bars, runs, and a switch that stays.

A unit error multiplies prices by 100 (pence for pounds) and leaves volumes alone; a bar on another share count has its
prices multiplied by the ratio of a split of this ticker, and its volume by the inverse. Splits and dividends that are
booked wrongly are `quant.actions`'.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from quant.bars import VOLUME, Bars, Floats
from quant.basis import TELLING_SPLIT
from quant.evidence import noise, steps, unexplained
from quant.faults import Rule
from quant.suspects import PRICES, Change, Suspect, fault_at, rescaled

UNIT: Final = 100.0
# A price and its hundredfold are told apart by far more than any day's move: e^0.5 is 65 %.
UNIT_TOLERANCE: Final = 0.5
# High over low by which a bar is looked at more closely.
WIDE: Final = 3.0
# A step that this many deviations of the ticker's own noise explain is no shock.
SHOCK: Final = 8.0
# How near a step must come to a split: a tenth of the split's log, more for a noisy ticker, never over a quarter.
NEAR: Final = 0.1
NOISES: Final = 5.0
AT_MOST: Final = 0.25
# Named but never mended: the step is nearer to the split than to anything else.
LOOSE: Final = 1 / 3
# What a dividend takes of the price where nothing tells what this ticker pays.
USUAL_SHARE: Final = 0.01
# Bars that a run needs to say in which unit a ticker is quoted.
CONFIRMED: Final = 5
# A run on another share count is over soon, and a step beside a split is soon after or before it.
LONGEST_RUN: Final = 20
BESIDE: Final = 10

Rows = npt.NDArray[np.intp]


def cell_suspects(bars: Bars) -> list[Suspect]:
    """Single prices of a bar that are 100 times too large or too small beside the rest of it.

    Certain where each of the four is either near the closes around it or near 100 times (a hundredth of) them, and
    both kinds occur. A low (high) that was wrong only tells that it was the lowest (highest) in the wrong unit: it
    is put at most (least) to the bar's other prices.
    """
    if len(bars) < 2:
        return []
    prices = np.log(bars.ohlcv[:, :VOLUME])
    wide = np.flatnonzero(prices.max(axis=1) - prices.min(axis=1) > WIDE)
    found = []
    for row in map(int, wide):
        beside = _log_level_beside(bars, row)
        off = np.rint((prices[row] - beside) / np.log(UNIT))
        if np.abs(prices[row] - beside - off * np.log(UNIT)).max() > UNIT_TOLERANCE or set(np.abs(off)) != {0.0, 1.0}:
            continue
        new = _bounded(bars.ohlcv[row, :VOLUME], off)
        fields = np.flatnonzero(new != bars.ohlcv[row, :VOLUME])
        changes = tuple(Change(row, PRICES[k], float(new[k])) for k in fields)
        first = PRICES[int(np.flatnonzero(off)[0])]
        expected = f"a price near {np.exp(beside):.6g}, that of the bars around it"
        why = "this price is 100 times off the others of its bar and the closes around it"
        found.append(Suspect(fault_at(bars, Rule.UNIT, row, first, expected), changes, why))
    return found


def _log_level_beside(bars: Bars, row: int) -> float:
    """Log of the close before, on this row's share count; in the first row of the close after."""
    if row:
        return float(np.log(bars.close[row - 1] / bars.split[row]))
    return float(np.log(bars.close[1] * bars.split[1]))


def _bounded(prices: Floats, off: Floats) -> Floats:
    """Four prices with those that are off by a power of the unit put right, high and low bounding the rest."""
    new = np.where(off > 0, prices / UNIT, np.where(off < 0, prices * UNIT, prices))
    body = new[[0, 3]]
    if off[1]:
        new[1] = max(new[1], *body)
    if off[2]:
        new[2] = min(new[2], *body)
    return new


def level_suspects(bars: Bars) -> list[Suspect]:
    """Runs of bars in another unit than the newest confirmed run.

    The unit is that of the newest run of at least five bars of which one traded (of five bars, if none has).
    Certain where the unit goes there and comes back: no split does. Where it changes once only, each side needs five
    bars, and the volume must go on as before: a split would rescale it.
    """
    step = steps(bars)
    near = np.abs(np.abs(step) - np.log(UNIT)) < UNIT_TOLERANCE
    shocks = np.flatnonzero(near)
    shocks = shocks[np.abs(step[shocks]) > SHOCK * noise(step)[shocks]] if len(shocks) else shocks
    if not len(shocks):
        return []
    starts = np.concatenate([[0], shocks])
    ends = np.append(shocks, len(bars))
    level = np.concatenate([[0], np.cumsum(np.sign(step[shocks]))])
    right = level[_anchor(bars, starts, ends)]
    certain = level.max() - level.min() == 1 and (len(shocks) > 1 or _volume_goes_on(bars, int(shocks[0])))
    return [
        _run_in_another_unit(bars, slice(int(start), int(end)), of - right, certain=bool(certain))
        for start, end, of in zip(starts, ends, level, strict=True)
        if of != right
    ]


def _anchor(bars: Bars, starts: Rows, ends: Rows) -> int:
    """The run whose unit is right."""
    traded = np.concatenate([[0], np.cumsum(bars.ohlcv[:, VOLUME] > 0)])
    lengths = ends - starts
    for candidates in ((lengths >= CONFIRMED) & (traded[ends] > traded[starts]), lengths >= CONFIRMED):
        if candidates.any():
            return int(np.flatnonzero(candidates)[-1])
    return int(np.argmax(lengths))


def _volume_goes_on(bars: Bars, row: int) -> bool:
    """Whether both sides of `row` are long enough to tell, and trade in the same order of magnitude."""
    before, after = bars.ohlcv[max(row - BESIDE, 0) : row, VOLUME], bars.ohlcv[row : row + BESIDE, VOLUME]
    before, after = before[before > 0], after[after > 0]
    if min(len(before), len(after)) < CONFIRMED:
        return False
    return bool(abs(np.log(np.median(after) / np.median(before))) < np.log(UNIT) / 2)


def _run_in_another_unit(bars: Bars, rows: slice, off: float, *, certain: bool) -> Suspect:
    factor = 1.0 / UNIT if off > 0 else UNIT
    length = rows.stop - rows.start
    size = "100 times" if off > 0 else "a hundredth of"
    expected = f"a price in the unit of the other bars (a run of {length} is {size} it)"
    fault = fault_at(bars, Rule.UNIT, rows.start, "close", expected)
    why = f"a run of {length} is {size} the level of the bars around it, and the volume does not say a split"
    along = _dividends_along(bars, rows, factor)
    changes = rescaled(bars, rows, price=factor, shares=1.0, dividend=along) if certain else ()
    return Suspect(fault, changes, why, explains=(rows.start, rows.stop))


def _dividends_along(bars: Bars, rows: slice, factor: float) -> Floats:
    """By what the dividends of a run are multiplied, (n,): the factor of its prices, or 1.

    A dividend may have been booked in the run's unit or in the right one. It was in the one that leaves it nearer to
    what the ticker pays outside of the run, as a share of the price; to one percent, if it pays nothing there.
    """
    share = bars.dividend / bars.close
    outside = np.delete(share, np.arange(rows.start, rows.stop))
    usual = float(np.median(outside[outside > 0])) if (outside > 0).any() else USUAL_SHARE
    paid = share > 0
    along = np.ones(len(bars))
    # The prices will be multiplied: a dividend that goes along keeps its share, one that stays is divided by it.
    goes = np.abs(np.log(share[paid] / usual)) <= np.abs(np.log(share[paid] / factor / usual))
    along[paid] = np.where(goes, factor, 1.0)
    return along


def share_count_suspects(bars: Bars) -> list[Suspect]:
    """Bars that stand on another share count than their split says.

    Certain in two cases, each by steps of a split's ratio that the ticker's own noise does not explain:
    a run that starts and ends with such a step, there and back; and one step in the ten sessions before a split that
    shows as well, which counts that split twice in every bar before the step.
    """
    ratios = np.unique(bars.split[np.abs(np.log(bars.split)) > np.log(TELLING_SPLIT)])
    if not len(ratios):
        return []
    step = unexplained(bars)
    large = np.flatnonzero(np.abs(step) > np.log(TELLING_SPLIT))
    sigma = noise(step)
    shocks = large[np.abs(step[large]) > SHOCK * sigma[large]]
    found: list[Suspect] = []
    for ratio in map(float, ratios):
        if not len(shocks):
            break
        matching = _near(step[shocks], sigma[shocks], float(np.log(ratio)))
        found += _runs_and_ends(bars, step, shocks[matching], ratio)
        loose = np.abs(np.abs(step[shocks]) - abs(np.log(ratio))) < LOOSE * abs(np.log(ratio))
        found += _beside_a_split(bars, shocks[loose & ~matching], ratio)
    return _first_of_each_row(found)


def _near(step: Floats, sigma: Floats, log_ratio: float) -> npt.NDArray[np.bool_]:
    size = abs(log_ratio)
    tolerance = np.minimum(np.maximum(NEAR * size, NOISES * sigma), AT_MOST * size)
    return np.abs(np.abs(step) - size) < tolerance


def _runs_and_ends(bars: Bars, step: Floats, shocks: Rows, ratio: float) -> Iterator[Suspect]:
    """Runs there and back, and what is left over beside a split."""
    i = 0
    while i < len(shocks):
        start = int(shocks[i])
        if i + 1 < len(shocks) and step[start] * step[shocks[i + 1]] < 0 and shocks[i + 1] - start <= LONGEST_RUN:
            yield _run_on_another_count(bars, slice(start, int(shocks[i + 1])), _inverse(ratio, float(step[start])))
            i += 2
            continue
        yield from _counted_twice(bars, step, start, ratio)
        i += 1


def _inverse(ratio: float, step: float) -> float:
    """What undoes a step: the ratio or its inverse."""
    return ratio if np.log(ratio) * step < 0 else 1.0 / ratio


def _run_on_another_count(bars: Bars, rows: slice, factor: float) -> Suspect:
    length = rows.stop - rows.start
    expected = f"a price on that day's share count (a run of {length} is {1 / factor:.6g} times it)"
    why = f"a run of {length} steps by a split's ratio and back again: it stands on another share count"
    along = np.full(len(bars), factor)
    changes = rescaled(bars, rows, price=factor, shares=1.0 / factor, dividend=along)
    fault = fault_at(bars, Rule.SPLIT_NOT_APPLIED, rows.start, "close", expected)
    return Suspect(fault, changes, why, explains=(rows.start, rows.stop))


def _counted_twice(bars: Bars, step: Floats, start: int, ratio: float) -> Iterator[Suspect]:
    ahead = bars.split[start + 1 : start + 1 + BESIDE]
    if ratio in ahead and step[start] * np.log(ratio) < 0:
        split = start + 1 + int(np.flatnonzero(ahead == ratio)[0])
        expected = f"no step of a split before {bars.session[split]}, where {ratio:g} is recorded and shows too"
        why = f"the split of {ratio:g} shows on its own day and again here: the {start} bars before count it twice"
        along = np.full(len(bars), 1.0 / ratio)
        changes = rescaled(bars, slice(0, start), price=1.0 / ratio, shares=ratio, dividend=along)
        yield Suspect(fault_at(bars, Rule.SPLIT_NOT_APPLIED, start, "close", expected), changes, why)
    else:
        yield from _beside_a_split(bars, np.array([start]), ratio)


def _beside_a_split(bars: Bars, shocks: Rows, ratio: float) -> Iterator[Suspect]:
    """Steps of about a split's size within ten sessions of it: something was adjusted on the wrong day."""
    for start in map(int, shocks):
        around = bars.split[max(start - BESIDE, 0) : start + BESIDE + 1]
        if ratio in around and bars.split[start] != ratio:
            expected = f"no step of a split so near to that of {ratio:g}"
            why = f"the close steps by about the split of {ratio:g}, on another day than it is recorded"
            yield Suspect(fault_at(bars, Rule.SPLIT_NOT_APPLIED, start, "close", expected), (), why)


def _first_of_each_row(suspects: list[Suspect]) -> list[Suspect]:
    """One suspect a row, the certain one where there is a choice: two ratios may both fit."""
    by_row: dict[int, Suspect] = {}
    for suspect in sorted(suspects, key=lambda s: not s.changes):
        by_row.setdefault(suspect.fault.row, suspect)
    return sorted(by_row.values(), key=lambda s: s.fault.row)
