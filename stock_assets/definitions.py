"""The code location: every asset, job, schedule and sensor with the resources that the settings ask for."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import dagster as dg

from release.clock import Clock, SystemClock
from stock_assets.assets import champion, forecast, market_data, portfolio, publication, skill, trading
from stock_assets.jobs import JOBS
from stock_assets.resources.lake import LakeIOManager, lake_of
from stock_assets.resources.tracking import tracking
from stock_assets.schedules import SCHEDULES
from stock_assets.sensors.drift import forecast_drift
from stock_assets.sensors.freshness import freshness
from stock_assets.sensors.runs import mlflow_follows_failures, publish_after_tickers
from stock_assets.sensors.universe import universe_changes
from stock_assets.settings import PipelineSettings
from stock_assets.sources.catalogue import opened

ASSETS: Final = (
    market_data.prices,
    market_data.features,
    forecast.model,
    forecast.oos_predictions,
    champion.champion,
    trading.signals,
    trading.live_performance,
    portfolio.portfolio_weights,
    portfolio.portfolio_performance,
    skill.skill,
    publication.published_release,
)
SENSORS: Final = (freshness, forecast_drift, universe_changes, publish_after_tickers, mlflow_follows_failures)


@lru_cache(maxsize=4)
def definitions(settings: PipelineSettings, clock: Clock = SystemClock()) -> dg.Definitions:  # noqa: B008
    """The graph as the settings have it; time comes from `clock`."""
    lake = lake_of(settings)
    return dg.Definitions(
        assets=ASSETS,
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=SENSORS,
        # Runs of one ticker are small: a process for each step would cost more than the step.
        executor=dg.in_process_executor,
        resources={
            "settings": settings,
            "market": _market_data(settings),
            "lake": lake,
            "io_manager": LakeIOManager(lake),
            "clock": clock,
            "mlflow": tracking(settings),
        },
    )


def _market_data(settings: PipelineSettings) -> dg.ResourceDefinition:
    """The source as a resource that is opened by the run: a wrong path fails runs, not the code location."""
    return dg.ResourceDefinition(lambda _: opened(settings), description="Where bars come from.")


defs = definitions(PipelineSettings())
