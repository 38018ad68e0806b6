"""The one place where settings choose a source of market data."""

from __future__ import annotations

from stock_assets.errors import DataNotFound
from stock_assets.settings import PipelineSettings, SourceName
from stock_assets.sources.files import Files
from stock_assets.sources.market_data import MarketData
from stock_assets.sources.sample import Sample


def market_data(settings: PipelineSettings) -> MarketData:
    """The source that the settings name.

    Raises
    ------
    DataNotFound
        If the source is ``files`` and no path was given.
    """
    if settings.source is SourceName.SAMPLE:
        return Sample()
    if settings.data is None:
        raise DataNotFound("data: expected a file or folder for the source files, got none")
    return Files(settings.data)
