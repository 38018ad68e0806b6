"""What the live engine's audit log says of a ticker, as a table. The log's format is `release.audit`'s."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from release.audit import AuditLog


def outcomes(
    log: Path | str, ticker: str, *, last: int = sys.maxsize, model_version: str | None = None
) -> pd.DataFrame:
    """The newest `last` forecasts made live at a session's close whose outcome is known, oldest first.

    `log` is its file or its database's URL; of one version of the model where that is given. Columns: ticker, date,
    mean, vol, realised (log returns per horizon). Empty before the live engine has first run.
    """
    if isinstance(log, Path) and not log.exists():
        return _table(ticker, {name: [] for name in ("date", "mean", "vol", "realised")})
    with AuditLog.open(log) as audit:
        found = audit.outcomes(ticker, last=last if model_version is None else sys.maxsize)
    if model_version is not None:
        found = found.of_version(model_version, last=last)
    return _table(ticker, {"date": found.session, "mean": found.mean, "vol": found.vol, "realised": found.realised})


def _table(ticker: str, columns: dict[str, object]) -> pd.DataFrame:
    table = pd.DataFrame(columns).astype(
        {"date": "datetime64[ms]", "mean": "float64", "vol": "float64", "realised": "float64"}
    )
    table.insert(0, "ticker", ticker)
    return table
