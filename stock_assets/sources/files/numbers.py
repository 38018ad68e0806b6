"""Numbers in the spellings that files have them in: thousands, currencies, decimal commas, 45.6M, and no number at all.

What a number has to be, positive for instance, is not asked here.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quant.bars import Floats
from stock_assets.sources.files.dates import Ints
from stock_assets.sources.files.headers import DIVIDEND, SPLIT

MISSING: Final = frozenset(
    ("", "-", "--", "---", "–", "—", ".", "null", "none", "nan", "nat", "na", "n/a", "#n/a", "<na>")
)
# What a blank cell says of an action is that there was none.
BLANK: Final = {SPLIT: 1.0, DIVIDEND: 0.0}
SUFFIX: Final = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}

_CURRENCY: Final = re.compile(r"^(?P<sign>[-+]?)\s*(?:US\$|[$€£¥]|USD|EUR)?\s*(?P<bare>.*?)\s*(?:[$€£¥]|USD|EUR)?$")
_PLAIN: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$")
_GROUPED: Final = re.compile(r"[-+]?\d{1,3}(?:[,' \u00a0\u202f]\d{3})+(?:\.\d*)?$")
_COMMA: Final = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:[.' \u00a0\u202f]\d{3})+)(?:,\d*)?$")
_RATIO: Final = re.compile(r"(?P<new>\d+(?:\.\d+)?)\s*(?::|/|-?\s*for\s*-?)\s*(?P<old>\d+(?:\.\d+)?)$", re.IGNORECASE)

# Cells that only one of the two conventions can have written; a lone group of three ("1,234") is neither's.
_ONLY_POINT: Final = r"^[^.]*,[^.]*\.|,\d{3},|^[-+]?\d*\.(\d{1,2}|\d{4,})$"
_ONLY_COMMA: Final = r"^[^,]*\.[^,]*,|\.\d{3}\.|^[-+]?\d*,(\d{1,2}|\d{4,})$"


class Decimal(enum.Enum):
    """What stands before the decimals."""

    POINT = "."
    COMMA = ","


def number(cell: str, *, field: str, decimal: Decimal) -> float | None:
    """The number that a cell holds: NaN if it says that there is none, None if it is neither.

    Parameters
    ----------
    cell : str
    field : str
        A volume may be written 45.6M, a split 4:1 (new to old); a blank in an action is no action.
    decimal : Decimal
    """
    text = cell.strip()
    if text.lower() in MISSING:
        return BLANK.get(field, np.nan)
    if field == SPLIT and (ratio := _RATIO.match(text)):
        return float(ratio["new"]) / float(ratio["old"]) if float(ratio["old"]) else None
    currency = _CURRENCY.match(text)
    bare = (currency["sign"] + currency["bare"]) if currency else text
    scale = 1.0
    if field == "volume" and bare[-1:].lower() in SUFFIX:
        scale, bare = SUFFIX[bare[-1].lower()], bare[:-1].strip()
    if _PLAIN.match(bare) and (decimal is Decimal.POINT or "." not in bare):
        return float(bare) * scale
    if decimal is Decimal.POINT and _GROUPED.match(bare):
        return float(re.sub(r"[,' \u00a0\u202f]", "", bare)) * scale
    if decimal is Decimal.COMMA and _COMMA.match(bare):
        return float(re.sub(r"[.' \u00a0\u202f]", "", bare).replace(",", ".")) * scale
    return float(bare) if bare.lower().lstrip("+-") in ("inf", "infinity") else None


def decimal_of(columns: Sequence[pa.Array], *, delimiter: str) -> Decimal:
    """What stands before the decimals in a file's columns of text, told from all of them together.

    Where no cell can tell (``1,234``), the comma is a decimal one in a file that is delimited by semicolons. Where the
    cells contradict each other the many count, and the few are what can't be read.
    """
    if not any(pc.any(pc.match_substring(column, ",")).as_py() for column in columns):
        return Decimal.POINT
    point, comma = _count(columns, _ONLY_POINT), _count(columns, _ONLY_COMMA)
    return Decimal.COMMA if comma > point or (comma == point and delimiter == ";") else Decimal.POINT


def _count(columns: Sequence[pa.Array], pattern: str) -> int:
    return sum(pc.sum(pc.match_substring_regex(column, pattern)).as_py() or 0 for column in columns)


def read_numbers(column: pa.Array, *, field: str, decimal: Decimal) -> tuple[Floats, Ints]:
    """A column as float64, and the rows whose cells are neither a number nor none.

    Returns
    -------
    values : (n,) float64
        NaN for a cell without a number; a blank split is 1, a blank dividend 0.
    unreadable : (k,) int64
    """
    blank, none = BLANK.get(field, np.nan), np.zeros(0, dtype=np.int64)
    if not is_text(column):
        values = _floats(column)
        return np.where(np.isnan(values), blank, values), none
    if decimal is Decimal.COMMA:
        return _cell_by_cell(column, np.arange(len(column)), field=field, decimal=decimal)
    try:
        values = _floats(column)
        return np.where(np.isnan(values), blank, values), none
    except pa.ArrowInvalid:
        plain = pc.match_substring_regex(column, r"^" + _PLAIN.pattern)
        odd = np.flatnonzero(~plain.to_numpy(zero_copy_only=False).astype(bool))
        values = _floats(pc.if_else(plain, column, None))
        values[odd], unreadable = _cell_by_cell(column.take(pa.array(odd)), odd, field=field, decimal=decimal)
        return values, unreadable


def is_text(column: pa.Array) -> bool:
    """Whether a column is one of text."""
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _floats(column: pa.Array) -> Floats:
    values = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    # Adding 0 turns -0 into 0: the two are equal, and have to be the same bits.
    return np.asarray(values, dtype=np.float64) + 0.0


def _cell_by_cell(column: pa.Array, row: Ints, *, field: str, decimal: Decimal) -> tuple[Floats, Ints]:
    encoded = column.dictionary_encode()
    numbers = [number(cell, field=field, decimal=decimal) for cell in encoded.dictionary.to_pylist()]
    place = encoded.indices.to_numpy(zero_copy_only=False)
    values = np.array([np.nan if value is None else value + 0.0 for value in numbers], dtype=np.float64)[place]
    return values, row[np.array([value is None for value in numbers], dtype=bool)[place]]
