"""Taking over a log that was kept before there was a chain: three tables, one for each kind of row."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from release.audit.database import Database, insert, move_head, read_head
from release.audit.records import LoggedForecast, LoggedOutcome, LoggedSignal, Record

OLD: Final = ("signals", "forecasts", "outcomes")
KEPT: Final = "{table}_before_the_chain"

# In the order in which they were written; at the same time, a forecast before what came of it, wherever clocks stood.
WRITTEN: Final = """
SELECT recorded_at AS due, 0 AS place, id, 'forecasts' FROM forecasts
UNION ALL SELECT max(outcomes.recorded_at, forecasts.recorded_at), 1, forecast_id, 'outcomes'
    FROM outcomes JOIN forecasts ON forecasts.id = forecast_id
UNION ALL SELECT recorded_at, 2, id, 'signals' FROM signals
ORDER BY due, place, id
"""
MADE: Final = ("inputs_sha256", "release_id", "model_version")
SIGNAL: Final = (
    *("ticker", "session", "at", "action", "previous", "confidence", "edge_bp", "reason", "provisional"),
    *MADE,
)
FORECAST: Final = (
    *("ticker", "session", "target_session", "close", "mean", "vol", "p_up", "lower_90", "upper_90"),
    *MADE,
)
OUTCOME: Final = ("ticker", "session", "target_session", "realised")


def take_over(database: Database, names: Collection[str]) -> None:
    """Append the old tables' rows to the chain, as of when they were written, and keep the tables by another name.

    Does nothing where `names`, the tables that there are, are not an old log's. Call it in the transaction that makes
    the chain's own tables. A signal's number in the chain is another than in its old table.
    """
    if not set(OLD) <= set(names):
        return
    before = head = read_head(database)
    numbers: dict[int, int] = {}
    for _, _, old_id, table in database.rows(WRITTEN):
        recorded_at, record = _record(database, table, old_id, numbers)
        (receipt,), head = insert(database, head, [record], recorded_at=recorded_at, term=0)
        if table == "forecasts":
            numbers[old_id] = receipt.audit_id
    if head != before:
        move_head(database, head)
    for table in OLD:
        database.rows(f"ALTER TABLE {table} RENAME TO {KEPT.format(table=table)}")


def _record(database: Database, table: str, old_id: int, numbers: dict[int, int]) -> tuple[str, Record]:
    """When an old row was written, and what it says; `numbers` are the forecasts' in the chain by their old ones."""
    if table == "outcomes":
        joined = "outcomes JOIN forecasts ON id = forecast_id WHERE forecast_id = ?"
        recorded_at, row = _row(database, "outcomes.recorded_at", OUTCOME, joined, old_id)
        return recorded_at, msgspec.convert({**row, "forecast_id": numbers[old_id]}, LoggedOutcome)
    names = SIGNAL if table == "signals" else FORECAST
    recorded_at, row = _row(database, "recorded_at", names, f"{table} WHERE id = ?", old_id)
    # Of which run a model came, no row told then.
    row |= {"dagster_run_id": None, "mlflow_run_id": None}
    if table == "forecasts":
        return recorded_at, msgspec.convert(row, LoggedForecast)
    return recorded_at, msgspec.convert({**row, "provisional": bool(row["provisional"])}, LoggedSignal)


def _row(
    database: Database, recorded_at: str, names: tuple[str, ...], origin: str, old_id: int
) -> tuple[str, dict[str, object]]:
    ((recorded, *values),) = database.rows(f"SELECT {recorded_at}, {', '.join(names)} FROM {origin}", (old_id,))
    return recorded, dict(zip(names, values, strict=True))
