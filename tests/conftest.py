"""What tests of more than one package need: real servers, and property tests that no busy machine can fail."""

from __future__ import annotations

import os

# As in every process of ours: tests run side by side, and more threads would only wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog
from real_postgres import GIVEN, RealPostgres
from real_valkey import RealValkey

# How long an example takes is the machine's business; what it shows is the test's.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def _interrupts() -> None:
    """What tests start can be interrupted also where they themselves run in a shell's background, which can't be."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """What a test's command line has configured says nothing of what the next one logs."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealValkey]:
    """An empty Valkey server of the test's own, running; the test may kill it and start it again."""
    folder: Path = tmp_path_factory.mktemp("valkey")
    server = RealValkey(folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def postgres() -> Iterator[RealPostgres]:
    """A real PostgreSQL server, running; tests ask it for places of their own."""
    server = RealPostgres(os.environ.get(GIVEN))
    server.start()
    yield server
    server.stop()
