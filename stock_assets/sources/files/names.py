"""Which ticker a file's name tells: ``AAPL.csv``, ``brk-b_2020.csv.gz``, ``ticker=AAPL/part-0.parquet``.

Only where no column does; what a column says is read in `stock_assets.sources.files.tables`.
"""

from __future__ import annotations

import re
from typing import Final

from release.manifest import TICKER as TICKER_PATTERN

SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")

# Names that say what is inside, and not whose it is; none of them trades.
GENERIC: Final = frozenset(
    {
        *("BARS", "DATA", "PRICES", "PRICE", "OHLC", "OHLCV", "STOCKS", "STOCK", "QUOTES", "QUOTE", "HISTORY"),
        *("HISTORICAL", "HISTORICALDATA", "DAILY", "EXPORT", "DOWNLOAD", "TABLE", "CANDLES", "MARKET", "TICKERS"),
        *("PART", "CHUNK", "PIECE", "DUMP"),
    }
)
# What marks a piece, alone or behind a ticker: 2020, 2020-01, 20200131, part-0, (1).
_MARK: Final = r"(?:(?:19|20)\d{2}(?:[-_.]?\d{2}){0,2}|(?:part|chunk|piece)[-_.]?\d+\S*|\d{1,3}|\(\d+\))"
_ONLY_MARKS: Final = re.compile(rf"{_MARK}(?:[-_. ]+{_MARK})*$", re.IGNORECASE)
_MARKS_BEHIND: Final = re.compile(rf"[-_. ]+{_MARK}(?:[-_. ]+{_MARK})*$", re.IGNORECASE)
_WORDS_BEHIND: Final = re.compile(r"[_ (].*$")


def stem(name: str) -> str:
    """A file's name without what says how it is written."""
    return next((name[: -len(suffix)] for suffix in SUFFIXES if name.lower().endswith(suffix)), name)


def claimed_ticker(name: str) -> str | None:
    """The ticker that a file's name is, but for the mark of a piece: such a file is held to it; else None."""
    bare = stem(name)
    return None if _ONLY_MARKS.match(bare) else _ticker(_MARKS_BEHIND.sub("", bare))


def named_ticker(name: str, *, folder: str = "") -> str | None:
    """The ticker that a file's name begins with, whatever words follow, or that its folder is named by; else None.

    Parameters
    ----------
    name : str
        ``aapl_us_d.csv`` tells AAPL, ``bars.csv`` and ``2020.csv`` tell nothing.
    folder : str
        The folder's name where folders stand for tickers; it counts where the file's name tells nothing.
    """
    bare = stem(name)
    told = None if _ONLY_MARKS.match(bare) else _ticker(_WORDS_BEHIND.sub("", _MARKS_BEHIND.sub("", bare)))
    return told or _ticker(folder.rpartition("=")[2])


def _ticker(text: str) -> str | None:
    name = text.strip().upper()
    return name if TICKER_PATTERN.fullmatch(name) and name not in GENERIC else None
