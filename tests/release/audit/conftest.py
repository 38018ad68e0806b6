"""An audit log in each kind of database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_postgres import GIVEN, RealPostgres

from release.audit import AuditLog

BOTH = ("sqlite", "postgres")


@pytest.fixture(scope="session")
def postgres() -> Iterator[RealPostgres]:
    """A real PostgreSQL server, running; tests ask it for places of their own."""
    server = RealPostgres(os.environ.get(GIVEN))
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=BOTH)
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where there is no log yet: a SQLite file, and a PostgreSQL."""
    if request.param == "sqlite":
        return tmp_path / "audit" / "audit.sqlite3"
    postgres: RealPostgres = request.getfixturevalue("postgres")
    return postgres.fresh()


@pytest.fixture
def log(where: Path | str) -> Iterator[AuditLog]:
    """An empty log there."""
    with AuditLog.open(where) as opened:
        yield opened
