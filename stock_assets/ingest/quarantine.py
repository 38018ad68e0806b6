"""The quarantine's table: every row that a source delivered and that is no bar of a session, with its reason, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from quant.bars import Bars
from quant.faults import Rule
from stock_assets.sources.market_data import Refused

COLUMNS: Final = ("ticker", "session", "rule", "field", "value", "expected", "row", "source", "origin", "seen_at")


def no_quarantine() -> pd.DataFrame:
    """The table before the first refused row: `Refused`'s attributes, where it came from, when it was first seen."""
    return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})


def kept(
    table: pd.DataFrame, refused: Sequence[Refused], *, ticker: str, source: str, origin: str, seen_at: str
) -> pd.DataFrame:
    """The table with refused rows that it does not have, each once."""
    rows = [
        (ticker, row.session, row.rule.value, row.field, row.value, row.expected, row.row, source, origin, seen_at)
        for row in dict.fromkeys(refused)
    ]
    return pd.concat([table, pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)], ignore_index=True)


def said_before(table: pd.DataFrame, *, source: str) -> set[Refused]:
    """The refused rows of a source; the file or address that one lay in makes it no other one."""
    return set(refused_rows(table[table["source"] == source]))


def settled(sessions: Sequence[str], bars: Bars) -> list[bool]:
    """Of refused rows, by session: whether there is a bar of it after all, from another row or another fetch."""
    there = set(bars.session.astype(str))
    return [session in there for session in sessions]


def refused_rows(table: pd.DataFrame) -> list[Refused]:
    """The refused rows of the table, in its order."""
    rows = table[["rule", "session", "field", "value", "expected", "row"]].to_numpy().tolist()
    return [
        Refused(rule=Rule(rule), session=session, field=field, value=value, expected=expected, row=row)
        for rule, session, field, value, expected, row in rows
    ]
