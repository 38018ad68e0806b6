"""The instance that our processes open: cheaper than Dagster's own, and the same to everybody else."""

import json
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import psutil
import pytest
from dagster import DagsterInstance

from stock_assets.instance import open_instance
from stock_assets.resources.compute_logs import CapturedOnly
from stock_assets.resources.sqlite_storage import OPEN_RUNS, KeptEventLog, KeptRuns
from stock_assets.settings import PipelineSettings


@dg.op
def speak(context: dg.OpExecutionContext) -> None:
    print("to stdout")
    context.log.info("to the log")


@dg.job
def speaking():
    speak()


@pytest.fixture
def settings(tmp_path) -> PipelineSettings:
    return PipelineSettings(home=tmp_path)


def test_what_our_instance_writes_dagsters_own_reads(settings):
    with open_instance(settings) as ours:
        run = speaking.execute_in_process(instance=ours)

    with DagsterInstance.from_config(str(settings.dagster)) as theirs:
        told = theirs.all_logs(run.run_id)
        assert theirs.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.SUCCESS
        assert "to the log" in {entry.user_message for entry in told}
        assert not isinstance(theirs.event_log_storage, KeptEventLog)


def test_what_dagsters_own_writes_our_instance_reads(settings):
    with open_instance(settings) as ours:
        with DagsterInstance.from_config(str(settings.dagster)) as theirs:
            run = speaking.execute_in_process(instance=theirs)

        assert ours.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.SUCCESS
        assert "to the log" in {entry.user_message for entry in ours.all_logs(run.run_id)}


def test_what_a_run_prints_is_in_dagsters_files_for_it(settings, capfd):
    with open_instance(settings) as ours:
        run = speaking.execute_in_process(instance=ours)
        (captured,) = ours.all_logs(run.run_id, of_type=dg.DagsterEventType.LOGS_CAPTURED)

    key = [run.run_id, "compute_logs", captured.dagster_event.logs_captured_data.file_key]
    with DagsterInstance.from_config(str(settings.dagster)) as theirs:
        assert theirs.compute_log_manager.get_log_data(key).stdout == b"to stdout\n"
        assert theirs.compute_log_manager.is_capture_complete(key)
    assert "to stdout" not in capfd.readouterr().out


def test_files_of_old_runs_do_not_stay_open(settings):
    history = f"{settings.dagster}/history/runs/"
    with open_instance(settings) as ours:
        for _ in range(5):
            speaking.execute_in_process(instance=ours)
        opened = [file.path for file in psutil.Process().open_files() if file.path.startswith(history)]

    runs = {path for path in opened if path.endswith(".db") and not path.endswith("index.db")}
    assert 1 <= len(runs) <= OPEN_RUNS


def test_several_threads_may_write_at_once(settings):
    with open_instance(settings) as ours, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: ours.add_dynamic_partitions("letters", [str(i)]), range(40)))

        assert sorted(ours.get_dynamic_partitions("letters"), key=int) == [str(i) for i in range(40)]


def test_storage_that_the_home_names_itself_is_left_alone(settings, tmp_path):
    settings.dagster.mkdir()
    elsewhere = {"storage": {"sqlite": {"base_dir": str(tmp_path / "elsewhere")}}}
    (settings.dagster / "dagster.yaml").write_text(json.dumps(elsewhere))

    with open_instance(settings) as ours:
        assert not isinstance(ours.event_log_storage, KeptEventLog)
        assert not isinstance(ours.run_storage, KeptRuns)
        assert not isinstance(ours.compute_log_manager, CapturedOnly)
    assert (tmp_path / "elsewhere").is_dir()
