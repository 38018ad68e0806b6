"""The pictures of a run, drawn of real forecasts: what is on them, what it is read against, what stays behind."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from shared_data import sample_bars
from upath import UPath

from quant.intervals import coverage
from quant.probability import reliability
from stock_assets.figures import BINS, SHOWN, coverage_figure, equity_figure, importance_figure, reliability_figure
from stock_assets.learning.candidates.base import Part
from stock_assets.learning.importance import Importance
from stock_assets.learning.scores import by_model, column
from stock_assets.learning.walk_forward import Model
from stock_assets.resources.lake import Lake

NAMES = tuple(f"feature_{k}" for k in range(30))


@pytest.fixture(scope="module")
def forecasts(filled):
    table = Lake(UPath(filled.settings.lake)).read("oos_predictions", "AAPL")
    return {horizon: by_model(table, Model.CHAMPION, horizon=horizon) for horizon in filled.settings.horizons}


@pytest.fixture(scope="module")
def told():
    rng = np.random.default_rng(3)
    return {
        part: Importance(part, NAMES, rng.normal(0.0, 1e-3, len(NAMES)), np.full(len(NAMES), 5e-4), sessions=252)
        for part in Part
    }


def equity(**books):
    bars = sample_bars("AAPL")[-600:]
    close = bars.ohlcv[:, 3]
    held = close / close[0]
    return equity_figure(
        "AAPL",
        bars.session,
        signals=books.get("signals", np.sqrt(held)),
        buy_and_hold=books.get("buy_and_hold", held),
        cost_bp=3.0,
    )


def words(figure) -> str:
    """Everything written on the figure, ticks apart."""
    said = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        said += [axes.get_title(), axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
        if axes.get_legend() is not None:
            said += [text.get_text() for text in axes.get_legend().get_texts()]
    return "\n".join(said)


def test_each_picture_is_a_small_png(forecasts, told):
    from PIL import Image

    figures = (
        reliability_figure("AAPL", forecasts),
        coverage_figure("AAPL", forecasts),
        equity(),
        importance_figure("AAPL", told),
    )

    for figure in figures:
        png = io.BytesIO()
        figure.savefig(png)
        width, height = Image.open(png).size
        assert 600 <= width <= 800
        assert 250 <= height <= 450
        assert len(png.getvalue()) < 120_000
        assert "AAPL" in words(figure)


def test_reliability_shows_what_came_where_a_probability_was_said_beside_the_base_rate(forecasts):
    said = column(forecasts[1], "p_up")
    came = (column(forecasts[1], "realised") > 0).astype(float)

    figure = reliability_figure("AAPL", forecasts)
    above, below = figure.axes[:2]
    points = next(line for line in above.lines if line.get_marker() == "o")

    expected = reliability(came, said, bins=BINS)
    assert_allclose(points.get_xdata(), expected.predicted)
    assert_allclose(points.get_ydata(), expected.observed)
    assert sum(bar.get_height() for bar in below.patches) == len(said)
    assert f"base rate, {came.mean():.1%}" in words(figure)
    assert "as said" in words(figure)
    assert f"P(up) said 1 session ahead, {len(said):,} times" in words(figure)


def test_outcomes_that_overlap_make_wider_errors(forecasts):
    alone, overlapping = (reliability_figure("AAPL", {horizon: forecasts[1]}) for horizon in (1, 5))

    def height(figure) -> float:
        bar = figure.axes[0].collections[0].get_segments()[0]
        return bar[1, 1] - bar[0, 1]

    assert height(overlapping) == pytest.approx(np.sqrt(5) * height(alone))


def test_coverage_over_time_ends_with_the_newest_63_and_names_the_promise(forecasts):
    newest = forecasts[1].iloc[-63:]

    figure = coverage_figure("AAPL", forecasts)
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    drawn = next(line for name, line in lines.items() if name.startswith("1 session ahead"))

    held = coverage(*(column(newest, name) for name in ("realised", "lower_90", "upper_90")))
    assert drawn.get_ydata()[-1] == pytest.approx(held)
    assert lines["promised: 90%"].get_ydata()[0] == pytest.approx(0.9)
    assert any(name.startswith("5 sessions ahead") for name in lines)


def test_the_worst_quarter_is_drawn_however_much_is_left_out(forecasts):
    figure = coverage_figure("AAPL", {1: forecasts[1]})

    drawn = next(line for line in figure.axes[0].lines if line.get_label().startswith("1 session"))

    assert f"at worst {min(drawn.get_ydata()):.1%}" in drawn.get_label()


def test_equity_is_drawn_beside_buy_and_hold_on_a_log_scale_net_of_named_costs():
    figure = equity()

    assert figure.axes[0].get_yscale() == "log"
    assert "after costs of 3 bp a side" in words(figure)
    assert "buy and hold: 1 became" in words(figure)
    assert "signals: 1 became" in words(figure)


def test_a_ruined_book_is_drawn_until_its_ruin():
    ruined = np.concatenate([np.linspace(1.0, 0.2, 300), np.zeros(300)])

    figure = equity(signals=ruined)
    figure.savefig(io.BytesIO())
    line = next(line for line in figure.axes[0].lines if line.get_label().startswith("signals"))

    assert np.isfinite(line.get_ydata()).sum() == 300
    assert line.get_label() == "signals: 1 became 0.00"


def test_importance_has_the_features_that_matter_most_the_first_on_top(told):
    figure = importance_figure("AAPL", told)

    for axes, given in zip(figure.axes, told.values(), strict=True):
        shown = [label.get_text() for label in axes.get_yticklabels()]
        most = np.argsort(-given.increase)[:SHOWN]
        assert shown[::-1] == [NAMES[k] for k in most]
        assert axes.patches[-1].get_width() == pytest.approx(1e3 * given.increase.max())
    assert "252 sessions not seen in training" in words(figure)


def test_drawing_leaves_no_state_behind():
    # In a process of its own: other tests' libraries import pyplot.
    code = (
        "import sys, numpy as np; from stock_assets.figures import equity_figure;"
        "days = np.arange('2020-01-01', '2021-01-01', dtype='datetime64[D]'); one = np.ones(len(days));"
        "equity_figure('X', days, signals=one, buy_and_hold=one, cost_bp=1.0).savefig(sys.stderr.buffer);"
        "print('matplotlib.pyplot' in sys.modules)"
    )

    drawn = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert drawn.stdout == b"False\n"
    assert drawn.stderr.startswith(b"\x89PNG")
