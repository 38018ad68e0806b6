"""What REST answers when it is asked what forecasts and signals have been worth. Making it of them is its siblings'."""

from __future__ import annotations

import msgspec

from release.manifest import TradingCurves, TradingRecord


class HitRate(msgspec.Struct, frozen=True, kw_only=True):
    """How often signals of a direction were right, beside what the direction alone would have been.

    Attributes
    ----------
    n : int
        Signals whose price had moved by the end of the horizon; the others can't be right or wrong.
    right : float or None
        Share of them with the sign of what came; None without any.
    standard_error : float or None
        Of `right`; it allows for outcomes that overlap where the horizon is longer than a session.
    base_rate : float or None
        The baseline: the share of all days of the record that moved in that direction. For both directions together,
        what as many signals of each would have been right by that.
    """

    n: int
    right: float | None
    standard_error: float | None
    base_rate: float | None


class SignalHits(msgspec.Struct, frozen=True, kw_only=True):
    """Hits of the out-of-sample signals whose outcome is known; a HOLD takes no side, and is only counted."""

    buy: HitRate
    sell: HitRate
    both: HitRate
    hold: int


class SignalPerformance(msgspec.Struct, frozen=True, kw_only=True):
    """What one ticker's out-of-sample signals have been worth: as trades, beside buying and holding, and as directions.

    `curves` is for drawing; `trading` has the figures, over every session. `hits` are over a horizon of `horizon`
    sessions.
    """

    ticker: str
    release_id: str
    horizon: int
    trading: TradingRecord
    curves: TradingCurves
    hits: SignalHits


class ReliabilityBin(msgspec.Struct, frozen=True, kw_only=True):
    """Forecasts of about the same probability of a gain, and how often it came: a point of the reliability diagram.

    `lower` to `upper` are the least and the greatest probability said in it, `n` how many forecasts that are;
    `forecast` is their mean, `happened` the share that gained, and `lower_95` to `upper_95` its Wilson interval.
    """

    lower: float
    upper: float
    n: int
    forecast: float
    happened: float
    lower_95: float
    upper_95: float


class CoveragePoint(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of outcomes inside both intervals over the window of forecasts that ends with this session's."""

    session: str
    coverage_90: float
    coverage_50: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one ticker's probabilities and intervals kept their promise, out of sample.

    Attributes
    ----------
    horizon : int
        Sessions that the forecasts look ahead; where it is more than 1, outcomes overlap and the bins' intervals are
        too narrow for it.
    n, first, last : int, str, str
        Forecasts whose outcome is known, and the sessions (ISO dates) of the first and the last of them.
    reliability : tuple of ReliabilityBin
        Ascending, of about equally many forecasts.
    brier, brier_base_rate : float
        Of P(up), and of always saying the share of gains known at the time; lower is better.
    calibration_error : float
        Expected calibration error, ten bins of equal width; noise alone makes it positive.
    window : int
        Outcomes that each point of `coverage` is of.
    nominal_90, nominal_50 : float
        What the intervals promise.
    coverage : tuple of CoveragePoint
        Oldest first, at most 600, evenly spread; empty while fewer outcomes are known than a window has.
    """

    ticker: str
    release_id: str
    horizon: int
    n: int
    first: str
    last: str
    reliability: tuple[ReliabilityBin, ...]
    brier: float
    brier_base_rate: float
    calibration_error: float
    window: int
    nominal_90: float
    nominal_50: float
    coverage: tuple[CoveragePoint, ...]


class ForecastFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How forecasts have done whose outcome is known; a figure is null where there is none to make it of.

    Attributes
    ----------
    n : int
        Of the sessions `first` to `last` (ISO dates).
    coverage_90, coverage_50 : float or None
        Shares of outcomes inside the intervals, which promise 0.9 and 0.5.
    hit_rate, hit_rate_se, base_rate : float or None
        Share of forecasts with the right sign, its standard error, and the share of the commoner direction.
    mean_squared_residual : float or None
        Mean of ``((realised - mean) / vol) ** 2``: 1 where the volatility is right.
    """

    n: int
    first: str | None
    last: str | None
    coverage_90: float | None
    coverage_50: float | None
    hit_rate: float | None
    hit_rate_se: float | None
    base_rate: float | None
    mean_squared_residual: float | None


class LiveDrift(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the version in force errs more, live, than it did out of sample.

    `statistic` is the mean squared residual of its newest `n` live forecasts, `threshold` what chance explains in 99 %
    of looks.
    """

    statistic: float
    threshold: float
    n: int
    drifted: bool


class LivePerformance(ForecastFigures, frozen=True, kw_only=True):
    """How one ticker's forecasts at the close have done since they went live, beside the same figures out of sample.

    The live ones are of every version that has been in force, as the audit log has them; `coverage_50` only counts
    those that were logged with the interval. `drift` is of version `model_version` alone, null while it has too few
    outcomes; `why` says so.
    """

    ticker: str
    release_id: str
    model_version: str
    out_of_sample: ForecastFigures
    drift: LiveDrift | None
    why: str | None
