"""What costs nothing and has to be beaten: forecasts of the variance by the classical models, on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from quant.bars import Floats
from quant.volatility import ewma_variance, refit_garch_variance, refit_log_har_variance, rolling_variance
from stock_assets.learning.dataset import Dataset

# A maximum likelihood costs more than everything else that is refit: the parameters of a GARCH hardly move in a year.
GARCH_REFIT_EVERY: Final = 252
LOG_HAR_REFIT_EVERY: Final = 63

EWMA: Final = "ewma_94"
ROLLING: Final = "rolling_63"
LOG_HAR: Final = "log_har"
GARCH: Final = "garch_11"


def variance_baselines(data: Dataset, *, first: int) -> Mapping[str, Floats]:
    """Variances of the horizon's log return by baseline, (m,) each; causal, and without NaN from row `first` on."""
    horizon = data.horizon
    return {
        EWMA: ewma_variance(data.log_return, horizon=horizon),
        ROLLING: rolling_variance(data.log_return, horizon=horizon),
        LOG_HAR: _log_har(data.range_variance, horizon=horizon, first=first),
        GARCH: refit_garch_variance(data.log_return, horizon=horizon, first=first, refit_every=GARCH_REFIT_EVERY),
    }


def _log_har(ranges: Floats, *, horizon: int, first: int) -> Floats:
    variance = refit_log_har_variance(ranges, horizon=horizon, first=first, refit_every=LOG_HAR_REFIT_EVERY)
    # A month without any range has no logarithm: what was said before it stands.
    said = np.maximum.accumulate(np.where(np.isfinite(variance), np.arange(len(variance)), 0))
    return variance[said]
