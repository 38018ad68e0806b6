"""Vendors on loopback, at a noon at which no time passes but by waiting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alpaca_pages import ACTIONS, AROUND_THE_SPLIT, BARS, NO_ACTIONS, alpaca_at, page
from shared_data import shared_data
from vendor_server import NOON, VendorServer, Waits
from yahoo_charts import FOLDER, yahoo_at

from stock_assets.sources.vendors.alpaca import Alpaca
from stock_assets.sources.vendors.yahoo import Yahoo


@pytest.fixture
def server() -> Iterator[VendorServer]:
    """A server with nothing written on it: it has what was recorded, where the shared data are there."""
    with VendorServer().running() as running:
        yield running


@pytest.fixture
def waits() -> Waits:
    return Waits(NOON)


@pytest.fixture
def recorded_charts() -> None:
    """Skip where Yahoo's recordings are absent."""
    shared_data(f"api/{FOLDER}")


@pytest.fixture
def yahoo(server, tmp_path, waits) -> Yahoo:
    return yahoo_at(server, tmp_path, waits)


@pytest.fixture
def apple_around_its_split(server) -> None:
    """Three bars of AAPL around its split, written by hand, and no corporate actions."""
    server.write(ACTIONS, NO_ACTIONS)
    server.write(BARS, page(AROUND_THE_SPLIT), symbols="AAPL")


@pytest.fixture
def alpaca(server, tmp_path, waits) -> Alpaca:
    return alpaca_at(server, tmp_path, waits)


@pytest.fixture
def replay() -> Iterator[VendorServer]:
    """A server that has what was recorded of Alpaca, and no corporate actions."""
    shared_data("api/alpaca/rest_py")
    with VendorServer().running() as running:
        running.write(ACTIONS, NO_ACTIONS)
        yield running
