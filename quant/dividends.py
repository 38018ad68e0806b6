"""Dividends in the wrong unit, on the wrong share count, booked twice, or never paid.

Each rule says what it takes to be certain. Likelihoods are natural logarithms: 6 is 400 to 1. Dividends that are splits
in truth are `quant.actions`'.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from quant.bars import Bars, Floats
from quant.evidence import steps
from quant.faults import Rule
from quant.payments import HUNDRED, Payments, Witness, payments
from quant.suspects import Change, Suspect, fault_at

Flags = npt.NDArray[np.bool_]

# What the price has to say for a hundredth where the vendor's adjusted close says so too, and where it doesn't.
WITH_VENDOR: Final = 6.0
ALONE: Final = 8.0
NAMED_ALONE: Final = 5.0
# For the ratio of a split of the same day, which the vendor's adjusted close names exactly.
WITH_SPLIT: Final = 2.0
# For 100 times the amount, where that is what the dividend before or after paid.
WITH_NEIGHBOUR: Final = 4.0
# For a suspicion that is only named.
NAMED: Final = 2.0
# Dividends this near in size were booked alike: one order of magnitude, or the same amount.
SAME_SIZE: Final = 10.0
SAME_AMOUNT: Final = 0.02
# A share of the price that an ordinary dividend doesn't reach, and one that a regular payer doesn't stay under.
LARGE: Final = 0.05
TINY: Final = 3e-4
REGULAR: Final = 4
# A dividend fits beside the others of its ticker within this factor.
LIKE_OTHERS: Final = 5.0
# Sessions within which the same dividend is not paid again, and how alike two of them are.
SOON: Final = 7
TWIN: Final = 0.10
EQUAL: Final = 1e-5
PREFERRED: Final = 1.5


def vendor_unit_suspects(bars: Bars, adjusted_close: Floats | None) -> list[Suspect]:
    """Dividends that the vendor's own adjusted close knows in another unit.

    Certain where the price of the ex-dates agrees with the adjusted close, over all such dividends of one size
    together. Where it agrees with the dividend, the adjusted close is what is wrong, and that is another rule.
    """
    paid = payments(bars, adjusted_close)
    if not paid.says(Witness.HUNDREDTH, Witness.HUNDREDFOLD, Witness.PER_OLD_SHARE).any():
        return []
    wrong = [
        (Witness.HUNDREDTH, np.full(len(paid), 1 / HUNDRED), WITH_VENDOR, Rule.DIVIDEND_UNIT),
        (Witness.HUNDREDFOLD, np.full(len(paid), HUNDRED), WITH_VENDOR, Rule.DIVIDEND_UNIT),
        (Witness.PER_OLD_SHARE, 1.0 / paid.split, WITH_SPLIT, Rule.DIVIDEND_SHARE_COUNT),
    ]
    found = []
    for witness, times, enough, rule in wrong:
        concerned = paid.says(witness)
        gain = paid.likelihood(times) - paid.likelihood(1.0)
        for k in np.flatnonzero(concerned):
            if _pooled(gain, concerned & _alike(paid.share, k, SAME_SIZE)) >= enough:
                why = "the vendor's own adjusted close and the price of the ex-date both know this amount"
                found.append(_amount(bars, paid, k, rule, times[k], why=why))
    return found


def _alike(share: Floats, k: np.intp, factor: float) -> Flags:
    near: Flags = np.abs(np.log(share / share[k])) < np.log(factor)
    return near


def _pooled(gain: Floats, members: Flags) -> float:
    return float(gain[members].sum())


def _amount(
    bars: Bars, paid: Payments, k: np.intp, rule: Rule, times: float, *, why: str, certain: bool = True
) -> Suspect:
    # A division where the factor is a hundredth: 41.8 / 100 is the amount as it would have been written.
    new = float(paid.amount[k] / HUNDRED if times == 1 / HUNDRED else paid.amount[k] * times)
    row = int(paid.row[k])
    expected = f"{new:.6g} ({times:g} times it)" if times else "no dividend"
    fault = fault_at(bars, rule, row, "dividend", expected)
    return Suspect(fault, (Change(row, "dividend", new),) if certain else (), why)


def too_large_suspects(bars: Bars, adjusted_close: Floats | None) -> list[Suspect]:
    """Dividends that the price of the ex-date denies, whatever the vendor's adjusted close says.

    Of a dividend over 5 % of the price nothing is seen on the ex-date, while a hundredth of it fits; dividends of the
    same amount are heard together. Certain where, besides, none of the days around it shows the fall, and a hundredth
    is either in keeping with the ticker's other dividends or less than half a day's noise, so that it makes no
    difference whether a hundredth or nothing was paid. If the adjusted close knows nothing of it and no other dividend
    is like a hundredth of it, it was never paid.
    """
    paid = payments(bars, adjusted_close)
    large = (paid.share >= LARGE) & paid.says(Witness.AGREES, Witness.UNKNOWN, Witness.NOTHING, Witness.OTHERWISE)
    if not large.any():
        return []
    gain = paid.likelihood(1 / HUNDRED) - paid.likelihood(1.0)
    step = steps(bars)
    found = []
    for k in np.flatnonzero(large & (gain > 0)):
        heard = _pooled(gain, large & _alike(paid.share, k, SAME_SIZE) & _same(paid.amount, k))
        if heard >= ALONE or gain[k] >= NAMED_ALONE:
            seen = heard >= ALONE and not _falls_around(step, int(paid.row[k]), float(paid.share[k]))
            found.append(_denied(bars, paid, k, certain=seen))
    return found


def _denied(bars: Bars, paid: Payments, k: np.intp, *, certain: bool) -> Suspect:
    """What becomes of a large dividend that the price denies: a hundredth of it, or nothing."""
    like = _like_others(paid, k, float(paid.share[k]) / HUNDRED)
    if paid.witness[k] is Witness.NOTHING and not like:
        why = "neither the price of the ex-date nor the vendor's adjusted close knows it"
        return _amount(bars, paid, k, Rule.DIVIDEND_PHANTOM, 0.0, why=why, certain=certain)
    negligible = bool(paid.share[k] / HUNDRED < paid.sigma[k] / 2)
    why = f"the price did not fall by {paid.share[k]:.2g} of itself; a hundredth of it fits"
    return _amount(bars, paid, k, Rule.DIVIDEND_UNIT, 1 / HUNDRED, why=why, certain=certain and (like or negligible))


def _same(amount: Floats, k: np.intp) -> Flags:
    same: Flags = np.abs(amount / amount[k] - 1.0) <= SAME_AMOUNT
    return same


def _falls_around(step: Floats, row: int, share: float) -> bool:
    """Whether one of the days around the ex-date fell by half the dividend: it may be booked on the wrong day."""
    half = np.log1p(-min(share, 0.97)) / 2
    around = step[[i for i in (row - 1, row + 1, row + 2) if 0 < i < len(step)]]
    return bool(np.any(around < half))


def _like_others(paid: Payments, k: np.intp, share: float) -> bool:
    """Whether a share of the price is what the ticker's credible dividends pay, within a factor of five."""
    others = np.delete(paid.share, k)
    others = others[others < LARGE]
    return len(others) > 0 and bool(abs(np.log(share / np.median(others))) < np.log(LIKE_OTHERS))


def too_small_suspects(bars: Bars, adjusted_close: Floats | None) -> list[Suspect]:
    """Dividends that are a hundredth of what their ticker pays.

    Certain where 100 times the amount is what the dividend before or after it paid, and the price of the ex-date
    agrees. Where a regular payer never pays more than 3 hundredths of a percent, and its ex-dates together rather look
    like 100 times that, they are named only: there is no amount beside them to know them by.
    """
    paid = payments(bars, adjusted_close)
    if len(paid) < 2:
        return []
    gain = paid.preference(HUNDRED, over=1.0)
    small = paid.says(Witness.AGREES, Witness.UNKNOWN) & (paid.share * HUNDRED < 0.5)
    times = np.log(paid.amount[1:] / paid.amount[:-1])
    beside = np.zeros(len(paid), dtype=bool)
    beside[:-1] |= np.abs(times - np.log(HUNDRED)) < SAME_AMOUNT
    beside[1:] |= np.abs(times + np.log(HUNDRED)) < SAME_AMOUNT
    never_more = small & (paid.share < TINY)
    regular = never_more.sum() >= max(REGULAR, len(paid) / 2) and _pooled(gain, never_more) > NAMED
    found = []
    for k in np.flatnonzero(small & (beside | (never_more & regular))):
        certain = bool(beside[k] and gain[k] >= WITH_NEIGHBOUR)
        if certain or regular:
            why = "100 times it is what the dividend beside it paid, and the price fell by that"
            found.append(_amount(bars, paid, k, Rule.DIVIDEND_UNIT, HUNDRED, why=why, certain=certain))
    return found


def twin_suspects(bars: Bars, adjusted_close: Floats | None) -> list[Suspect]:
    """A dividend booked again within seven sessions: the one that the price supports less is the phantom.

    Certain where both are the same amount, and either the vendor's adjusted close knows nothing of this one or the
    price prefers the other one clearly. Amounts that differ by up to a tenth are named only: which of the two is right
    cannot be told.
    """
    paid = payments(bars, adjusted_close)
    apart = np.diff(paid.row)
    different = np.abs(paid.amount[1:] / paid.amount[:-1] - 1.0) if len(paid) > 1 else np.zeros(0)
    pairs = np.flatnonzero((apart <= SOON) & (different <= TWIN) & (paid.split[1:] == 1))
    if not len(pairs):
        return []
    support = paid.preference(1.0, over=0.0)
    found = []
    for first in pairs:
        nothing = [paid.witness[j] is Witness.NOTHING for j in (first, first + 1)]
        worse = first if support[first] < support[first + 1] else first + 1
        if nothing[0] != nothing[1]:
            worse = first if nothing[0] else first + 1
        clear = nothing[0] != nothing[1] or abs(support[first] - support[first + 1]) >= PREFERRED
        other = first + 1 if worse == first else first
        why = f"the same amount is booked on {bars.session[paid.row[other]]} too, which fits the prices better"
        certain = bool(clear and different[first] <= EQUAL)
        found.append(_amount(bars, paid, worse, Rule.DIVIDEND_PHANTOM, 0.0, why=why, certain=certain))
    return found
