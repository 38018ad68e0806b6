"""What is run together. One ticker, one run: a ticker that fails then hurts no other."""

from __future__ import annotations

from typing import Final

import dagster as dg

from stock_assets.resources.tracking import end_mlflow_on_run_finished

TRAINING: Final = ("prices", "features", "model", "oos_predictions", "champion", "signals")
UPDATING: Final = ("prices", "features", "signals")
PUBLISHING: Final = ("portfolio_weights", "portfolio_performance", "skill", "published_release")

refresh_ticker: Final = dg.define_asset_job(
    "refresh_ticker",
    selection=list(TRAINING),
    description="One ticker, from its bars to its signals: fetch, train, evaluate, decide on the champion.",
    hooks={end_mlflow_on_run_finished},
)
update_ticker: Final = dg.define_asset_job(
    "update_ticker",
    selection=list(UPDATING),
    description="One ticker's new bars and what its champion says of them; nothing is trained.",
)
fetch_ticker: Final = dg.define_asset_job(
    "fetch_ticker",
    selection=["prices"],
    description="One ticker's bars: fetched, compared with what is stored, checked. Nothing follows from them yet.",
)
measure_ticker: Final = dg.define_asset_job(
    "measure_ticker", selection=["live_performance"], description="How one ticker's live forecasts have turned out."
)
publish: Final = dg.define_asset_job(
    "publish",
    selection=list(PUBLISHING),
    description="The week's portfolio, all strategies' and forecasts' records, then a release of every champion.",
)
JOBS: Final = (refresh_ticker, update_ticker, fetch_ticker, measure_ticker, publish)
