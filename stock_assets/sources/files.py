"""Daily bars out of files of one's own: one table with a ticker column, or a folder with a file a ticker.

Reading bytes into a table and a table into bars is `stock_assets.sources.tables`' work.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from stock_assets.errors import DataEmpty, DataNotFound, MissingColumn
from stock_assets.sources.market_data import Fetched, Provenance, between, known
from stock_assets.sources.tables import TICKER, bars_of, read_table, ticker_column

SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")


class Files:
    """CSV, gzipped CSV or Parquet on disk.

    Parameters
    ----------
    path : Path
        One file for all tickers, or a folder of files ``<ticker>.csv``, ``<ticker>.csv.gz`` or ``<ticker>.parquet``.

    Notes
    -----
    A file is parsed once and then kept for as long as its time and size stay the same, so asking for one ticker
    after the other costs one parse.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._parsed: dict[Path, tuple[tuple[int, int], dict[str, pa.Table]]] = {}

    remote: Final = False

    def require(self, ticker: str) -> None:
        """Return for one of `tickers`; see `MarketData.require`."""
        known(ticker, self.tickers())

    def tickers(self) -> tuple[str, ...]:
        """Every ticker of the file, or every file of the folder."""
        if self.path.is_dir():
            return tuple(sorted(self._folder()))
        return tuple(sorted(self._tables(self.path)))

    def fetch(self, ticker: str, start: date | None = None, end: date | None = None) -> Fetched:
        """The ticker's bars; see `MarketData.fetch`."""
        file = self._folder()[known(ticker, self.tickers())] if self.path.is_dir() else self.path
        tables = self._tables(file)
        # A folder's file may have no ticker column; if it has one, it is held to it.
        table = tables[""] if "" in tables else tables[known(ticker, tuple(sorted(tables)))]
        bars = bars_of(table, ticker=ticker, file=file.name)
        whole = Fetched(bars=bars, provenance=Provenance(source="files", origin=str(file)))
        return between(whole, start, end, ticker=ticker)

    def _folder(self) -> dict[str, Path]:
        found = {}
        for file in sorted(self.path.iterdir()):
            for suffix in SUFFIXES:
                if file.name.lower().endswith(suffix):
                    found[file.name[: -len(suffix)].upper()] = file
        if not found:
            raise DataNotFound(f"data: expected a folder with {', '.join(SUFFIXES)} files, found none in {self.path}")
        return found

    def _tables(self, file: Path) -> dict[str, pa.Table]:
        """One table a ticker; the only key is ``""`` for a folder's file without a ticker column."""
        try:
            status = file.stat()
        except OSError as error:
            raise DataNotFound(f"data: expected a file or folder, got {file} ({error.strerror})") from error
        stamp = (status.st_mtime_ns, status.st_size)
        if file not in self._parsed or self._parsed[file][0] != stamp:
            self._parsed[file] = (stamp, self._parse(file))
        return self._parsed[file][1]

    def _parse(self, file: Path) -> dict[str, pa.Table]:
        table = read_table(file)
        if TICKER not in table.column_names:
            if self.path.is_dir():
                return {"": table}
            raise MissingColumn(f"{file.name}: expected a column {TICKER}, got {', '.join(table.column_names)}")
        column = ticker_column(table, file=file.name)
        names, place = np.unique(column, return_inverse=True)
        if not len(names):
            raise DataEmpty(f"{file.name}: expected bars, got a header without rows")
        return {str(name): table.take(np.flatnonzero(place == i)) for i, name in enumerate(names)}
