"""A model card claims what its figures show and no more, with every figure beside its baseline."""

from __future__ import annotations

import re
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
from command_line import STOCK_ASSETS
from upath import UPath

from release.manifest import Book, Refusal, TickerLineage, TickerMetrics, TradingRecord
from release.store import Store
from stock_assets.champions import Champion
from stock_assets.markdown import WIDTH
from stock_assets.model_card import Subject, release_card, ticker_card
from stock_assets.resources.lake import Lake

LINEAGE = TickerLineage(
    ticker="AAPL",
    exchange="XNYS",
    source="sample",
    data_sha256="930ef2617c44" + 52 * "0",
    first_session="2000-03-01",
    last_session="2013-03-01",
    bars=3270,
    dagster_run_id="a-dagster-run",
    mlflow_run_id="72206378a62d4c0f",
    model_name="stock-assets-AAPL",
    model_version="4",
    trained_at="2026-11-26T01:14:00Z",
)
# No skill anywhere.
DULL = TickerMetrics(
    n=2512,
    first="2003-03-10",
    last="2013-02-28",
    price_r2=0.99921,
    price_r2_random_walk=0.99922,
    return_r2=-0.001,
    return_r2_historical_mean=0.0023,
    clark_west_p=0.4,
    clark_west_p_historical_mean=0.6,
    diebold_mariano=0.5,
    diebold_mariano_p=0.6,
    directional_accuracy=0.527,
    directional_accuracy_se=0.01,
    base_rate=0.535,
    brier=0.2504,
    brier_base_rate=0.2501,
    log_score=0.6940,
    log_score_base_rate=0.6934,
    calibration_error=0.016,
    confident_right=None,
    confident_n=0,
    coverage_90=0.901,
    coverage_50=0.504,
    worst_coverage_63=0.825,
    interval_score=0.1003,
    interval_score_ewma=0.0940,
    qlike=1.6,
    qlike_ewma=1.54,
    qlike_rolling=1.55,
    qlike_log_har=1.49,
    qlike_garch=1.56,
    variance_r2_ewma=0.012,
    variance_r2_rolling=0.031,
    variance_r2_log_har=0.04,
    variance_r2_garch=0.101,
    trials=170,
)
BOOK = Book(
    annualised_return=0.209,
    annualised_volatility=0.355,
    sharpe=0.53,
    probabilistic_sharpe=0.94,
    deflated_sharpe=0.11,
    maximum_drawdown=0.609,
    hit_rate=0.33,
    turnover=1.2,
    exposure=0.85,
    trades=7,
    total_cost_bp=42.0,
)
HELD = msgspec.structs.replace(BOOK, sharpe=1.09, exposure=1.0, trades=1, hit_rate=None)
TRADING = TradingRecord(
    first="2003-03-10",
    last="2013-03-01",
    sessions=2513,
    cost_bp=2.0,
    slippage_bp=1.0,
    trials=340,
    signals=BOOK,
    buy_and_hold=HELD,
)


def metrics(**changes) -> TickerMetrics:
    return msgspec.structs.replace(DULL, **changes)


@pytest.fixture(scope="module")
def parameters(filled):
    return Champion.read(Lake(UPath(filled.settings.lake)), "AAPL").parameters


@pytest.fixture
def card(parameters):
    """A ticker's card of changed figures, its line breaks undone."""

    def written(*, trading=TRADING, **changes) -> str:
        by_horizon = {1: metrics(**changes)}
        return unwrapped(
            ticker_card(Subject(lineage=LINEAGE, metrics=by_horizon, parameters=parameters, trading=trading))
        )

    return written


@pytest.fixture
def release(parameters):
    """A release's card of tickers with the given metrics, its line breaks undone."""

    def written(*scores, refused=(), trading=TRADING) -> str:
        tickers = [
            SimpleNamespace(
                lineage=msgspec.structs.replace(LINEAGE, ticker=f"T{k}"),
                metrics=by_horizon if isinstance(by_horizon, dict) else {1: by_horizon},
                parameters=parameters,
                trading=trading,
            )
            for k, by_horizon in enumerate(scores)
        ]
        return release_card(tickers, refused, as_of="2013-03-01")

    return written


def unwrapped(page: str) -> str:
    return re.sub(r"\n  ", " ", page)


def tables(page: str) -> list[list[list[str]]]:
    """The page's tables: rows of cells, the header first and the rule left out."""
    found = re.findall(r"(?:^\|.*\|\n?)+", page, flags=re.MULTILINE)
    rows = [[line.strip("|").split("|") for line in table.splitlines()] for table in found]
    return [[[cell.strip() for cell in row] for row in (table[0], *table[2:])] for table in rows]


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "no skill in the mean is shown (return R2 -0.10%, the historical mean's +0.23%"),
        ({"clark_west_p": 0.05}, "no skill in the mean is shown ("),
        ({"clark_west_p": float("nan")}, "no skill in the mean is shown ("),
        ({"clark_west_p": 0.01}, "better than no return but not than the historical mean"),
        ({"clark_west_p": 0.01, "clark_west_p_historical_mean": 0.02}, "trace of skill in the mean, yet the errors"),
        (
            {"clark_west_p": 0.01, "clark_west_p_historical_mean": 0.02, "return_r2": 0.004},
            "Expected return: skill in the mean is shown, by one test among many",
        ),
    ],
)
def test_skill_in_the_mean_is_claimed_only_where_both_tests_and_the_errors_show_it(card, changes, verdict):
    assert verdict in card(**changes)


@pytest.mark.parametrize(
    ("qlike", "verdict"),
    [
        (1.60, "no better than any baseline"),
        (1.55, "better than GARCH, not than the other baselines"),
        (1.545, "better than 63 days and GARCH, not than the other baselines"),
        (1.40, "better than all 4 baselines"),
    ],
)
def test_the_card_names_the_baselines_that_the_variance_beats(card, qlike, verdict):
    assert f"Volatility: {verdict} (QLIKE {qlike:.4f}; EWMA 1.5400" in card(qlike=qlike)


def test_probabilities_directions_and_intervals_are_held_against_their_baselines(card):
    dull = card()
    good = card(
        brier=0.24,
        log_score=0.68,
        confident_right=0.62,
        confident_n=120,
        directional_accuracy=0.56,
        interval_score=0.09,
    )

    assert "P(up): no better than the base rate" in dull
    assert "60 % was never said" in dull
    assert "not shown to be better than always saying the same" in dull
    assert "is no better than with EWMA's volatility" in dull
    assert "P(up): better by both scores than the base rate" in good
    assert "60 % was said 120 times, rightly 62.0% of them" in good
    assert "Direction: better than always saying the same" in good
    assert "is better than with EWMA's volatility" in good


def test_trading_is_skill_only_if_its_sharpe_ratio_outlives_the_trials(card):
    sure = msgspec.structs.replace(TRADING, signals=msgspec.structs.replace(BOOK, deflated_sharpe=0.97))

    assert "Trading the signals: no skill is shown (Sharpe ratio +0.53, buy and hold's +1.09" in card()
    assert "deflated for 340 trials 11%, evidence would be 95 %" in card()
    assert "Trading the signals: skill is shown" in card(trading=sure)
    assert "Trading the signals: no record, for this version has made none." in card(trading=None)
    assert "Signals beside buy and hold" not in card(trading=None)


def test_a_ruined_book_and_what_was_never_tried_are_told_in_words(card):
    ruined = msgspec.structs.replace(BOOK, sharpe=None, annualised_volatility=None, annualised_return=-1.0)

    page = card(trading=msgspec.structs.replace(TRADING, signals=ruined))

    assert "ruined" in page
    assert "Sharpe ratio none" in page
    assert "nan" not in page
    assert "None" not in page


@pytest.mark.parametrize(
    ("below", "p", "verdict"),
    [
        (
            0,
            0.03,
            "no skill in the mean is shown. 0 of 40 beat the historical mean at 5 % (Clark-West); luck alone would "
            "give 2.0",
        ),
        (
            3,
            0.03,
            "no skill in the mean is shown. 3 of 40 beat the historical mean at 5 % (Clark-West); luck alone would "
            "give 2.0",
        ),
        (5, 1e-4, "skill in the mean is shown for 5 of 40"),
    ],
)
def test_a_release_says_how_many_beat_the_historical_mean_and_how_many_luck_alone_would_give(
    release, below, p, verdict
):
    ordinary = np.linspace(0.1, 0.9, 40 - below)
    scores = [
        metrics(clark_west_p=float(value), clark_west_p_historical_mean=float(value), return_r2=0.004)
        for value in (*[p] * below, *ordinary)
    ]

    assert verdict in unwrapped(release(*scores))


@pytest.mark.parametrize(
    "spoiled",
    [
        {"clark_west_p": 0.3},
        {"return_r2": 0.001},
        {"return_r2": -0.1},
        {"clark_west_p": float("nan")},
        {"clark_west_p_historical_mean": float("nan")},
    ],
)
def test_a_release_claims_skill_for_no_ticker_whose_own_card_would_not(release, spoiled):
    good = {"clark_west_p": 1e-4, "clark_west_p_historical_mean": 1e-4, "return_r2": 0.004}

    claimed, refused = unwrapped(release(metrics(**good))), unwrapped(release(metrics(**{**good, **spoiled})))

    assert "skill in the mean is shown for 1 of 1" in claimed
    assert "Expected return: no skill in the mean is shown" in refused


def test_a_release_counts_the_tickers_whose_variance_beats_each_baseline(release):
    page = unwrapped(release(metrics(), metrics(qlike=1.545), metrics(qlike=1.0)))

    assert "better than every baseline for 1 of 3" in page
    assert "EWMA in 1 (+1.2%), 63 days in 2 (+3.1%), log-HAR in 1 (+4.0%), GARCH in 2 (+10.1%)" in page


def test_every_ticker_and_horizon_has_its_figures_beside_the_baselines(release):
    page = release({1: metrics(), 5: metrics(n=2500)}, {1: metrics(), 5: metrics()}, metrics())

    headers = [table[0][1] for table in tables(page)]
    for figure, times in {"price R2": (3, 2), "Brier": (3, 2), "90 % held": (3, 2), "QLIKE": (3, 2)}.items():
        found = [table for table in tables(page) if table[0][1] == figure]
        assert tuple(len(table) - 1 for table in found) == times, headers
    mean = next(table for table in tables(page) if table[0][1] == "price R2")
    assert mean[0][1:5] == ["price R2", "random walk", "return R2", "hist. mean"]
    assert mean[1][:5] == ["T0", "0.99921", "0.99922", "-0.10%", "+0.23%"]


def test_a_price_r2_is_never_told_without_the_random_walks(release, card):
    for page in (release(metrics()), card()):
        for line in page.splitlines():
            if "0.99921" in line:
                assert "0.99922" in line


def test_a_card_tells_what_was_learned_from_and_how_it_was_evaluated(card):
    page = card()

    trained = next(table for table in tables(page) if table[0][1] == "source")
    assert trained[1] == [
        "AAPL",
        "sample",
        "3,270",
        "2000-03-01",
        "2013-03-01",
        "930ef2617c44",
        "4",
        "2026-11-26 01:14",
        "72206378a62d",
    ]
    assert "the first made on 2003-03-10, the last on 2013-02-28; up to 170 settings were tried" in page
    assert "refit on what was known by then, har every 21 sessions, " in page
    assert "gap of one horizon" in page


def test_a_page_reads_in_a_terminal_and_its_tables_are_sound(release):
    page = release(
        {1: metrics(confident_n=12, confident_right=0.5), 5: metrics()},
        metrics(return_r2=0.1, n=12),
        refused=[Refusal(ticker="FB", reason="FB: expected at least 1008 bars, got 196")],
    )

    for table in re.findall(r"(?:^\|.*\|\n)+", page, flags=re.MULTILINE):
        assert len({len(line) for line in table.splitlines()}) == 1
        assert len({line.count("|") for line in table.splitlines()}) == 1
        assert len(table.splitlines()[0]) <= WIDTH + 10
    assert all(len(line) <= WIDTH for line in page.splitlines() if not line.startswith("|"))
    assert "- FB: expected at least 1008 bars, got 196" in page
    assert page.startswith("# Model card: release as of 2013-03-01\n")
    assert page.endswith("\n")


def test_a_published_release_carries_its_card_and_the_command_line_prints_it_as_it_is(filled):
    import subprocess

    release = Store(filled.settings.releases).load()

    printed = subprocess.run(
        [STOCK_ASSETS, "release", "card", "--home", filled.settings.home], capture_output=True, text=True, check=True
    ).stdout

    assert printed == release.model_card
    lineage = release.tickers["AAPL"].lineage
    assert lineage.data_sha256[:12] in printed
    assert lineage.mlflow_run_id[:12] in printed
    assert "- FB: expected at least" in printed
    for horizon in filled.settings.horizons:
        assert (
            f"## Figures beside the baselines, {'1 session' if horizon == 1 else f'{horizon} sessions'} ahead"
            in printed
        )
