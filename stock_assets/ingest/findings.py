"""Findings as a table of the lake, and back: what the newest look at a ticker's market data came to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pandas as pd

from quant.faults import Rule
from stock_assets.ingest.assessment import Finding, Outcome

FINDINGS: Final = "findings"
COLUMNS: Final = ("ticker", "session", "rule", "outcome", "field", "value", "expected", "mended")


def findings_table(ticker: str, findings: Iterable[Finding]) -> pd.DataFrame:
    """A row a finding, all of it text; the columns are there without a row too."""
    rows = [{"ticker": ticker, **found.record()} for found in findings]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype("string[pyarrow]")


def findings_of(table: pd.DataFrame) -> list[Finding]:
    """The findings that `findings_table` took."""
    rows = table[list(COLUMNS[1:])].to_numpy().tolist()
    return [
        Finding(
            rule=Rule(rule),
            session=session,
            field=field,
            value=value,
            expected=expected,
            outcome=Outcome(outcome),
            mended=mended,
        )
        for session, rule, outcome, field, value, expected, mended in rows
    ]
