"""One ticker from its bars to its evidence, by all that the graph does to it, and what each step costs.

What the evidence amounts to is `learning.skill`'s business.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd

from quant.bars import Bars
from quant.sessions import SessionCalendar
from stock_assets.learning.dataset import history
from stock_assets.learning.export import export
from stock_assets.learning.scores import Evidence, evidence
from stock_assets.learning.training import train
from stock_assets.learning.tuning import Budget
from stock_assets.learning.walk_forward import walk_forward


class Step(enum.StrEnum):
    """What a ticker's processor time goes into."""

    FEATURES = "features"
    WALK_FORWARD = "walk forward"  # with all its tuning and the baselines
    FINAL_FIT = "final fit"  # of what would go into service
    EXPORT = "export"


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """The evidence by horizon, and the CPU seconds of each step."""

    evidence: dict[int, Evidence]
    seconds: dict[Step, float]


def trial(
    bars: Bars,
    calendar: SessionCalendar,
    *,
    ticker: str,
    horizons: tuple[int, ...],
    seed: int,
    budget: Budget = Budget(),  # noqa: B008 - frozen
) -> Trial:
    """Features, walk forward, final fit and export, as the graph's assets do them.

    Raises
    ------
    LearningError
        Naming why the bars can't be learned from, or what of it can't be exported.
    """
    seconds = dict.fromkeys(Step, 0.0)
    with _timed(seconds, Step.FEATURES):
        rows = history(bars, calendar, ticker=ticker, horizons=horizons)
    close = pd.Series(rows.close, index=rows.session.astype("datetime64[s]"))
    made, trained = {}, []
    for horizon in horizons:
        data = rows.dataset(horizon)
        with _timed(seconds, Step.WALK_FORWARD):
            walk = walk_forward(data, seed=seed, budget=budget)
        made[horizon] = evidence(walk.table, horizon=horizon, close=close, trials=walk.trials)
        with _timed(seconds, Step.FINAL_FIT):
            trained.append(train(data, seed=seed, budget=budget))
    with _timed(seconds, Step.EXPORT):
        export(trained)
    return Trial(made, seconds)


@contextmanager
def _timed(seconds: dict[Step, float], step: Step) -> Iterator[None]:
    started = time.process_time()
    yield
    seconds[step] += time.process_time() - started
