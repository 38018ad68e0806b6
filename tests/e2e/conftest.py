"""The real command line on real bars: one home is filled once a session, and tests that change it take a copy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

STOCK_ASSETS = Path(sys.executable).with_name("stock-assets")


@dataclass(frozen=True)
class Answer:
    """What a command said, and how long it took."""

    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def error(self) -> str:
        """The one line that a failure is told in."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, self.stderr
        assert "Traceback" not in self.stdout + self.stderr
        return lines[0]


Command = Callable[..., Answer]


def environment() -> dict[str, str]:
    """This process's environment without any settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("STOCK_ASSETS_", "DAGSTER_"))}


@pytest.fixture(scope="session")
def stock_assets() -> Command:
    """Runs ``stock-assets`` as a person would: ``stock_assets("release", "list", home=...)``."""

    def run(*arguments: str, home: Path | None = None, timeout_seconds: float = 240, cwd: Path | None = None) -> Answer:
        started = time.perf_counter()
        words = [str(STOCK_ASSETS), *arguments, *(["--home", str(home)] if home else [])]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=timeout_seconds, env=environment(), cwd=cwd, check=False
        )
        return Answer(done.returncode, done.stdout, done.stderr, time.perf_counter() - started)

    return run


@dataclass(frozen=True)
class Filled:
    """A home after `demo --once` on the sample source."""

    home: Path
    answer: Answer


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, stock_assets: Command) -> Filled:
    """The home that `demo --once` makes of the sample source; read it only."""
    home = tmp_path_factory.mktemp("filled") / "home"
    return Filled(home, stock_assets("demo", "--once", "--json", home=home))


@pytest.fixture
def own_home(filled: Filled, tmp_path: Path) -> Path:
    """A copy of the filled home, to do anything to."""
    return Path(shutil.copytree(filled.home, tmp_path / "home"))
