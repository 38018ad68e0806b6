"""Daily bars out of files of one's own: one table, or a folder or glob of tables, of one ticker or many each.

Which files there are and which tickers each holds is decided here; `tables` reads one, `pieces` joins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from quant.basis import Basis
from stock_assets.errors import DataNotFound, SourceError, WrongTicker
from stock_assets.sources.files.names import SUFFIXES, claimed_ticker, named_ticker, stem
from stock_assets.sources.files.pieces import Piece, gather
from stock_assets.sources.files.shares import basis_of, on_their_days_shares
from stock_assets.sources.files.tables import Sheet, read_table
from stock_assets.sources.market_data import Fetched, between, known

# Rows of files that are kept once read, about 100 bytes each; beyond that the one used longest ago is read again.
KEPT_ROWS: Final = 2_000_000
# ALL.csv with so little of Allstate is a file of all.
OWN_SHARE: Final = 0.25
WILDCARD: Final = re.compile(r"[*?\[]")
Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a file holds, known once it was read.

    Attributes
    ----------
    stamp : tuple
        Time and size of the file by then.
    tickers : tuple of str
    strangers : tuple of str
        Tickers in it that by its name it should not hold.
    error : SourceError, optional
        Why it can't be read; `tickers` is then what its name tells.
    """

    stamp: Stamp
    tickers: tuple[str, ...]
    strangers: tuple[str, ...] = ()
    error: SourceError | None = None


class Files:
    """CSV, gzipped CSV or Parquet on disk.

    Parameters
    ----------
    path : Path
        A file, a folder (its own files, not those of folders in it) or a glob such as ``bars/**/*.parquet``. A file
        without a ticker column is of the ticker that its name tells; a folder's file whose name is a ticker is held
        to it if its ticker column has that one and few others, or only another one. A ticker's rows may lie in several
        files.

    Notes
    -----
    A file is parsed once and then kept for as long as its time and size stay the same, so asking for one ticker
    after the other costs one parse. A file that can't be read costs the ticker that its name tells, and no other.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._holdings: dict[Path, Holding] = {}
        self._sheets: dict[Path, Sheet] = {}
        self._basis: dict[tuple[str, tuple[str, ...]], Basis] = {}

    remote: Final = False

    def require(self, ticker: str) -> None:
        """Return for one of `tickers`; see `MarketData.require`."""
        known(ticker, self.tickers())

    def tickers(self) -> tuple[str, ...]:
        """Every ticker of every file; one that can't be read is listed by its name."""
        return tuple(sorted(self._index()))

    def fetch(self, ticker: str, start: date | None = None, end: date | None = None) -> Fetched:
        """The ticker's bars; see `MarketData.fetch`."""
        index = self._index()
        files = index[known(ticker, tuple(sorted(index)))]
        fetched = self._delivered(ticker, files)
        whole = on_their_days_shares(fetched, beside=lambda: self._basis_beside(files, index))
        return between(replace(whole, notes=(*whole.notes, *self._unread())), start, end, ticker=ticker)

    def _delivered(self, ticker: str, files: list[Path]) -> Fetched:
        """The ticker's bars on the share count that the files have them on."""
        return gather(ticker, [self._piece(ticker, file) for file in files], origin=str(self.path))

    def _piece(self, ticker: str, file: Path) -> Piece:
        holding = self._holdings[file]
        if holding.error is not None:
            raise holding.error
        sheet = self._sheet(file)
        inside = ticker if ticker in sheet.blocks else ""
        return Piece(sheet=sheet, ticker=inside, strangers=holding.strangers)

    def _basis_beside(self, files: list[Path], index: dict[str, list[Path]]) -> Iterator[Basis]:
        """The basis of every ticker in the files that can be read."""
        for ticker in dict.fromkeys(ticker for file in files for ticker in self._holdings[file].tickers):
            try:
                key = (ticker, tuple(self._sheet(file).sha256 for file in index[ticker]))
                if key not in self._basis:
                    self._basis[key] = basis_of(self._delivered(ticker, index[ticker]))
            except SourceError:
                continue  # it is told where that ticker is asked for
            yield self._basis[key]

    def _unread(self) -> list[str]:
        """A note of each file that can't be read and whose name does not tell whom that concerns."""
        failed = ((file, holding.error) for file, holding in self._holdings.items() if holding.error is not None)
        return [f"left out: {error}" for file, error in failed if self._named(file) is None]

    def _index(self) -> dict[str, list[Path]]:
        """The files that hold each ticker, as they are now."""
        index: dict[str, list[Path]] = {}
        files = self._files()
        for gone in self._holdings.keys() - set(files):
            del self._holdings[gone]
            self._sheets.pop(gone, None)
        for file in files:
            for ticker in self._holding(file).tickers:
                index.setdefault(ticker, []).append(file)
        return index

    def _files(self) -> list[Path]:
        if self.path.is_dir():
            found = sorted(file for file in self.path.iterdir() if file.name.lower().endswith(SUFFIXES))
            if not found:
                raise DataNotFound(
                    f"data: expected a folder with {', '.join(SUFFIXES)} files, found none in {self.path}"
                )
            return found
        if not self._is_glob:
            return [self.path]
        fixed = next(i for i, part in enumerate(self.path.parts) if WILDCARD.search(part))
        matching = Path(*self.path.parts[:fixed]).glob("/".join(self.path.parts[fixed:]))
        found = sorted(file for file in matching if file.name.lower().endswith(SUFFIXES) and file.is_file())
        if not found:
            raise DataNotFound(f"data: expected {', '.join(SUFFIXES)} files that match {self.path}, found none")
        return found

    @property
    def _is_glob(self) -> bool:
        return bool(WILDCARD.search(str(self.path))) and not self.path.exists()

    @property
    def _is_one_file(self) -> bool:
        return not (self._is_glob or self.path.is_dir())

    def _holding(self, file: Path) -> Holding:
        try:
            status = file.stat()
        except OSError as error:
            raise DataNotFound(f"data: expected a file or folder, got {file} ({error.strerror})") from error
        stamp = (status.st_mtime_ns, status.st_size)
        if file not in self._holdings or self._holdings[file].stamp != stamp:
            self._sheets.pop(file, None)
            self._holdings[file] = self._look(file, stamp)
        return self._holdings[file]

    def _look(self, file: Path, stamp: Stamp) -> Holding:
        """What a file holds; one that can't be read is an error at once where it is the only one."""
        claimed = None if self._is_one_file else claimed_ticker(file.name)
        try:
            inside = self._sheet(file).tickers
            # rest.csv is a word, AAPL.csv a ticker: in lower case the column is believed.
            written = claimed is not None and file.name.startswith(claimed)
            if written and len(inside) == 1 and inside != (claimed,):
                raise WrongTicker(f"{file.name}: expected {claimed} by its name, got {inside[0]} in its ticker column")
        except SourceError as error:
            if self._is_one_file:
                raise
            name = self._named(file) or stem(file.name).upper()
            return Holding(stamp=stamp, tickers=(name,), error=error)
        if claimed in inside and self._sheet(file).share(claimed) >= OWN_SHARE:
            return Holding(stamp=stamp, tickers=(claimed,), strangers=tuple(t for t in inside if t != claimed))
        return Holding(stamp=stamp, tickers=inside or (self._named(file) or "",))

    def _named(self, file: Path) -> str | None:
        """The ticker that the file's name tells, or its folder's where the glob leaves folders open."""
        open_folder = self._is_glob and WILDCARD.search(str(self.path.parent)) is not None
        return named_ticker(file.name, folder=file.parent.name if open_folder else "")

    def _sheet(self, file: Path) -> Sheet:
        """The file, read; those used last are kept."""
        if file not in self._sheets:
            named = self._named(file)
            self._sheets[file] = read_table(file) if named is None else read_table(file, named=named)
        self._sheets[file] = self._sheets.pop(file)
        while len(self._sheets) > 1 and sum(map(len, self._sheets.values())) > KEPT_ROWS:
            self._sheets.pop(next(iter(self._sheets)))
        return self._sheets[file]
