"""The one place where settings choose a source of market data."""

from __future__ import annotations

from functools import lru_cache

from stock_assets.errors import DataNotFound
from stock_assets.settings import PipelineSettings, SourceName
from stock_assets.sources.files.source import Files
from stock_assets.sources.market_data import MarketData
from stock_assets.sources.sample import Sample


def market_data(settings: PipelineSettings) -> MarketData:
    """The source that the settings name; nobody is asked anything yet.

    Raises
    ------
    DataNotFound
        If the source is ``files`` and no path was given.
    """
    match settings.source:
        case SourceName.SAMPLE:
            return Sample()
        # What asks a vendor is loaded by those who do.
        case SourceName.YAHOO:
            from stock_assets.sources.vendors.yahoo import Yahoo

            return Yahoo(settings)
        case SourceName.ALPACA:
            from stock_assets.sources.vendors.alpaca import Alpaca

            return Alpaca(settings)
        case SourceName.FILES if settings.data is not None:
            return Files(settings.data)
    raise DataNotFound("data: expected a file or folder for the source files, got none")


@lru_cache(maxsize=4)
def opened(settings: PipelineSettings) -> MarketData:
    """The source, kept open in this process: files are parsed once for all their tickers, a vendor has one budget."""
    return market_data(settings)
