"""The log in a PostgreSQL: one lock on the head makes one chain of any number of writers; triggers refuse changes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Final

from release.addresses import shown
from release.audit.database import BATCH, LOG, NO_LOG, WRITTEN_TO, Row, tables, triggers_of
from release.errors import AuditFailed

if TYPE_CHECKING:
    import psycopg

SCHEMES: Final = ("postgresql", "postgres")
# For a server that doesn't answer, unless the URL says otherwise; a replaced engine must not wait for ever.
PATIENCE: Final = {"connect_timeout": 5, "tcp_user_timeout": 5000, "application_name": "stock-assets audit"}
# One number for all who make the tables at the same time.
MAKING: Final = 0x5A0D17

GUARD: Final = "BEGIN RAISE EXCEPTION 'audit log: expected rows to be appended only, got %', TG_OP; END"
# In the very words in which PostgreSQL tells a trigger again, so that one that was weakened is seen.
TRIGGERS: Final = {
    "audit_entries_append_only": "BEFORE DELETE OR UPDATE OR TRUNCATE ON audit_entries FOR EACH STATEMENT",
    "audit_head_stays": "BEFORE DELETE OR TRUNCATE ON audit_head FOR EACH STATEMENT",
    "audit_head_no_return": "BEFORE UPDATE ON audit_head FOR EACH ROW WHEN (new.id <= old.id)",
}
TRIGGER: Final = "TRIGGER {name} {when} EXECUTE FUNCTION audit_append_only()"


def psycopg_for(url: str) -> ModuleType:
    """psycopg, which only a log on PostgreSQL needs; `AuditFailed` if it is not installed."""
    try:
        import psycopg
    except ImportError as error:
        raise AuditFailed(
            f"{shown(url)}: expected psycopg to be installed, which pip install 'stock-assets[postgres]' does"
        ) from error
    return psycopg


class PostgresDatabase:
    """A connection to the server at `url` by `driver`, which is psycopg; `psycopg.Error` comes as it is."""

    triggers = tuple(TRIGGERS)

    def __init__(self, url: str, *, driver: ModuleType, read_only: bool) -> None:
        self._url, self._driver, self._read_only = url, driver, read_only
        self.errors: tuple[type[Exception], ...] = (driver.Error,)
        self._connection = self._connected()
        names = self._names()
        if read_only and not names >= LOG:
            self.close()
            raise AuditFailed(f"{shown(url)}: {NO_LOG}")
        if not read_only and not names >= WRITTEN_TO:
            self._make()

    def rows(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """See `Database`."""
        cursor = self._connection.execute(_psycopg(statement), values)
        return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def stream(self, statement: str) -> Iterator[Iterator[Row]]:
        """See `Database`."""
        with self._connection.cursor(name="audit") as cursor:
            cursor.itersize = BATCH
            cursor.execute(_psycopg(statement))
            yield iter(cursor)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """See `Database`."""
        with self._connection.transaction():
            self._connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """See `Database`."""
        with self._connection.transaction():
            self._connection.execute("SELECT id FROM audit_head FOR UPDATE")
            yield

    def standing_triggers(self) -> set[str]:
        """See `Database`."""
        standing: dict[str, str] = dict(
            self.rows(
                "SELECT tgname, pg_get_triggerdef(pg_trigger.oid, true)"
                " FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
                " WHERE tgrelid IN (to_regclass('audit_entries'), to_regclass('audit_head'))"
                " AND tgenabled IN ('O', 'A') AND prosrc = ?",
                (GUARD,),
            )
        )
        return {
            name
            for name, when in TRIGGERS.items()
            if standing.get(name) == "CREATE " + TRIGGER.format(name=name, when=when)
        }

    def is_held(self, error: Exception) -> bool:
        """See `Database`."""
        return isinstance(error, self._driver.errors.LockNotAvailable)

    def mended(self) -> bool:
        """See `Database`."""
        if not self._connection.closed:
            return False
        self._connection = self._connected()
        return True

    def close(self) -> None:
        """See `Database`."""
        self._connection.close()

    def _connected(self) -> psycopg.Connection[Row]:
        connection: psycopg.Connection[Row] = self._driver.connect(**PATIENCE | self._read_url(), autocommit=True)
        # A commit returns only when the disk has it, whatever the server does for others.
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.execute("SET lock_timeout = '5s'")
        if self._read_only:
            connection.execute("SET default_transaction_read_only = on")
        else:
            # A writer that was stopped in the middle of a commit is not waited for in vain.
            connection.execute("SET idle_in_transaction_session_timeout = '4s'")
        return connection

    def _read_url(self) -> dict[str, str]:
        try:
            read: dict[str, str] = self._driver.conninfo.conninfo_to_dict(self._url)
        except self._driver.ProgrammingError:
            # The driver's own words quote what may be the password.
            raise AuditFailed(
                f"{shown(self._url)}: expected an address that PostgreSQL understands, special characters in it"
                " percent-encoded, got one that it doesn't"
            ) from None
        return read

    def _names(self) -> set[str]:
        query = "SELECT name FROM unnest(?::text[]) AS name WHERE to_regclass(name) IS NOT NULL"
        return {name for (name,) in self.rows(query, (sorted(WRITTEN_TO),))}

    def _make(self) -> None:
        """Tables and triggers, all or nothing.

        A trigger that has gone missing later is not put back: `verify` has to see that.
        """
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (MAKING,))
            if not (missing := WRITTEN_TO - self._names()):  # Another process was quicker.
                return
            self._connection.execute(tables(bigint="BIGINT", options="").encode())
            if missing & LOG:
                function = f"audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $${GUARD}$$"
                self._connection.execute(f"CREATE OR REPLACE FUNCTION {function}".encode())
            for name, when in triggers_of(missing, TRIGGERS):
                self._connection.execute(f"CREATE OR REPLACE {TRIGGER.format(name=name, when=when)}".encode())


def _psycopg(statement: str) -> bytes:
    """The statement with its values marked as psycopg has them."""
    return statement.replace("?", "%s").encode()
