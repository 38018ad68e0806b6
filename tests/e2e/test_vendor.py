"""From a vendor's answers over HTTP to a release: Yahoo on loopback, which can break, by the real command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Command
from shared_data import shared_data
from vendor_server import VendorServer, instead

from release.store import Store

# Every session of TSLA's that Yahoo had, recorded.
RECORDING = "api/yahoo/recorded_2025/historical-via-chart-dividends-TSLA-no-dividends.json"


@pytest.fixture
def yahoo() -> Iterator[VendorServer]:
    shared_data(RECORDING)
    with VendorServer().running() as server:
        yield server


@pytest.fixture
def settings(yahoo: VendorServer) -> dict[str, str]:
    """Of a pipeline whose Yahoo is the one on loopback."""
    return {
        "STOCK_ASSETS_SOURCE": "yahoo",
        "STOCK_ASSETS_YAHOO_URL": yahoo.url,
        "STOCK_ASSETS_REQUEST_ATTEMPTS": "1",
        "STOCK_ASSETS_RESPONSE_MINUTES": "0",
    }


@pytest.mark.slow
def test_yahoos_bars_become_a_release_and_outlive_the_vendor(
    yahoo: VendorServer, settings: dict[str, str], tmp_path: Path, stock_assets: Command
) -> None:
    home = tmp_path / "home"

    first = stock_assets("demo", "--once", "--json", "--tickers", "TSLA", home=home, settings=settings)
    asked = len(yahoo.seen)
    told = stock_assets("data", "report", "--json", home=home).json["TSLA"]
    yahoo.always(instead(b"", status=503))
    broken = stock_assets("materialize", "--json", home=home, settings=settings)

    assert first.code == 0, first.stderr
    lineage = Store(home / "releases").load().tickers["TSLA"].lineage
    assert (lineage.source, lineage.bars) == ("yahoo", told["bars"])
    # Where each number came from is on disk, to the byte.
    for digest in told["responses_sha256"]:
        assert list((home / "responses").rglob(f"{digest}.gz"))
    assert len(yahoo.seen) > asked
    assert broken.code == 1
    assert "503" in broken.json["runs"][0]["error"]
    assert Store(home / "releases").load().tickers["TSLA"].lineage == lineage


def test_a_refresh_asks_the_vendor_for_the_overlap_only(
    yahoo: VendorServer, settings: dict[str, str], tmp_path: Path, stock_assets: Command
) -> None:
    home = tmp_path / "home"
    stock_assets("data", "fetch", "--tickers", "TSLA", home=home, settings=settings)
    first = [int(seen.params["period1"]) for seen in yahoo.seen if "period1" in seen.params]
    before = len(yahoo.seen)

    again = stock_assets("data", "fetch", home=home, settings=settings)

    later = [int(seen.params["period1"]) for seen in yahoo.seen[before:] if "period1" in seen.params]
    assert again.code == 0, again.stderr
    assert later
    assert min(later) - min(first) > 10 * 365 * 86400
    assert stock_assets("data", "report", "--json", home=home).json["TSLA"]["restatements"] == []


def test_a_ticker_that_the_vendor_does_not_know_is_told_before_anything_is_added(
    settings: dict[str, str], tmp_path: Path, stock_assets: Command
) -> None:
    home = tmp_path / "home"

    answer = stock_assets("tickers", "add", "TSLA", "NOSUCHTICKER", home=home, settings=settings)

    assert answer.code == 1
    assert "NOSUCHTICKER" in answer.error
    assert stock_assets("tickers", "list", "--json", home=home).json == []
