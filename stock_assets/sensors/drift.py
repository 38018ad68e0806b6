"""Live forecasts that err more than they did out of sample lead to retraining. What drift is: `quant.drift`."""

import dagster as dg
import pandas as pd

from quant.bars import Floats
from quant.drift import FEWEST_LIVE, LOOKBACK, DriftVerdict, drift
from stock_assets import live
from stock_assets.champions import Champion
from stock_assets.jobs import refresh_ticker
from stock_assets.partitions import known_tickers
from stock_assets.resources.lake import Lake
from stock_assets.settings import PipelineSettings


@dg.sensor(
    name="forecast_drift",
    job=refresh_ticker,
    minimum_interval_seconds=900,
    default_status=dg.DefaultSensorStatus.STOPPED,
)
def forecast_drift(
    context: dg.SensorEvaluationContext,
    lake: dg.ResourceParam[Lake],
    settings: dg.ResourceParam[PipelineSettings],
) -> dg.SensorResult | dg.SkipReason:
    """Ask for a retraining of each ticker whose live residuals have outgrown the out-of-sample ones."""
    requests, told = [], []
    for ticker in known_tickers(context.instance):
        if not lake.has_files("champion", ticker):
            told.append(f"{ticker}: no champion")
            continue
        champion = Champion.read(lake, ticker)
        version = champion.lineage.model_version
        settled = live.outcomes(settings.audit, ticker, last=LOOKBACK, model_version=version)
        if len(settled) < FEWEST_LIVE:
            told.append(f"{ticker}: {len(settled)} live outcomes, {FEWEST_LIVE} needed")
            continue
        verdict = drift(residuals(champion.forecasts().dropna(subset="realised")), residuals(settled))
        told.append(f"{ticker}: {_words(verdict)}")
        if verdict.drifted:
            # Once per champion: its successor is judged by forecasts of its own.
            key = f"{ticker}-{version}"
            requests.append(dg.RunRequest(run_key=key, partition_key=ticker, tags={"ticker": ticker, "cause": "drift"}))
    if not requests:
        return dg.SkipReason("; ".join(told) or "no ticker is known")
    context.log.info("; ".join(told))
    return dg.SensorResult(run_requests=requests)


def residuals(forecasts: pd.DataFrame) -> Floats:
    """Realised less forecast, in units of the volatility that was forecast, (n,)."""
    standardised: Floats = ((forecasts["realised"] - forecasts["mean"]) / forecasts["vol"]).to_numpy(dtype="float64")
    return standardised


def _words(verdict: DriftVerdict) -> str:
    state = "drifted" if verdict.drifted else "no drift"
    return f"{state}, mean squared residual {verdict.statistic:.2f} of at most {verdict.threshold:.2f} in {verdict.n}"
