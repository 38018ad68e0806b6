"""The build hook, which is no module of a package, and the dashboard's sources with their tools in place."""

from __future__ import annotations

import fcntl
import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = REPOSITORY / "serving" / "dashboard"


@cache
def hatch_build() -> ModuleType:
    """`hatch_build.py` as hatchling loads it."""
    specification = importlib.util.spec_from_file_location("hatch_build", REPOSITORY / "hatch_build.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@cache
def prepared() -> Path:
    """The dashboard's folder with the packages that its tools are in."""
    build = hatch_build()
    with (SOURCES / ".build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build.install(SOURCES)
    return SOURCES


@cache
def bundle() -> Path:
    """The bundle of the sources as they are, built if it has to be."""
    hatch_build().build(SOURCES)
    return SOURCES / "dist"


def run_npm(*arguments: str) -> None:
    """``npm`` in the dashboard's folder; fails with what it said."""
    build = hatch_build()
    build.node(prepared(), build._npm(), *arguments)
