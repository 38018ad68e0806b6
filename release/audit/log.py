"""The log: appending records so that they outlive a power cut, and reading them back."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Self, TypeVar

import numpy as np
import numpy.typing as npt

from quant.bars import Floats, Sessions
from release.addresses import shown
from release.audit.chain import Entry, Receipt
from release.audit.database import ENTRY, Database, Row, insert, move_head, read_head
from release.audit.postgres import SCHEMES, PostgresDatabase, psycopg_for
from release.audit.records import Kind, LoggedForecast, LoggedOutcome, LoggedSignal, Record, decode, encode
from release.audit.sqlite import SqliteDatabase
from release.audit.trail import Trail, trail
from release.audit.verification import Verification, verify
from release.clock import Clock, SystemClock, iso
from release.errors import AuditFailed, AuditFenced, AuditHeld

T = TypeVar("T")

# Of a forecast, as `Outcomes` has them.
FIGURES: Final = ("mean", "vol", "lower_90", "lower_50", "upper_50", "upper_90")


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A forecast whose outcome is not known yet, and the session at whose close it was made."""

    forecast_id: int
    session: np.datetime64


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Settled forecasts of one ticker, oldest first; log returns per horizon, each array (n,).

    `lower_50` and `upper_50` are NaN where the forecast was logged without them; `model_version` is whose it was.
    """

    session: Sessions
    model_version: npt.NDArray[np.str_]
    mean: Floats
    vol: Floats
    lower_90: Floats
    lower_50: Floats
    upper_50: Floats
    upper_90: Floats
    realised: Floats

    def __len__(self) -> int:
        return len(self.session)

    @property
    def residual(self) -> Floats:
        """``(realised - mean) / vol``, (n,): 1 on average, squared, where the volatility is right."""
        return (self.realised - self.mean) / self.vol

    def of_version(self, model_version: str, *, last: int) -> Self:
        """The `last` newest of those that one version of the model made."""
        kept = np.flatnonzero(self.model_version == model_version)[-last:]
        return type(self)(*(getattr(self, name)[kept] for name in self.__slots__))


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
            If it can't be opened, or is something else; for `read_only`, also if there is none yet.
        """
        clock = clock or SystemClock()
        if isinstance(where, str) and "://" in where:
            if where.partition("://")[0] not in SCHEMES:
                raise AuditFailed(f"{shown(where)}: expected a file's path or postgresql://...")
            driver = psycopg_for(where)
            with _explained(shown(where), (driver.Error,)):
                return cls(PostgresDatabase(where, driver=driver, read_only=read_only), clock=clock)
        path = Path(where)
        with _explained(path, SqliteDatabase.errors):
            return cls(SqliteDatabase(path, read_only=read_only), clock=clock)

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
            If a writer with a later term has taken the log over: whoever asks has been replaced.
        AuditFailed
            If they can't be written, or a forecast would get a second outcome.
        """
        # Whether a broken connection's commit got through or not: what is there already keeps its entry.
        return self._tried(partial(self._append, records, term=term))

    def _append(self, records: Sequence[Record], *, term: int) -> tuple[Receipt, ...]:
        with self._database.writing():
            head = read_head(self._database)
            self._check_term(term)
            for record in records:
                self._check(record)
            recorded_at = iso(self._clock.now())
            receipts, newest = insert(self._database, head, records, recorded_at=recorded_at, term=term)
            if newest != head:
                move_head(self._database, newest)
        return tuple(receipts)

    def fence(self, *, term: int) -> None:
        """Take the log over: what a writer of an earlier term has not written by now, it never will.

        To write something would keep the others out as well, but only from then on.

        Raises
        ------
        AuditFenced
            If a writer with a later term has come already.
        AuditHeld
            If another writer is in the middle of something for too long.
        AuditFailed
            If the database can't be written to.
        """
        self._tried(partial(self._fence, term))

    def _fence(self, term: int) -> None:
        with self._database.writing():
            self._check_term(term)
            self._database.rows("UPDATE audit_fence SET term = ?", (term,))

    def _check_term(self, term: int) -> None:
        if (latest := self._term()) > term:
            raise AuditFenced(f"term: expected one of at least {latest}, which has taken the log over, got {term}")

    def _check(self, record: Record) -> None:
        """An outcome is of a forecast that is in the log, and says nothing else than one that is there already."""
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
        if settled not in ([], [(encode(record),)]):
            raise AuditFailed(
                f"realised: expected what entry {record.forecast_id}'s outcome says already, got {record.realised}"
            )

    def head(self) -> Receipt | None:
        """The newest entry's receipt; none while the log is empty."""
        head = self._tried(partial(read_head, self._database))
        return head if head.audit_id else None

    def term(self) -> int:
        """Of the last writer that took the log over, 0 before the first: one with a smaller term is refused.

        For a log that is open for writing: another may have been kept since before there was a fence.
        """
        return self._tried(self._term)

    def _term(self) -> int:
        ((written, fence),) = self._database.rows(
            "SELECT (SELECT term FROM audit_entries ORDER BY id DESC LIMIT 1), (SELECT term FROM audit_fence)"
        )
        if fence is None:
            raise AuditFailed("audit_fence: expected the newest writer's term, got no row")
        # The entries of an older log know of terms of which its new fence doesn't.
        return max(int(written or 0), int(fence))

    def entry(self, audit_id: int) -> Entry | None:
        """The entry of that number, as it is stored; none if there is none."""
        found = self._rows(f"SELECT {ENTRY} FROM audit_entries WHERE id = ?", (audit_id,))
        return Entry(*found[0]) if found else None

    def entries(
        self, *, limit: int, ticker: str | None = None, kind: Kind | None = None, before: int | None = None
    ) -> list[Entry]:
        """The newest `limit` entries, newest first: a ticker's, of a kind and before entry `before` where given."""
        if ticker is not None and kind is None:
            # The index goes by ticker and kind: it would take a sort of all that was ever said of the ticker.
            of_each = (self.entries(limit=limit, ticker=ticker, kind=each, before=before) for each in Kind)
            return sorted(itertools.chain(*of_each), reverse=True)[:limit]
        given = {"ticker = ?": ticker, "kind = ?": kind and kind.value, "id < ?": before}
        conditions = {condition: value for condition, value in given.items() if value is not None}
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        query = f"SELECT {ENTRY} FROM audit_entries {where} ORDER BY id DESC LIMIT ?"
        return [Entry._make(row) for row in self._rows(query, (*conditions.values(), limit))]

    def trail(self, audit_id: int) -> Trail | None:
        """The entry of that number with what it is chained to and what belongs to it; none if there is none."""
        return self._tried(partial(trail, self._database, audit_id))

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
        settled = [_settled(made, came) for _, made, came in rows]
        figures = {
            name: np.array([_figure(getattr(forecast, name)) for forecast, _ in settled], dtype=np.float64)
            for name in FIGURES
        }
        return Outcomes(
            session=np.array([row[0] for row in rows], dtype="datetime64[D]"),
            model_version=np.array([forecast.model_version for forecast, _ in settled], dtype=np.str_),
            realised=np.array([outcome.realised for _, outcome in settled], dtype=np.float64),
            **figures,
        )

    def verify(self, *, receipts: Collection[Receipt] = ()) -> Verification:
        """Whether the log is what was written; see `release.audit.verification.verify`."""
        with _explained("audit log", self._database.errors):
            return verify(self._database, receipts=receipts)

    def _rows(self, query: str, values: tuple[object, ...]) -> list[Row]:
        return self._tried(partial(self._database.rows, query, values))

    def _tried(self, work: Callable[[], T]) -> T:
        """What `work` comes to, on a new connection if the one it had broke on the way."""
        with _explained("audit log", self._database.errors):
            try:
                return work()
            except self._database.errors as error:
                if self._database.is_held(error):
                    raise AuditHeld(
                        f"audit log: expected other writers to be done with it in time, got: {error}"
                    ) from None
                if not self._database.mended():
                    raise
                return work()


def _settled(made: str, came: str) -> tuple[LoggedForecast, LoggedOutcome]:
    """A forecast and its outcome, out of their bodies."""
    forecast, outcome = decode(Kind.FORECAST, made), decode(Kind.OUTCOME, came)
    assert isinstance(forecast, LoggedForecast)
    assert isinstance(outcome, LoggedOutcome)
    return forecast, outcome


def _figure(value: float | None) -> float:
    return math.nan if value is None else value


@contextlib.contextmanager
def _explained(where: object, errors: tuple[type[Exception], ...]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _failed(where, error) from error
    except errors as error:
        raise _failed(where, error) from error


def _failed(where: object, error: Exception) -> AuditFailed:
    # A driver may tell it in several lines.
    told = " ".join(str(error).split())
    return AuditFailed(f"{where}: expected an audit log that can be read and appended to, got: {told}")
