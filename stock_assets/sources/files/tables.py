"""From a file to its tickers' columns: CSV or Parquet, one ticker, many below each other or many side by side.

Which files there are is `stock_assets.sources.files`' business, what a ticker's rows come to `sources.files.pieces`'.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import pyarrow as pa

from quant.bars import COLUMNS
from stock_assets.errors import DataEmpty, DataNotFound
from stock_assets.parquet import arrow_table
from stock_assets.sources.files.blocks import Block, read_block
from stock_assets.sources.files.columns import Columns
from stock_assets.sources.files.headers import DATE, TICKER, layouts
from stock_assets.sources.files.names import named_ticker
from stock_assets.sources.files.text import Raw, read_text, unreadable

PARQUET: Final = ".parquet"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sheet:
    """A file, read.

    Attributes
    ----------
    file : str
        Its name, for messages.
    sha256 : str
        Hex digest of its bytes.
    blocks : mapping
        By ticker, the block that has its rows; the only key is "" if nothing inside the file says whose they are.
    notes : tuple of str
    """

    file: str
    sha256: str
    blocks: Mapping[str, Block]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return sum(len(block.columns) for block in {id(block): block for block in self.blocks.values()}.values())

    @property
    def tickers(self) -> tuple[str, ...]:
        """The tickers that the file itself names, sorted."""
        return tuple(sorted(filter(None, self.blocks)))

    def share(self, ticker: str) -> float:
        """How much of the rows are one ticker's."""
        return len(self.blocks[ticker].rows[ticker]) / len(self)

    def of(self, ticker: str) -> Columns:
        """One ticker's rows, in the order they stand in."""
        return self.blocks[ticker].of(ticker)

    def notes_for(self, ticker: str) -> tuple[str, ...]:
        """What there is to know of the rows of one ticker, each note with the file's name."""
        return tuple(f"{self.file}: {note}" for note in (*self.notes, *self.blocks[ticker].notes))


def read_table(file: Path, *, named: str | None = None) -> Sheet:
    """A file's columns by ticker.

    Parameters
    ----------
    file : Path
    named : str, optional
        Whose rows they are where no column says so; by default what the file's name tells.

    Raises
    ------
    DataNotFound, DataEmpty, DataUnreadable, ErrorBody, MissingColumn, BadValue
        If the file as a whole can't be read; the message begins with its name. Single rows that can't be read are not
        an error: they are kept beside the others.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataNotFound(f"data: expected a readable file, got {file} ({error.strerror})") from error
    if not data:
        raise DataEmpty(f"{file.name}: expected bars, got an empty file")
    try:
        is_parquet = file.suffix.lower() == PARQUET
        raw = _read_parquet(data) if is_parquet else read_text(data, file=file.name)
        return _sheet(raw, named=named or named_ticker(file.name), file=file.name, sha256=sha256(data).hexdigest())
    except (pa.ArrowException, OSError) as error:
        raise unreadable(file.name, error) from error
    finally:
        # What parsing took is several times the columns that are kept, and a worker keeps its memory for its life.
        pa.default_memory_pool().release_unused()


def _read_parquet(data: bytes) -> Raw:
    table = arrow_table(io.BytesIO(data))
    columns = (column.combine_chunks() for column in table.columns)
    decoded = (c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in columns)
    return Raw(names=tuple(table.column_names), columns=tuple(decoded))


def _sheet(raw: Raw, *, named: str | None, file: str, sha256: str) -> Sheet:
    blocks: dict[str, Block] = {}
    unknown: dict[str, None] = {}
    for layout in layouts(raw.names, tickers=raw.tickers, file=file):
        layout.require((DATE, *COLUMNS), names=raw.names, file=file)
        if layout.ticker is None and named is None:
            layout.require((TICKER,), names=raw.names, file=file)
        block = read_block(raw, layout, named=named, file=file)
        unknown |= dict.fromkeys(layout.unknown)
        blocks |= dict.fromkeys(block.rows, block)
    left = (f"columns left unread that are not understood: {', '.join(unknown)}",) if unknown else ()
    return Sheet(file=file, sha256=sha256, blocks=blocks, notes=(*raw.notes, *left))
