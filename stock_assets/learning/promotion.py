"""Whether a challenger takes the champion's place: paired tests over the same days, and guards that it must pass.

Only forecasts and their outcomes are looked at here; what needs files, bars or a registry is `stock_assets.succession`,
which hands its own guards in.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from quant import intervals, metrics, probability
from quant.bars import Floats
from quant.forecast import COVERAGE
from quant.luck import holm
from release.manifest import Verdict
from stock_assets.learning.scores import FORECAST, by_model, column
from stock_assets.learning.walk_forward import Model

SIGNIFICANCE: Final = 0.05
# Fewer common days than a quarter, and the variance of a mean loss is itself a guess: no test is made.
FEWEST_COMMON: Final = 63
# A difference this small beside the loss itself is rounding, which may well be "significant".
ROUNDING: Final = 1e-9
# One sound model in 16,000 is further out by luck: a universe of hundreds loses none.
STANDARD_ERRORS: Final = 4.0
# At one session, a mean of a whole volatility would be an annual Sharpe ratio of 16.
LARGEST_MEAN_OVER_VOL: Final = 1.0
# Returns of three degrees of freedom, as fat as tails come, bring it to 0.8.
SCALE_FACTOR: Final = 2.0
NORMAL_ABSOLUTE_MEAN: Final = math.sqrt(2.0 / math.pi)


PROMOTING: Final = frozenset({Verdict.FIRST, Verdict.NOT_WORSE, Verdict.INCOMPARABLE})


class Loss(enum.StrEnum):
    """What is compared day by day; each is smallest, on average, for the true distribution."""

    SQUARED_ERROR = "squared_error"  # of the mean
    QLIKE = "qlike"  # of the variance
    INTERVAL_SCORE = "interval_score"  # of the 90 % interval


class Check(enum.StrEnum):
    """What a guard looks at."""

    FINITE = "finite"
    ORDERED = "ordered"
    COVERAGE = "coverage_90"
    CALIBRATION = "calibration_error"
    BOLDNESS = "mean_over_vol"
    SCALE = "scale"
    EXPORT = "export_max_error"
    HORIZONS = "horizons"
    DATA_SOUND = "data_checks"
    DATA_IN_FORCE = "data_in_force"


OF_DATA: Final = frozenset({Check.DATA_SOUND, Check.DATA_IN_FORCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One condition that holds whatever the competition: `value` within `low` and `high`, at a horizon or at all.

    `why` says what is wrong, for a guard whose value says little by itself; a NaN fails.
    """

    check: Check
    value: float
    low: float = -math.inf
    high: float = math.inf
    horizon: int | None = None
    why: str = ""

    @property
    def passed(self) -> bool:
        """Whether the value is within its limits."""
        return self.low <= self.value <= self.high

    @property
    def name(self) -> str:
        """As a figure is named: `<check>_<horizon>`."""
        return self.check.value if self.horizon is None else f"{self.check.value}_{self.horizon}"

    def __str__(self) -> str:
        if self.why:
            return f"{self.name}: {self.why}"
        if math.isinf(self.low):
            return f"{self.name}: expected at most {self.high:.4g}, got {self.value:.4g}"
        return f"{self.name}: expected {self.low:.4g} to {self.high:.4g}, got {self.value:.4g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTest:
    """One loss at one horizon, challenger against champion on the same `days`.

    Attributes
    ----------
    challenger, champion : float
        Mean losses; of QLIKE without the terms that both have.
    statistic : float
        Diebold and Mariano's: positive where the challenger loses more. NaN where no test was made.
    p : float
        One-sided, that the challenger is no worse.
    p_holm : float
        The same, with Holm's correction over all tests of the decision.
    """

    loss: Loss
    horizon: int
    days: int
    challenger: float
    champion: float
    statistic: float
    p: float
    p_holm: float

    @property
    def worse(self) -> bool:
        """Whether the challenger is significantly worse."""
        return self.p_holm < SIGNIFICANCE

    def __str__(self) -> str:
        return (
            f"{self.loss.value}_{self.horizon}: Diebold-Mariano {self.statistic:+.2f}, "
            f"p {self.p:.3f} ({self.p_holm:.3f} of all tests) over {self.days} days"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionDecision:
    """The verdict, its reasons for a person, and what they rest on.

    `skill` is the one-sided p value, by horizon, that the mean does not beat the historical mean. It is no condition:
    for most tickers there is none to be had, and a sound model says so by forecasting nearly that mean.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    guards: tuple[Guard, ...] = ()
    tests: tuple[PairedTest, ...] = ()
    skill: Mapping[int, float]

    @property
    def promote(self) -> bool:
        """Whether the challenger is to serve."""
        return self.verdict in PROMOTING

    @property
    def broken(self) -> tuple[Guard, ...]:
        """The guards that failed."""
        return tuple(guard for guard in self.guards if not guard.passed)

    @property
    def figures(self) -> dict[str, float]:
        """Everything that the decision rests on, by name: each ends in the horizon it is of."""
        told = {f"guard_{guard.name}": guard.value for guard in self.guards}
        for test in self.tests:
            told |= {
                f"common_days_{test.horizon}": float(test.days),
                f"worse_{test.loss.value}_statistic_{test.horizon}": test.statistic,
                f"worse_{test.loss.value}_p_{test.horizon}": test.p,
                f"worse_{test.loss.value}_p_holm_{test.horizon}": test.p_holm,
            }
        for horizon, p in self.skill.items():
            told |= {f"skill_p_{horizon}": p, f"skill_shown_{horizon}": float(p < SIGNIFICANCE)}
        return told

    def __str__(self) -> str:
        return f"{self.verdict.value}: {'; '.join((*self.reasons, *_skill_words(self.skill)))}"


def decide(
    challenger: pd.DataFrame, champion: pd.DataFrame | None, *, horizons: Sequence[int], beside: Sequence[Guard] = ()
) -> PromotionDecision:
    """Judge a challenger by its guards, then against the champion.

    Parameters
    ----------
    challenger : DataFrame
        `oos_predictions` of one ticker.
    champion : DataFrame or None
        Those that the model in service was promoted on; None for a ticker that has none.
    horizons : sequence of int
        Those that the challenger must forecast. One that the champion lacks is guarded, not compared.
    beside : sequence of Guard
        What was found of its data and its export.

    Returns
    -------
    PromotionDecision
        The challenger is promoted unless a guard fails or, of the paired tests at all horizons together, one finds
        it worse at 5 %: equal evidence goes to the model with the newer data.
    """
    guarded = (*beside, *(guard for horizon in horizons for guard in guards(challenger, horizon=horizon)))
    broken = [guard for guard in guarded if not guard.passed]
    finite = all(guard.passed for guard in guarded if guard.check is Check.FINITE)
    skill = {horizon: _skill(challenger, horizon=horizon) for horizon in horizons} if finite else {}
    tests = paired_tests(challenger, champion, horizons=horizons) if finite and champion is not None else ()
    if broken:
        verdict = Verdict.DATA if any(guard.check in OF_DATA for guard in broken) else Verdict.GUARD
        reasons = tuple(str(guard) for guard in broken)
    elif champion is None:
        verdict, reasons = Verdict.FIRST, ("no champion yet, and every guard passed",)
    else:
        verdict, reasons = _compared(tests)
    return PromotionDecision(verdict=verdict, reasons=reasons, guards=guarded, tests=tests, skill=skill)


def _compared(tests: Sequence[PairedTest]) -> tuple[Verdict, tuple[str, ...]]:
    made = [test for test in tests if not math.isnan(test.p)]
    if not made:
        days = max((test.days for test in tests), default=0)
        return Verdict.INCOMPARABLE, (
            f"expected at least {FEWEST_COMMON} days in common with the champion, got {days}; every guard passed",
        )
    if worse := [test for test in made if test.worse]:
        return Verdict.WORSE, tuple(str(test) for test in worse)
    if all(test.statistic == 0 for test in made):
        return Verdict.NOT_WORSE, (f"it forecasts the {made[0].days} days in common as the champion does",)
    nearest = min(made, key=lambda test: test.p)
    return Verdict.NOT_WORSE, (f"of {len(made)} tests none finds it worse; nearest comes {nearest}",)


def paired_tests(
    challenger: pd.DataFrame, champion: pd.DataFrame, *, horizons: Sequence[int]
) -> tuple[PairedTest, ...]:
    """Every loss at every horizon that both forecast, with Holm's correction over all of them.

    Outcomes are the challenger's, for both: it was trained on the newer bars.
    """
    made = [
        (loss, horizon, *both)
        for horizon in horizons
        for loss, both in _losses(challenger, champion, horizon=horizon).items()
    ]
    outcomes = [_worse(new, old, horizon=horizon) for _, horizon, new, old in made]
    corrected = holm(np.array([p for _, p in outcomes]))
    return tuple(
        PairedTest(
            loss=loss,
            horizon=horizon,
            days=len(new),
            challenger=float(new.mean()) if len(new) else math.nan,
            champion=float(old.mean()) if len(old) else math.nan,
            statistic=statistic,
            p=p,
            p_holm=float(p_holm),
        )
        for (loss, horizon, new, old), (statistic, p), p_holm in zip(made, outcomes, corrected, strict=True)
    )


def _losses(challenger: pd.DataFrame, champion: pd.DataFrame, *, horizon: int) -> dict[Loss, tuple[Floats, Floats]]:
    """Day by day over the common days; none for a horizon that the champion does not forecast."""
    new, old = (by_model(table, Model.CHAMPION, horizon=horizon) for table in (challenger, champion))
    if old.empty:
        return {}
    days = np.intersect1d(new["date"].to_numpy(), old["date"].to_numpy())
    new, old = (table[table["date"].isin(days)] for table in (new, old))
    realised, variance = column(new, "realised"), column(new, "realised_variance")
    return {
        Loss.SQUARED_ERROR: _both(lambda said: (realised - column(said, "mean")) ** 2, new, old),
        # Without the terms that both have in common: those are infinite on a day without a move.
        Loss.QLIKE: _both(lambda said: variance / column(said, "vol") ** 2 + 2 * np.log(column(said, "vol")), new, old),
        Loss.INTERVAL_SCORE: _both(lambda said: _interval_scores(realised, said), new, old),
    }


def _both(loss: Callable[[pd.DataFrame], Floats], new: pd.DataFrame, old: pd.DataFrame) -> tuple[Floats, Floats]:
    return loss(new), loss(old)


def _interval_scores(realised: Floats, said: pd.DataFrame) -> Floats:
    """`quant.intervals.interval_score` of every row."""
    lower, upper = column(said, "lower_90"), column(said, "upper_90")
    outside: Floats = np.maximum(lower - realised, 0.0) + np.maximum(realised - upper, 0.0)
    return upper - lower + 2.0 / (1.0 - COVERAGE) * outside


def _worse(new: Floats, old: Floats, *, horizon: int) -> tuple[float, float]:
    """Diebold and Mariano's statistic and its one-sided p value; NaN with too few days."""
    if len(new) < FEWEST_COMMON:
        return math.nan, math.nan
    if np.max(np.abs(new - old)) <= ROUNDING * np.mean(np.abs(old)):
        return 0.0, 0.5
    statistic, two_sided = metrics.diebold_mariano(new, old, horizon=horizon)
    return statistic, two_sided / 2 if statistic > 0 else 1.0 - two_sided / 2


def guards(forecasts: pd.DataFrame, *, horizon: int) -> tuple[Guard, ...]:
    """What must hold of a model's forecasts at one horizon; the first alone where they are not finite."""
    rows = by_model(forecasts, Model.CHAMPION, horizon=horizon)
    values = rows[list(FORECAST)].to_numpy(dtype=np.float64)
    wrong = int((~np.isfinite(values).all(axis=1)).sum()) if len(rows) else 1
    why = f"expected finite rows, got {wrong if len(rows) else 0} that are not, of {len(rows)}" if wrong else ""
    finite = Guard(check=Check.FINITE, value=float(wrong), high=0.0, horizon=horizon, why=why)
    if wrong:
        return (finite,)
    return (finite, *_sane(rows, horizon=horizon))


def _sane(rows: pd.DataFrame, *, horizon: int) -> Iterator[Guard]:
    """The guards of finite rows."""
    realised, mean, vol, p_up, lower_90, lower_50, upper_50, upper_90 = (
        column(rows, name) for name in ("realised", *FORECAST)
    )
    sound = (vol > 0) & (lower_90 <= lower_50) & (lower_50 <= upper_50) & (upper_50 <= upper_90)
    disordered = int((~(sound & (p_up >= 0) & (p_up <= 1))).sum())
    why = f"expected vol above 0, p_up in 0 to 1 and ordered bounds, got {disordered} other rows" if disordered else ""
    yield Guard(check=Check.ORDERED, value=float(disordered), high=0.0, horizon=horizon, why=why)
    if disordered:
        return
    covered = intervals.coverage(realised, lower_90, upper_90)
    reach = coverage_error(len(rows), horizon=horizon) * STANDARD_ERRORS
    yield Guard(
        check=Check.COVERAGE, value=covered, low=COVERAGE - reach, high=min(COVERAGE + reach, 1.0), horizon=horizon
    )
    off = probability.expected_calibration_error((realised > 0).astype(np.float64), p_up)
    yield Guard(check=Check.CALIBRATION, value=off, high=calibration_limit(p_up, horizon=horizon), horizon=horizon)
    boldest = float(np.max(np.abs(mean) / vol))
    yield Guard(check=Check.BOLDNESS, value=boldest, high=LARGEST_MEAN_OVER_VOL * math.sqrt(horizon), horizon=horizon)
    scale = float(np.mean(np.abs(realised - mean) / vol)) / NORMAL_ABSOLUTE_MEAN
    yield Guard(check=Check.SCALE, value=scale, low=1.0 / SCALE_FACTOR, high=SCALE_FACTOR, horizon=horizon)


def coverage_error(n: int, *, horizon: int) -> float:
    """The standard error of a 90 % interval's coverage over `n` forecasts.

    The binomial one of ``n / horizon`` forecasts: those that overlap hit and miss together, at worst as closely as
    the returns themselves. Twice its variance, because the bounds are quantiles of about as many past outcomes, whose
    own sampling error is as large again.
    """
    return math.sqrt(2.0 * COVERAGE * (1.0 - COVERAGE) * horizon / n)


def calibration_limit(p_up: Floats, *, horizon: int, bins: int = 10) -> float:
    """The largest calibration error that P(up) may have: what luck gives n forecasts that are right, and a margin.

    Of forecasts that are right, the sum of a bin's ``happened - p`` is normal with variance at most a quarter of its
    rows. The error is the sum of the bins' absolute values: over k filled bins its mean is at most
    ``sqrt(2 k v / pi) / n`` and its variance ``(1 - 2 / pi) v / n**2`` with ``v = n / 4``. As of `coverage_error`,
    overlap and the sampling error of what was learned from the past multiply v by twice the horizon.
    """
    n, filled = len(p_up), len(np.unique(np.ceil(np.clip(p_up, 1e-12, 1.0) * bins)))
    spread = math.sqrt(2.0 * horizon / (4.0 * n))
    return spread * (math.sqrt(2.0 * filled / math.pi) + STANDARD_ERRORS * math.sqrt(1.0 - 2.0 / math.pi))


def _skill(forecasts: pd.DataFrame, *, horizon: int) -> float:
    """Clark and West's one-sided p value of the mean against the historical mean; NaN without that to compare with."""
    model, past = (by_model(forecasts, of, horizon=horizon) for of in (Model.CHAMPION, Model.HISTORICAL_MEAN))
    if len(past) != len(model) or len(model) < 2:
        return math.nan
    return metrics.clark_west(column(model, "realised"), column(model, "mean"), column(past, "mean"), horizon=horizon)[
        1
    ]


def _skill_words(skill: Mapping[int, float]) -> tuple[str, ...]:
    if not skill:
        return ()
    told = (
        f"{'shown' if p < SIGNIFICANCE else 'not shown'} at {horizon} {'session' if horizon == 1 else 'sessions'} "
        f"(Clark-West p {p:.2f})"
        for horizon, p in skill.items()
    )
    return (f"skill over the historical mean {', '.join(told)}",)
