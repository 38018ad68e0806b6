"""Running the real `stock-assets` command as a person would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def stock_assets(
    *arguments: str,
    home: Path | None = None,
    timeout_seconds: float = 240,
    cwd: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> Answer:
    """One command to its end: ``stock_assets("release", "list", home=...)``; `settings` go into its environment."""
    started = time.perf_counter()
    done = subprocess.run(
        words(*arguments, home=home),
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        env=environment() | dict(settings or {}),
        cwd=cwd,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr, time.perf_counter() - started)


def words(*arguments: str, home: Path | None = None) -> list[str]:
    """The command line."""
    return [str(STOCK_ASSETS), *arguments, *(["--home", str(home)] if home else [])]


@dataclass(frozen=True)
class Filled:
    """A home after `demo --once` on the sample source."""

    home: Path
    answer: Answer
