"""On which share count a vendor's prices stand: as traded that day, or restated for every later split.

The project keeps bars as traded. Some vendors deliver prices that are adjusted for splits already and name the splits
beside them; read as traded, each split would then look like a jump. Dividends are not restated here.
"""

from __future__ import annotations

import enum
from typing import Final

import numpy as np

from quant.bars import VOLUME, Floats

# A smaller split hides in a day's move.
TELLING_SPLIT: Final = 1.2


class Basis(enum.Enum):
    """The share count of a series of prices."""

    AS_TRADED = "as_traded"
    SPLIT_ADJUSTED = "split_adjusted"
    UNKNOWN = "unknown"  # no split is large enough to tell, which makes no difference worth telling either
    MIXED = "mixed"  # some splits show in the prices, and others don't


def basis(close: Floats, split: Floats) -> Basis:
    """What the prices do on the days of their splits.

    Parameters
    ----------
    close : (n,) float64
        Ascending by session; finite, above 0.
    split : (n,) float64
        New shares per old share from that session on; 1 where there was none.

    Returns
    -------
    Basis
        A split of at least 6:5 (or its reverse) tells: it shows if the day's log step is nearer to ``-log(split)`` than
        to 0.
    """
    step, telling = np.log(close[1:] / close[:-1]), np.abs(np.log(split[1:])) > np.log(TELLING_SPLIT)
    shows = np.abs(step + np.log(split[1:])) < np.abs(step)
    if not telling.any():
        return Basis.UNKNOWN
    if shows[telling].all():
        return Basis.AS_TRADED
    return Basis.MIXED if shows[telling].any() else Basis.SPLIT_ADJUSTED


def later_splits(split: Floats) -> Floats:
    """The product of the splits after each session, (n,): shares in the end for a share of that day."""
    product: Floats = np.append(np.cumprod(split[:0:-1])[::-1], 1.0)
    return product


def as_traded(ohlcv: Floats, split: Floats) -> Floats:
    """Split-adjusted bars on each day's own share count, (n, 5): prices up, volumes down by every later split.

    Parameters
    ----------
    ohlcv : (n, 5) float64
        Open, high, low, close and volume on the share count after the last of the splits.
    split : (n,) float64
        Every split up to the day that the prices were asked for, or the result is on no day's share count.
    """
    return _rescaled(ohlcv, later_splits(split))


def split_adjusted(ohlcv: Floats, split: Floats) -> Floats:
    """The inverse of `as_traded`: every bar on the share count after the last of the splits, (n, 5)."""
    return _rescaled(ohlcv, 1.0 / later_splits(split))


def _rescaled(ohlcv: Floats, factor: Floats) -> Floats:
    scaled = ohlcv * factor[:, None]
    scaled[:, VOLUME] = ohlcv[:, VOLUME] / factor
    return scaled
