"""What a release says of itself: its files with their digests, and where each ticker's numbers come from.

Plain typed records; reading and writing folders is `release.writer`'s and `release.reader`'s work.
"""

from __future__ import annotations

import enum
import hashlib
import re
from typing import Final

import msgspec

SCHEMA_VERSION: Final = 4
# What a chart shows of thousands of sessions; what a page tells of many successions.
CURVE_POINTS: Final = 600
MOVES_TOLD: Final = 10
TICKER: Final = re.compile(r"[A-Z0-9][A-Z0-9.\-=^]{0,14}")


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the release, by its path relative to the release's folder (POSIX separators)."""

    path: str
    sha256: str
    size: int


class TickerLineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where one ticker's numbers come from.

    `data_sha256` digests the bars the models were trained on (`release.tables.digest`), `first_session` to
    `last_session` is what those bars span (ISO dates), `model_version` the registered model's version.
    """

    ticker: str
    exchange: str
    source: str
    data_sha256: str
    first_session: str
    last_session: str
    bars: int
    dagster_run_id: str
    mlflow_run_id: str
    model_name: str
    model_version: str
    trained_at: str


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A ticker of the universe that this release does not carry, and why."""

    ticker: str
    reason: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The head of a release.

    Attributes
    ----------
    schema_version : int
        Of this file format; a reader refuses any other than its own.
    release_id : str
        ``<as-of date>-<first 12 hex digits of a digest>`` (`content_id`): equal content, equal id.
    as_of : str
        ISO date of the newest session of any bar inside.
    created_at : str
        ISO time in UTC.
    code_version : str
        Version of the distribution that wrote it, with the git commit where one is known.
    horizons : tuple of int
        Sessions that the forecasts look ahead; signals act on the first.
    window : int
        Bars a feature window holds.
    features : tuple of str
        Column names of the models' input, in order.
    dagster_run_id : str
        The run that published it.
    tickers : tuple of TickerLineage
    refused : tuple of Refusal
    files : tuple of File
        Every file but the manifest, sorted by path.
    """

    schema_version: int
    release_id: str
    as_of: str
    created_at: str
    code_version: str
    horizons: tuple[int, ...]
    window: int
    features: tuple[str, ...]
    dagster_run_id: str
    tickers: tuple[TickerLineage, ...]
    refused: tuple[Refusal, ...]
    files: tuple[File, ...]

    @property
    def horizon(self) -> int:
        """The horizon that signals act on, in sessions."""
        return self.horizons[0]


def content_id(manifest: Manifest) -> str:
    """The release id that a manifest must carry: it covers all files (by their digests) and the whole lineage.

    Left out are only when and by which run it was published, so that publishing the same content again is no news.
    """
    content = msgspec.structs.replace(manifest, release_id="", created_at="", dagster_run_id="")
    return f"{manifest.as_of}-{hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:12]}"


class TickerMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Out-of-sample scores of one ticker's champion at one horizon, beside their baselines.

    Log returns per horizon, over the `n` forecasts from `first` to `last` (ISO dates of the bar each was made at).

    Attributes
    ----------
    price_r2, price_r2_random_walk : float
        R2 of the price level, and what repeating yesterday's close scores on the same days. Never to be shown apart.
    return_r2 : float
        R2 of returns against a forecast of zero (Campbell & Thompson 2008); negative where the model is worse.
    return_r2_historical_mean : float
        The same for the expanding historical mean.
    clark_west_p, clark_west_p_historical_mean : float
        One-sided p value that the champion's mean does not beat zero, or the historical mean (Clark & West 2007).
    diebold_mariano, diebold_mariano_p : float
        Of squared errors against the historical mean's, with HAC errors: positive where the champion loses more; the p
        value is two-sided.
    directional_accuracy, directional_accuracy_se, base_rate : float
        Share of forecasts with the right sign, its standard error, and the share of the commoner direction.
    brier, brier_base_rate, log_score, log_score_base_rate : float
        Of P(up), and of always saying the base rate known at the time; lower is better.
    calibration_error : float
        Expected calibration error of P(up), ten bins.
    confident_right, confident_n : float or None, int
        Where a direction is given at least 60 %: share of the time it is right, and how often that is; None if never.
    coverage_90, coverage_50, worst_coverage_63 : float
        Share of realised returns inside the intervals, and the 90 % interval's in the worst 63 sessions running.
    interval_score, interval_score_ewma : float
        Of the 90 % interval (Gneiting & Raftery 2007), and of the one scaled by the EWMA volatility; lower is better.
    qlike, qlike_ewma, qlike_rolling, qlike_log_har, qlike_garch : float
        Loss of the variance forecast against the sum of squared returns (Patton 2011), and of EWMA(0.94), the mean over
        63 sessions, the log-HAR and GARCH(1,1); lower is better.
    variance_r2_ewma, variance_r2_rolling, variance_r2_log_har, variance_r2_garch : float
        R2 of the log variance over each of those.
    trials : int
        Settings that were tried on the way here.
    """

    n: int
    first: str
    last: str
    price_r2: float
    price_r2_random_walk: float
    return_r2: float
    return_r2_historical_mean: float
    clark_west_p: float
    clark_west_p_historical_mean: float
    diebold_mariano: float
    diebold_mariano_p: float
    directional_accuracy: float
    directional_accuracy_se: float
    base_rate: float
    brier: float
    brier_base_rate: float
    log_score: float
    log_score_base_rate: float
    calibration_error: float
    confident_right: float | None
    confident_n: int
    coverage_90: float
    coverage_50: float
    worst_coverage_63: float
    interval_score: float
    interval_score_ewma: float
    qlike: float
    qlike_ewma: float
    qlike_rolling: float
    qlike_log_har: float
    qlike_garch: float
    variance_r2_ewma: float
    variance_r2_rolling: float
    variance_r2_log_har: float
    variance_r2_garch: float
    trials: int


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """What one way of trading a ticker would have earned, net of costs: `quant.backtest.Performance`, fit for JSON.

    `annualised_volatility` and `sharpe` are None for a book that was ruined, `hit_rate` for one without a closed trade.
    """

    annualised_return: float
    annualised_volatility: float | None
    sharpe: float | None
    probabilistic_sharpe: float
    deflated_sharpe: float
    maximum_drawdown: float
    hit_rate: float | None
    turnover: float
    exposure: float
    trades: int
    total_cost_bp: float


class TradingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The out-of-sample signals as trades at the next open, beside buying once and holding, over the same sessions.

    `first` to `last` are ISO dates; costs are basis points of what is traded, a side; `trials` is what the signals'
    deflated Sharpe ratio was told. Nothing was tried to find the other, whose ratio is not deflated.
    """

    first: str
    last: str
    sessions: int
    cost_bp: float
    slippage_bp: float
    trials: int
    signals: Book
    buy_and_hold: Book


class TradingCurves(msgspec.Struct, frozen=True, kw_only=True):
    """What 1 became by each session's close, net of costs: by the signals, and by buying once and holding.

    Of the record's sessions at most `CURVE_POINTS` are here, evenly spread, the first and the last always among them:
    enough to draw, not to compute with. A low in between may be missing; `TradingRecord` has the figures of every
    session.

    Attributes
    ----------
    sessions : tuple of str
        ISO dates, ascending.
    signals, buy_and_hold : tuple of float
        One a session, at least 0; 1 at the first, at whose open nothing was held yet. From its ruin on a book has 0.
    """

    sessions: tuple[str, ...]
    signals: tuple[float, ...]
    buy_and_hold: tuple[float, ...]


class SignalRow(msgspec.Struct, frozen=True, kw_only=True):
    """One signal of the out-of-sample history, and the forecast that it was decided on.

    `edge_bp` is the forecast's mean in basis points, `vol` its volatility; nine in ten outcomes were to fall between
    `lower_90` and `upper_90`, half of them between `lower_50` and `upper_50`. `realised` is what came, None until it is
    known. All of these are log returns over the horizon.
    """

    session: str
    target_session: str
    action: str
    confidence: float
    edge_bp: float
    vol: float
    p_up: float
    lower_90: float
    lower_50: float
    upper_50: float
    upper_90: float
    reason: str
    realised: float | None


class How(enum.StrEnum):
    """How a version came into force."""

    TRAINING = "training"
    BY_HAND = "by_hand"
    ROLLBACK = "rollback"


class Verdict(enum.StrEnum):
    """How the decision on a version that was trained came about."""

    FIRST = "first"  # no champion yet, and every guard passed
    NOT_WORSE = "not_worse"  # no test finds it worse on the common days
    INCOMPARABLE = "incomparable"  # too few common days to test: the model with the newer data
    WORSE = "worse"  # a test finds it worse
    GUARD = "guard"  # its forecasts or its export are broken
    DATA = "data"  # the bars it was trained on are refused, or not those in force


class SuccessionMove(msgspec.Struct, frozen=True, kw_only=True):
    """A version's coming into force.

    `at` is an ISO time in UTC, `by` a Dagster run's id or "by hand", `why` the reasons for a person; `forced` is what
    guards said against it and a person overruled, empty if nothing.
    """

    version: str
    at: str
    how: How
    why: str
    forced: str
    by: str


class Challenger(msgspec.Struct, frozen=True, kw_only=True):
    """The version that was trained last and is not the one in force, and what was decided of it.

    Times are ISO in UTC; `decision` is the verdict with its reasons, for a person, and `figures` what it rests on by
    name, each ending in the horizon it is of: None for a figure that there was none of.
    """

    version: str
    trained_at: str
    decided_at: str
    verdict: Verdict
    decision: str
    figures: dict[str, float | None]


class Succession(msgspec.Struct, frozen=True, kw_only=True):
    """How the released version of a ticker's model came into force, and who would be next.

    Attributes
    ----------
    version, at, how, why, forced, by
        Of the move that brought it: the first of `moves`.
    challenger : Challenger or None
        None where the version that was trained last is the released one itself.
    moves : tuple of SuccessionMove
        This one and those before it, newest first; at most `MOVES_TOLD`.
    """

    version: str
    at: str
    how: How
    why: str
    forced: str
    by: str
    challenger: Challenger | None
    moves: tuple[SuccessionMove, ...]
