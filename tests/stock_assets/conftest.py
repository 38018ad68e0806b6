"""A home that has been filled once with real bars, for every test that only reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from dagster import DagsterInstance
from shared_data import sample_bars

from stock_assets.frames import price_table
from stock_assets.settings import PipelineSettings, SourceName

BARS = 1300


@dataclass(frozen=True, slots=True)
class Filled:
    """An instance, its settings, and how its runs went."""

    instance: DagsterInstance
    settings: PipelineSettings
    runs: dict
    rest: object


def write_bars(path: Path) -> Path:
    """AAPL, cut to its newest `BARS` sessions, FB, which is too young, and an IBM with too many broken prices."""
    tables = {name: price_table(sample_bars(name)[-BARS:], ticker=name) for name in ("AAPL", "FB", "IBM")}
    tables["IBM"].loc[700:713, "close"] = float("nan")
    pd.concat(tables.values()).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def bars_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bars(tmp_path_factory.mktemp("bars") / "bars.csv")


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, bars_file: Path) -> Iterator[Filled]:
    from stock_assets.instance import open_instance
    from stock_assets.partitions import tickers
    from stock_assets.runs import materialize_rest, materialize_ticker

    settings = PipelineSettings(home=tmp_path_factory.mktemp("home"), source=SourceName.FILES, data=bars_file)
    instance = open_instance(settings)
    instance.add_dynamic_partitions(tickers.name, ["AAPL", "FB", "IBM", "NEW"])
    runs = {name: materialize_ticker(instance, settings, name) for name in ("FB", "IBM", "AAPL")}
    yield Filled(instance, settings, runs, materialize_rest(instance, settings))
    instance.dispose()
