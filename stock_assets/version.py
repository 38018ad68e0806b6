"""Which code made something: for people the version and commit, for freshness a digest of the sources themselves."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

# What decides a table's content. The command line and the sensors don't.
DECIDING: Final = ("quant", "release", "stock_assets/learning", "stock_assets/assets", "stock_assets/sources")
ROOT: Final = Path(__file__).resolve().parents[1]


@cache
def code_version() -> str:
    """The distribution's version, with the git commit where the code lies in a checkout: ``0.1.0+74b7f90``."""
    commit = _commit(ROOT / ".git")
    return version("stock-assets") + (f"+{commit[:7]}" if commit else "")


def _commit(git: Path) -> str:
    head = _text(git / "HEAD")
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    lines = [line.split(" ", 1) for line in _text(git / "packed-refs").splitlines() if " refs/" in line]
    packed = {reference: digest for digest, reference in lines}
    return _text(git / name) or packed.get(name, "")


def _text(path: Path) -> str:
    return path.read_text("utf-8").strip() if path.is_file() else ""


@cache
def code_digest() -> str:
    """Digest of the sources that decide what the tables hold; it changes with an edit that is not committed yet."""
    state = hashlib.sha256()
    for folder in DECIDING:
        for file in sorted((ROOT / folder).rglob("*.py")):
            state.update(file.relative_to(ROOT).as_posix().encode())
            state.update(file.read_bytes())
    return state.hexdigest()[:16]
