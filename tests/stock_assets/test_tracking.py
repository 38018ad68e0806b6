"""What MLflow tells of a ticker's run: all of it after one that went well, and FAILED wherever one went wrong."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import msgspec
import numpy as np
import pandas as pd
import pytest
from shared_data import sample_bars
from upath import UPath

from quant.features import NAMES
from release.onnx_model import OnnxModel
from stock_assets.champions import Champion
from stock_assets.frames import history_of, price_table
from stock_assets.instance import open_instance
from stock_assets.jobs import TRAINING
from stock_assets.resources.lake import Lake
from stock_assets.resources.registry import RegistryUnavailable
from stock_assets.resources.tracking import log_outcome, mark_failed, mlflow, prepare_tracking, runs_of
from stock_assets.runs import bury_dead_runs, materialize_ticker
from stock_assets.sensors.runs import mlflow_follows_failures
from stock_assets.settings import PipelineSettings, SourceName

# Just enough to train on.
BARS = 1_050
# By the step that fails: where in the lake something stands in its way.
IN_THE_WAY = {
    "prices": "prices/{}.parquet",
    "features": "features/{}.parquet",
    "model": "model/{}/",
    "oos_predictions": "oos_predictions/{}/",
    "champion": "champion/{}/",
    "signals": "signals/{}/",
}
KILLED = ("BURIED", "SENSED")
TWICE = "TWICE"


def ticker_of(step: str) -> str:
    """A ticker of the step's own, for tickers have at most 15 characters and no underscore."""
    return step.upper().replace("_", "-")[:12]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> PipelineSettings:
    """A home with a ticker for each way to fail."""
    folder: Path = tmp_path_factory.mktemp("tracking")
    bars = sample_bars("IBM")[-BARS:]
    names = (*map(ticker_of, IN_THE_WAY), *KILLED, TWICE)
    pd.concat([price_table(bars, ticker=name) for name in names]).to_csv(folder / "bars.csv", index=False)
    settings = PipelineSettings(home=folder / "home", source=SourceName.FILES, data=folder / "bars.csv")
    prepare_tracking(settings)
    return settings


@pytest.fixture(scope="module")
def instance(home):
    with open_instance(home) as opened:
        opened.add_dynamic_partitions("tickers", [*map(ticker_of, IN_THE_WAY), *KILLED, TWICE])
        yield opened


@pytest.fixture(scope="module")
def killed(home, instance) -> dict[str, str]:
    """Run ids by ticker; the process of each was killed as its evaluation began, with its MLflow run open."""
    code = (
        "import os, signal, sys\n"
        "from stock_assets.instance import open_instance\n"
        "from stock_assets.runs import materialize_ticker\n"
        "from stock_assets.settings import PipelineSettings, SourceName\n"
        "settings = PipelineSettings(home=sys.argv[1], source=SourceName.FILES, data=sys.argv[2])\n"
        "def kill_at(step):\n"
        "    if step == 'oos_predictions': os.kill(os.getpid(), signal.SIGKILL)\n"
        "with open_instance(settings) as instance:\n"
        "    materialize_ticker(instance, settings, sys.argv[3], report=kill_at)\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, home.home, home.data, name]) for name in KILLED]
    assert [process.wait() for process in processes] == [-signal.SIGKILL] * len(KILLED)
    return {name: instance.get_runs(dg.RunsFilter(tags={"ticker": name}), limit=1)[0].run_id for name in KILLED}


def statuses(settings: PipelineSettings, run_id: str) -> list[str]:
    return [run.info.status for run in runs_of(settings.tracking_uri, run_id)]


@pytest.fixture(scope="module")
def tracked(filled):
    """The MLflow run of a Dagster run that went well."""
    (run,) = runs_of(filled.settings.tracking_uri, filled.runs["AAPL"].run_id)
    return run


@pytest.fixture(scope="module")
def champion(filled) -> Champion:
    return Champion.read(Lake(UPath(filled.settings.lake)), "AAPL")


def artifact(settings: PipelineSettings, run, path: str) -> bytes:
    client = mlflow().MlflowClient(settings.tracking_uri)
    return Path(client.download_artifacts(run.info.run_id, path)).read_bytes()


def test_the_settings_that_were_chosen_and_how_many_were_tried_are_its_parameters(filled, tracked):
    params = tracked.data.params

    for horizon in filled.settings.horizons:
        assert float(params[f"ridge_{horizon}_alpha"]) > 0
        assert int(params[f"forest_{horizon}_depth"]) >= 1
        assert float(params[f"har_{horizon}_alpha"]) > 0
    assert int(params["tuning_trials"]) > 1
    assert params["horizons"] == str(filled.settings.horizons)
    assert int(params["rows"]) > 0
    assert "seed" in params


def test_every_score_and_parameter_of_the_forecasts_is_a_metric_by_horizon(tracked, champion):
    metrics = tracked.data.metrics

    for horizon, scores in champion.metrics.items():
        for name, value in msgspec.structs.asdict(scores).items():
            if isinstance(value, int | float):
                assert metrics[f"{name}_{horizon}"] == pytest.approx(value), name
    for horizon, parameters in champion.parameters.items():
        assert metrics[f"historical_mean_{horizon}"] == parameters.historical_mean
        assert metrics[f"edge_weights_ridge_{horizon}"] == parameters.edge_weights["ridge"]
        assert metrics[f"bounds_lower_90_{horizon}"] == parameters.bounds.lower_90
    assert metrics["onnx_max_error"] <= 1e-6


def test_what_trading_by_it_made_stands_beside_buy_and_hold(tracked):
    metrics = tracked.data.metrics

    for book in ("signals", "buy_and_hold"):
        assert {f"{book}_annualised_return", f"{book}_maximum_drawdown", f"{book}_deflated_sharpe"} <= set(metrics)


def test_the_bars_that_it_learned_from_are_known_by_their_digest(tracked, champion):
    (used,) = tracked.inputs.dataset_inputs

    assert tracked.data.tags["data_sha256"] == champion.lineage.data_sha256
    assert used.dataset.name == "bars-AAPL"
    assert used.dataset.digest == champion.lineage.data_sha256[:36]


def test_its_tags_lead_to_the_dagster_run_and_the_code(filled, tracked, champion):
    tags = tracked.data.tags

    assert tags["dagster_run_id"] == filled.runs["AAPL"].run_id
    assert tags["ticker"] == tags["mlflow.runName"] == "AAPL"
    assert {"code_version", "code_digest"} <= set(tags)
    assert tracked.info.run_id == champion.lineage.mlflow_run_id


@pytest.mark.parametrize("name", ["reliability", "coverage", "importance", "equity"])
def test_its_pictures_are_there(filled, tracked, name):
    assert artifact(filled.settings, tracked, f"figures/{name}.png").startswith(b"\x89PNG")


def test_its_model_card_is_there_with_what_its_signals_earned(filled, tracked, champion):
    card = artifact(filled.settings, tracked, "model_card.md").decode()

    assert card.startswith(f"# Model card: AAPL, version {champion.lineage.model_version}\n")
    assert champion.lineage.data_sha256[:12] in card
    assert "Trading the signals:" in card


def test_the_registered_model_has_a_signature_of_every_output_and_says_what_serves(filled, champion):
    mlflow().set_tracking_uri(filled.settings.tracking_uri)
    uri = f"models:/{champion.lineage.model_name}/{champion.lineage.model_version}"

    signature = mlflow().models.get_model_info(uri).signature
    graph = mlflow().onnx.load_model(uri).SerializeToString()

    (features,) = signature.inputs.inputs
    assert (features.name, features.shape, features.type) == ("features", (-1, len(NAMES)), np.dtype(np.float64))
    assert {output.name for output in signature.outputs.inputs} == set(OnnxModel(champion.onnx).outputs)
    rows = history_of(Lake(UPath(filled.settings.lake)).read("features", "AAPL")).X[-50:]
    ours, theirs = OnnxModel(champion.onnx).predict(rows), OnnxModel(graph).predict(rows)
    for name, said in ours.items():
        np.testing.assert_array_equal(said, theirs[name])


def test_a_model_that_does_not_serve_has_a_card_but_no_trading_record_and_signals_alone_have_no_card(home, instance):
    client = mlflow().MlflowClient(home.tracking_uri)

    def told(selection: str | None) -> tuple[str, set[str]]:
        run = materialize_ticker(instance, home, TWICE, selection)
        assert run.ok, run.error
        (tracked,) = runs_of(home.tracking_uri, run.run_id)
        pages = {file.path for file in client.list_artifacts(tracked.info.run_id)}
        card = artifact(home, tracked, "model_card.md").decode() if "model_card.md" in pages else ""
        return card, {file.path for file in client.list_artifacts(tracked.info.run_id, "figures")}

    serving, drawn = told(None)
    refused, drawn_of_refused = told("key:model or key:oos_predictions or key:signals")
    nothing, drawn_of_nothing = told("key:signals")

    assert serving.startswith("# Model card: TWICE, version 1\n")
    assert "figures/equity.png" in drawn
    assert refused.startswith("# Model card: TWICE, version 2\n")
    assert "this version has made none" in refused
    assert drawn_of_refused == drawn - {"figures/equity.png"}
    assert (nothing, drawn_of_nothing) == ("", set())


@pytest.mark.parametrize("step", IN_THE_WAY)
def test_a_run_that_fails_at_any_step_is_failed_in_mlflow_too(home, instance, step):
    ticker = ticker_of(step)
    blocked = UPath(home.lake) / IN_THE_WAY[step].format(ticker)
    blocked.parent.mkdir(parents=True, exist_ok=True)
    # A folder stands where a file is to be written, or a file where a folder is to be.
    blocked.mkdir() if blocked.suffix == ".parquet" else Path(str(blocked).rstrip("/")).touch()

    run = materialize_ticker(instance, home, ticker)

    assert not run.ok
    assert step not in run.step_seconds
    assert set(run.step_seconds) >= set(TRAINING[: TRAINING.index(step)])
    assert statuses(home, run.run_id) == ["FAILED"]
    assert mlflow().active_run() is None


@pytest.mark.parametrize(
    "say",
    [
        lambda uri: log_outcome(uri, "run", card="", metrics={"sharpe": 1.0}, figures={}),
        lambda uri: mark_failed(uri, "run"),
    ],
    ids=["what came of a training", "that a run failed"],
)
def test_an_mlflow_that_has_gone_is_named_without_the_password_of_its_address(say, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    with pytest.raises(RegistryUnavailable, match=r"expected it to answer at http://127\.0\.0\.1:9, got") as refused:
        say("http://somebody:secret@127.0.0.1:9")

    assert "secret" not in str(refused.value)


def test_the_run_of_a_process_that_was_killed_stays_open_until_somebody_looks(home, killed):
    assert [statuses(home, run_id) for run_id in killed.values()] == [["RUNNING"]] * len(KILLED)


def test_the_sensor_of_failed_runs_fails_them_in_mlflow(home, instance, killed):
    run = instance.get_run_by_id(killed["SENSED"])
    event = instance.report_run_failed(run, "its process has died")
    context = dg.build_run_status_sensor_context(
        sensor_name=mlflow_follows_failures.name,
        dagster_event=event,
        dagster_instance=instance,
        dagster_run=instance.get_run_by_id(run.run_id),
        resources={"settings": home},
    )

    mlflow_follows_failures(context.for_run_failure())

    assert statuses(home, run.run_id) == ["FAILED"]


def test_burying_the_runs_of_dead_processes_fails_them_in_mlflow(home, instance, killed):
    run_id = killed["BURIED"]

    buried = bury_dead_runs(instance, home)

    assert run_id in buried
    assert instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.FAILURE
    assert statuses(home, run_id) == ["FAILED"]
