"""MLflow, through `dagster-mlflow`: one MLflow run a Dagster run, which fails when the Dagster run fails.

Importing MLflow takes seconds, so nothing here does it before a run needs it. What is logged, and when, is decided
by the assets; the calls that say it in MLflow's words stand here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, HookContext
from dagster._core.definitions.decorators.hook_decorator import event_list_hook  # as dagster-mlflow does

from quant.features import NAMES
from stock_assets.resources.registry import CHALLENGER, answering, model_name
from stock_assets.resources.stopwatch import timed
from stock_assets.settings import PipelineSettings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPERIMENT: Final = "stock-assets"
RUN_TAG: Final = "dagster_run_id"
FINISHED: Final = "FINISHED"
FAILED: Final = "FAILED"
MODEL_CARD: Final = "model_card.md"
FIGURES: Final = "figures"
# Packed less tightly: a twentieth larger, and drawn in two thirds of the time.
QUICKLY: Final = {"pil_kwargs": {"compress_level": 1}}


@cache
def mlflow() -> Any:
    """The `mlflow` module, imported when first wanted and told not to call home."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    # MLflow would try a server that is down for four minutes, at every call; a run is tried again by whoever wants it.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    import logging
    import warnings

    import mlflow as module
    import mlflow.onnx

    # dagster-mlflow is beta and says so on import and on every run; MLflow tells of every registered version.
    warnings.filterwarnings("ignore", message=".*(mlflow_tracking|_create_mlflow_run_hook|MlFlow).*beta")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return module


def warm_up(settings: PipelineSettings) -> None:
    """What costs a process its first seconds of tracking: the imports, and a new database's migrations."""
    _keep_fonts_at_home(settings)
    mlflow()
    import dagster_mlflow  # noqa: F401
    import matplotlib.backends.backend_agg  # which looks for the machine's fonts
    import matplotlib.dates
    import matplotlib.figure  # noqa: F401

    prepare_tracking(settings)


def _keep_fonts_at_home(settings: PipelineSettings) -> None:
    """matplotlib keeps a list of the machine's fonts, by default in the user's own folder."""
    os.environ.setdefault("MPLCONFIGDIR", str(settings.mlflow / "matplotlib"))


def prepare_tracking(settings: PipelineSettings) -> None:
    """Make the tracking database and the experiment, once: its first migration takes seconds and must not be raced."""
    _keep_fonts_at_home(settings)
    marker = settings.mlflow / ".prepared"
    if marker.exists() and marker.read_text("utf-8") == _stamp(settings):
        return
    settings.mlflow.mkdir(parents=True, exist_ok=True)
    with (settings.mlflow / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if marker.exists() and marker.read_text("utf-8") == _stamp(settings):
            return
        client = mlflow().MlflowClient(settings.tracking_uri)
        with answering(settings.tracking_uri):
            if client.get_experiment_by_name(EXPERIMENT) is None:
                artifacts = None if settings.mlflow_uri else (settings.mlflow / "artifacts").as_uri()
                client.create_experiment(EXPERIMENT, artifact_location=artifacts)
        marker.write_text(_stamp(settings), "utf-8")


def _stamp(settings: PipelineSettings) -> str:
    # A digest: the address may hold a password.
    return hashlib.sha256(f"{version('mlflow')} {settings.tracking_uri}".encode()).hexdigest()


def tracking(settings: PipelineSettings) -> dg.ResourceDefinition:
    """The resource ``mlflow``: `dagster_mlflow.mlflow_tracking` with its run's end put right."""
    config = {
        "experiment_name": dg.Field(str, default_value=EXPERIMENT),
        "mlflow_tracking_uri": dg.Field(str, default_value=settings.tracking_uri),
        "parent_run_id": dg.Field(dg.Noneable(str), default_value=None),
        "mlflow_run_id": dg.Field(dg.Noneable(str), default_value=None),
        "env": dg.Field(dict, default_value={}),
        "env_to_tag": dg.Field(dg.Noneable(list), default_value=None),
        "extra_tags": dg.Field(dict, default_value={}),
    }

    @dg.resource(config_schema=config, description="One MLflow run for each Dagster run.")
    def mlflow_run(context: dg.InitResourceContext) -> Iterator[Any]:
        with timed(""):
            prepare_tracking(settings)
            mlflow()
            from dagster_mlflow import mlflow_tracking

            dagster_run_id = context.run.run_id if context.run is not None else None
            opened: Any = mlflow_tracking.resource_fn(context)  # type: ignore[call-arg]  # a context is what it takes
            with answering(settings.tracking_uri):
                run = next(opened)
        try:
            yield run
        finally:
            with timed(""):
                opened.close()
                # dagster-mlflow leaves a run open without its hook, and FINISHED when only a late step failed.
                failed = _any_step_failed(context.instance, dagster_run_id)
                with answering(settings.tracking_uri):
                    _close(settings.tracking_uri, dagster_run_id, FAILED if failed else FINISHED)

    return mlflow_run


def _any_step_failed(instance: DagsterInstance | None, run_id: str | None) -> bool:
    if instance is None or run_id is None:
        return False
    return bool(instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE))


def _close(uri: str, dagster_run_id: str | None, status: str) -> None:
    """End the MLflow run of a Dagster run with a status, in this process and in the tracking database."""
    mlflow().end_run(status=status)
    for run in runs_of(uri, dagster_run_id):
        if run.info.status != status:
            mlflow().MlflowClient(uri).set_terminated(run.info.run_id, status=status)


def runs_of(uri: str, dagster_run_id: str | None) -> Sequence[Any]:
    """The MLflow runs of a Dagster run: one, or none if it never got that far."""
    client = mlflow().MlflowClient(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return ()
    found: Sequence[Any] = client.search_runs([experiment.experiment_id], f"tags.{RUN_TAG} = '{dagster_run_id}'")
    return found


def mark_failed(uri: str, dagster_run_id: str) -> int:
    """Set the MLflow runs of a failed Dagster run to FAILED; how many were not. For a process that died at work.

    `RegistryUnavailable` if MLflow does not answer.
    """
    with answering(uri):
        wrong = [run for run in runs_of(uri, dagster_run_id) if run.info.status != FAILED]
        for run in wrong:
            mlflow().MlflowClient(uri).set_terminated(run.info.run_id, status=FAILED)
    return len(wrong)


@event_list_hook(name="end_mlflow_on_run_finished", required_resource_keys={"mlflow"})
def end_mlflow_on_run_finished(context: HookContext, event_list: Sequence[DagsterEvent]) -> Any:
    """`dagster_mlflow.end_mlflow_on_run_finished`, imported when a run ends instead of when the graph is loaded."""
    from dagster_mlflow import end_mlflow_on_run_finished as hook

    return hook.hook_fn(context, event_list)


@timed("model")
def log_training(
    run: Any,
    ticker: str,
    *,
    graph: bytes,
    outputs: Sequence[str],
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
) -> tuple[str, str, str]:
    """Log a training to the resource's run, register the model and make it the challenger.

    Returns
    -------
    run_id, model_name, model_version : str

    Raises
    ------
    RegistryUnavailable
    """
    import numpy as np
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    double = np.dtype(np.float64)
    signature = ModelSignature(
        Schema([TensorSpec(double, (-1, len(NAMES)), "features")]),
        Schema([TensorSpec(double, (-1, 1), name) for name in outputs]),
    )
    with answering(run.get_tracking_uri()):
        run.set_tags({**tags, "mlflow.runName": ticker, "ticker": ticker})
        run.log_params(dict(params))
        run.log_metrics(dict(metrics))
        logged = run.onnx.log_model(
            onnx.load_from_string(graph),
            name="model",
            signature=signature,
            pip_requirements=[f"{name}=={version(name)}" for name in ("onnxruntime", "numpy")],
            registered_model_name=model_name(ticker),
        )
        registered = str(logged.registered_model_version)
        run.MlflowClient().set_registered_model_alias(model_name(ticker), CHALLENGER, registered)
    return str(run.active_run().info.run_id), model_name(ticker), registered


@timed("oos_predictions")
def log_evaluation(run: Any, *, metrics: Mapping[str, float], figures: Mapping[str, Figure]) -> None:
    """Log an evaluation's scores to the resource's run, and its figures by their file names."""
    with answering(run.get_tracking_uri()):
        run.log_metrics(dict(metrics))
        for name, figure in figures.items():
            run.log_figure(figure, f"{FIGURES}/{name}", save_kwargs=QUICKLY)


@timed("signals")
def log_outcome(
    uri: str, run_id: str, *, card: str, metrics: Mapping[str, float], figures: Mapping[str, Figure]
) -> None:
    """Log to a run, by its id, the model card of what it trained and what came of trading by it.

    By its id, because most runs that make signals train nothing and have no run of MLflow's.
    """
    from mlflow.entities import Metric

    client, now = mlflow().MlflowClient(uri), int(time.time() * 1e3)
    with answering(uri):
        client.log_batch(run_id, metrics=[Metric(name, value, now, 0) for name, value in metrics.items()])
        for name, figure in figures.items():
            client.log_figure(run_id, figure, f"{FIGURES}/{name}", save_kwargs=QUICKLY)
        client.log_text(run_id, card, MODEL_CARD)


@timed("portfolio_performance")
def log_portfolio(
    settings: PipelineSettings,
    dagster_run_id: str,
    *,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    figures: Mapping[str, Figure],
) -> str:
    """Log a week's portfolio as a run of its own; its id.

    Without the resource ``mlflow``, whose absence would fail the run that publishes: a release does without pictures.

    Raises
    ------
    RegistryUnavailable
    """
    from mlflow.entities import Metric, Param, RunTag

    prepare_tracking(settings)
    client, now = mlflow().MlflowClient(settings.tracking_uri), int(time.time() * 1e3)
    with answering(settings.tracking_uri):
        experiment = client.get_experiment_by_name(EXPERIMENT)
        run_id = str(client.create_run(experiment.experiment_id, run_name="portfolio").info.run_id)
        status = FAILED
        try:
            client.log_batch(
                run_id,
                metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
                params=[Param(name, value) for name, value in params.items()],
                tags=[RunTag(RUN_TAG, dagster_run_id)],
            )
            for name, figure in figures.items():
                client.log_figure(run_id, figure, f"{FIGURES}/{name}", save_kwargs=QUICKLY)
            status = FINISHED
        finally:
            client.set_terminated(run_id, status=status)
    return run_id


@timed("model")
def log_dataset(run: Any, ticker: str, *, digest: str, source: Mapping[str, str], path: Path | str) -> None:
    """Log which bars the run learned from."""
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset

    where = CodeDatasetSource({**source, "lake": str(path)})
    # MLflow's column for it holds 36 characters.
    bars = MetaDataset(where, name=f"bars-{ticker}", digest=digest[:36])  # type: ignore[abstract]  # used so by MLflow
    with answering(run.get_tracking_uri()):
        run.log_input(bars, context="training")
