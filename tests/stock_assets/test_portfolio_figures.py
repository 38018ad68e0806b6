"""The pictures of a portfolio, drawn of a real one: what is on them is what was given, and nothing is cut off."""

from __future__ import annotations

import io
from itertools import pairwise

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from real_portfolio import portfolio as portfolio_of
from shared_data import sample_bars, shared_data

from quant.risk import cluster_order
from release.portfolio import Allocation, FrontierPoint, Portfolio, Strategy
from stock_assets.drawing import BLUE, ORANGE
from stock_assets.portfolio_figures import (
    APART,
    AREAS,
    CASH,
    LABELLED,
    NAMED,
    OTHERS,
    REST,
    _apart,
    allocation_figure,
    correlation_figure,
    frontier_figure,
    strategies_figure,
)

TICKERS = ("AAPL", "GOOG", "IBM", "MSFT")
LONGEST = max(Strategy, key=lambda strategy: len(strategy.value))
# What eyes make of linear RGB: without the cones for red, green or blue (Machado, Oliveira & Fernandes 2009).
SEEN = {
    "usual": np.eye(3),
    "no red": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "no green": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
    "no blue": np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]]),
}
DAYS = np.array(["2012-01-06", "2012-01-13", "2012-01-20"], dtype="datetime64[D]")


@pytest.fixture(scope="module")
def portfolio() -> Portfolio:
    return portfolio_of({ticker: sample_bars(ticker) for ticker in TICKERS})


@pytest.fixture(scope="module")
def alone(portfolio) -> Portfolio:
    """The same week with one ticker in it, which every strategy holds."""
    held = next(iter(portfolio.allocations.values()))
    earned, risked = portfolio.expected_return[0], portfolio.covariance[0][0] ** 0.5
    whole = msgspec.structs.replace(
        held, weights=(1.0,), expected_return_in_sample=earned, volatility_in_sample=risked, risk_contributions=(1.0,)
    )
    return msgspec.structs.replace(
        portfolio,
        tickers=TICKERS[:1],
        allocations=dict.fromkeys(portfolio.allocations, whole),
        expected_return=(earned,),
        covariance=((risked**2,),),
        correlation=((1.0,),),
        cluster_order=(0,),
        frontier=(FrontierPoint(expected_return=earned, volatility=risked, weights=(1.0,)),),
    )


@pytest.fixture(scope="module")
def crowd(portfolio) -> Portfolio:
    """130 real tickers; only what the heat map is drawn of is theirs."""
    table = pd.read_parquet(shared_data("us130_daily_raw_2004_2021.parquet"))
    prices = table.pivot(index="date", columns="ticker", values="adj_close").iloc[-253:]
    related = np.corrcoef(np.diff(np.log(prices.ffill().bfill().to_numpy()), axis=0), rowvar=False)
    return msgspec.structs.replace(
        portfolio,
        tickers=tuple(prices.columns),
        correlation=tuple(map(tuple, related.tolist())),
        cluster_order=tuple(cluster_order(related).tolist()),
    )


def saved(figure) -> bytes:
    png = io.BytesIO()
    figure.savefig(png)
    return png.getvalue()


def linear(colour: str) -> np.ndarray:
    """Linear RGB, from sRGB's notation."""
    from matplotlib.colors import to_rgb

    channels = np.array(to_rgb(colour))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b*, in which distances are as large as they seem; of linear RGB."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(rgb, 0.0, 1.0) / to_xyz.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def legend_of(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def line(axes, start: str):
    return next(line for line in axes.lines if line.get_label().startswith(start))


def assert_whole(figure) -> None:
    """Nothing that is drawn crosses the figure's edge."""
    saved(figure)
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()

    assert drawn.x0 >= 0.0
    assert drawn.y0 >= 0.0
    assert drawn.x1 <= width
    assert drawn.y1 <= height


def tops(axes) -> np.ndarray:
    """(areas, decisions): the upper edge of each area at each decision."""
    edges = []
    for area in axes.collections:
        corners = area.get_paths()[0].vertices
        edges.append([corners[corners[:, 0] == day, 1].max() for day in axes.convert_xunits(DAYS)])
    return np.array(edges)


def test_areas_are_the_weights_from_the_ground_up_and_cash_fills_the_rest():
    weights = np.array([[0.5, 0.2], [0.4, 0.4], [0.3, 0.7]])

    figure = allocation_figure("Held", DAYS, ("AAPL", "IBM"), weights, strategy=Strategy.TARGET_VOLATILITY)
    axes = figure.axes[0]

    # A step down leaves the day at the height before it.
    assert_allclose(tops(axes)[:, 0], [0.5, 0.7, 1.0])
    assert_allclose(tops(axes)[:, 2], [0.4, 1.0, 1.0])
    assert legend_of(axes) == ["AAPL 30.0%", "IBM 70.0%", "cash 0.0%"]
    assert figure.texts[0].get_text() == "Held (now target volatility), beside equal weight"


def test_the_newest_weights_are_drawn_for_as_long_as_those_before():
    figure = allocation_figure("Held", DAYS, ("AAPL",), np.ones((3, 1)), strategy=Strategy.EQUAL_WEIGHT)
    axes = figure.axes[0]

    assert axes.get_xlim()[1] == axes.convert_xunits(np.datetime64("2012-01-27"))


def test_beside_the_weights_stands_what_equal_weight_would_hold_in_the_same_colours():
    weights = np.array([[0.7, 0.2], [0.7, 0.2], [0.7, 0.2]])

    figure = allocation_figure("Held", DAYS, ("AAPL", "IBM"), weights, strategy=Strategy.RISK_BUDGETING)
    over_time, equal = figure.axes

    assert [bar.get_height() for bar in equal.patches] == pytest.approx([0.5, 0.5, 0.0])
    for area, bar in zip(over_time.collections, equal.patches, strict=True):
        assert_allclose(area.get_facecolor()[0], bar.get_facecolor())


def test_those_held_most_on_average_are_named_in_their_given_order_and_the_rest_is_others():
    tickers = tuple(f"T{k}" for k in range(20))
    weights = np.full((3, 20), 0.01)
    weights[:, [2, 5, 7, 11, 13, 17, 18, 19]] = 0.1

    figure = allocation_figure("Held", DAYS, tickers, weights, strategy=Strategy.MOMENTUM)
    named = [text.split()[0] for text in legend_of(figure.axes[0])]
    heights = [bar.get_height() for bar in figure.axes[1].patches]

    assert named == ["T2", "T5", "T7", "T11", "T13", "T17", "T18", "T19", "others", "cash"]
    assert heights == pytest.approx([1 / 20] * NAMED + [12 / 20, 0.0])
    assert len({tuple(area.get_facecolor()[0]) for area in figure.axes[0].collections}) == NAMED + 2


@pytest.mark.parametrize("eyes", SEEN)
def test_areas_side_by_side_are_far_apart_to_eyes_of_any_kind_and_none_is_taken_for_another(eyes):
    seen = np.array([lab(SEEN[eyes] @ linear(colour)) for colour in (*AREAS, REST[OTHERS], REST[CASH])])

    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1)

    # 2 is the least difference that is seen at all.
    assert np.diag(apart, 1).min() > 20
    assert apart[np.triu_indices(len(seen), 1)].min() > 15


def test_the_frontier_and_the_points_are_the_record_s(portfolio):
    figure = frontier_figure(portfolio)
    axes = figure.axes[0]
    drawn, tickers = line(axes, "frontier"), line(axes, "single tickers")
    points = {(one.get_xdata()[0], one.get_ydata()[0]) for one in axes.lines if len(one.get_xdata()) == 1}

    assert_array_equal(drawn.get_xdata(), [point.volatility for point in portfolio.frontier])
    assert_array_equal(drawn.get_ydata(), [point.expected_return for point in portfolio.frontier])
    assert_allclose(tickers.get_xdata(), np.sqrt(np.diag(portfolio.covariance)))
    assert_array_equal(tickers.get_ydata(), portfolio.expected_return)
    assert points == {
        (held.volatility_in_sample, held.expected_return_in_sample) for held in portfolio.allocations.values()
    }
    assert "in sample" in figure.texts[0].get_text()
    assert portfolio.data_through in figure.texts[0].get_text()


def test_every_strategy_s_name_is_tied_to_its_point_with_the_champion_and_equal_weight_set_off(portfolio):
    figure = frontier_figure(portfolio)
    told = {note.get_text().split(",")[0]: note for note in figure.axes[0].texts}

    champion, equal = told["champion: risk budgeting"], told["equal weight"]
    held = portfolio.allocations[portfolio.champion]
    assert len(told) == len(portfolio.allocations)
    assert champion.xy == (held.volatility_in_sample, held.expected_return_in_sample)
    assert (champion.get_color(), equal.get_color()) == (BLUE, ORANGE)


def test_cash_is_said_where_there_is_some(portfolio):
    held = portfolio.allocations[Strategy.TARGET_VOLATILITY]
    half = msgspec.structs.replace(held, weights=tuple(0.5 * weight / sum(held.weights) for weight in held.weights))
    calmer = {**portfolio.allocations, Strategy.TARGET_VOLATILITY: half}

    figure = frontier_figure(msgspec.structs.replace(portfolio, allocations=calmer))

    assert "target volatility, 50% cash" in [note.get_text() for note in figure.axes[0].texts]


def test_no_two_names_overlap_though_all_ten_strategies_stand_at_one_point(alone):
    held: Allocation = next(iter(alone.allocations.values()))
    figure = frontier_figure(msgspec.structs.replace(alone, allocations=dict.fromkeys(Strategy, held)))
    saved(figure)

    # The text alone: an annotation's own extent has its line in it.
    from matplotlib.text import Text

    boxes = sorted((Text.get_window_extent(note) for note in figure.axes[0].texts), key=lambda box: box.y0)
    assert len(boxes) == len(Strategy)
    assert all(lower.y1 <= upper.y0 for lower, upper in pairwise(boxes))


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=11))
def test_labels_are_apart_and_inside_and_where_they_want_to_be_if_that_is_so_already(places):
    wanted = np.sort(places)

    found = _apart(wanted)

    assert np.all(np.diff(found) >= APART - 1e-9)
    assert found[0] >= -1e-9
    assert found[-1] <= 1.0 + 1e-9
    if np.all(np.diff(wanted) >= APART):
        assert_allclose(found, wanted, atol=1e-9)


def test_correlations_are_in_the_clusters_order_with_numbers_while_they_fit(portfolio):
    order = list(portfolio.cluster_order)

    figure = correlation_figure(portfolio)
    axes = figure.axes[0]
    image = axes.images[0]

    expected = np.array(portfolio.correlation)[np.ix_(order, order)]
    assert_array_equal(image.get_array(), expected)
    assert image.get_clim() == (-1.0, 1.0)
    assert [label.get_text() for label in axes.get_yticklabels()] == [TICKERS[k] for k in order]
    assert [text.get_text() for text in axes.texts] == [f"{value:.2f}" for value in expected.ravel()]
    mean = expected[np.triu_indices(4, 1)].mean()
    assert figure.texts[0].get_text() == f"Correlations of 4 tickers: 0 is unrelated, pairs average {mean:.2f}"


def test_of_130_tickers_as_many_are_named_as_fit_each_at_its_row_and_none_touches_another(crowd):
    figure = correlation_figure(crowd)
    saved(figure)
    axes = figure.axes[0]
    labels = axes.get_yticklabels()

    assert LABELLED / 2 < len(labels) <= LABELLED
    for place, label in zip(axes.get_yticks(), labels, strict=True):
        assert label.get_text() == crowd.tickers[crowd.cluster_order[int(place)]]
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
    assert all(lower.y1 <= upper.y0 for lower, upper in pairwise(boxes))
    assert not axes.texts


def test_equity_curves_are_the_record_s_on_a_log_scale_with_the_champion_as_chosen(portfolio):
    performance = portfolio.performance

    figure = strategies_figure(performance, champion=portfolio.champion)
    above = figure.axes[0]

    assert above.get_yscale() == "log"
    equal = performance.strategies[Strategy.EQUAL_WEIGHT]
    drawn = (("champion", performance.champion), ("equal", equal), ("buy and hold", performance.buy_and_hold))
    for name, of in drawn:
        assert_allclose(line(above, name).get_ydata(), of.equity)
    curves = [tuple(one.get_ydata()) for one in above.lines]
    assert all(of.equity in curves for of in performance.strategies.values())
    assert line(above, "champion").get_linewidth() == max(one.get_linewidth() for one in above.lines)
    assert_array_equal(line(above, "equal").get_xdata(), np.array(performance.sessions_shown, dtype="datetime64[D]"))


def test_the_legend_says_how_sure_the_ratios_are_and_the_title_what_was_paid(portfolio):
    performance = portfolio.performance
    equal, chosen = performance.strategies[Strategy.EQUAL_WEIGHT], performance.champion

    figure = strategies_figure(performance, champion=portfolio.champion)
    told = legend_of(figure.axes[0])

    assert told[:2] == [
        f"{name}: Sharpe {of.sharpe:.2f} (95 %: {of.sharpe_lower_95:.2f} to {of.sharpe_upper_95:.2f})"
        for name, of in (("champion (now risk budgeting)", chosen), ("equal weight", equal))
    ]
    others = [of.sharpe for name, of in performance.strategies.items() if name is not Strategy.EQUAL_WEIGHT]
    assert told[3] == f"{len(others)} others: Sharpe {min(others):.2f} to {max(others):.2f}"
    assert "after costs of 10 bp a side" in figure.texts[0].get_text()


def test_the_drawdown_is_what_was_lost_from_the_highest_point_shown(portfolio):
    chosen = msgspec.structs.replace(
        portfolio.performance.champion, equity=(0.9, 1.2, 0.6, 1.5, *portfolio.performance.champion.equity[4:])
    )
    performance = msgspec.structs.replace(portfolio.performance, champion=chosen)

    figure = strategies_figure(performance, champion=portfolio.champion)
    equal, drawn = figure.axes[1].lines

    assert_allclose(drawn.get_ydata()[:4], [-0.1, 0.0, -0.5, 0.0])
    assert equal.get_color() == ORANGE


def test_a_ruined_book_is_drawn_until_its_ruin(portfolio):
    equity = np.array(portfolio.performance.champion.equity)
    equity[-5:] = 0.0
    ruined = msgspec.structs.replace(portfolio.performance.champion, equity=tuple(equity.tolist()))

    figure = strategies_figure(
        msgspec.structs.replace(portfolio.performance, champion=ruined), champion=portfolio.champion
    )
    saved(figure)

    assert np.isnan(line(figure.axes[0], "champion").get_ydata()[-5:]).all()
    assert_allclose(figure.axes[1].lines[1].get_ydata()[-5:], -1.0)


def test_one_ticker_and_one_week_can_be_drawn(alone):
    figures = (
        allocation_figure("Held", DAYS[:1], ("AAPL",), np.array([[0.4]]), strategy=Strategy.TARGET_VOLATILITY),
        frontier_figure(alone),
        correlation_figure(alone),
    )

    for figure in figures:
        assert_whole(figure)
    assert figures[2].texts[0].get_text() == "Correlations of 1 ticker: 0 is unrelated"


def test_long_names_are_not_cut_off(portfolio):
    names = tuple(f"COIN{k:02}-USD" for k in range(30))
    weights = np.tile(np.linspace(0.02, 0.04, 30), (3, 1))
    lost = {"sharpe": -1.25, "sharpe_lower_95": -2.25, "sharpe_upper_95": -1.15}
    poor = msgspec.structs.replace(portfolio.performance.champion, **lost)
    named = msgspec.structs.replace(portfolio, tickers=names[:4], champion=LONGEST)
    held = portfolio.allocations[Strategy.RISK_BUDGETING]

    assert_whole(allocation_figure("What the champion held", DAYS, names, weights, strategy=LONGEST))
    assert_whole(frontier_figure(msgspec.structs.replace(named, allocations=dict.fromkeys(Strategy, held))))
    assert_whole(correlation_figure(named))
    assert_whole(strategies_figure(msgspec.structs.replace(portfolio.performance, champion=poor), champion=LONGEST))


def test_pictures_are_small(portfolio, crowd):
    figures = (
        allocation_figure("Held", DAYS, TICKERS, np.full((3, 4), 0.25), strategy=Strategy.EQUAL_WEIGHT),
        frontier_figure(portfolio),
        correlation_figure(crowd),
        strategies_figure(portfolio.performance, champion=portfolio.champion),
    )

    for figure in figures:
        assert len(saved(figure)) < 120_000
