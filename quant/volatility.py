"""How much a ticker's price really moved, and the classical forecasts of it that our own has to beat.

Proxies say what the variance of a session, or of the next few, turned out to be; baselines (EWMA, a rolling mean,
GARCH(1,1) and the log-HAR) say it beforehand. All are variances of log returns, per session or summed over a horizon,
never annualised. Returns are taken as having mean zero: a day's true mean would add a thousandth to its variance, an
estimated one adds error. Our own forecast, and the scores that compare, live elsewhere.

A baseline is causal to the last bit: row t reads bars up to the close of t only, filters run forward, sums over a
window add that window alone, and no BLAS product (whose order of summation may depend on its neighbours) is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from quant.bars import CLOSE, HIGH, LOW, OPEN, Floats
from quant.errors import QuantError, TooShort
from quant.features import EWMA_DECAY

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

# Returns whose squares start a recursion; a quarter of a year.
SEED: Final = 63
# Rows under which the parameters of a model would be noise; a year.
FEWEST_ROWS: Final = 252
# A month of sessions, the longest memory of the HAR.
MONTH: Final = 22
WEEK: Final = 5
# A session or week quieter than this share of its month counts as this share: a bar without any range says that
# nothing was traded, not that variance has gone. On sound bars of large caps one session in 7,000 is that quiet.
QUIETEST: Final = 0.01

# Where the likelihood is searched, for squares scaled to mean 1: log omega, alpha + beta and alpha / (alpha + beta).
SEARCHED: Final = ((-20.0, 2.0), (0.0, 1.0 - 1e-6), (0.0, 1.0))
# The likelihood of a year or two has several summits, quick to forget or slow: climb from each of these. On windows of
# 504 real returns one start misses the highest by more than 0.1 one time in ten, these four one time in a hundred.
START_PERSISTENCES: Final = (0.2, 0.8, 0.95, 0.995)
START_SHARES: Final = (0.03, 0.1, 0.3, 0.8)


def parkinson_variance(ohlc: Floats) -> Floats:
    """Variance of each session from its range, open to close; the night before is not in it.

    Parameters
    ----------
    ohlc : (n, 5) float64
        Sound bars as `quant.bars.adjusted` gives them.

    Returns
    -------
    (n,) float64
        ``log(high / low)**2 / (4 log 2)``; 0 for a session without range, NaN where a price is NaN.

    References
    ----------
    Parkinson (1980), The extreme value method for estimating the variance of the rate of return.
    """
    ohlc = _bars(ohlc)
    log_range = np.log(ohlc[:, HIGH] / ohlc[:, LOW])
    variance: Floats = log_range * log_range / (4.0 * math.log(2.0))
    return variance


def overnight_variance(ohlc: Floats) -> Floats:
    """Squared log gap from the close before to each open, (n,); NaN in the first row. See `parkinson_variance`."""
    ohlc = _bars(ohlc)
    variance = np.full(len(ohlc), np.nan)
    gap = np.log(ohlc[1:, OPEN] / ohlc[:-1, CLOSE])
    variance[1:] = gap * gap
    return variance


def range_variance(ohlc: Floats) -> Floats:
    """Variance of each session, close to close: its range (Parkinson) plus the squared gap before it.

    Five times as precise as a squared return for the session's part. On large US stocks it lies some 6 % above the
    mean squared return, since part of an overnight move is taken back by day.

    Parameters
    ----------
    ohlc : (n, 5) float64
        As in `parkinson_variance`.

    Returns
    -------
    (n,) float64
        NaN in the first row, which has no night before it.
    """
    return parkinson_variance(ohlc) + overnight_variance(ohlc)


def realised_variance(log_returns: Floats, *, horizon: int) -> Floats:
    """What the baselines forecast: the sum of the squared log returns of the next `horizon` sessions.

    Parameters
    ----------
    log_returns : (n,) float64
        As `quant.bars.log_returns` gives them: finite, but for a first row that may be NaN.
    horizon : int
        Sessions ahead, at least 1.

    Returns
    -------
    (n,) float64
        Row t holds sessions t + 1 to t + horizon; NaN in the last `horizon` rows.

    Raises
    ------
    QuantError
        If returns are missing, or `horizon` is under 1.
    """
    _known("log_returns", log_returns)
    return _next_sum(log_returns * log_returns, _at_least_one("horizon", horizon))


def range_realised_variance(ohlc: Floats, *, horizon: int) -> Floats:
    """As `realised_variance`, from `range_variance`: the same quantity with less noise."""
    return _next_sum(range_variance(ohlc), _at_least_one("horizon", horizon))


def ewma_variance(log_returns: Floats, *, horizon: int, decay: float = EWMA_DECAY) -> Floats:
    """RiskMetrics' forecast: an exponentially weighted mean square of the whole past, times the horizon.

    Parameters
    ----------
    log_returns : (n,) float64
        As in `realised_variance`.
    horizon : int
        Sessions ahead, at least 1.
    decay : float in (0, 1)
        Weight of yesterday's estimate.

    Returns
    -------
    (n,) float64
        Row t forecasts sessions t + 1 to t + horizon. The recursion starts from the plain mean square of the first
        `SEED` returns, as of the last of them; NaN in the rows before.

    Raises
    ------
    QuantError
        If returns are missing, `horizon` is under 1, or `decay` is outside (0, 1).

    References
    ----------
    J.P. Morgan/Reuters (1996), RiskMetrics technical document, section 5.2.
    """
    start = _known("log_returns", log_returns)
    _at_least_one("horizon", horizon)
    if not 0 < decay < 1:
        raise QuantError(f"decay: expected in (0, 1), got {decay}")
    variance = np.full(len(log_returns), np.nan)
    square = log_returns[start:] ** 2
    if len(square) >= SEED:
        seed = np.add.reduce(square[:SEED]) / SEED
        settled = start + SEED - 1
        variance[settled] = seed
        variance[settled + 1 :] = _decayed((1.0 - decay) * square[SEED:], decay, before=seed)
    return horizon * variance


def rolling_variance(log_returns: Floats, *, horizon: int, span: int = 63) -> Floats:
    """The mean square of the last `span` returns, times the horizon.

    Parameters
    ----------
    log_returns : (n,) float64
        As in `realised_variance`.
    horizon, span : int
        Sessions ahead and sessions looked back on, each at least 1.

    Returns
    -------
    (n,) float64
        Row t forecasts sessions t + 1 to t + horizon; NaN in the rows with fewer than `span` returns.

    Raises
    ------
    QuantError
        If returns are missing, or `horizon` or `span` is under 1.
    """
    _known("log_returns", log_returns)
    return _at_least_one("horizon", horizon) * _trailing_mean(log_returns**2, _at_least_one("span", span))


@dataclass(frozen=True, slots=True)
class Garch11:
    """GARCH(1,1) with mean zero: ``h[t+1] = omega + alpha * r[t]**2 + beta * h[t]``.

    Attributes
    ----------
    omega : float
        Variance per session, above 0.
    alpha, beta : float
        At least 0 and together below 1.

    References
    ----------
    Bollerslev (1986), Generalized autoregressive conditional heteroskedasticity.
    """

    omega: float
    alpha: float
    beta: float

    def __post_init__(self) -> None:
        if not (self.omega > 0 and math.isfinite(self.omega)):
            raise QuantError(f"omega: expected above 0, got {self.omega}")
        if not (self.alpha >= 0 and self.beta >= 0 and self.alpha + self.beta < 1):
            got = (self.alpha, self.beta)
            raise QuantError(f"alpha, beta: expected at least 0 and together below 1, got {got}")

    @property
    def persistence(self) -> float:
        """Share of a shock to the variance that is left a session later."""
        return self.alpha + self.beta

    def variance(self, log_returns: Floats, *, horizon: int) -> Floats:
        """Forecast variance of the sum of the next `horizon` returns.

        Parameters
        ----------
        log_returns : (n,) float64
            As in `realised_variance`.
        horizon : int
            Sessions ahead, at least 1.

        Returns
        -------
        (n,) float64
            Row t forecasts sessions t + 1 to t + horizon. A weighted mean square of the first `SEED` returns, the
            earliest weighing most, stands for what came before them; NaN in the rows before the last of them.

        Raises
        ------
        QuantError
            If returns are missing, or `horizon` is under 1.
        """
        start = _known("log_returns", log_returns)
        _at_least_one("horizon", horizon)
        variance = np.full(len(log_returns), np.nan)
        square = log_returns[start:] ** 2
        if len(square) >= SEED:
            one_step = _garch_filter(_seeded(square), self.omega, self.alpha, self.beta)[1:]
            variance[start + SEED - 1 :] = self._over(one_step[SEED - 1 :], horizon)
        return variance

    def _over(self, one_step: Floats, horizon: int) -> Floats:
        """The sum of the forecasts 1 to `horizon` sessions ahead, which is affine in the first.

        ``h[k] = omega (1 + p + ... + p**(k-2)) + p**(k-1) h[1]``, summed over k as it stands: the usual form by way
        of the unconditional variance ``omega / (1 - p)`` loses its digits as the persistence p nears 1.
        """
        decay = self.persistence ** np.arange(horizon, dtype=np.float64)
        total: Floats = np.add.reduce(decay) * one_step + self.omega * np.add.reduce(np.cumsum(decay[:-1]))
        return total


def fit_garch11(log_returns: Floats) -> Garch11:
    """GARCH(1,1) by Gaussian quasi-maximum likelihood, mean zero.

    The likelihood is climbed from several starts, each at the omega that makes the unconditional variance the sample's
    (variance targeting), and the highest summit is taken.

    Parameters
    ----------
    log_returns : (n,) float64
        As in `realised_variance`; at least `FEWEST_ROWS` returns.

    Raises
    ------
    TooShort
        With fewer returns.
    QuantError
        If returns are missing or all the same.

    References
    ----------
    Bollerslev & Wooldridge (1992), Quasi-maximum likelihood estimation and inference in dynamic models with
    time-varying covariances; Engle & Mezrich (1996), GARCH for groups (variance targeting).
    """
    known = log_returns[_known("log_returns", log_returns) :]
    if len(known) < FEWEST_ROWS:
        raise TooShort(f"log_returns: expected at least {FEWEST_ROWS}, got {len(known)}")
    if np.ptp(known) <= 1e-12 * np.max(np.abs(known)):
        raise QuantError(f"log_returns: expected some that differ, got {known[0]} throughout")
    square = known * known
    scale = float(np.add.reduce(square)) / len(square)
    past = _seeded(square / scale)
    summits = [_climb(start, past) for start in _starts(past)]
    log_omega, persistence, share = min(summits, key=lambda summit: float(summit.fun)).x.tolist()
    return Garch11(scale * math.exp(log_omega), persistence * share, persistence * (1.0 - share))


def _climb(start: Floats, past: Floats) -> OptimizeResult:
    """The summit of the likelihood above a starting point.

    Not by L-BFGS-B: scipy's hands its 3 x 3 matrices to a threaded BLAS, and on a busy machine takes 60 times as long.
    """
    from scipy.optimize import minimize  # not at import: who fetches prices fits nothing

    return minimize(
        _loss,
        start,
        args=(past,),
        jac=True,
        method="SLSQP",
        bounds=SEARCHED,
        options={"ftol": 1e-13, "maxiter": 200},
    )


def _starts(past: Floats) -> Iterator[Floats]:
    """For each starting persistence the point with the likeliest share of alpha in it, in `SEARCHED`'s coordinates."""
    for persistence in START_PERSISTENCES:
        points = [np.array([math.log(1.0 - persistence), persistence, share]) for share in START_SHARES]
        yield min(points, key=lambda point: _mean_loss(_garch_filter(past, *_garch(point))[:-1], past))


def _garch(point: Floats) -> tuple[float, float, float]:
    """Omega, alpha and beta at a point of `SEARCHED`."""
    log_omega, persistence, share = point.tolist()
    return math.exp(log_omega), persistence * share, persistence * (1.0 - share)


def _seeded(square: Floats) -> Floats:
    """Squares with, before them, what the first `SEED` say of the time before: (n,) in, (n + 1,) out.

    The earliest weigh most. With equal weights a short history that calms down is best explained by a high seed that
    dies away, and fits that see nothing else in it are common.
    """
    weight = EWMA_DECAY ** np.arange(SEED, dtype=np.float64)
    seed = np.add.reduce(weight * square[:SEED]) / np.add.reduce(weight)
    return np.concatenate([[seed], square])


def _garch_filter(past: Floats, omega: float, alpha: float, beta: float) -> Floats:
    """Variance after each of the squares that `_seeded` gave: (n + 1,) in and out, the last one not yet met."""
    return _decayed(omega + alpha * past, beta, before=float(past[0]))


def _decayed(values: Floats, decay: float, *, before: float) -> Floats:
    """``y[t] = values[t] + decay * y[t-1]``, from ``y[-1] = before``."""
    from scipy.signal import lfilter  # not at import: it brings half of scipy

    filtered, _ = lfilter([1.0], [1.0, -decay], values, zi=[decay * before])
    result: Floats = filtered
    return result


def _mean_loss(variance: Floats, past: Floats) -> float:
    """Negative Gaussian log likelihood of the squares, a row, without its constant."""
    loss = np.log(variance) + past[1:] / variance
    return 0.5 * float(np.add.reduce(loss)) / len(loss)


def _loss(point: Floats, past: Floats) -> tuple[float, Floats]:
    """`_mean_loss` at a point of `SEARCHED` and its gradient there.

    What a variance adds to the loss, it and all later ones through beta, is one filter backwards in time; the three
    derivatives are its products with what each parameter multiplies. (Forward they would be three filters.)
    """
    omega, alpha, beta = _garch(point)
    variance = _garch_filter(past, omega, alpha, beta)[:-1]
    slope = 0.5 / len(variance) * (1.0 - past[1:] / variance) / variance
    effect = _decayed(slope[::-1], beta, before=0.0)[::-1]
    by_omega = float(np.add.reduce(effect))
    by_alpha = float(np.add.reduce(effect * past[:-1]))
    by_beta = float(np.add.reduce(effect[1:] * variance[:-1]) + effect[0] * past[0])
    _, persistence, share = point.tolist()
    by_persistence = share * by_alpha + (1.0 - share) * by_beta
    return _mean_loss(variance, past), np.array([omega * by_omega, by_persistence, persistence * (by_alpha - by_beta)])


@dataclass(frozen=True, slots=True)
class LogHar:
    """The HAR in logs: the log of the next `horizon` sessions' mean range variance, from the past's.

    Attributes
    ----------
    horizon : int
        Sessions ahead.
    intercept, day, week, month : float
        On 1 and the logs of the mean range variance of the last 1, 5 and 22 sessions.
    residual_variance : float
        Of the log; half of it is added before the exponential, which makes a log-normal's median its mean.

    References
    ----------
    Corsi (2009), A simple approximate long-memory model of realized volatility.
    """

    horizon: int
    intercept: float
    day: float
    week: float
    month: float
    residual_variance: float

    def variance(self, ranges: Floats) -> Floats:
        """Forecast variance of the sum of the next `horizon` returns.

        Parameters
        ----------
        ranges : (n,) float64
            As `range_variance` gives them: finite and at least 0, but for a first row that may be NaN.

        Returns
        -------
        (n,) float64
            Row t forecasts sessions t + 1 to t + horizon. NaN in the rows with fewer than 22 sessions, and where a
            month has seen no range at all.

        Raises
        ------
        QuantError
            If range variances are missing or below 0.
        """
        _known("ranges", ranges, least=0.0)
        day, week, month = _log_means(ranges)
        log_mean = self.intercept + self.day * day + self.week * week + self.month * month
        variance: Floats = self.horizon * np.exp(log_mean + 0.5 * self.residual_variance)
        return variance


def fit_log_har(ranges: Floats, *, horizon: int) -> LogHar:
    """The log-HAR by ordinary least squares on all rows whose horizon lies within the given sessions.

    Parameters
    ----------
    ranges : (n,) float64
        As in `LogHar.variance`. What isn't known yet isn't to be passed: a row whose horizon reaches beyond the last
        one has no label and is left out, so is one whose label is 0.
    horizon : int
        Sessions ahead, at least 1.

    Raises
    ------
    TooShort
        With fewer than `FEWEST_ROWS` labelled rows.
    QuantError
        If range variances are missing or below 0, or `horizon` is under 1.
    """
    _known("ranges", ranges, least=0.0)
    ahead = _log(_next_sum(ranges, _at_least_one("horizon", horizon)) / horizon)
    table = np.vstack([_log_means(ranges), ahead])
    table = table[:, np.isfinite(np.add.reduce(table, axis=0))]
    rows = table.shape[1]
    if rows < FEWEST_ROWS:
        raise TooShort(f"ranges: expected at least {FEWEST_ROWS} rows with a label, got {rows}")
    mean = np.add.reduce(table, axis=1) / rows
    centred = table - mean[:, None]
    moments = np.add.reduce(centred[:, None] * centred[None], axis=2)
    # Least squares of the normal equations: range variance that never varies leaves them empty, and slopes of 0.
    slopes = np.linalg.lstsq(moments[:3, :3], moments[:3, 3], rcond=None)[0]
    residual = centred[3] - np.add.reduce(slopes[:, None] * centred[:3], axis=0)
    day, week, month = slopes.tolist()
    return LogHar(
        horizon=horizon,
        intercept=float(mean[3] - np.add.reduce(slopes * mean[:3])),
        day=day,
        week=week,
        month=month,
        residual_variance=float(np.add.reduce(residual * residual)) / (rows - 4),
    )


def _log_means(ranges: Floats) -> Floats:
    """Logs of the mean range variance of the last 1, 5 and 22 sessions, (3, n); NaN where there is none."""
    month = _trailing_mean(ranges, MONTH)
    shorter = [np.maximum(_trailing_mean(ranges, span), QUIETEST * month) for span in (1, WEEK)]
    return _log(np.stack([*shorter, month]))


def refit_garch_variance(log_returns: Floats, *, horizon: int, first: int, refit_every: int) -> Floats:
    """Walk-forward GARCH(1,1): refitted on all that is known every `refit_every` rows.

    Parameters
    ----------
    log_returns : (n,) float64
        As in `realised_variance`.
    horizon : int
        Sessions ahead, at least 1.
    first : int
        First row with a forecast. Parameters are fitted as of the close of rows ``first``, ``first + refit_every``
        and so on, on the returns up to there.
    refit_every : int
        Rows that a fit serves, at least 1.

    Returns
    -------
    (n,) float64
        Row t forecasts sessions t + 1 to t + horizon; NaN before `first`.

    Raises
    ------
    TooShort
        With fewer than `FEWEST_ROWS` returns up to `first`.
    QuantError
        If returns are missing, or as `fit_garch11` says.
    """
    variance = np.full(len(log_returns), np.nan)
    for start, stop in _blocks(len(log_returns), first=first, refit_every=refit_every):
        fitted = fit_garch11(log_returns[: start + 1])
        variance[start:stop] = fitted.variance(log_returns[:stop], horizon=horizon)[start:]
    return variance


def refit_log_har_variance(ranges: Floats, *, horizon: int, first: int, refit_every: int) -> Floats:
    """Walk-forward log-HAR; see `refit_garch_variance`.

    A fit learns from rows whose whole horizon is past: as of the close of row s that is up to row ``s - horizon``.

    Parameters
    ----------
    ranges : (n,) float64
        As in `LogHar.variance`.
    horizon, first, refit_every : int
        As in `refit_garch_variance`.

    Returns
    -------
    (n,) float64
        Row t forecasts sessions t + 1 to t + horizon; NaN before `first`, and as `LogHar.variance` has it.

    Raises
    ------
    TooShort
        With fewer than `FEWEST_ROWS` labelled rows up to `first`.
    QuantError
        As `fit_log_har` says.
    """
    variance = np.full(len(ranges), np.nan)
    for start, stop in _blocks(len(ranges), first=first, refit_every=refit_every):
        fitted = fit_log_har(ranges[: start + 1], horizon=horizon)
        variance[start:stop] = fitted.variance(ranges[:stop])[start:]
    return variance


def _blocks(n: int, *, first: int, refit_every: int) -> Iterator[tuple[int, int]]:
    """Start and end of each run of rows that one fit serves."""
    if first < 0:
        raise QuantError(f"first: expected at least 0, got {first}")
    for start in range(first, n, _at_least_one("refit_every", refit_every)):
        yield start, min(start + refit_every, n)


def _bars(ohlc: Floats) -> Floats:
    if ohlc.ndim != 2 or ohlc.shape[1] != 5:
        raise QuantError(f"ohlc: expected shape (n, 5), got {ohlc.shape}")
    return ohlc


def _known(name: str, values: Floats, *, least: float = -math.inf) -> int:
    """The first row that holds a value, 0 or 1; `QuantError` if a later one is missing or under `least`."""
    if values.ndim != 1:
        raise QuantError(f"{name}: expected shape (n,), got {values.shape}")
    start = 1 if len(values) and np.isnan(values[0]) else 0
    wrong = np.flatnonzero(~(np.isfinite(values[start:]) & (values[start:] >= least)))
    if len(wrong):
        row = start + int(wrong[0])
        expected = "finite values" if least == -math.inf else f"finite values, at least {least:g},"
        raise QuantError(f"{name}: expected {expected} after the first row, got {values[row]} in row {row}")
    return start


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise QuantError(f"{name}: expected at least 1, got {value}")
    return value


def _sums(values: Floats, span: int) -> Floats:
    """The sum of every run of `span` rows, each added by itself: (n,) in, (n - span + 1,) out."""
    runs = np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(values, span))
    total: Floats = np.add.reduce(runs, axis=-1)
    return total


def _next_sum(values: Floats, horizon: int) -> Floats:
    """The sum of the `horizon` rows after each; NaN where they aren't all there."""
    total = np.full(len(values), np.nan)
    if len(values) > horizon:
        total[:-horizon] = _sums(values[1:], horizon)
    return total


def _trailing_mean(values: Floats, span: int) -> Floats:
    """The mean of the `span` rows up to each; NaN where they aren't all there."""
    mean = np.full(len(values), np.nan)
    if len(values) >= span:
        mean[span - 1 :] = _sums(values, span) / span
    return mean


def _log(values: Floats) -> Floats:
    """Logarithm; NaN where there is none."""
    logs = np.full(values.shape, np.nan)
    np.log(values, out=logs, where=values > 0)
    return logs
