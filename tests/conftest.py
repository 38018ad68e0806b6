"""What tests of more than one package need: a real Valkey, and property tests that no busy machine can fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from real_valkey import RealValkey

# How long an example takes is the machine's business; what it shows is the test's.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealValkey]:
    """An empty Valkey server of the test's own, running; the test may kill it and start it again."""
    folder: Path = tmp_path_factory.mktemp("valkey")
    server = RealValkey(folder)
    server.start()
    yield server
    server.kill()
