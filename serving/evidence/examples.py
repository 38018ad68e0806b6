"""Examples of what `serving.evidence.records` has, for the OpenAPI document."""

from __future__ import annotations

from typing import Final

from release.manifest import (
    Book,
    Challenger,
    How,
    Succession,
    SuccessionMove,
    TradingCurves,
    TradingRecord,
    Verdict,
)
from serving.evidence.records import (
    Calibration,
    CoveragePoint,
    ForecastFigures,
    HitRate,
    LiveDrift,
    LivePerformance,
    ReliabilityBin,
    SignalHits,
    SignalPerformance,
)

_RELEASE: Final = "2012-03-01-8e40cfceccde"
_FIRST_RUN: Final = "0e9d8c7b-6a5f-4e3d-8c2b-1a0f9e8d7c6b"
_RUN: Final = "5b1c2f3e-8a4d-4e6f-9b7a-0c1d2e3f4a5b"

TRADING: Final = TradingRecord(
    first="2004-03-03",
    last="2012-03-01",
    sessions=2013,
    cost_bp=1.0,
    slippage_bp=2.0,
    trials=824,
    signals=Book(
        annualised_return=0.31,
        annualised_volatility=0.24,
        sharpe=1.12,
        probabilistic_sharpe=0.998,
        deflated_sharpe=0.62,
        maximum_drawdown=0.41,
        hit_rate=0.57,
        turnover=18.4,
        exposure=0.71,
        trades=73,
        total_cost_bp=441.0,
    ),
    buy_and_hold=Book(
        annualised_return=0.58,
        annualised_volatility=0.38,
        sharpe=1.2,
        probabilistic_sharpe=0.999,
        deflated_sharpe=0.7,
        maximum_drawdown=0.61,
        hit_rate=None,
        turnover=0.1,
        exposure=1.0,
        trades=1,
        total_cost_bp=3.0,
    ),
)
_MOVE: Final = SuccessionMove(
    version="3",
    at="2026-11-16T07:55:40Z",
    how=How.TRAINING,
    why="not_worse: of 6 tests none finds it worse; nearest comes qlike_5: Diebold-Mariano +0.71, p 0.240 (1.000 of "
    "all tests) over 1948 days",
    forced="",
    by=_RUN,
)
SUCCESSION: Final = Succession(
    version=_MOVE.version,
    at=_MOVE.at,
    how=_MOVE.how,
    why=_MOVE.why,
    forced=_MOVE.forced,
    by=_MOVE.by,
    challenger=Challenger(
        version="4",
        trained_at="2026-11-23T07:55:12Z",
        decided_at="2026-11-23T07:55:40Z",
        verdict=Verdict.WORSE,
        decision="worse: interval_score_1: Diebold-Mariano +3.12, p 0.001 (0.005 of all tests) over 1953 days",
        figures={"common_days_1": 1953.0, "worse_interval_score_statistic_1": 3.12, "skill_p_1": 0.08},
    ),
    moves=(
        _MOVE,
        SuccessionMove(
            version="1",
            at="2026-11-02T07:55:40Z",
            how=How.TRAINING,
            why="first: no champion yet, and every guard passed",
            forced="",
            by=_FIRST_RUN,
        ),
    ),
)
_OUT_OF_SAMPLE: Final = ForecastFigures(
    n=2012,
    first="2004-03-03",
    last="2012-02-29",
    coverage_90=0.901,
    coverage_50=0.502,
    hit_rate=0.525,
    hit_rate_se=0.011,
    base_rate=0.522,
    mean_squared_residual=1.04,
)

EVIDENCE_EXAMPLES: Final = (
    SignalPerformance(
        ticker="AAPL",
        release_id=_RELEASE,
        horizon=1,
        trading=TRADING,
        curves=TradingCurves(
            sessions=("2004-03-03", "2008-02-29", "2012-03-01"),
            signals=(1.0, 3.4, 8.6),
            buy_and_hold=(1.0, 10.5, 45.9),
        ),
        hits=SignalHits(
            buy=HitRate(n=1204, right=0.531, standard_error=0.0144, base_rate=0.522),
            sell=HitRate(n=118, right=0.492, standard_error=0.046, base_rate=0.478),
            both=HitRate(n=1322, right=0.528, standard_error=0.0137, base_rate=0.518),
            hold=690,
        ),
    ),
    Calibration(
        ticker="AAPL",
        release_id=_RELEASE,
        horizon=1,
        n=2012,
        first="2004-03-03",
        last="2012-02-29",
        reliability=(
            ReliabilityBin(
                lower=0.471, upper=0.502, n=1006, forecast=0.495, happened=0.507, lower_95=0.476, upper_95=0.538
            ),
            ReliabilityBin(
                lower=0.502, upper=0.584, n=1006, forecast=0.531, happened=0.537, lower_95=0.506, upper_95=0.567
            ),
        ),
        brier=0.2493,
        brier_base_rate=0.2495,
        calibration_error=0.008,
        window=63,
        nominal_90=0.9,
        nominal_50=0.5,
        coverage=(
            CoveragePoint(session="2004-06-01", coverage_90=0.921, coverage_50=0.524),
            CoveragePoint(session="2012-02-29", coverage_90=0.889, coverage_50=0.46),
        ),
    ),
    LivePerformance(
        ticker="AAPL",
        release_id=_RELEASE,
        model_version="3",
        n=63,
        first="2012-03-02",
        last="2012-05-31",
        coverage_90=0.873,
        coverage_50=0.492,
        hit_rate=0.524,
        hit_rate_se=0.063,
        base_rate=0.508,
        mean_squared_residual=1.21,
        out_of_sample=_OUT_OF_SAMPLE,
        drift=LiveDrift(statistic=1.21, threshold=1.93, n=63, drifted=False),
        why=None,
    ),
)
