"""Small tables of bars, written by hand: of two tickers below each other, and of one alone."""

from __future__ import annotations

from pathlib import Path

HEADER = "date,ticker,open,high,low,close,adj_close,volume"
SOUND = [
    "2024-01-02,AAPL,10,11,9,10.5,10.5,1000",
    "2024-01-03,AAPL,10.5,12,10,11,11,1200",
    "2024-01-02,NA,5,6,4,5.5,5.5,900",
]

ALONE = "date,open,high,low,close,adj_close,volume"
FIRST = "2024-01-02,10,11,9,10.5,10.5,1000"
SECOND = "2024-01-03,10.5,12,10,11,11,1200"
THIRD = "2024-01-04,11,12,10,11,11,1300"


def write(path: Path, rows: list[str], *, header: str = HEADER) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path
