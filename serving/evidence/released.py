"""What a release's own record says of its forecasts and signals: they were made out of sample, outcomes included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from quant import intervals, probability
from quant.bars import Bars, Floats, Sessions, log_returns
from quant.costs import BASIS_POINTS
from quant.features import WINDOW
from quant.forecast import COVERAGE, INNER_COVERAGE
from quant.signals import Action
from quant.thinning import thinned
from release.audit import Outcomes
from release.manifest import CURVE_POINTS, SignalRow
from release.reader import Release, ReleasedTicker
from serving.evidence.figures import figures, right
from serving.evidence.records import (
    Calibration,
    CoveragePoint,
    ForecastFigures,
    HitRate,
    ReliabilityBin,
    SignalHits,
    SignalPerformance,
)

# Sessions of a quarter, which is also what the scores' worst coverage is over.
QUARTER: Final = 63


@dataclass(frozen=True, slots=True, eq=False)
class OutOfSample:
    """What live forecasts are held against: the record's figures, and the residuals (n,) that were known in training.

    A residual is ``(realised - mean) / vol``. Those of sessions since are the champion's own, and may drift themselves.
    """

    figures: ForecastFigures
    residual: Floats

    @classmethod
    def of(cls, ticker: ReleasedTicker, *, horizon: int) -> Self:
        """A ticker's."""
        known = _known(ticker)
        trained_through = ticker.lineage.last_session
        return cls(
            figures=figures(_settled(known, ticker), horizon=horizon),
            residual=_settled([row for row in known if row.target_session <= trained_through], ticker).residual,
        )


def signal_performance(release: Release, ticker: ReleasedTicker) -> SignalPerformance:
    """A ticker's signals as trades and as directions."""
    manifest = release.manifest
    return SignalPerformance(
        ticker=ticker.ticker,
        release_id=manifest.release_id,
        horizon=manifest.horizon,
        trading=ticker.trading,
        curves=ticker.curves,
        hits=_hits(_known(ticker), horizon=manifest.horizon),
    )


def calibration(release: Release, ticker: ReleasedTicker) -> Calibration:
    """Whether a ticker's probabilities and intervals kept their promise."""
    horizon, known = release.manifest.horizon, _known(ticker)
    made, p_up = _settled(known, ticker), np.array([row.p_up for row in known], dtype=np.float64)
    up = (made.realised > 0).astype(np.float64)
    return Calibration(
        ticker=ticker.ticker,
        release_id=release.manifest.release_id,
        horizon=horizon,
        n=len(known),
        first=known[0].session,
        last=known[-1].session,
        reliability=_reliability(up, p_up),
        brier=probability.brier(up, p_up),
        brier_base_rate=probability.brier(up, _base_rate(ticker.bars, made.session, horizon=horizon)),
        calibration_error=probability.expected_calibration_error(up, p_up),
        window=QUARTER,
        nominal_90=COVERAGE,
        nominal_50=INNER_COVERAGE,
        coverage=_coverage(made),
    )


def _known(ticker: ReleasedTicker) -> list[SignalRow]:
    """The rows whose outcome is known, oldest first; a release has one at least."""
    return [row for row in ticker.signals if row.realised is not None]


def _settled(known: Sequence[SignalRow], ticker: ReleasedTicker) -> Outcomes:
    """The forecasts of rows whose outcome is known, in the form that live ones have."""

    def column(name: str) -> Floats:
        return np.array([getattr(row, name) for row in known], dtype=np.float64)

    return Outcomes(
        session=np.array([row.session for row in known], dtype="datetime64[D]"),
        model_version=np.full(len(known), ticker.lineage.model_version, dtype=np.str_),
        mean=column("edge_bp") / BASIS_POINTS,
        vol=column("vol"),
        lower_90=column("lower_90"),
        lower_50=column("lower_50"),
        upper_50=column("upper_50"),
        upper_90=column("upper_90"),
        realised=column("realised"),
    )


def _hits(known: Sequence[SignalRow], *, horizon: int) -> SignalHits:
    realised = np.array([row.realised for row in known], dtype=np.float64)
    actions = [Action(row.action) for row in known]
    buy, sell, hold = (
        np.array([said is action for said in actions]) for action in (Action.BUY, Action.SELL, Action.HOLD)
    )
    return SignalHits(
        buy=_hit_rate(realised, 1.0 * buy, horizon=horizon),
        sell=_hit_rate(realised, -1.0 * sell, horizon=horizon),
        both=_hit_rate(realised, 1.0 * buy - sell, horizon=horizon),
        hold=int(hold.sum()),
    )


def _hit_rate(realised: Floats, direction: Floats, *, horizon: int) -> HitRate:
    """How often a direction (n,) of 1, -1 or 0 for none was right; a price that did not move says nothing of it."""
    moved = realised != 0
    told = moved & (direction != 0)
    if not told.any():
        return HitRate(n=0, right=None, standard_error=None, base_rate=None)
    share, error = right(realised, direction, horizon=horizon)
    up = float(np.mean(realised[moved] > 0))
    base = np.where(direction[told] > 0, up, 1.0 - up)
    return HitRate(n=int(told.sum()), right=share, standard_error=error, base_rate=float(base.mean()))


def _reliability(up: Floats, p_up: Floats) -> tuple[ReliabilityBin, ...]:
    diagram = probability.reliability(up, p_up)
    came = np.rint(diagram.observed * diagram.count).astype(np.int64)
    lower, upper = probability.wilson_interval(came, diagram.count)
    columns = (diagram.lowest, diagram.highest, diagram.count, diagram.predicted, diagram.observed, lower, upper)
    names = ("lower", "upper", "n", "forecast", "happened", "lower_95", "upper_95")
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(ReliabilityBin(**dict(zip(names, row, strict=True))) for row in rows)


def _base_rate(bars: Bars, session: Sessions, *, horizon: int) -> Floats:
    """The share of gains over the horizon among all that was known at the close of some sessions.

    Of all that training saw: its first row is the one at whose close the first window of features is whole.
    """
    bars = bars[WINDOW - 1 :]
    worth = np.cumsum(np.nan_to_num(log_returns(bars), nan=0.0))
    gained = np.full(len(bars), np.nan)
    gained[:-horizon] = worth[horizon:] > worth[:-horizon]
    share = probability.past_share(gained, delay=horizon)
    return share[np.searchsorted(bars.session, session, side="right") - 1]


def _coverage(made: Outcomes) -> tuple[CoveragePoint, ...]:
    if len(made) < QUARTER:
        return ()
    outer = intervals.rolling_coverage(made.realised, made.lower_90, made.upper_90, window=QUARTER)
    inner = intervals.rolling_coverage(made.realised, made.lower_50, made.upper_50, window=QUARTER)
    shown = thinned(len(outer), most=CURVE_POINTS)
    session = made.session[QUARTER - 1 :][shown].astype(str)
    rows = zip(session.tolist(), outer[shown].tolist(), inner[shown].tolist(), strict=True)
    return tuple(CoveragePoint(session=day, coverage_90=wide, coverage_50=narrow) for day, wide, narrow in rows)
