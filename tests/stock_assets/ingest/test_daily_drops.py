"""A vendor's answers as it gave them, day by day: settled volumes, other roundings, another company's history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from shared_data import shared_data
from upath import UPath

from quant.bars import COLUMNS, Bars, unadjusted
from stock_assets.calendars import calendar_of
from stock_assets.ingest.refresh import Intake, accept, commit, take_in
from stock_assets.ingest.restatements import Outcome
from stock_assets.ingest.vault import Vault
from stock_assets.resources.lake import Lake
from stock_assets.settings import RestatementPolicy

NOW = datetime(2017, 4, 1, tzinfo=UTC)
HEADER_IN_THE_MIDDLE = "symbol"


@pytest.fixture(scope="module")
def drops() -> pd.DataFrame:
    """A row for each bar of each day's drop: one of the day itself, and the one of the session before once more."""
    table = pd.read_csv(shared_data("dirty/dirt_pystock_dump_2015_2017.csv.gz"), dtype=str)
    table = table[table["symbol"] != HEADER_IN_THE_MIDDLE]
    return table.astype(dict.fromkeys(COLUMNS, float)).sort_values(["date", "file_date"])


@pytest.fixture
def vault(tmp_path) -> Vault:
    return Vault(Lake(UPath(f"memory://{tmp_path.name}")))


@pytest.fixture
def follow(drops, vault, vendor_of) -> Callable[[str, str, str], list[Intake]]:
    """Refresh a ticker with each day's drop, asking for one session of overlap; the policy is to hold."""

    def followed(ticker: str, first: str, last: str) -> list[Intake]:
        rows, intakes = drops[drops["symbol"] == ticker], []
        for day in sorted(day for day in rows["file_date"].unique() if first <= day <= last):
            vendor = vendor_of(_said_by(rows, day), ticker=ticker)
            calendar = calendar_of(ticker, as_of=NOW.date())
            intake = take_in(
                ticker,
                source=vendor,
                vault=vault,
                calendar=calendar,
                now=NOW,
                end=None,
                policy=RestatementPolicy.HOLD,
                overlap=1,
            )
            commit(vault, intake)
            intakes.append(intake)
        return intakes

    return followed


def _said_by(rows: pd.DataFrame, day: str) -> Bars:
    """Of each session what the vendor had said last by that day."""
    said = rows[rows["file_date"] <= day].drop_duplicates("date", keep="last")
    return unadjusted(said["date"].to_numpy().astype("datetime64[D]"), said[list(COLUMNS)].to_numpy())


def test_settled_volumes_and_another_rounding_of_prices_hold_nothing(follow, vault):
    """On 2015-06-08 the vendor went from 128.89999 to 128.899994."""
    intakes = follow("AAPL", "20150501", "20150630")

    assert not any(intake.held for intake in intakes)
    assert [(r.session, r.field, r.old, r.new) for intake in intakes for r in intake.restatements] == [
        ("2015-05-07", "volume", "42609700.0", "43940900.0"),
        ("2015-05-08", "volume", "55103300.0", "55550400.0"),
        ("2015-05-12", "volume", "47109200.0", "48160000.0"),
    ]
    assert {r.outcome for r in vault.record("AAPL")} == {Outcome.ACCEPTED}


def test_a_symbol_that_passes_to_another_company_with_its_history_is_held(follow, vault, drops):
    """ACE bought Chubb and took its symbol: on 2016-01-15 CB's close of the day before, 127.26, became 111.02."""
    before = follow("CB", "20160104", "20160114")
    on_the_day = follow("CB", "20160115", "20160115")[0]

    closes = [r for r in on_the_day.restatements if r.field == "close"]
    assert not any(intake.held for intake in before)
    assert on_the_day.held
    assert [(r.session, r.old, r.new) for r in closes] == [("2016-01-14", "127.260002", "111.019997")]
    assert str(vault.read("CB").bars.session[-1]) == "2016-01-14"
    assert vault.read("CB").bars.close[-1] == 127.260002

    accept(vault, "CB", NOW)
    said = _said_by(drops[drops["symbol"] == "CB"], "20160115")
    assert np.array_equal(vault.read("CB").bars.ohlcv, said.ohlcv)
