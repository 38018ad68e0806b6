"""The raw vault: of each ticker the bars as traded that are in force, and the evidence of all that was told besides.

``raw_bars`` holds bars and provenance in one file, so that both change in one step. ``quarantine`` and
``restatements`` only grow, ``held`` has the last fetch that was not let in. What goes where is `refresh`'s decision.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from quant.bars import Bars, Floats, Sessions
from stock_assets.errors import LakeUnreadable
from stock_assets.frames import bars_of, price_table
from stock_assets.ingest.quarantine import kept, no_quarantine, said_before
from stock_assets.ingest.restatements import Outcome, Restatement, restatement_table, restatements_of
from stock_assets.resources.lake import Lake
from stock_assets.sources.market_data import Refused
from stock_assets.sources.rows import ADJUSTED

RAW_BARS: Final = "raw_bars"
QUARANTINE: Final = "quarantine"
RESTATEMENTS: Final = "restatements"
HELD: Final = "held"
OUTCOME: Final = "outcome"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Stored:
    """A ticker's bars and where they came from.

    Attributes
    ----------
    bars : Bars
        As traded: all that was ever taken in and is in force.
    source, origin : str
        As of `Provenance`, of the last fetch.
    sha256 : tuple of str
        Hex digests of the last fetch's raw responses.
    fetched_at : str
        When that was, ISO UTC.
    fetch_digest : str
        Hex digest of the last fetch's bars of closed sessions and of all that it refused: where it stays the same, the
        source says nothing new. Fetches of other ranges differ without any news (`refresh.brings_news`).
    adjusted_close : (n,) float64, optional
        The vendor's own, on the level of its last fetch: evidence that repairs need as long as the bars are in force.
        NaN where it has none.
    """

    bars: Bars
    source: str
    origin: str
    sha256: tuple[str, ...]
    fetched_at: str
    fetch_digest: str
    adjusted_close: Floats | None = None

    @property
    def told(self) -> dict[str, str]:
        """All but the bars, as text: what lies beside them in their file, and tells one fetch from another."""
        return {
            "source": self.source,
            "origin": self.origin,
            "sha256": " ".join(self.sha256),
            "fetched_at": self.fetched_at,
            "fetch_digest": self.fetch_digest,
        }


class Vault:
    """What is stored of market data as it was delivered.

    Parameters
    ----------
    lake : Lake
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def read(self, ticker: str) -> Stored | None:
        """What is in force of a ticker; None before the first fetch.

        Raises
        ------
        LakeUnreadable
            If the file is damaged or tells nothing of its source.
        """
        return self._stored(RAW_BARS, ticker) if self._lake.has(RAW_BARS, ticker) else None

    def write(self, ticker: str, stored: Stored) -> None:
        """Put other bars in force, in one step."""
        self._lake.write(RAW_BARS, ticker, _table(stored, ticker), metadata=stored.told)

    def told(self, ticker: str) -> dict[str, str] | None:
        """`Stored.told` of what is in force, without reading the bars."""
        return self._lake.told(RAW_BARS, ticker) if self._lake.has(RAW_BARS, ticker) else None

    def locked(self, ticker: str) -> contextlib.AbstractContextManager[None]:
        """Keep other processes from changing anything of the ticker's."""
        return self._lake.locked(RAW_BARS, ticker)

    def held(self, ticker: str) -> Stored | None:
        """The fetch that waits for a person's decision; None if none does."""
        return self._stored(HELD, ticker) if self.decision(ticker) is Outcome.HELD else None

    def decision(self, ticker: str) -> Outcome | None:
        """What became of the last fetch that was held; None if none ever was."""
        return Outcome(self._lake.told(HELD, ticker)[OUTCOME]) if self._lake.has(HELD, ticker) else None

    def last_held(self, ticker: str) -> Stored | None:
        """The last fetch that was held, whatever became of it."""
        return self._stored(HELD, ticker) if self._lake.has(HELD, ticker) else None

    def hold(self, ticker: str, fetch: Stored, outcome: Outcome = Outcome.HELD) -> None:
        """Keep a fetch aside, or note what became of it."""
        told = {**fetch.told, OUTCOME: outcome.value}
        self._lake.write(HELD, ticker, _table(fetch, ticker), metadata=told)

    def quarantine(self, ticker: str) -> pd.DataFrame:
        """A row for each row that was ever refused; columns as of `quarantine.COLUMNS`, all of it text."""
        return self._lake.read(QUARANTINE, ticker) if self._lake.has(QUARANTINE, ticker) else no_quarantine()

    def unknown(self, ticker: str, refused: Sequence[Refused], *, source: str) -> list[Refused]:
        """Those of the refused rows that the quarantine does not have yet."""
        known = said_before(self.quarantine(ticker), source=source) if refused else set()
        return [row for row in refused if row not in known]

    def set_aside(self, ticker: str, refused: Sequence[Refused], *, source: str, origin: str, seen_at: str) -> None:
        """Add refused rows to the quarantine; those that it has already stay as they are."""
        new = self.unknown(ticker, refused, source=source)
        if new:
            table = kept(self.quarantine(ticker), new, ticker=ticker, source=source, origin=origin, seen_at=seen_at)
            self._lake.write(QUARANTINE, ticker, table)

    def restatements(self, ticker: str) -> pd.DataFrame:
        """A row for each restatement ever seen; columns are `Restatement`'s attributes, all of it text."""
        known = self._lake.has(RESTATEMENTS, ticker)
        return self._lake.read(RESTATEMENTS, ticker) if known else restatement_table([])

    def record(self, ticker: str) -> list[Restatement]:
        """The restatements as such."""
        return restatements_of(self.restatements(ticker))

    def set_record(self, ticker: str, record: Sequence[Restatement]) -> None:
        """Replace the record by one that is longer or has other outcomes."""
        self._lake.write(RESTATEMENTS, ticker, restatement_table(record))

    def _stored(self, asset: str, ticker: str) -> Stored:
        table, told = self._lake.read_told(asset, ticker)
        try:
            return Stored(
                bars=bars_of(table),
                source=told["source"],
                origin=told["origin"],
                sha256=tuple(told["sha256"].split()),
                fetched_at=told["fetched_at"],
                fetch_digest=told["fetch_digest"],
                adjusted_close=table[ADJUSTED].to_numpy(dtype="float64") if ADJUSTED in table else None,
            )
        except KeyError as error:
            name = f"{asset}/{ticker}.parquet"
            raise LakeUnreadable(f"{name}: expected bars that say where they came from, got none of {error}") from error


def _table(stored: Stored, ticker: str) -> pd.DataFrame:
    table = price_table(stored.bars, ticker=ticker)
    return table if stored.adjusted_close is None else table.assign(**{ADJUSTED: stored.adjusted_close})


def merged(bars: Bars, *, before: Stored, fetch: Stored) -> Stored:
    """A fetch with the bars that come in force of it and of what was stored, and the adjusted closes of both.

    A vendor's adjusted closes are on another level after every dividend: the stored ones are brought onto the fetch's
    by the first session that both have.
    """
    new = _at(bars.session, fetch)
    old = _at(bars.session, before)
    both = np.flatnonzero(np.isfinite(new) & np.isfinite(old) & (new > 0) & (old > 0))
    level = new[both[0]] / old[both[0]] if len(both) else np.nan
    chained = np.where(np.isnan(new), old * level, new)
    return dataclasses.replace(fetch, bars=bars, adjusted_close=chained if np.isfinite(chained).any() else None)


def _at(session: Sessions, stored: Stored) -> Floats:
    """The adjusted closes of some sessions; NaN for those without one."""
    found = np.full(len(session), np.nan)
    if stored.adjusted_close is not None:
        _, here, there = np.intersect1d(session, stored.bars.session, assume_unique=True, return_indices=True)
        found[here] = stored.adjusted_close[there]
    return found
