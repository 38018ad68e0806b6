"""Bars on each day's own share count, whatever share count a file has them on.

How prices tell their share count is `quant.basis`' business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from quant.bars import Bars
from quant.basis import Basis, as_traded, basis, later_splits
from stock_assets.sources.market_data import Fetched


def basis_of(fetched: Fetched) -> Basis:
    """On which share count a ticker's prices stand as they were delivered."""
    return basis(fetched.bars.close, fetched.bars.split)


def on_their_days_shares(fetched: Fetched, *, beside: Callable[[], Iterable[Basis]]) -> Fetched:
    """The bars as traded.

    Parameters
    ----------
    fetched : Fetched
        Prices that step at none of their splits are taken for split-adjusted: they and the dividends are brought back
        to the share count of their day. Prices that step at some of them stay as they are: a fault for a check to find.
    beside : callable
        Gives the basis of each ticker in the same files, this one's too. If more of them are as traded than are
        split-adjusted, so is this one, and the split that does not show is one that never was: again a fault to find.
    """
    bars = fetched.bars
    if basis_of(fetched) is not Basis.SPLIT_ADJUSTED:
        return fetched
    count = Counter(beside())
    if count[Basis.AS_TRADED] > count[Basis.SPLIT_ADJUSTED]:
        return fetched
    splits = int((bars.split != 1).sum())
    later = later_splits(bars.split)
    ohlcv, dividend = as_traded(bars.ohlcv, bars.split), bars.dividend * later
    carried = tuple(
        replace(one, dividend=one.dividend * float(later[np.searchsorted(bars.session, one.onto)]))
        for one in fetched.carried
    )
    note = f"prices and dividends were adjusted for {splits} splits; they are brought back to each day's share count"
    raw = Bars(bars.session, ohlcv, bars.split, dividend)
    return replace(fetched, bars=raw, notes=(*fetched.notes, note), carried=carried)
