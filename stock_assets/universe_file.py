"""Reading a ``universe.yaml``: the tickers that an installation is to have, and nothing else.

What follows from a change is the sensor's and the command line's to decide.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import yaml

from release.manifest import TICKER
from stock_assets.errors import StockAssetsError

FIELD: Final = "tickers"


class BadUniverse(StockAssetsError):
    """A universe file that can't be read or says something else than tickers; the message names line and value."""


class Universe(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says.

    Attributes
    ----------
    tickers : tuple of str
        In the file's order, each once; never empty.
    sha256 : str
        Hex digest of the file's bytes.
    """

    tickers: tuple[str, ...]
    sha256: str


def read_universe(path: Path) -> Universe:
    """The universe that the file names: ``tickers: [AAPL, BTC-USD]``.

    Raises
    ------
    BadUniverse
        Naming the file, and the line, field and value of what is wrong.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadUniverse(f"universe: expected a readable file, got {path} ({error.strerror})") from error
    try:
        # Composed, not loaded: every word stays text, so that the ticker ON is no boolean, and knows its line.
        document = yaml.compose(data, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise BadUniverse(f"{path.name}{_line(error)}: expected YAML, got: {_problem(error)}") from error
    try:
        return Universe(tickers=tuple(_tickers(document)), sha256=hashlib.sha256(data).hexdigest())
    except BadUniverse as error:
        raise BadUniverse(f"{path.name} {error}") from error


def _tickers(document: yaml.Node | None) -> Iterator[str]:
    if not isinstance(document, yaml.MappingNode) or not document.value:
        raise BadUniverse(f"{_where(document)}: expected `{FIELD}: [...]`, got {_shown(document)}")
    for place, (key, _) in enumerate(document.value):
        if key.value != FIELD or place:
            raise BadUniverse(f"{_where(key)}: expected the one field {FIELD}, got {_shown(key)}")
    listed = document.value[0][1]
    if not isinstance(listed, yaml.SequenceNode) or not listed.value:
        raise BadUniverse(f"{_where(listed)} {FIELD}: expected a list of at least one ticker, got {_shown(listed)}")
    first: dict[str, str] = {}
    for node in listed.value:
        if not isinstance(node, yaml.ScalarNode) or not TICKER.fullmatch(node.value):
            raise BadUniverse(f"{_where(node)} {FIELD}: expected a ticker like AAPL or BTC-USD, got {_shown(node)}")
        if node.value in first:
            again = f"{node.value} of {first[node.value]} again"
            raise BadUniverse(f"{_where(node)} {FIELD}: expected each ticker once, got {again}")
        first[node.value] = _where(node)
        yield node.value


def _where(node: yaml.Node | None) -> str:
    return f"line {node.start_mark.line + 1 if node is not None else 1}"


def _shown(node: yaml.Node | None) -> str:
    if isinstance(node, yaml.ScalarNode):
        return repr(node.value)
    if isinstance(node, yaml.CollectionNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
        return kind if node.value else f"{kind} of nothing"
    return "an empty file"


def _line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" line {mark.line + 1}" if mark is not None else ""


def _problem(error: yaml.YAMLError) -> str:
    parts = [getattr(error, name, None) for name in ("context", "problem", "reason")]
    return " ".join(part for part in parts if part) or str(error)
