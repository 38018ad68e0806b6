"""An audit log in each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_postgres import RealPostgres

from release.audit import AuditLog

BOTH = ("sqlite", "postgres")


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
