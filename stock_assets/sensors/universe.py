"""The universe as a file has it: tickers that appear there get a partition and a run, those that go lose theirs.

What may stand in the file is `stock_assets.universe_file`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import dagster as dg
import msgspec

from release.clock import Clock
from stock_assets.errors import SourceError
from stock_assets.jobs import refresh_ticker, update_ticker
from stock_assets.partitions import known_tickers, tickers
from stock_assets.resources.lake import Lake
from stock_assets.settings import PipelineSettings
from stock_assets.sources.market_data import MarketData
from stock_assets.universe_file import BadUniverse, read_universe

# A vendor that does not carry a ticker today may do so later; asking costs it a request.
TRY_AGAIN: Final = timedelta(hours=1)

Request = dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """What the sensor has seen: the file's digest, which of its tickers the source did not carry, and when."""

    sha256: str = ""
    waiting: tuple[str, ...] = ()
    tried_at: datetime | None = None

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """What `text` made; that nothing has been seen from None."""
        return msgspec.json.decode(text, type=cls) if text else cls()

    def text(self) -> str:
        """As Dagster keeps it."""
        return msgspec.json.encode(self).decode()

    def is_due(self, now: datetime) -> bool:
        """Whether tickers wait for another try."""
        return bool(self.waiting) and (self.tried_at is None or now - self.tried_at >= TRY_AGAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Tickers that are `new` in the file, that are `gone` from it, and that were `refused`, with the reason."""

    new: Sequence[str]
    gone: Sequence[str]
    refused: Mapping[str, str]

    def __str__(self) -> str:
        parts = [f"new: {', '.join(self.new)}"] if self.new else []
        parts += [f"gone: {', '.join(self.gone)}"] if self.gone else []
        parts += [f"{name} is skipped and tried again later: {reason}" for name, reason in self.refused.items()]
        return "; ".join(parts) or "the same tickers as before"

    def wants(self, ticker: str, trained: Mapping[str, bool]) -> bool:
        """Whether a run is due for a ticker of the file."""
        return ticker in self.new or not trained[ticker]

    def partition_requests(self) -> list[Request]:
        """What Dagster is to do to the partitions."""
        add = [tickers.build_add_request(list(self.new))] if self.new else []
        return [*add, *([tickers.build_delete_request(list(self.gone))] if self.gone else [])]


@dg.sensor(
    jobs=[refresh_ticker, update_ticker],
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.STOPPED,
)
def universe_changes(
    context: dg.SensorEvaluationContext,
    lake: dg.ResourceParam[Lake],
    market: dg.ResourceParam[MarketData],
    clock: dg.ResourceParam[Clock],
    settings: dg.ResourceParam[PipelineSettings],
) -> dg.SensorResult | dg.SkipReason:
    """Have the partitions follow the universe file when it changes, and ask for a run of each ticker that is new.

    A ticker that the source does not carry is told, and tried again after an hour. Nothing of a ticker that goes is
    deleted but its partition. Between changes of the file, tickers added or removed by hand stay so.
    """
    if settings.universe is None:
        return dg.SkipReason("no universe file is named; STOCK_ASSETS_UNIVERSE names one")
    try:
        wanted = read_universe(settings.universe)
    except BadUniverse as error:
        context.log.error("%s; nothing is changed", error)
        return dg.SkipReason(f"{error}; nothing is changed")
    seen, now = Cursor.read(context.cursor), clock.now()
    changed, known = wanted.sha256 != seen.sha256, known_tickers(context.instance)
    if not changed and not seen.is_due(now):
        waiting = f"; not carried by the source: {', '.join(seen.waiting)}" if seen.waiting else ""
        return dg.SkipReason(f"{settings.universe.name} is unchanged{waiting}")
    asked = wanted.tickers if changed else seen.waiting
    refused = _refused([name for name in asked if name not in known], market)
    change = Change(
        new=[name for name in asked if name not in known and name not in refused],
        gone=[name for name in known if name not in wanted.tickers] if changed else [],
        refused=refused,
    )
    # A run that was lost between its ticker's partition and its start is asked for at the next change.
    trained = {name: lake.has_files("champion", name) for name in asked if name not in refused}
    requests = [_request(name, trained=trained[name], now=now) for name in trained if change.wants(name, trained)]
    context.log.info(str(change))
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else str(change),
        dynamic_partitions_requests=change.partition_requests(),
        cursor=Cursor(sha256=wanted.sha256, waiting=tuple(refused), tried_at=now).text(),
    )


def _refused(names: Sequence[str], market: MarketData) -> dict[str, str]:
    """Those of the tickers that the source does not carry or can't be asked for now, with the reason."""
    reasons = {}
    for name in names:
        try:
            market.require(name)
        except SourceError as error:
            reasons[name] = str(error)
    return reasons


def _request(ticker: str, *, trained: bool, now: datetime) -> dg.RunRequest:
    """The whole way for a ticker without a champion; new bars for one that has come back to its own.

    Keyed by the time: the same file may come back, and its tickers are new then all the same.
    """
    return dg.RunRequest(
        run_key=f"{ticker}-{now.isoformat()}",
        job_name=(update_ticker if trained else refresh_ticker).name,
        partition_key=ticker,
        tags={"ticker": ticker, "cause": "universe"},
    )
