"""Splits and dividends that are booked wrongly: as each other, in the wrong unit, twice, or not at all.

Two witnesses are heard: the price of the day, and the vendor's own adjusted close (`quant.payments`). Prices that are
themselves wrong are `quant.units`', and are mended before.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quant.bars import Bars, Floats, log_returns
from quant.basis import TELLING_SPLIT
from quant.evidence import adjusted_steps, noise, steps, unexplained
from quant.faults import Rule
from quant.suspects import Change, Suspect, fault_at

# Splits that are booked or left out by mistake, in new shares per old share; reverse splits are their inverses.
WHOLE: Final = np.arange(2.0, 51.0)
THREE_FOR_TWO: Final = 1.5
# A dividend that is a split in truth leaves a whole fraction of the price, to half a percent.
EXACT: Final = 0.005
# Numerators and denominators of the ratios that companies choose, and whole percents beside them.
LARGEST_TERM: Final = 20
RATIO_ROUNDING: Final = 2e-4
# How many deviations of noise a step may be off what it is taken for, and from how many on noise is no explanation.
FITS: Final = 4.0
AT_LEAST: Final = 0.1
UNUSUAL: Final = 5.0
LOUD: Final = 20.0
AROUND: Final = 10


def split_as_dividend_suspects(bars: Bars) -> list[Suspect]:
    """Dividends that are splits: they leave a whole fraction of the price, and the price agrees.

    Certain for splits of 2 and more new shares; a third of the price may be a special dividend as well as a 3:2 split.
    """
    row = np.flatnonzero(bars.dividend > 0)
    row = row[(row > 0) & (bars.split[row] == 1)]
    left = 1.0 - bars.dividend[row] / bars.close[row - 1]
    row, left = row[(left > 0) & (left < 0.7)], left[(left > 0) & (left < 0.7)]
    if not len(row):
        return []
    step = steps(bars)
    sigma = noise(step)
    found = []
    for i, share in zip(map(int, row), map(float, left), strict=True):
        ratio = _whole(1.0 / share)
        if abs(share * ratio - 1.0) > EXACT or abs(step[i] + np.log(ratio)) > _tolerance(float(sigma[i])):
            continue
        fault = fault_at(bars, Rule.SPLIT_AS_DIVIDEND, i, "dividend", f"a split of {ratio:g} and no dividend")
        changes = (Change(i, "split", ratio), Change(i, "dividend", 0.0)) if ratio != THREE_FOR_TWO else ()
        why = f"the dividend is {1 - 1 / ratio:.4g} of the close before to half a percent, and the price fell by it"
        found.append(Suspect(fault, changes, why))
    return found


def _whole(ratio: float) -> float:
    """The split nearest to a ratio above 1."""
    candidates = np.append(WHOLE, THREE_FOR_TWO)
    return float(candidates[int(np.argmin(np.abs(np.log(candidates / ratio))))])


def _tolerance(sigma: float) -> float:
    return max(FITS * min(sigma, 1.0), AT_LEAST)


def unshown_split_suspects(bars: Bars) -> list[Suspect]:
    """Splits that the price of the day does not show.

    Certain where the step without the split is an ordinary one, with it more than 20 deviations of the ticker's noise,
    and nothing within ten sessions steps by the split instead: then the return of the day is the one without it,
    whether the record is false or the prices before were restated already. The record goes, the prices stay.
    """
    row = np.flatnonzero(np.abs(np.log(bars.split)) > np.log(TELLING_SPLIT))
    row = row[row > 0]
    if not len(row):
        return []
    step = unexplained(bars)
    sigma = noise(step)
    found = []
    for i in map(int, row):
        log_split = float(np.log(bars.split[i]))
        without = float(step[i]) - log_split
        if abs(step[i]) <= abs(without):
            continue
        around = np.abs(np.delete(step[max(i - AROUND, 1) : i + AROUND + 1], i - max(i - AROUND, 1)))
        elsewhere = bool(np.any(around > abs(log_split) / 2))
        ordinary = abs(without) < _tolerance(float(sigma[i])) and len(bars) - i > AROUND
        certain = ordinary and not elsewhere and abs(step[i]) > LOUD * sigma[i]
        expected = f"a split that the price shows (the close stepped by {np.exp(without):.4g})"
        fault = fault_at(bars, Rule.SPLIT_NOT_APPLIED, i, "split", expected)
        why = f"the close went on as if nothing had been split, {abs(step[i]) / sigma[i]:.0f} deviations from the split"
        found.append(Suspect(fault, (Change(i, "split", 1.0),) if certain else (), why))
    return found


def unrecorded_split_suspects(bars: Bars, adjusted_close: Floats | None) -> list[Suspect]:
    """Steps that nothing is recorded for and that the vendor's own adjusted close does not take, but for a whole ratio.

    Certain always: the two differ by the ratio to half a percent. Without adjusted closes, or where they step as well,
    nothing tells such a split from a crash, and `quant.quality` names a jump.
    """
    if adjusted_close is None:
        return []
    step = unexplained(bars)
    row = np.flatnonzero(np.abs(step) > np.log(TELLING_SPLIT))
    row = row[bars.split[row] == 1]
    if not len(row):
        return []
    sigma, apart = noise(step), log_returns(bars) - adjusted_steps(adjusted_close)
    found = []
    for i in map(int, row[(np.abs(step[row]) > UNUSUAL * sigma[row]) & (np.abs(apart[row]) > np.log(TELLING_SPLIT))]):
        whole = _whole(float(np.exp(abs(apart[i]))))
        if abs(abs(apart[i]) - np.log(whole)) > EXACT:
            continue
        ratio = whole if apart[i] < 0 else 1.0 / whole
        fault = fault_at(bars, Rule.SPLIT_MISSING, i, "split", f"a split of {ratio:g}, which the close steps by")
        why = f"the close steps by a split of {ratio:g} and the vendor's adjusted close does not"
        found.append(Suspect(fault, (Change(i, "split", ratio),), why))
    return found


def dividend_as_split_suspects(bars: Bars) -> list[Suspect]:
    """Splits of 1 to 2 that are no ratio a company would choose: a spin-off, booked as if it were shares.

    Never certain: the cash value is not in the bars, and the total return is the same either way.
    """
    row = np.flatnonzero((bars.split > 1) & (bars.split < 2))
    return [
        Suspect(
            fault_at(bars, Rule.DIVIDEND_AS_SPLIT, i, "split", "a ratio of small whole numbers, or a dividend"),
            why="no company splits by this ratio",
        )
        for i in map(int, row[row > 0])
        if not _plain(float(bars.split[i]))
    ]


def _plain(ratio: float) -> bool:
    terms = np.append(np.arange(1.0, LARGEST_TERM + 1), 100.0)
    numerators = np.rint(ratio * terms)
    return bool(np.any(np.abs(numerators / terms - ratio) < RATIO_ROUNDING * ratio))
