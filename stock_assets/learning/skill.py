"""What the forecasts of many tickers are worth together: pooled scores, by year, against luck and against our promises.

Pure functions of `learning.scores.Evidence`. One ticker's scores are `learning.scores`' business; where evidence comes
from is the `skill` asset's and the command line's.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Self

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from quant import intervals, luck, metrics, probability, volatility_scores
from quant.bars import Floats
from quant.forecast import COVERAGE, Forecast
from release.manifest import TickerMetrics
from stock_assets.learning.errors import LearningError
from stock_assets.learning.scores import ARRAYS, FORECAST, VARIANCE_BASELINES, Evidence, direction_scores, scores
from stock_assets.learning.walk_forward import Model

SIGNIFICANCE: Final = 0.05
# What is promised at these horizons only; at others the scores stand without a bound.
LARGEST_QLIKE_OVER_EWMA: Final = {1: 0.94, 5: 0.85}
LEAST_WORST_COVERAGE: Final = {1: 0.80, 5: 0.76}


class PooledScores(TickerMetrics, frozen=True, kw_only=True):
    """`TickerMetrics` over the rows of all tickers together; baselines are pooled as the scores beside them.

    Of all rows: R2 of returns and of log variances, direction, Brier and log score, calibration, coverage, interval
    score. Otherwise:

    Attributes
    ----------
    price_r2, price_r2_random_walk, qlike, qlike_ewma, qlike_rolling, qlike_log_har, qlike_garch : float
        Means over tickers of each ticker's own: price levels have no common scale, and a variance's loss none that
        calm and wild tickers share alike.
    worst_coverage_63 : float
        Median over tickers of each one's worst 63 sessions running.
    clark_west_p, clark_west_p_historical_mean, diebold_mariano, diebold_mariano_p, directional_accuracy_se : float
        Of what all tickers together made each day: tickers move together, so a day is one observation, not many.
    trials : int
        Over all tickers.
    tickers : int
    worst_return_r2, worst_ticker : float, str
        The least R2 of returns against zero of any ticker, and whose it is.
    """

    tickers: int
    worst_return_r2: float
    worst_ticker: str


class YearScores(msgspec.Struct, frozen=True, kw_only=True):
    """The forecasts made in one calendar year, all rows together; names as of `TickerMetrics`."""

    year: int
    tickers: int
    n: int
    return_r2: float
    return_r2_historical_mean: float
    directional_accuracy: float
    base_rate: float
    brier: float
    brier_base_rate: float
    coverage_90: float
    interval_score: float
    interval_score_ewma: float
    qlike: float
    qlike_ewma: float
    qlike_garch: float


class ReliabilityPoint(msgspec.Struct, frozen=True, kw_only=True):
    """In `count` forecasts P(up) was `said` on average, and that share `came` up."""

    said: float
    came: float
    count: int


class Luck(msgspec.Struct, frozen=True, kw_only=True):
    """How many tickers beat a forecast by Clark and West's test at `level`, and how many would by luck alone.

    `believed` are those that survive Benjamini and Hochberg's procedure: on average at most `level` of them are luck.
    """

    against: Model
    level: float
    tickers: int
    beat: int
    expected_by_luck: float
    believed: tuple[str, ...]


class Promise(enum.StrEnum):
    """What is promised of forecasts; named as the pooled score that is judged, or as two of them over each other."""

    RETURN_R2 = "return_r2"
    WORST_RETURN_R2 = "worst_return_r2"
    PRICE_R2 = "price_r2"
    BRIER = "brier"
    CALIBRATION_ERROR = "calibration_error"
    CONFIDENT_RIGHT = "confident_right"
    COVERAGE_90 = "coverage_90"
    WORST_COVERAGE_63 = "worst_coverage_63"
    INTERVAL_SCORE_OVER_EWMA = "interval_score_over_ewma"
    QLIKE_OVER_EWMA = "qlike_over_ewma"
    QLIKE_OVER_GARCH = "qlike_over_garch"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A promise and what came of it: `value` is to lie between the bounds, None leaves that side open.

    `value` is None where the forecasts never say what is judged, which keeps the promise too.
    """

    promise: Promise
    value: float | None
    at_least: float | None
    at_most: float | None
    met: bool

    @classmethod
    def of(
        cls, promise: Promise, value: float | None, *, at_least: float | None = None, at_most: float | None = None
    ) -> Self:
        """The promise, judged."""
        met = value is None or (-math.inf if at_least is None else at_least) <= value <= (
            math.inf if at_most is None else at_most
        )
        return cls(promise=promise, value=value, at_least=at_least, at_most=at_most, met=met)


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """All that is told of one horizon; `tickers` goes by ticker, `targets` are in the order of `Promise`."""

    horizon: int
    pooled: PooledScores
    tickers: dict[str, TickerMetrics]
    years: tuple[YearScores, ...]
    reliability: tuple[ReliabilityPoint, ...]
    luck: tuple[Luck, ...]
    targets: tuple[Target, ...]


def skill(evidence: Sequence[Evidence]) -> Skill:
    """What the evidence of all tickers at one horizon amounts to.

    Raises
    ------
    LearningError
        Without evidence, with that of several horizons, or if a ticker's price never moved.
    """
    if not evidence:
        raise LearningError("evidence: expected that of at least one ticker, got none")
    horizons = {e.horizon for e in evidence}
    if len(horizons) > 1:
        raise LearningError(f"evidence: expected one horizon, got {sorted(horizons)}")
    each = {e.ticker: scores(e) for e in evidence}
    rows = together(evidence)
    pooled = pooled_scores(rows, each)
    return Skill(
        horizon=rows.horizon,
        pooled=pooled,
        tickers=each,
        years=tuple(year_scores(evidence)),
        reliability=tuple(_reliability(rows)),
        luck=tuple(luck_of(model, {ticker: p(of) for ticker, of in each.items()}) for model, p in CLARK_WEST_P.items()),
        targets=tuple(targets(pooled, horizon=rows.horizon)),
    )


def second_half(e: Evidence) -> Evidence:
    """The later half of a ticker's forecasts, the middle one included."""
    return e.rows(slice(len(e) // 2, None))


def together(evidence: Sequence[Evidence]) -> Evidence:
    """The rows of all tickers, one ticker's after the other's."""
    arrays: dict[str, Any] = {name: np.concatenate([getattr(e, name) for e in evidence]) for name in ARRAYS}
    return replace(
        evidence[0],
        ticker=", ".join(e.ticker for e in evidence),
        trials=sum(e.trials for e in evidence),
        **arrays,
        champion=Forecast(*(np.concatenate([getattr(e.champion, name) for e in evidence]) for name in FORECAST)),
        variances={model: np.concatenate([e.variances[model] for e in evidence]) for model in VARIANCE_BASELINES},
    )


def pooled_scores(rows: Evidence, each: Mapping[str, TickerMetrics]) -> PooledScores:
    """The scores of all tickers' rows (`together`), given each ticker's own."""

    def mean(name: str) -> float:
        return float(np.mean([getattr(of, name) for of in each.values()]))

    said, realised = rows.champion, rows.realised
    worst = min(each, key=lambda ticker: each[ticker].return_r2)
    return PooledScores(
        n=len(rows),
        first=str(rows.session.min()),
        last=str(rows.session.max()),
        trials=rows.trials,
        tickers=len(each),
        worst_return_r2=each[worst].return_r2,
        worst_ticker=worst,
        price_r2=mean("price_r2"),
        price_r2_random_walk=mean("price_r2_random_walk"),
        return_r2=metrics.r2(realised, said.mean, np.zeros(len(rows))),
        return_r2_historical_mean=metrics.r2(realised, rows.past_mean, np.zeros(len(rows))),
        **_daily_tests(rows),
        **direction_scores(rows) | {"directional_accuracy_se": _direction_error(rows)},
        coverage_90=intervals.coverage(realised, said.lower_90, said.upper_90),
        coverage_50=intervals.coverage(realised, said.lower_50, said.upper_50),
        worst_coverage_63=float(np.median([of.worst_coverage_63 for of in each.values()])),
        interval_score=intervals.interval_score(realised, said.lower_90, said.upper_90, nominal=COVERAGE),
        interval_score_ewma=intervals.interval_score(realised, rows.ewma_lower, rows.ewma_upper, nominal=COVERAGE),
        qlike=mean("qlike"),
        **_beside_variance_baselines(rows, each),
    )


def _beside_variance_baselines(rows: Evidence, each: Mapping[str, TickerMetrics]) -> dict[str, Any]:
    moved = rows.realised_variance > 0
    realised, said = rows.realised_variance[moved], rows.champion.vol[moved] ** 2
    made = {}
    for model, name in VARIANCE_BASELINES.items():
        made[f"qlike_{name}"] = float(np.mean([getattr(of, f"qlike_{name}") for of in each.values()]))
        made[f"variance_r2_{name}"] = volatility_scores.variance_r2(realised, said, rows.variances[model][moved])
    return made


def _daily_tests(rows: Evidence) -> dict[str, Any]:
    """Clark and West's and Diebold and Mariano's tests of each day's sum over tickers."""
    realised, predicted = rows.realised, rows.champion.mean
    error = (realised - predicted) ** 2

    def clark_west(benchmark: Floats) -> float:
        gain = (realised - benchmark) ** 2 - (error - (benchmark - predicted) ** 2)
        statistic, two_sided = _of_days(gain, rows)
        return two_sided / 2 if statistic > 0 else 1 - two_sided / 2

    statistic, p = _of_days(error - (realised - rows.past_mean) ** 2, rows)
    return {
        "clark_west_p": clark_west(np.zeros(len(rows))),
        "clark_west_p_historical_mean": clark_west(rows.past_mean),
        "diebold_mariano": statistic,
        "diebold_mariano_p": p,
    }


def _of_days(difference: Floats, rows: Evidence) -> tuple[float, float]:
    daily = by_day(difference, rows)
    return metrics.diebold_mariano(daily, np.zeros(len(daily)), horizon=rows.horizon)


def _direction_error(rows: Evidence) -> float:
    """The standard error of the share of right directions (`quant.metrics.directional_accuracy`), day by day."""
    told = (rows.realised != 0) & (rows.champion.mean != 0)
    right = np.sign(rows.realised) == np.sign(rows.champion.mean)
    daily = by_day(np.where(told, right - right[told].mean(), 0.0), rows)
    variance = metrics.long_run_variance(daily, lags=rows.horizon - 1) * len(daily)
    return math.sqrt(variance) / int(told.sum())


def by_day(values: Floats, rows: Evidence) -> Floats:
    """Sums of values (n,) over the rows of each session, (days,), in the order of time."""
    _, day = np.unique(rows.session, return_inverse=True)
    return np.bincount(day, weights=values).astype(np.float64)


def year_scores(evidence: Sequence[Evidence]) -> Iterator[YearScores]:
    """Each year's, oldest first; a year in which no price moved has none."""
    of = [e.session.astype("datetime64[Y]") for e in evidence]
    for year in np.unique(np.concatenate(of)):
        parts = [e.rows(years == year) for e, years in zip(evidence, of, strict=True)]
        parts = [part for part in parts if len(part)]
        rows = together(parts)
        if np.any(rows.realised != 0):
            yield _year(rows, year=int(str(year)), tickers=len(parts))


def _year(rows: Evidence, *, year: int, tickers: int) -> YearScores:
    realised, said, zero = rows.realised, rows.champion, np.zeros(len(rows))
    up, moved = (realised > 0).astype(np.float64), rows.realised_variance > 0
    variances = {
        "qlike": said.vol**2,
        "qlike_ewma": rows.variances[Model.EWMA],
        "qlike_garch": rows.variances[Model.GARCH],
    }
    return YearScores(
        year=year,
        tickers=tickers,
        n=len(rows),
        return_r2=metrics.r2(realised, said.mean, zero),
        return_r2_historical_mean=metrics.r2(realised, rows.past_mean, zero),
        directional_accuracy=metrics.directional_accuracy(realised, said.mean)[0],
        base_rate=metrics.base_rate(realised),
        brier=probability.brier(up, said.p_up),
        brier_base_rate=probability.brier(up, rows.past_rate),
        coverage_90=intervals.coverage(realised, said.lower_90, said.upper_90),
        interval_score=intervals.interval_score(realised, said.lower_90, said.upper_90, nominal=COVERAGE),
        interval_score_ewma=intervals.interval_score(realised, rows.ewma_lower, rows.ewma_upper, nominal=COVERAGE),
        **{
            name: volatility_scores.qlike(rows.realised_variance[moved], variance[moved])
            for name, variance in variances.items()
        },
    )


def _reliability(rows: Evidence) -> Iterator[ReliabilityPoint]:
    curve = probability.reliability((rows.realised > 0).astype(np.float64), rows.champion.p_up)
    for said, came, count in zip(curve.predicted, curve.observed, curve.count, strict=True):
        yield ReliabilityPoint(said=float(said), came=float(came), count=int(count))


# Whom the champion's mean is tested against, and the p value that each ticker has of it.
CLARK_WEST_P: Final[Mapping[Model, Callable[[TickerMetrics], float]]] = {
    Model.RANDOM_WALK: lambda of: of.clark_west_p,
    Model.HISTORICAL_MEAN: lambda of: of.clark_west_p_historical_mean,
}


def luck_of(against: Model, p_values: Mapping[str, float]) -> Luck:
    """How many of the tickers' p values are below `SIGNIFICANCE`, and how many of them to believe."""
    p = np.array(list(p_values.values()))
    believed: npt.NDArray[np.bool_] = luck.benjamini_hochberg(p, level=SIGNIFICANCE)
    return Luck(
        against=against,
        level=SIGNIFICANCE,
        tickers=len(p),
        beat=int(np.sum(p < SIGNIFICANCE)),
        expected_by_luck=luck.expected_by_luck(len(p), level=SIGNIFICANCE),
        believed=tuple(ticker for ticker, yes in zip(p_values, believed, strict=True) if yes),
    )


def targets(pooled: PooledScores, *, horizon: int) -> Iterator[Target]:
    """Every promise at the horizon, judged by the pooled scores."""
    yield Target.of(Promise.RETURN_R2, pooled.return_r2, at_least=0.001)
    yield Target.of(Promise.WORST_RETURN_R2, pooled.worst_return_r2, at_least=-0.001)
    yield Target.of(Promise.PRICE_R2, pooled.price_r2, at_least=pooled.price_r2_random_walk)
    yield Target.of(Promise.BRIER, pooled.brier, at_most=pooled.brier_base_rate)
    yield Target.of(Promise.CALIBRATION_ERROR, pooled.calibration_error, at_most=0.02)
    yield Target.of(Promise.CONFIDENT_RIGHT, pooled.confident_right, at_least=0.58)
    yield Target.of(Promise.COVERAGE_90, pooled.coverage_90, at_least=0.89, at_most=0.91)
    if horizon in LEAST_WORST_COVERAGE:
        least = LEAST_WORST_COVERAGE[horizon]
        yield Target.of(Promise.WORST_COVERAGE_63, pooled.worst_coverage_63, at_least=least)
    width = pooled.interval_score / pooled.interval_score_ewma
    yield Target.of(Promise.INTERVAL_SCORE_OVER_EWMA, width, at_most=0.95)
    if horizon in LARGEST_QLIKE_OVER_EWMA:
        most = LARGEST_QLIKE_OVER_EWMA[horizon]
        yield Target.of(Promise.QLIKE_OVER_EWMA, pooled.qlike / pooled.qlike_ewma, at_most=most)
    yield Target.of(Promise.QLIKE_OVER_GARCH, pooled.qlike / pooled.qlike_garch, at_most=1.0)


def skill_table(skills: Iterable[Skill]) -> pd.DataFrame:
    """A row per horizon and pooled score: horizon, score, value, at_least, at_most, met; the last three NaN or None
    where nothing is promised of it.
    """
    return pd.DataFrame(
        [row for of in skills for row in _table_rows(of)],
        columns=["horizon", "score", "value", "at_least", "at_most", "met"],
    ).astype({"value": "float64", "at_least": "float64", "at_most": "float64", "met": "boolean"})


def _table_rows(of: Skill) -> Iterator[tuple[int, str, float | None, float | None, float | None, bool | None]]:
    promised = {target.promise.value: target for target in of.targets}
    values = {name: value for name, value in msgspec.structs.asdict(of.pooled).items() if not isinstance(value, str)}
    for name, value in (values | {name: target.value for name, target in promised.items()}).items():
        target = promised.get(name)
        yield (
            of.horizon,
            name,
            value,
            *((None,) * 3 if target is None else (target.at_least, target.at_most, target.met)),
        )
