"""The real command line on real bars: one home is filled once a session, and tests that change it take a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import command_line
import pytest
from command_line import Command, Filled

# What it finds is told as in a test.
pytest.register_assert_rewrite("live_trial")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that serves."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def stock_assets() -> Command:
    """Runs ``stock-assets`` as a person would: ``stock_assets("release", "list", home=...)``."""
    return command_line.stock_assets


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, stock_assets: Command) -> Filled:
    """The home that `demo --once` makes of the sample source; read it only."""
    home = tmp_path_factory.mktemp("filled") / "home"
    return Filled(home, stock_assets("demo", "--once", "--json", home=home))


@pytest.fixture
def own_home(filled: Filled, tmp_path: Path) -> Path:
    """A copy of the filled home, to do anything to."""
    return Path(shutil.copytree(filled.home, tmp_path / "home"))
