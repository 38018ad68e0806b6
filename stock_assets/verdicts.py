"""What a model's figures allow one to say of it, in sentences: skill only where a test shows it, beside its baseline.

Computing figures is `learning.scores`' business, putting a page together `model_card`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from quant.luck import benjamini_hochberg, expected_by_luck
from release.manifest import TickerMetrics, TradingRecord

# What a test has to be below, and a deflated Sharpe ratio above one minus it.
LEVEL: Final = 0.05
# Standard errors that an advantage has to exceed where there is no test of its own.
CLEARLY: Final = 2.0
VARIANCE_BASELINES: Final = {"ewma": "EWMA", "rolling": "63 days", "log_har": "log-HAR", "garch": "GARCH"}


def of_ticker(scores: TickerMetrics) -> Iterator[str]:
    """What one ticker's model can and can't do at one horizon."""
    yield _mean(scores)
    yield _direction(scores)
    yield _probability(scores)
    yield _variance(scores)
    yield _interval(scores)


def _mean(scores: TickerMetrics) -> str:
    figures = (
        f"return R2 {percent(scores.return_r2)}, the historical mean's {percent(scores.return_r2_historical_mean)}; "
        f"Clark-West p {p_value(scores.clark_west_p)} against no return, "
        f"{p_value(scores.clark_west_p_historical_mean)} against the historical mean"
    )
    if not scores.clark_west_p < LEVEL:
        verdict = "no skill in the mean is shown"
    elif not scores.clark_west_p_historical_mean < LEVEL:
        verdict = (
            "better than no return but not than the historical mean, so no skill in the mean is shown beyond drift"
        )
    elif not _smaller_errors(scores):
        verdict = "both tests see a trace of skill in the mean, yet the errors were no smaller than a baseline's"
    else:
        verdict = "skill in the mean is shown, by one test among many"
    return f"Expected return: {verdict} ({figures})."


def _direction(scores: TickerMetrics) -> str:
    verdict = "better" if _direction_shown(scores) else "not shown to be better"
    return (
        f"Direction: {verdict} than always saying the same (right {scores.directional_accuracy:.1%} of the time ± "
        f"{scores.directional_accuracy_se:.1%}, the commoner direction came {scores.base_rate:.1%} of it)."
    )


def _direction_shown(scores: TickerMetrics) -> bool:
    return scores.directional_accuracy - scores.base_rate > CLEARLY * scores.directional_accuracy_se


def _probability(scores: TickerMetrics) -> str:
    better = scores.brier < scores.brier_base_rate and scores.log_score < scores.log_score_base_rate
    sure = (
        "60 % was never said"
        if scores.confident_right is None
        else f"60 % was said {scores.confident_n:,} times, rightly {scores.confident_right:.1%} of them"
    )
    return (
        f"P(up): {'better by both scores' if better else 'no better'} than the base rate (Brier {scores.brier:.4f} "
        f"against {scores.brier_base_rate:.4f}, log score {scores.log_score:.4f} against "
        f"{scores.log_score_base_rate:.4f}, expected calibration error {scores.calibration_error:.3f}; {sure})."
    )


def _variance(scores: TickerMetrics) -> str:
    losses = {label: getattr(scores, f"qlike_{name}") for name, label in VARIANCE_BASELINES.items()}
    beaten = [label for label, loss in losses.items() if scores.qlike < loss]
    if len(beaten) == len(losses):
        verdict = f"better than all {len(losses)} baselines"
    elif beaten:
        verdict = f"better than {' and '.join(beaten)}, not than the other baselines"
    else:
        verdict = "no better than any baseline"
    told = ", ".join(f"{label} {loss:.4f}" for label, loss in losses.items())
    return f"Volatility: {verdict} (QLIKE {scores.qlike:.4f}; {told})."


def _interval(scores: TickerMetrics) -> str:
    verdict = "better" if scores.interval_score < scores.interval_score_ewma else "no better"
    return (
        f"Intervals: the 90 % interval held {scores.coverage_90:.1%} ({scores.worst_coverage_63:.1%} in its worst "
        f"quarter), the 50 % interval {scores.coverage_50:.1%}; the interval score, {scores.interval_score:.4f}, is "
        f"{verdict} than with EWMA's volatility, {scores.interval_score_ewma:.4f}."
    )


def of_trading(record: TradingRecord) -> str:
    """What one ticker's trading record shows."""
    verdict = "skill is shown" if _skilled(record) else "no skill is shown"
    return (
        f"Trading the signals: {verdict} (Sharpe ratio {number(record.signals.sharpe)}, buy and hold's "
        f"{number(record.buy_and_hold.sharpe)}; deflated for {record.trials:,} trials "
        f"{record.signals.deflated_sharpe:.0%}, evidence would be {_whole(1.0 - LEVEL)})."
    )


def _skilled(record: TradingRecord) -> bool:
    return record.signals.deflated_sharpe > 1.0 - LEVEL


def of_release(scores: Sequence[TickerMetrics]) -> Iterator[str]:
    """What the models of many tickers can and can't do at one horizon, and how much of that luck alone would give."""
    yield _means(scores)
    yield _directions(scores)
    yield _variances(scores)
    yield _intervals(scores)


def _means(scores: Sequence[TickerMetrics]) -> str:
    against_past = np.array([score.clark_west_p_historical_mean for score in scores], dtype=np.float64)
    tested, below = int(np.isfinite(against_past).sum()), int(np.sum(against_past < LEVEL))
    luck = expected_by_luck(tested, level=LEVEL)
    skilled = _skilled_means(scores)
    verdict = (
        f"skill in the mean is shown for {skilled} of {len(scores)} (of such findings at most {_whole(LEVEL)} are "
        "luck, on average)"
        if skilled
        else "no skill in the mean is shown"
    )
    return (
        f"Expected return: {verdict}. {below} of {tested} beat the historical mean at {_whole(LEVEL)} (Clark-West); "
        f"luck alone would give {luck:.1f}, and at times many more, because tickers move together. Median return R2 "
        f"{percent(_median(scores, 'return_r2'))}, the historical mean's "
        f"{percent(_median(scores, 'return_r2_historical_mean'))}."
    )


def _skilled_means(scores: Sequence[TickerMetrics]) -> int:
    """How many beat both no return and the historical mean, in both tests and in their errors, beyond many tests' luck.

    The larger of two p values is one that both hypotheses have to be given up by (Berger 1982).
    """
    tests = np.array([(score.clark_west_p, score.clark_west_p_historical_mean) for score in scores], dtype=np.float64)
    both = tests.max(axis=1)
    if not np.isfinite(both).any():
        return 0
    believed = benjamini_hochberg(both, level=LEVEL)
    return sum(
        bool(is_believed) and _smaller_errors(score) for is_believed, score in zip(believed, scores, strict=True)
    )


def _smaller_errors(scores: TickerMetrics) -> bool:
    return scores.return_r2 > max(0.0, scores.return_r2_historical_mean)


def _directions(scores: Sequence[TickerMetrics]) -> str:
    n, clearly = len(scores), sum(map(_direction_shown, scores))
    brier = sum(score.brier < score.brier_base_rate for score in scores)
    log_score = sum(score.log_score < score.log_score_base_rate for score in scores)
    return (
        f"Direction: {clearly} of {n} are right clearly more often than always saying the commoner one. P(up) beats "
        f"the base rate in {brier} of {n} by the Brier score, in {log_score} by the log score; a coin would in half "
        f"of them. Median expected calibration error {_median(scores, 'calibration_error'):.3f}."
    )


def _variances(scores: Sequence[TickerMetrics]) -> str:
    n = len(scores)
    every = sum(all(s.qlike < getattr(s, f"qlike_{name}") for name in VARIANCE_BASELINES) for s in scores)
    told = ", ".join(
        f"{label} in {sum(score.qlike < getattr(score, f'qlike_{name}') for score in scores)} "
        f"({percent(_median(scores, f'variance_r2_{name}'), digits=1)})"
        for name, label in VARIANCE_BASELINES.items()
    )
    verdict = "better than every baseline for" if every else "better than every baseline for none,"
    return (
        f"Volatility: {verdict} {every} of {n}. By QLIKE it beats {told}; in brackets the median R2 of the log "
        "variance over each."
    )


def _intervals(scores: Sequence[TickerMetrics]) -> str:
    held = [score.coverage_90 for score in scores]
    better = sum(score.interval_score < score.interval_score_ewma for score in scores)
    return (
        f"Intervals: the 90 % interval held {min(held):.1%} to {max(held):.1%}, median "
        f"{_median(scores, 'coverage_90'):.1%}, and {min(score.worst_coverage_63 for score in scores):.1%} in the "
        f"worst quarter of any ticker. The interval score is better than with EWMA's volatility in {better} of "
        f"{len(scores)}."
    )


def of_tradings(records: Sequence[TradingRecord]) -> str:
    """What the trading records of many tickers show."""
    n, skilled = len(records), sum(map(_skilled, records))
    above = sum(_or_least(record.signals.sharpe) > _or_least(record.buy_and_hold.sharpe) for record in records)
    return (
        f"Trading the signals: {'skill' if skilled else 'no skill'} is "
        f"shown{f' for {skilled} of {n}' if skilled else ''}. The deflated Sharpe ratio is above "
        f"{_whole(1.0 - LEVEL)} in {skilled} of {n}, the Sharpe ratio above buy and hold's in {above}."
    )


def percent(share: float, *, digits: int = 2) -> str:
    """A share that may be below 0, with its sign."""
    return f"{share:+.{digits}%}"


def p_value(value: float) -> str:
    """A p value; ``none`` where no test could be made."""
    return f"{value:.3f}" if math.isfinite(value) else "none"


def number(value: float | None) -> str:
    """A ratio with its sign; ``none`` for None."""
    return "none" if value is None else f"{value:+.2f}"


def _whole(share: float) -> str:
    return f"{100.0 * share:.0f} %"


def _or_least(value: float | None) -> float:
    return -math.inf if value is None else value


def _median(scores: Sequence[TickerMetrics], name: str) -> float:
    return float(np.median([getattr(score, name) for score in scores]))
