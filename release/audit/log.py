"""The log: appending records so that they outlive a power cut, and reading them back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from quant.bars import Floats, Sessions
from release.audit.chain import Entry, Receipt, content_hash, entry_hash
from release.audit.database import ENTRY, Database, Row
from release.audit.records import (
    KINDS,
    Kind,
    LoggedForecast,
    LoggedOutcome,
    LoggedSignal,
    Record,
    columns,
    decode,
    encode,
)
from release.audit.sqlite import SqliteDatabase
from release.clock import Clock, SystemClock, iso
from release.errors import AuditFailed, AuditFenced

POSTGRES: Final = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A forecast whose outcome is not known yet, and the session at whose close it was made."""

    forecast_id: int
    session: np.datetime64


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Settled forecasts of one ticker, oldest first; log returns per horizon, each array (n,)."""

    session: Sessions
    mean: Floats
    vol: Floats
    realised: Floats

    def __len__(self) -> int:
        return len(self.session)


class AuditLog:
    """The log, open for appending and reading; use it from one thread.

    Parameters
    ----------
    database : Database
        As `open` makes it.
    clock : Clock
        For when each row was written, as opposed to the market's time inside it.
    """

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @classmethod
    def open(cls, where: Path | str, *, clock: Clock | None = None, read_only: bool = False) -> Self:
        """Open the log at `where`: a SQLite file, made with its folder if need be, or a PostgreSQL by its URL.

        Raises
        ------
        AuditFailed
            If it can't be opened, or is something else; for `read_only`, also if it isn't there.
        """
        if isinstance(where, str) and where.startswith(POSTGRES):
            raise AuditFailed(f"{where}: expected a SQLite file")
        path = Path(where)
        with _explained(path, SqliteDatabase.errors):
            return cls(SqliteDatabase(path, read_only=read_only), clock=clock or SystemClock())

    def close(self) -> None:
        """Give the database back."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, records: Sequence[Record], *, term: int = 0) -> tuple[Receipt, ...]:
        """Write records, all or none, and return where each stands once the disk has them.

        An engine that starts again, or a market replayed twice, comes to the same records: one that says the same as
        an entry already there keeps that entry.

        Parameters
        ----------
        records : sequence of Record
        term : int
            The writer's; each engine that takes over has a larger one than all before it.

        Raises
        ------
        AuditFenced
            If a writer with a later term has written: whoever asks has been replaced.
        AuditFailed
            If they can't be written, or a forecast would get a second outcome.
        """
        encoded = [(record, KINDS[type(record)], encode(record)) for record in records]
        with self._explained():
            try:
                return self._append(encoded, term=term)
            except self._database.errors:
                # Whether the broken connection's commit got through or not: what is there already keeps its entry.
                if not self._database.mended():
                    raise
                return self._append(encoded, term=term)

    def _append(self, encoded: list[tuple[Record, Kind, str]], *, term: int) -> tuple[Receipt, ...]:
        with self._database.writing():
            head, latest = self._head()
            if latest > term:
                raise AuditFenced(f"term: expected one of at least {latest}, which has written to the log, got {term}")
            recorded_at, before, receipts = iso(self._clock.now()), head, []
            for record, kind, body in encoded:
                content = content_hash(kind.value, body)
                known = self._database.rows("SELECT id, sha256 FROM audit_entries WHERE content = ?", (content,))
                if known:
                    receipts.append(Receipt(*known[0]))
                    continue
                self._check(record)
                head = self._insert(head, record, kind, body, content=content, recorded_at=recorded_at, term=term)
                receipts.append(head)
            if head != before:
                self._database.rows("UPDATE audit_head SET id = ?, sha256 = ?", head)
        return tuple(receipts)

    def _insert(
        self, head: Receipt, record: Record, kind: Kind, body: str, *, content: str, recorded_at: str, term: int
    ) -> Receipt:
        """Chain one entry to the head, and return the new head."""
        entry_id = head.audit_id + 1
        sha256 = entry_hash(head.sha256, entry_id, kind=kind.value, recorded_at=recorded_at, term=term, body=body)
        entry = Entry(entry_id, kind.value, recorded_at, term, *columns(record), body, content, head.sha256, sha256)
        places = ", ".join("?" * len(entry))
        self._database.rows(f"INSERT INTO audit_entries ({ENTRY}) VALUES ({places})", entry)
        return entry.receipt

    def _check(self, record: Record) -> None:
        """An outcome is of a forecast that is in the log, and its only one."""
        if not isinstance(record, LoggedOutcome):
            return
        query = "SELECT ticker, session, target_session FROM audit_entries WHERE id = ? AND kind = ?"
        found = self._database.rows(query, (record.forecast_id, Kind.FORECAST.value))
        if found != [(record.ticker, record.session, record.target_session)]:
            raise AuditFailed(
                f"forecast_id: expected the entry of {record.ticker}'s forecast at {record.session}"
                f" for {record.target_session}, got {record.forecast_id}"
            )
        settled = self._database.rows("SELECT body FROM audit_entries WHERE forecast_id = ?", (record.forecast_id,))
        if settled:
            raise AuditFailed(f"forecast_id: expected a forecast without an outcome, got {record.forecast_id}, settled")

    def head(self) -> Receipt | None:
        """The newest entry's receipt; none while the log is empty."""
        with self._explained():
            head, _ = self._head()
        return head if head.audit_id else None

    def term(self) -> int:
        """The newest entry's term; 0 while the log is empty. A writer with a smaller one is refused."""
        with self._explained():
            return self._head()[1]

    def _head(self) -> tuple[Receipt, int]:
        """The head and the term of its entry; inside `writing` nobody else's can come between."""
        (found,) = self._database.rows("SELECT id, sha256 FROM audit_head")
        terms = self._database.rows("SELECT term FROM audit_entries ORDER BY id DESC LIMIT 1")
        return Receipt(*found), terms[0][0] if terms else 0

    def entry(self, audit_id: int) -> Entry | None:
        """The entry of that number, as it is stored; none if there is none."""
        found = self._rows(f"SELECT {ENTRY} FROM audit_entries WHERE id = ?", (audit_id,))
        return Entry(*found[0]) if found else None

    def signals(self, *, after: int) -> list[tuple[Receipt, LoggedSignal]]:
        """Every signal that stands behind entry `after`, oldest first."""
        query = "SELECT id, sha256, body FROM audit_entries WHERE id > ? AND kind = ? ORDER BY id"
        rows = self._rows(query, (after, Kind.SIGNAL.value))
        found = ((Receipt(audit_id, sha256), decode(Kind.SIGNAL, body)) for audit_id, sha256, body in rows)
        return [(receipt, record) for receipt, record in found if isinstance(record, LoggedSignal)]

    def unsettled(self, ticker: str, *, target_session: np.datetime64) -> tuple[Unsettled, ...]:
        """The ticker's forecasts for the close of `target_session` that have no outcome yet."""
        rows = self._rows(
            "SELECT made.id, made.session FROM audit_entries made"
            " LEFT JOIN audit_entries came ON came.forecast_id = made.id"
            " WHERE made.kind = 'forecast' AND made.ticker = ? AND made.target_session = ? AND came.id IS NULL"
            " ORDER BY made.id",
            (ticker, str(target_session)),
        )
        return tuple(Unsettled(forecast_id, np.datetime64(session, "D")) for forecast_id, session in rows)

    def outcomes(self, ticker: str, *, last: int) -> Outcomes:
        """The ticker's `last` newest settled forecasts; where a session was forecast twice, the later one counts."""
        rows = self._rows(
            "SELECT made.session, made.body, came.body FROM audit_entries came"
            " JOIN audit_entries made ON made.id = came.forecast_id"
            " WHERE came.forecast_id IN"
            "  (SELECT max(forecast_id) FROM audit_entries WHERE ticker = ? AND kind = 'outcome' GROUP BY session)"
            " ORDER BY made.session DESC LIMIT ?",
            (ticker, last),
        )[::-1]
        numbers = np.array([_settled(made, came) for _, made, came in rows], dtype=np.float64).reshape(len(rows), 3)
        return Outcomes(np.array([row[0] for row in rows], dtype="datetime64[D]"), *numbers.T)

    def _rows(self, query: str, values: tuple[object, ...]) -> list[Row]:
        with self._explained():
            return self._database.rows(query, values)

    def _explained(self) -> contextlib.AbstractContextManager[None]:
        return _explained("audit log", self._database.errors)


def _settled(made: str, came: str) -> tuple[float, float, float]:
    """Mean, volatility and realised return out of a forecast's body and its outcome's."""
    forecast, outcome = decode(Kind.FORECAST, made), decode(Kind.OUTCOME, came)
    assert isinstance(forecast, LoggedForecast)
    assert isinstance(outcome, LoggedOutcome)
    return forecast.mean, forecast.vol, outcome.realised


@contextlib.contextmanager
def _explained(where: object, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _failed(where, error) from error
    except errors as error:
        raise _failed(where, error) from error


def _failed(where: object, error: Exception) -> AuditFailed:
    return AuditFailed(f"{where}: expected an audit log that can be read and appended to, got: {error}")
