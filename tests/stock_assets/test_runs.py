"""One ticker, one run: the whole chain on a real, persistent instance, and what a failure does to the others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from itertools import pairwise

import dagster as dg
import numpy as np
import pytest
from dagster._core.event_api import PartitionKeyFilter
from shared_data import sample_bars
from upath import UPath

from release.portfolio import Strategy
from release.store import Store
from stock_assets.allocation.panel import LOOKBACK
from stock_assets.allocation.weekly import Week
from stock_assets.assets.publication import draft_ticker
from stock_assets.definitions import definitions
from stock_assets.errors import BadSelection, HomeUnwritable, NothingToPublish, NotMaterialized
from stock_assets.failures import cause
from stock_assets.frames import price_table
from stock_assets.ingest.vault import Vault
from stock_assets.instance import open_instance
from stock_assets.jobs import TRAINING
from stock_assets.partitions import week_of
from stock_assets.resources.lake import FILES, Lake, files_digest, lake_of
from stock_assets.resources.tracking import mark_failed, mlflow, prepare_tracking, runs_of
from stock_assets.runs import (
    PROCESS_TAG,
    bury_dead_runs,
    is_fresh,
    materialize_rest,
    materialize_ticker,
)
from stock_assets.sensors.runs import weeks_due
from stock_assets.settings import PipelineSettings, SourceName

BARS, BROKEN = 1300, 700
NOW = datetime(2013, 3, 4, tzinfo=UTC)


def test_a_ticker_goes_from_bars_to_signals_in_one_run(filled):
    run = filled.runs["AAPL"]

    assert run.error == ""
    assert set(run.step_seconds) == set(TRAINING)
    assert sum(run.step_seconds.values()) < run.seconds
    assert filled.instance.get_run_by_id(run.run_id).tags["ticker"] == "AAPL"


def test_a_ticker_that_is_too_young_fails_its_own_run_in_one_line(filled):
    run = filled.runs["FB"]

    assert not run.ok
    assert run.error.startswith("FB: expected at least 1008 bars")
    assert run.error.endswith("got 196")


def test_too_many_broken_prices_fail_their_own_run_and_never_reach_the_prices(filled):
    run = filled.runs["IBM"]

    assert not run.ok
    broken = sample_bars("IBM")[-BARS:].session[BROKEN]
    assert run.error.startswith(f"IBM {broken} close: expected a finite number, got nan [finite]; ")
    assert run.error.endswith("(and 11 more)")
    assert not Lake(UPath(filled.settings.lake)).has("prices", "IBM")


def test_a_release_carries_the_good_ticker_and_says_why_the_others_are_refused(filled):
    release = Store(filled.settings.releases).load()

    refused = {refusal.ticker: refusal.reason for refusal in release.manifest.refused}
    assert filled.rest.ok
    assert filled.rest.release_id == release.manifest.release_id
    assert list(release.tickers) == ["AAPL"]
    assert refused["FB"] == filled.runs["FB"].error
    assert refused["IBM"] == filled.runs["IBM"].error
    assert refused["NEW"] == "not materialized yet"


def test_the_lineage_leads_back_to_the_run_the_model_version_and_the_bars(filled):
    lineage = Store(filled.settings.releases).load().tickers["AAPL"].lineage
    client = mlflow().MlflowClient(filled.settings.tracking_uri)

    version = client.get_model_version(lineage.model_name, lineage.model_version)
    tracked = client.get_run(lineage.mlflow_run_id)

    assert lineage.dagster_run_id == filled.runs["AAPL"].run_id
    assert version.run_id == lineage.mlflow_run_id
    assert {"champion", "challenger"} <= set(client.get_registered_model(lineage.model_name).aliases)
    assert tracked.data.tags["data_sha256"] == lineage.data_sha256
    assert tracked.data.tags["dagster_run_id"] == lineage.dagster_run_id
    assert tracked.inputs.dataset_inputs[0].dataset.digest == lineage.data_sha256[:36]


def test_every_dagster_run_has_one_mlflow_run_that_ended_as_it_did(filled):
    uri = filled.settings.tracking_uri

    statuses = {name: [run.info.status for run in runs_of(uri, made.run_id)] for name, made in filled.runs.items()}

    assert statuses == {"AAPL": ["FINISHED"], "FB": ["FAILED"], "IBM": ["FAILED"]}
    assert mlflow().active_run() is None


def test_the_mlflow_run_of_a_process_that_died_is_set_to_failed(filled):
    client = mlflow().MlflowClient(filled.settings.tracking_uri)
    experiment = client.get_experiment_by_name("stock-assets")
    left_open = client.create_run(experiment.experiment_id, tags={"dagster_run_id": "of-a-dead-process"})

    corrected = mark_failed(filled.settings.tracking_uri, "of-a-dead-process")

    assert corrected == 1
    assert client.get_run(left_open.info.run_id).info.status == "FAILED"
    assert mark_failed(filled.settings.tracking_uri, "of-a-dead-process") == 0


def test_a_run_whose_process_died_is_buried_and_one_that_lives_is_left(tmp_path, bars_file):
    settings = PipelineSettings(home=tmp_path, source=SourceName.FILES, data=bars_file)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    prepare_tracking(settings)
    with open_instance(settings) as instance:
        dead, alive = (
            instance.create_run_for_job(
                definitions(settings).resolve_job_def("refresh_ticker"),
                tags={PROCESS_TAG: str(process)},
                status=dg.DagsterRunStatus.STARTED,
            )
            for process in (ended.pid, os.getpid())
        )

        buried = bury_dead_runs(instance, settings)

        assert buried == [dead.run_id]
        assert instance.get_run_by_id(dead.run_id).status is dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(alive.run_id).status is dg.DagsterRunStatus.STARTED
        assert "its process has died" in cause(instance, dead.run_id)


def test_signals_cover_every_session_since_the_first_forecast_up_to_the_newest(filled):
    lake = Lake(UPath(filled.settings.lake))

    signals, oos, features = (lake.read(name, "AAPL") for name in ("signals", "oos_predictions", "features"))

    assert signals["date"].is_unique
    assert signals["date"].iloc[0] == oos["date"].min()
    assert signals["date"].iloc[-1] == features["date"].iloc[-1]
    assert np.isnan(signals["realised"].iloc[-1])
    assert signals["realised"].iloc[:-1].notna().all()
    assert set(signals["action"]) <= {"BUY", "SELL", "HOLD"}


def test_the_newest_signal_is_what_the_server_will_infer(filled):
    from release.inference import infer

    ticker = Store(filled.settings.releases).load().tickers["AAPL"]
    newest = Lake(UPath(filled.settings.lake)).read("signals", "AAPL").iloc[-1]

    forecast = infer(ticker, ticker.bars)[1]

    assert forecast.mean[0] == newest["mean"]
    assert forecast.p_up[0] == newest["p_up"]


def test_the_released_signals_tell_what_was_forecast(filled):
    ticker = Store(filled.settings.releases).load().tickers["AAPL"]
    table = Lake(UPath(filled.settings.lake)).read("signals", "AAPL")

    for name in ("vol", "p_up", "lower_90", "lower_50", "upper_50", "upper_90"):
        assert [getattr(row, name) for row in ticker.signals] == table[name].tolist()
    assert [row.edge_bp / 1e4 for row in ticker.signals] == pytest.approx(table["mean"].tolist())


def test_the_released_curves_are_of_the_record_beside_them(filled):
    ticker = Store(filled.settings.releases).load().tickers["AAPL"]

    assert (ticker.curves.sessions[0], ticker.curves.sessions[-1]) == (ticker.trading.first, ticker.trading.last)
    assert ticker.curves.signals[0] == ticker.curves.buy_and_hold[0] == 1.0


def test_a_release_tells_who_put_its_model_in_force(filled):
    told = Store(filled.settings.releases).load().tickers["AAPL"].succession

    assert (told.version, told.how.value, told.by) == ("1", "training", filled.runs["AAPL"].run_id)
    assert told.why.startswith("first: no champion yet")
    assert (told.forced, told.challenger, len(told.moves)) == ("", None, 1)


def test_a_ticker_whose_signals_other_code_made_is_refused_with_what_to_do(filled, tmp_path):
    shutil.copytree(filled.settings.lake, tmp_path / "lake")
    lake = Lake(UPath(tmp_path / "lake"))
    files = lake.read_files("signals", "AAPL")
    table, _ = lake.read_told("signals", "AAPL")
    kept = {name: data for name, data in files.items() if name != "equity.json"}
    lake.write_files("signals", "AAPL", kept)
    lake.write("signals", "AAPL", table, metadata={FILES: files_digest(kept)})

    with pytest.raises(NotMaterialized, match=r"AAPL: expected equity.json beside its signals, .*materialize"):
        draft_ticker(lake, "AAPL", horizons=filled.settings.horizons)


def test_a_materialisation_shows_what_a_person_wants_to_see(filled):
    event = filled.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey("prices"), asset_partitions=["AAPL"]), limit=1
    ).records[0]

    metadata = event.asset_materialization.metadata
    assert metadata["dagster/row_count"].value == 1300
    assert metadata["last"].value == "2013-03-01"
    assert metadata["findings_open"].value == sum(
        record.data["outcome"] == "open" for record in metadata["findings"].records
    )
    assert [column.name for column in metadata["dagster/column_schema"].schema.columns][:3] == [
        "ticker",
        "date",
        "open",
    ]
    assert metadata["close"].value.startswith("![AAPL close")


def test_what_a_check_said_of_one_ticker_stays_when_another_is_checked(filled):
    key = dg.AssetCheckKey(dg.AssetKey("prices"), "sound_bars")

    def said(ticker: str) -> dg.AssetCheckEvaluation:
        history = filled.instance.event_log_storage.get_asset_check_execution_history(
            key, limit=1, partition_filter=PartitionKeyFilter(key=ticker)
        )
        return history[0].event.dagster_event.asset_check_evaluation_data

    assert (said("AAPL").passed, said("IBM").passed) == (True, False)
    assert said("AAPL").description == "AAPL: kept"
    assert said("IBM").description == filled.runs["IBM"].error


@pytest.mark.parametrize(("asset", "check"), [("prices", "sound_bars"), ("features", "enough_history")])
def test_a_check_is_told_of_the_materialisation_that_it_judged(filled, asset, check):
    key = dg.AssetKey(asset)
    run = filled.runs["AAPL"].run_id

    judged = filled.instance.get_records_for_run(run, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records

    evaluation = next(
        found
        for record in judged
        if (found := record.event_log_entry.dagster_event.asset_check_evaluation_data).asset_check_key
        == dg.AssetCheckKey(key, check)
    )
    assert evaluation.target_materialization_data.run_id == run


def test_a_ticker_is_fresh_until_its_bars_the_settings_or_the_code_change(filled, monkeypatch):
    from stock_assets import freshness

    instance, settings = filled.instance, filled.settings
    fewer = settings.model_copy(update={"as_of": np.datetime64("2013-02-01").item()})

    assert is_fresh(instance, settings, "AAPL", now=NOW)
    assert not is_fresh(instance, settings, "FB", now=NOW)
    assert not is_fresh(instance, settings, "NEW", now=NOW)
    assert not is_fresh(instance, fewer, "AAPL", now=NOW)
    monkeypatch.setattr(freshness, "code_digest", lambda: "another")
    assert not is_fresh(instance, settings, "AAPL", now=NOW)


def test_a_portfolio_is_made_of_the_weeks_bars_only(filled):
    week = Week.of(lake_of(filled.settings).read("portfolio_weights", filled.rest.week))

    assert filled.rest.week == "2013-02-24"
    assert str(week.data_through) == "2013-03-01"
    assert set(week.weights) >= {Strategy.MINIMUM_VARIANCE, Strategy.EQUAL_WEIGHT}
    for weights in week.weights.values():
        assert weights.sum() == pytest.approx(1.0)


def test_the_first_run_makes_every_week_that_the_bars_allow(filled):
    weeks = lake_of(filled.settings).keys("portfolio_weights")
    session = sample_bars("AAPL").session[-BARS:]

    # A return less than there are bars, of which the first week has its fill.
    assert weeks[0] == week_of(session[LOOKBACK].item())
    assert weeks[-1] == filled.rest.week
    assert {(later - earlier).days for earlier, later in pairwise(map(date.fromisoformat, weeks))} == {7}


@pytest.mark.parametrize(
    ("there", "known", "most", "due"),
    [
        ((), ["AAPL"], 260, ("2009-12-27", "2013-02-24")),
        ((), ["AAPL"], 5, ("2013-01-27", "2013-02-24")),
        ((), ["AAPL"], 1, "2013-02-24"),
        (("2013-02-03",), ["AAPL"], 260, ("2013-02-03", "2013-02-24")),
        (("2012-02-05", "2013-02-24"), ["AAPL"], 260, "2013-02-24"),
        (("2013-03-10",), ["AAPL"], 5, ("2013-01-27", "2013-02-24")),
        (("2013-02-03", "2013-03-10"), ["AAPL"], 260, ("2013-02-03", "2013-02-24")),
        ((), ["FB"], 260, "2013-02-24"),
        ((), [], 260, "2013-02-24"),
    ],
    ids=[
        "all that are possible",
        "no more than asked for",
        "one",
        "since the newest that is there",
        "not the gaps before it",
        "later ones are none of them",
        "later ones hide none of them",
        "of a ticker too young",
        "of no ticker",
    ],
)
def test_which_weeks_are_due(tmp_path, there, known, most, due):
    lake = Lake(UPath(tmp_path))
    for name, bars in (("AAPL", 1300), ("FB", 196)):
        lake.write("prices", name, price_table(sample_bars(name)[-bars:], ticker=name))
        lake.write_files("champion", name, {"a": b"file"})
    for week in there:
        lake.write("portfolio_weights", week, price_table(sample_bars("FB")[:1], ticker="FB"))

    assert weeks_due(lake, known, "2013-02-24", most=most) == due


def test_a_selection_runs_a_part_of_the_chain_and_says_what_it_starts(filled):
    started: list[str] = []

    run = materialize_ticker(filled.instance, filled.settings, "AAPL", "features", report=started.append)

    assert run.ok
    assert started == ["features"]


@pytest.mark.parametrize("selection", ["no_such_asset", "published_release", "model+++("])
def test_a_selection_that_picks_nothing_of_the_chain_is_refused(filled, selection):
    with pytest.raises(BadSelection, match="selection: expected"):
        materialize_ticker(filled.instance, filled.settings, "AAPL", selection)


def test_nothing_is_published_before_a_ticker_has_a_champion(tmp_path):
    settings = PipelineSettings(home=tmp_path)

    with (
        open_instance(settings) as instance,
        pytest.raises(NothingToPublish, match="expected a ticker with a champion"),
    ):
        materialize_rest(instance, settings)


def test_a_home_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "home").write_text("a file where a folder should be")

    with pytest.raises(HomeUnwritable, match="home: expected a writable folder, got"):
        open_instance(PipelineSettings(home=tmp_path / "home"))


def test_rows_without_a_single_bar_among_them_go_to_the_quarantine_all_the_same(tmp_path):
    table = price_table(sample_bars("IBM")[-5:], ticker="IBM").assign(close=-1.0)
    table.to_csv(tmp_path / "bars.csv", index=False)
    settings = PipelineSettings(home=tmp_path / "home", source=SourceName.FILES, data=tmp_path / "bars.csv")
    with open_instance(settings) as instance:
        instance.add_dynamic_partitions("tickers", ["IBM"])
        run = materialize_ticker(instance, settings, "IBM", "prices")

    kept = Vault(Lake(UPath(settings.lake))).quarantine("IBM")
    assert not run.ok
    assert "IBM" in run.error
    assert list(kept["rule"]) == ["price_positive"] * 5
    assert list(kept["session"]) == list(table["date"].astype(str))
