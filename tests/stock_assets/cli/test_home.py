"""A home remembers what it was filled from; options win over the environment, and that over the memory."""

from __future__ import annotations

import os
from datetime import date, datetime
from pathlib import Path

import pytest

from stock_assets.cli import home as homes
from stock_assets.cli.console import CommandFailed
from stock_assets.settings import PipelineSettings, SourceName
from stock_assets.workers import ONE_THREAD


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of ours; what a test puts there goes with it."""
    for name in ("HOME", "SOURCE", "DATA", "AS_OF", "TICKERS", "REDIS_URL"):
        monkeypatch.setenv(f"STOCK_ASSETS_{name}", "")
        monkeypatch.delenv(f"STOCK_ASSETS_{name}")


@pytest.fixture
def filled_from_files(tmp_path: Path) -> Path:
    """A home that was filled from files up to a date."""
    home = tmp_path / "home"
    home.mkdir()
    homes.remember(
        PipelineSettings(home=home, source=SourceName.FILES, data=tmp_path / "bars.csv", as_of=date(2012, 3, 1))
    )
    return home


def test_a_new_home_starts_with_the_sample(tmp_path):
    settings = homes.settings_for(home=tmp_path / "home")

    assert (settings.source, settings.data, settings.as_of) == (SourceName.SAMPLE, None, None)


def test_a_filled_home_needs_no_options(filled_from_files, tmp_path):
    settings = homes.settings_for(home=filled_from_files)

    assert (settings.source, settings.data) == (SourceName.FILES, tmp_path / "bars.csv")
    assert settings.as_of == date(2012, 3, 1)


def test_an_option_wins_over_the_environment_and_that_over_the_memory(filled_from_files, monkeypatch):
    monkeypatch.setenv("STOCK_ASSETS_AS_OF", "2011-01-03")

    by_environment = homes.settings_for(home=filled_from_files)
    by_option = homes.settings_for(home=filled_from_files, as_of=datetime(2010, 1, 4))  # noqa: DTZ001 - a date

    assert by_environment.as_of == date(2011, 1, 3)
    assert by_option.as_of == date(2010, 1, 4)


def test_another_source_owes_nothing_to_the_remembered_data(filled_from_files):
    settings = homes.settings_for(home=filled_from_files, source="sample")

    assert (settings.source, settings.data, settings.as_of) == (SourceName.SAMPLE, None, None)


def test_a_demo_chooses_its_date_anew(filled_from_files):
    assert homes.settings_for(home=filled_from_files, recall_as_of=False).as_of is None


def test_data_without_a_source_means_files(tmp_path):
    assert homes.settings_for(home=tmp_path, data=tmp_path / "bars.csv").source is SourceName.FILES


def test_a_damaged_memory_is_named(filled_from_files):
    (filled_from_files / homes.RECORD).write_text("{")

    with pytest.raises(CommandFailed, match=r"source\.json: expected the home's source, got .*; mend or remove it"):
        homes.settings_for(home=filled_from_files)


def test_a_bad_value_is_named_with_what_was_expected(tmp_path):
    with pytest.raises(CommandFailed, match=r"source: expected 'sample', 'files', 'yahoo' or 'alpaca', got edgar"):
        homes.settings_for(home=tmp_path, source="edgar")


def test_what_is_started_from_here_takes_one_thread_unless_told_otherwise(tmp_path, monkeypatch):
    for name in ("DAGSTER_HOME", *ONE_THREAD):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")

    homes.tell(PipelineSettings(home=tmp_path), redis_url="redis://localhost:6379/0")

    assert {name: os.environ[name] for name in ONE_THREAD} == {**ONE_THREAD, "OMP_NUM_THREADS": "2"}
