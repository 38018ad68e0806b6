"""Whose models can't be learned or shipped fails its own run, in one line that names it; others are released."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from shared_data import sample_bars

from quant.bars import Bars, unadjusted
from release.store import Store
from stock_assets.frames import price_table
from stock_assets.instance import open_instance
from stock_assets.learning.candidates import graphs, ridge
from stock_assets.learning.candidates.har import HarCandidate
from stock_assets.runs import RestRun, TickerRun, materialize_rest, materialize_ticker
from stock_assets.settings import PipelineSettings, SourceName

BARS = 1_100


@dataclass(frozen=True)
class Outcome:
    """How each ticker's run went, what was published after them, and why the others were not."""

    runs: dict[str, TickerRun]
    rest: RestRun
    released: list[str]
    refused: dict[str, str]


def halted(bars: Bars) -> Bars:
    """Nothing traded or paid for 80 sessions; each such bar is sound."""
    ohlcv = bars.ohlcv.copy()
    ohlcv[900:980, :4] = ohlcv[899, 3]
    return unadjusted(bars.session, ohlcv)


def off_by_one(coefficients: np.ndarray, intercept: float, **scaled: Any) -> onnx.ModelProto:
    """A graph with another intercept than the model has."""
    return graphs.linear(coefficients, intercept + 1.0, **scaled)


def nothing(_: HarCandidate, X: np.ndarray) -> np.ndarray:
    """A forecast that never comes to a number."""
    return np.full(len(X), np.nan)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    home = tmp_path_factory.mktemp("failed_learning")
    bars = {name: sample_bars(name)[-BARS:] for name in ("AAPL", "GOOG", "IBM", "MSFT")}
    bars["IBM"] = halted(bars["IBM"])
    pd.concat([price_table(its, ticker=name) for name, its in bars.items()]).to_csv(home / "bars.csv", index=False)
    settings = PipelineSettings(home=home / "home", source=SourceName.FILES, data=home / "bars.csv")
    with open_instance(settings) as instance:
        instance.add_dynamic_partitions("tickers", sorted(bars))
        runs = {"IBM": materialize_ticker(instance, settings, "IBM")}
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(ridge, "linear", off_by_one)
            runs["GOOG"] = materialize_ticker(instance, settings, "GOOG")
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(HarCandidate, "predict", nothing)
            runs["MSFT"] = materialize_ticker(instance, settings, "MSFT")
        runs["AAPL"] = materialize_ticker(instance, settings, "AAPL")
        rest = materialize_rest(instance, settings)
    manifest = Store(settings.releases).load().manifest
    refused = {refusal.ticker: refusal.reason for refusal in manifest.refused}
    return Outcome(runs, rest, [line.ticker for line in manifest.tickers], refused)


@pytest.mark.parametrize(
    ("ticker", "reason"),
    [
        ("IBM", r"IBM close: expected a move within any 63 sessions, got none from \S+ to \S+"),
        ("GOOG", r"GOOG: ridge_1: expected the ONNX graph within 1e-06 of the fitted model, got 1 off"),
        ("MSFT", r"MSFT: har: expected settings with a finite loss, got none in \d+ trials"),
    ],
    ids=["a halted price", "an export that disagrees", "a tuner that finds nothing"],
)
def test_it_fails_its_own_run_in_one_line_which_the_release_repeats(outcome, ticker, reason):
    run = outcome.runs[ticker]

    assert not run.ok
    assert re.fullmatch(reason, run.error)
    assert outcome.refused[ticker] == run.error


def test_the_ticker_beside_them_is_learned_and_released(outcome):
    assert outcome.runs["AAPL"].error == ""
    assert outcome.rest.ok
    assert outcome.released == ["AAPL"]
    assert sorted(outcome.refused) == ["GOOG", "IBM", "MSFT"]
