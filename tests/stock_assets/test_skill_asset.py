"""The asset `skill`: every champion's record together, in the lake before the release is published."""

from __future__ import annotations

import shutil

import dagster as dg
import msgspec
import pytest
from upath import UPath

from stock_assets.assets.skill import read_skill, records_of
from stock_assets.champions import RECORD, VERSIONS, Champion
from stock_assets.errors import NotMaterialized
from stock_assets.resources.lake import Lake, lake_of


def test_it_tells_of_every_ticker_with_a_champion_what_that_was_promoted_with(filled):
    lake = lake_of(filled.settings)

    skills = read_skill(lake)

    assert filled.rest.ok, filled.rest.error
    assert tuple(of.horizon for of in skills) == filled.settings.horizons
    for of in skills:
        promoted = Champion.read(lake, "AAPL").metrics[of.horizon]
        assert list(of.tickers) == ["AAPL"]
        assert msgspec.structs.asdict(of.tickers["AAPL"]) == pytest.approx(msgspec.structs.asdict(promoted))


def test_the_pooled_table_is_a_table_of_the_lake(filled):
    table = lake_of(filled.settings).read("skill", "all")

    assert list(table.columns) == ["horizon", "score", "value", "at_least", "at_most", "met"]
    assert set(table["horizon"]) == set(filled.settings.horizons)
    assert not table.duplicated(["horizon", "score"]).any()


def test_it_is_made_before_the_release_that_tells_of_it(filled):
    steps = [
        entry.dagster_event.step_key
        for entry in filled.instance.all_logs(filled.rest.run_id, of_type=dg.DagsterEventType.STEP_START)
    ]

    assert sorted(steps) == ["portfolio_performance", "portfolio_weights", "published_release", "skill"]
    assert steps.index("skill") < steps.index("published_release")


def test_a_record_that_can_t_be_read_is_told_and_the_others_count(filled, tmp_path):
    home, copy = filled.settings.lake, tmp_path
    (copy / "features").mkdir()
    for ticker in ("AAPL", "TORN"):
        shutil.copytree(home / VERSIONS / "AAPL", copy / VERSIONS / ticker)
        shutil.copy(home / "features" / "AAPL.parquet", copy / "features" / f"{ticker}.parquet")
    (torn,) = copy.glob(f"{VERSIONS}/TORN/*/{RECORD}")
    torn.write_bytes(b"half a file")

    records, left_out = records_of(Lake(UPath(copy)), ["AAPL", "TORN", "GONE"], (1, 5))

    assert {horizon: [of.ticker for of in listed] for horizon, listed in records.items()} == {1: ["AAPL"], 5: ["AAPL"]}
    assert [line.split(":")[0] for line in left_out] == ["TORN", "GONE"]


def test_before_it_is_made_there_is_none(tmp_path):
    with pytest.raises(NotMaterialized, match="skill: expected files for all, found none"):
        read_skill(Lake(UPath(tmp_path)))
