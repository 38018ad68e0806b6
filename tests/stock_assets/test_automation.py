"""Schedules and sensors, evaluated on a real instance with the clock standing where the test wants it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from upath import UPath

from quant.drift import FEWEST_LIVE
from release.audit import AuditLog, LoggedForecast, LoggedOutcome
from release.clock import FixedClock
from stock_assets.definitions import definitions
from stock_assets.instance import open_instance
from stock_assets.jobs import refresh_ticker, update_ticker
from stock_assets.partitions import TICKERS, last_day, week_of, weeks
from stock_assets.resources.lake import Lake
from stock_assets.runs import materialize_ticker
from stock_assets.schedules import daily_after_close, weekly_retraining
from stock_assets.sensors.drift import forecast_drift
from stock_assets.sensors.freshness import freshness
from stock_assets.sensors.runs import publish_after_tickers
from stock_assets.settings import PipelineSettings

FRIDAY = datetime(2013, 3, 1, 23, 0, tzinfo=UTC)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri")


@dataclass(frozen=True)
class World:
    """An instance that knows tickers of four exchanges, each with a champion, and a new one without."""

    instance: dg.DagsterInstance
    settings: PipelineSettings


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    settings = PipelineSettings(home=tmp_path)
    with open_instance(settings) as instance:
        names = ["7203.T", "AAPL", "BTC-USD", "SHEL.L"]
        instance.add_dynamic_partitions(TICKERS, [*names, "NEW"])
        for name in names:
            Lake(UPath(settings.lake)).write_files("champion", name, {"parameters.json": b"{}"})
        yield World(instance, settings)


def resources(filled, *, now: datetime = FRIDAY, **changes) -> dict:
    settings = filled.settings.model_copy(update=changes)
    return {"lake": Lake(UPath(settings.lake)), "settings": settings, "clock": FixedClock(now)}


def sensor_context(filled, given: dict, *, cursor: str | None = None) -> dg.SensorEvaluationContext:
    graph, reference = definitions(filled.settings), filled.instance.get_ref()
    return dg.build_sensor_context(definitions=graph, resources=given, cursor=cursor, instance_ref=reference)


def schedule_context(filled, due: datetime) -> dg.ScheduleEvaluationContext:
    repository, reference = definitions(filled.settings).get_repository_def(), filled.instance.get_ref()
    given = {"lake": Lake(UPath(filled.settings.lake))}
    return dg.build_schedule_context(
        scheduled_execution_time=due, repository_def=repository, instance_ref=reference, resources=given
    )


def requests(result) -> dict[str, dg.RunRequest]:
    return {request.partition_key: request for request in result.run_requests or []}


def test_the_code_location_loads_without_mlflow_and_everything_is_off_until_someone_turns_it_on():
    script = "import sys, stock_assets.definitions; sys.exit('mlflow' in sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", script], check=False, timeout=120)
    graph = definitions.__wrapped__(PipelineSettings())

    assert loaded.returncode == 0
    dg.Definitions.validate_loadable(graph)
    assert all(sensor.default_status is dg.DefaultSensorStatus.STOPPED for sensor in graph.sensors)
    assert all(schedule.default_status is dg.DefaultScheduleStatus.STOPPED for schedule in graph.schedules)


def test_every_asset_says_what_it_is(filled):
    graph = definitions(filled.settings).resolve_asset_graph()

    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.group_name != "default", key
        assert node.kinds, key


def test_the_daily_schedule_asks_for_one_run_a_ticker_once_its_close_has_settled(filled):
    evening = datetime(2013, 2, 28, 22, 0, tzinfo=UTC)
    with schedule_context(filled, evening) as context:
        result = daily_after_close.evaluate_tick(context)

    # FB, IBM and NEW have no champion to speak of their bars.
    assert set(requests(result)) == {"AAPL"}
    assert requests(result)["AAPL"].run_key == "AAPL-2013-02-28"


def test_the_daily_schedule_says_why_it_does_nothing_on_a_holiday(filled):
    christmas = datetime(2012, 12, 25, 22, 0, tzinfo=UTC)
    with schedule_context(filled, christmas) as context:
        result = daily_after_close.evaluate_tick(context)

    assert not result.run_requests
    assert result.skip_message == "no session of XNYS closed from 2012-12-25 20:00 to 21:00 UTC"


def test_each_ticker_is_asked_for_after_its_own_exchange_s_close_and_once_a_session(world):
    # From Monday, 23 December 2024, to the Saturday after: Christmas, half days, a weekend.
    monday = datetime(2024, 12, 23, tzinfo=UTC)
    asked: dict[str, list[str]] = {}
    for n in range(6 * 24):
        due = monday + timedelta(hours=n)
        with schedule_context(world, due) as context:
            for request in daily_after_close.evaluate_tick(context).run_requests or ():
                asked.setdefault(request.partition_key, []).append(f"{due:%a %H} for {request.run_key}")

    assert asked == {
        "7203.T": [f"{day} 08 for 7203.T-2024-12-{n}" for day, n in zip(WEEKDAYS, range(23, 28), strict=True)],
        "AAPL": [
            "Mon 22 for AAPL-2024-12-23",
            "Tue 19 for AAPL-2024-12-24",
            "Thu 22 for AAPL-2024-12-26",
            "Fri 22 for AAPL-2024-12-27",
        ],
        "BTC-USD": [
            f"{day} 01 for BTC-USD-2024-12-{n}" for day, n in zip((*WEEKDAYS, "Sat"), range(22, 28), strict=True)
        ],
        "SHEL.L": ["Mon 18 for SHEL.L-2024-12-23", "Tue 14 for SHEL.L-2024-12-24", "Fri 18 for SHEL.L-2024-12-27"],
    }


def test_the_weekly_schedule_asks_for_every_ticker(filled):
    due = datetime(2013, 3, 2, 11, 0, tzinfo=UTC)
    with schedule_context(filled, due) as context:
        result = weekly_retraining.evaluate_tick(context)

    assert len(result.run_requests) == 4


def test_a_fresh_ticker_is_left_alone_and_a_stale_one_is_not_hidden_by_it(filled):
    with sensor_context(filled, resources(filled)) as context:
        result = freshness.evaluate_tick(context)

    # AAPL and FB have the bar of 1 March, IBM's never got in and NEW has none.
    assert set(requests(result)) == {"IBM", "NEW"}
    assert requests(result)["NEW"].job_name == refresh_ticker.name


def test_freshness_asks_once_a_ticker_and_session(filled):
    monday = resources(filled, now=datetime(2013, 3, 4, 23, 0, tzinfo=UTC))
    with sensor_context(filled, monday) as context:
        first = freshness.evaluate_tick(context)
    with sensor_context(filled, monday, cursor=first.cursor) as context:
        second = freshness.evaluate_tick(context)

    assert requests(first)["AAPL"].job_name == update_ticker.name
    assert requests(first)["AAPL"].run_key == "AAPL-2013-03-04"
    assert not second.run_requests
    assert "AAPL (last bar 2013-03-01, due 2013-03-04)" in second.skip_message


def test_a_pair_is_stale_an_hour_after_every_midnight_utc(world):
    saturday = resources(world, now=datetime(2024, 12, 28, 12, 0, tzinfo=UTC))
    with sensor_context(world, saturday) as context:
        first = freshness.evaluate_tick(context)
    asked = {name: request.run_key for name, request in requests(first).items()}

    sunday = resources(world, now=datetime(2024, 12, 29, 0, 59, tzinfo=UTC))
    with sensor_context(world, sunday, cursor=first.cursor) as context:
        too_early = freshness.evaluate_tick(context)
    sunday["clock"].at += timedelta(minutes=1)
    with sensor_context(world, sunday, cursor=first.cursor) as context:
        second = freshness.evaluate_tick(context)

    assert asked["BTC-USD"] == "BTC-USD-2024-12-27"
    assert asked["AAPL"] == "AAPL-2024-12-27"
    assert not too_early.run_requests
    assert {name: request.run_key for name, request in requests(second).items()} == {"BTC-USD": "BTC-USD-2024-12-28"}


def test_a_refresh_that_failed_is_asked_for_again_after_a_wait_that_doubles(world):
    # Runs fail when they fail, so the clock begins now; the as-of date keeps another session from being due meanwhile.
    now = datetime.now(UTC)
    given = resources(world, now=now, as_of=date(2024, 12, 27))
    with sensor_context(world, given) as context:
        first = freshness.evaluate_tick(context)
    asked = requests(first)["AAPL"]

    def told(*, after: timedelta) -> dg.RunRequest | None:
        given["clock"].at = now + after
        with sensor_context(world, given, cursor=first.cursor) as context:
            return requests(freshness.evaluate_tick(context)).get("AAPL")

    def fail(request: dg.RunRequest) -> None:
        job = definitions(world.settings).resolve_job_def(request.job_name)
        run = world.instance.create_run_for_job(job, tags={**request.tags, "dagster/partition": "AAPL"})
        assert told(after=timedelta(hours=2)) is None, "a run is under way"
        world.instance.report_run_failed(run, "the vendor is down")

    assert told(after=timedelta(hours=2)) is None, "nobody knows yet how the run went"
    fail(asked)
    too_soon, again = told(after=timedelta(minutes=50)), told(after=timedelta(minutes=70))
    fail(again)
    still_waiting, third = told(after=timedelta(minutes=110)), told(after=timedelta(minutes=130))

    assert asked.tags["stock_assets/due"] == str(asked.run_key).removeprefix("AAPL-")
    assert (too_soon, still_waiting) == (None, None)
    assert (again.run_key, third.run_key) == (f"{asked.run_key}-2", f"{asked.run_key}-3")


def test_bars_kept_from_the_graph_are_not_missed(filled):
    held = resources(filled, now=datetime(2026, 11, 23, tzinfo=UTC), as_of=datetime(2013, 3, 3, tzinfo=UTC).date())
    with sensor_context(filled, held) as context:
        result = freshness.evaluate_tick(context)

    assert "AAPL" not in requests(result)


def test_drift_waits_for_a_champion_and_enough_live_outcomes(filled, tmp_path):
    given = resources(filled, home=tmp_path)
    given["lake"] = Lake(UPath(filled.settings.lake))

    with sensor_context(filled, given) as context:
        result = forecast_drift.evaluate_tick(context)

    assert not result.run_requests
    assert f"AAPL: 0 live outcomes, {FEWEST_LIVE} needed" in result.skip_message
    assert "NEW: no champion" in result.skip_message


@pytest.mark.parametrize(("size", "drifted"), [(0.5, False), (6.0, True)])
def test_live_residuals_that_have_outgrown_the_record_ask_for_retraining(filled, tmp_path, size, drifted):
    given = resources(filled, home=tmp_path)
    given["lake"] = Lake(UPath(filled.settings.lake))
    _log_residuals(given["settings"].audit, size=size)

    with sensor_context(filled, given) as context:
        result = forecast_drift.evaluate_tick(context)

    assert ("AAPL" in requests(result)) is drifted
    if not drifted:
        assert "AAPL: no drift" in result.skip_message


def test_a_champion_is_not_judged_by_the_forecasts_of_the_one_before(filled, tmp_path):
    given = resources(filled, home=tmp_path)
    given["lake"] = Lake(UPath(filled.settings.lake))
    _log_residuals(given["settings"].audit, size=6.0, model_version="0")

    with sensor_context(filled, given) as context:
        result = forecast_drift.evaluate_tick(context)

    assert not result.run_requests
    assert f"AAPL: 0 live outcomes, {FEWEST_LIVE} needed" in result.skip_message


def test_one_release_follows_the_last_of_the_tickers_whichever_is_heard_of(filled):
    last = materialize_ticker(filled.instance, filled.settings, "AAPL", "signals")
    run = filled.instance.get_run_by_id(filled.runs["AAPL"].run_id)
    context = dg.build_run_status_sensor_context(
        sensor_name="publish_after_tickers",
        dagster_event=_success_of(filled.instance, run),
        dagster_instance=filled.instance,
        dagster_run=run,
        resources=resources(filled),
    )

    request = publish_after_tickers(context)

    assert request.partition_key == "2013-02-24"
    assert request.run_key == last.run_id != run.run_id


def test_the_release_makes_up_for_weeks_that_were_missed(filled, tmp_path):
    shutil.copytree(filled.settings.lake, tmp_path / "lake")
    for key in ("2013-02-10", "2013-02-17", "2013-02-24"):
        (tmp_path / "lake" / "portfolio_weights" / f"{key}.parquet").unlink()
    run = filled.instance.get_run_by_id(filled.runs["AAPL"].run_id)
    context = dg.build_run_status_sensor_context(
        sensor_name="publish_after_tickers",
        dagster_event=_success_of(filled.instance, run),
        dagster_instance=filled.instance,
        dagster_run=run,
        resources={**resources(filled), "lake": Lake(UPath(tmp_path / "lake"))},
    )

    request = publish_after_tickers(context)

    assert request.partition_key is None
    assert set(request.tags.values()) >= {"2013-02-03", "2013-02-24"}


def test_a_week_runs_from_sunday_to_saturday():
    friday = datetime(2013, 3, 1, tzinfo=UTC).date()

    assert week_of(friday) == "2013-02-24"
    assert last_day("2013-02-24").isoformat() == "2013-03-02"
    assert weeks.has_partition_key("2013-02-24")


def _success_of(instance, run) -> dg.DagsterEvent:
    return next(
        record.dagster_event
        for record in instance.all_logs(run.run_id)
        if record.dagster_event and record.dagster_event.event_type is dg.DagsterEventType.RUN_SUCCESS
    )


def _log_residuals(path, *, size: float, model_version: str = "1") -> None:
    """Thirty settled live forecasts of AAPL whose errors are `size` standard deviations, up and down in turn."""
    sessions = np.arange(np.datetime64("2013-03-04"), np.datetime64("2013-04-03"))
    with AuditLog.open(path) as log:
        for i, (session, target) in enumerate(zip(sessions, sessions + 1, strict=True)):
            forecast = LoggedForecast(
                ticker="AAPL",
                session=str(session),
                target_session=str(target),
                close=430.0,
                mean=0.001,
                vol=0.02,
                p_up=0.5,
                lower_90=-0.03,
                upper_90=0.03,
                inputs_sha256="0" * 64,
                release_id="2013-03-01-000000000000",
                model_version=model_version,
                dagster_run_id="0" * 32,
                mlflow_run_id="0" * 32,
            )
            (made,) = log.append([forecast])
            outcome = LoggedOutcome(
                forecast_id=made.audit_id,
                ticker=forecast.ticker,
                session=forecast.session,
                target_session=forecast.target_session,
                realised=0.001 + 0.02 * size * (-1) ** i,
            )
            log.append([outcome])
