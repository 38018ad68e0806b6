"""One ticker's bars brought up to date while another process does the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from upath import UPath

from stock_assets.ingest.errors import VaultChanged
from stock_assets.ingest.vault import Vault
from stock_assets.market import refresh
from stock_assets.resources.lake import Lake
from stock_assets.settings import PipelineSettings
from stock_assets.sources.market_data import Fetched
from stock_assets.sources.sample import Sample

NOW = datetime(2013, 3, 2, 12, 0, tzinfo=UTC)
LATER = datetime(2013, 3, 2, 13, 0, tzinfo=UTC)


@dataclass(slots=True)
class Overtaken(Sample):
    """The sample, whose answer somebody else stores each time before we do, as often as `times` says."""

    meanwhile: Callable[[datetime], None]
    times: int

    def fetch(self, ticker: str, start: date | None = None, end: date | None = None) -> Fetched:
        if self.times:
            self.times -= 1
            self.meanwhile(LATER.replace(minute=self.times))
        return Sample().fetch(ticker, start, end)


@pytest.fixture
def overtaken(tmp_path: Path) -> Callable[..., Callable[[], object]]:
    """Makes a refresh that others overtake some times."""
    settings, vault = PipelineSettings(home=tmp_path), Vault(Lake(UPath(tmp_path / "lake")))

    def other(now: datetime) -> None:
        refresh("IBM", source=Sample(), vault=vault, settings=settings, now=now)

    def made(times: int) -> Callable[[], object]:
        source = Overtaken(meanwhile=other, times=times)
        return lambda: refresh("IBM", source=source, vault=vault, settings=settings, now=NOW)

    return made


def test_a_refresh_that_another_process_overtakes_decides_again_on_what_that_has_stored(overtaken):
    seen = overtaken(1)()

    assert seen.intake.added == 0
    assert seen.intake.restatements == ()
    assert len(seen.assessment.bars) == 3270


def test_a_refresh_that_is_overtaken_again_says_so(overtaken):
    with pytest.raises(VaultChanged, match="IBM: expected the bars of"):
        overtaken(2)()
