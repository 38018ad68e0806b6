"""How forecasts have done since they went live, as the audit log has them, and whether they have drifted."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from quant.drift import FEWEST_LIVE, FEWEST_REFERENCE, LOOKBACK, drift
from quant.errors import QuantError
from release.audit import AuditLog, Outcomes
from release.manifest import TickerLineage
from serving.evidence.figures import figures
from serving.evidence.records import LiveDrift, LivePerformance
from serving.evidence.released import OutOfSample
from serving.view import View

# Ten years: what is older tells nothing of today's models, and the answer must not take ever longer.
MOST: Final = 2_520

_NONE: Final = np.array([], dtype=np.float64)
# What there is before an engine has first run.
NOTHING: Final = Outcomes(
    session=np.array([], dtype="datetime64[D]"),
    model_version=np.array([], dtype=np.str_),
    mean=_NONE,
    vol=_NONE,
    lower_90=_NONE,
    lower_50=_NONE,
    upper_50=_NONE,
    upper_90=_NONE,
    realised=_NONE,
)


def read_performance(log: AuditLog, *, view: View, ticker: str) -> LivePerformance:
    """`performance` of the ticker's newest `MOST` settled forecasts in the log."""
    return performance(log.outcomes(ticker, last=MOST), view=view, ticker=ticker)


def performance(made: Outcomes, *, view: View, ticker: str) -> LivePerformance:
    """What a ticker's live forecasts come to, whichever version made them, beside the record of the release in force.

    Drift is the version's alone that is in force: its predecessor's errors say nothing of it.
    """
    lineage, beside = view.ticker(ticker).lineage, view.out_of_sample[ticker]
    own = made.of_version(lineage.model_version, last=LOOKBACK)
    verdict, why = _drift(own, beside, lineage)
    return LivePerformance(
        **msgspec.structs.asdict(figures(made, horizon=view.release.manifest.horizon)),
        ticker=ticker,
        release_id=view.release_id,
        model_version=lineage.model_version,
        out_of_sample=beside.figures,
        drift=verdict,
        why=why,
    )


def _drift(own: Outcomes, beside: OutOfSample, lineage: TickerLineage) -> tuple[LiveDrift | None, str | None]:
    """The verdict, or why there is none."""
    if len(own) < FEWEST_LIVE:
        return None, f"{lineage.ticker} v{lineage.model_version}: {len(own)} live outcomes, {FEWEST_LIVE} needed"
    if len(beside.residual) < FEWEST_REFERENCE:
        known = len(beside.residual)
        return None, f"{lineage.ticker}: {known} out-of-sample outcomes to hold them against, {FEWEST_REFERENCE} needed"
    try:
        found = drift(beside.residual, own.residual)
    except QuantError as error:
        return None, str(error)
    return LiveDrift(statistic=found.statistic, threshold=found.threshold, n=found.n, drifted=found.drifted), None
