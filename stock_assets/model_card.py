"""The page that tells what was trained on what, what it can and can't do, and its figures beside the baselines.

It is Markdown whose tables are lined up, so that it reads in a terminal too. What may be said of skill is chosen by the
figures, in `verdicts`; nothing here computes a score. How to read a card: docs/model-card.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from quant.features import NAMES, WINDOW
from quant.forecast import ForecastParameters
from release.manifest import Book, Refusal, TickerLineage, TickerMetrics, TradingRecord
from release.portfolio import Portfolio
from release.writer import DraftTicker
from stock_assets import verdicts
from stock_assets.learning.candidates import EDGE_FAMILIES, FAMILIES, VARIANCE_FAMILIES, Candidate
from stock_assets.learning.dataset import FIRST_TRAINING_ROWS
from stock_assets.learning.walk_forward import QUARTER
from stock_assets.markdown import bullets, listed, page, table, wrapped
from stock_assets.portfolio_card import portfolio_section
from stock_assets.verdicts import number, p_value, percent

Column = tuple[str, Callable[[TickerMetrics], str]]
# A table of figures each: what it is of, and its columns, every figure with its baseline to the right of it.
FIGURES: Final[tuple[tuple[str, tuple[Column, ...]], ...]] = (
    (
        "The mean. A price R2 near 1 is what repeating yesterday's close scores; only what is beyond that would be "
        "news. p is Clark and West's.",
        (
            ("price R2", lambda s: f"{s.price_r2:.5f}"),
            ("random walk", lambda s: f"{s.price_r2_random_walk:.5f}"),
            ("return R2", lambda s: percent(s.return_r2)),
            ("hist. mean", lambda s: percent(s.return_r2_historical_mean)),
            ("p, no return", lambda s: p_value(s.clark_west_p)),
            ("p, hist. mean", lambda s: p_value(s.clark_west_p_historical_mean)),
            ("direction", lambda s: f"{s.directional_accuracy:.1%} ± {s.directional_accuracy_se:.1%}"),
            ("base rate", lambda s: f"{s.base_rate:.1%}"),
        ),
    ),
    (
        "P(up). For both scores lower is better; ECE is the expected calibration error, of noise alone above 0.",
        (
            ("Brier", lambda s: f"{s.brier:.4f}"),
            ("base rate", lambda s: f"{s.brier_base_rate:.4f}"),
            ("log score", lambda s: f"{s.log_score:.4f}"),
            ("base rate", lambda s: f"{s.log_score_base_rate:.4f}"),
            ("ECE", lambda s: f"{s.calibration_error:.3f}"),
            ("60 % said", lambda s: f"{s.confident_n:,}"),
            ("of these right", lambda s: "none" if s.confident_right is None else f"{s.confident_right:.1%}"),
        ),
    ),
    (
        f"Intervals. Held is the share of outcomes inside, worst the 90 % interval's in {QUARTER} sessions running. "
        "Of the interval score lower is better.",
        (
            ("90 % held", lambda s: f"{s.coverage_90:.1%}"),
            ("worst", lambda s: f"{s.worst_coverage_63:.1%}"),
            ("50 % held", lambda s: f"{s.coverage_50:.1%}"),
            ("interval score", lambda s: f"{s.interval_score:.4f}"),
            ("EWMA's", lambda s: f"{s.interval_score_ewma:.4f}"),
        ),
    ),
    (
        "Volatility. QLIKE against the squared returns that came, lower is better; then the R2 of the log variance "
        "over each baseline.",
        (
            ("QLIKE", lambda s: f"{s.qlike:.4f}"),
            ("EWMA", lambda s: f"{s.qlike_ewma:.4f}"),
            ("63 days", lambda s: f"{s.qlike_rolling:.4f}"),
            ("log-HAR", lambda s: f"{s.qlike_log_har:.4f}"),
            ("GARCH", lambda s: f"{s.qlike_garch:.4f}"),
            ("R2 EWMA", lambda s: percent(s.variance_r2_ewma, digits=1)),
            ("R2 63 days", lambda s: percent(s.variance_r2_rolling, digits=1)),
            ("R2 log-HAR", lambda s: percent(s.variance_r2_log_har, digits=1)),
            ("R2 GARCH", lambda s: percent(s.variance_r2_garch, digits=1)),
        ),
    ),
)
LIMITS: Final = (
    "It sees daily bars and nothing else: no news, no earnings dates, no other ticker.",
    "Intervals promise a share of all sessions, not one in every market: they widen after a shock, not before it.",
    "Tickers were chosen by whoever runs this, often because they had done well. That flatters buy and hold, and "
    "whatever is mostly long.",
    "The trading record pays the costs that are named and moves no price; it knows no taxes and no halts.",
    "A test at 5 % errs once in twenty: of many tickers, horizons and scores some look good by luck.",
    "Use it to size risk, and to know how little is known of the direction. It is research, not advice.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One ticker's model as a card needs it; `metrics` and `parameters` go by horizon.

    `trading` is None while no signals have been made.
    """

    lineage: TickerLineage
    metrics: Mapping[int, TickerMetrics]
    parameters: Mapping[int, ForecastParameters]
    trading: TradingRecord | None = None


def ticker_card(subject: Subject) -> str:
    """One ticker's model card in Markdown."""
    line = subject.lineage
    parts = [
        f"# Model card: {line.ticker}, version {line.model_version}",
        wrapped(f"`{line.model_name}` forecasts the distribution of the log return over {_spans(subject.metrics)}."),
        "## What it can do, and what it can't",
    ]
    for horizon, scores in subject.metrics.items():
        parts.append(f"**{_ahead(horizon)}**, {scores.n:,} forecasts made from {scores.first} to {scores.last}:")
        parts.append(bullets(verdicts.of_ticker(scores)))
    unmade = "Trading the signals: no record, for this version has made none."
    told = unmade if subject.trading is None else verdicts.of_trading(subject.trading)
    parts += ["**Trading**:", bullets([told])]
    return page([*parts, *_body([subject])])


def release_card(
    tickers: Sequence[DraftTicker], refused: Sequence[Refusal], *, as_of: str, portfolio: Portfolio | None = None
) -> str:
    """A release's model card in Markdown.

    Parameters
    ----------
    tickers : sequence of DraftTicker
        At least one.
    refused : sequence of Refusal
    as_of : str
        ISO date of the newest session.
    portfolio : Portfolio, optional
        The one that it is published with.
    """
    subjects = [
        Subject(lineage=ticker.lineage, metrics=ticker.metrics, parameters=ticker.parameters, trading=ticker.trading)
        for ticker in tickers
    ]
    names = ", ".join(subject.lineage.ticker for subject in subjects)
    parts = [
        f"# Model card: release as of {as_of}",
        wrapped(f"Models of {names}. Each forecasts the distribution of the log return over {_spans(_all(subjects))}."),
        "## What they can do, and what they can't",
    ]
    for horizon, scores in _all(subjects).items():
        parts += [f"**{_ahead(horizon)}**:", bullets(verdicts.of_release([score for _, score in scores]))]
    parts += ["**Trading**:", bullets([verdicts.of_tradings([ticker.trading for ticker in tickers])])]
    parts += _body(subjects)
    if portfolio is not None:
        parts += portfolio_section(portfolio)
    if refused:
        reasons = (f"{each.ticker}: {each.reason.removeprefix(f'{each.ticker}: ')}" for each in refused)
        parts += ["## Refused", bullets(reasons)]
    return page(parts)


def _all(subjects: Sequence[Subject]) -> dict[int, list[tuple[str, TickerMetrics]]]:
    """Tickers with their scores, by horizon."""
    horizons = sorted({horizon for subject in subjects for horizon in subject.metrics})
    return {
        horizon: [(each.lineage.ticker, each.metrics[horizon]) for each in subjects if horizon in each.metrics]
        for horizon in horizons
    }


def _body(subjects: Sequence[Subject]) -> Iterator[str]:
    """The sections that every card has."""
    for horizon, scores in _all(subjects).items():
        yield f"## Figures beside the baselines, {_ahead(horizon).lower()}"
        for told, columns in FIGURES:
            rows = [(ticker, *(cell(score) for _, cell in columns)) for ticker, score in scores]
            yield wrapped(told)
            yield table(("ticker", *(name for name, _ in columns)), rows)
    traded = [(subject.lineage.ticker, subject.trading) for subject in subjects if subject.trading is not None]
    if traded:
        yield "## Signals beside buy and hold"
        yield from _trading(traded)
    yield "## What was learned from"
    yield from _training(subjects)
    yield "## How it is evaluated"
    yield bullets(_evaluation([score for subject in subjects for score in subject.metrics.values()]))
    yield "## Limits and use"
    yield bullets(LIMITS)


def _trading(records: Sequence[tuple[str, TradingRecord]]) -> Iterator[str]:
    costs = sorted({record.cost_bp + record.slippage_bp for _, record in records})
    yield wrapped(
        f"Decided at the close, executed at the next open, {' or '.join(f'{cost:g}' for cost in costs)} basis points "
        "of costs and slippage a side. Deflated: how sure one may be that the Sharpe ratio is not just the best of so "
        "many trials."
    )
    header = (
        "ticker",
        "",
        "a year",
        "volatility",
        "Sharpe",
        "deflated",
        "trials",
        "drawdown",
        "trades",
        "held",
        "hits",
    )
    rows = []
    for ticker, record in records:
        rows.append((ticker, "signals", *_book(record.signals, trials=record.trials)))
        rows.append((ticker, "buy and hold", *_book(record.buy_and_hold)))
    yield table(header, rows)


def _book(book: Book, *, trials: int | None = None) -> tuple[str, ...]:
    """A book's figures; what is only asked of a strategy that was chosen stays empty without trials."""
    return (
        f"{book.annualised_return:+.1%}",
        "ruined" if book.annualised_volatility is None else f"{book.annualised_volatility:.1%}",
        number(book.sharpe),
        "" if trials is None else f"{book.deflated_sharpe:.0%}",
        "" if trials is None else f"{trials:,}",
        f"{book.maximum_drawdown:.1%}",
        f"{book.trades:,}",
        f"{book.exposure:.0%}",
        "none" if book.hit_rate is None else f"{book.hit_rate:.0%}",
    )


def _training(subjects: Sequence[Subject]) -> Iterator[str]:
    lines = [subject.lineage for subject in subjects]
    yield table(
        ("ticker", "source", "bars", "from", "to", "sha256 of bars", "version", "trained, UTC", "MLflow run"),
        [
            (
                line.ticker,
                line.source,
                f"{line.bars:,}",
                line.first_session,
                line.last_session,
                line.data_sha256[:12],
                line.model_version,
                line.trained_at[:16].replace("T", " "),
                line.mlflow_run_id[:12],
            )
            for line in lines
        ],
    )
    yield wrapped(
        f"Daily bars, adjusted for splits and dividends, as {len(NAMES)} features of {WINDOW} bars each. Of the "
        f"expected return speak {_names(EDGE_FAMILIES)}; of the variance {_names(VARIANCE_FAMILIES)}. Their settings "
        "were chosen by purged forward validation and are parameters of the MLflow run. How much each is believed in "
        "service, by out-of-sample evidence:"
    )
    yield table(
        ("ticker", "sessions ahead", "past mean", *(family.name for family in FAMILIES)),
        [
            (subject.lineage.ticker, str(horizon), f"{1e4 * given.historical_mean:+.1f} bp", *_beliefs(given))
            for subject in subjects
            for horizon, given in subject.parameters.items()
        ],
    )


def _beliefs(given: ForecastParameters) -> Iterator[str]:
    weights = {**given.edge_weights, **given.variance_weights}
    return (f"{weights.get(family.name, 0.0):.0%}" for family in FAMILIES)


def _evaluation(scores: Sequence[TickerMetrics]) -> Iterator[str]:
    yield (
        f"Walk forward: the first {FIRST_TRAINING_ROWS} sessions are only learned from; every later one is forecast "
        f"by models refit on what was known by then, {_refits()}."
    )
    yield (
        "Purged: between the last label learned from and the first forecast lies a gap of one horizon. Weights, "
        "levels, P(up) and intervals are set by outcomes known at the time."
    )
    fewest, most = min(score.n for score in scores), max(score.n for score in scores)
    yield (
        f"{f'{fewest:,}' if fewest == most else f'{fewest:,} to {most:,}'} forecasts a ticker and horizon, the first "
        f"made on {min(score.first for score in scores)}, the last on {max(score.last for score in scores)}; up to "
        f"{max(score.trials for score in scores):,} settings were tried on the way."
    )
    yield (
        "Every figure is of forecasts made by models as they were then. What serves now is their next refit, on all "
        "sessions: nobody can have measured it yet."
    )


def _refits() -> str:
    """How often each family is, the most often first."""
    sessions = sorted({family.refit_every for family in FAMILIES})
    return listed(
        [
            f"{listed([family.name for family in FAMILIES if family.refit_every == every])} every {every} sessions"
            for every in sessions
        ]
    )


def _names(families: Sequence[type[Candidate]]) -> str:
    return listed([family.name for family in families])


def _spans(horizons: Iterable[int]) -> str:
    told = listed([str(horizon) for horizon in horizons])
    return "1 session" if told == "1" else f"{told} sessions"


def _ahead(horizon: int) -> str:
    return "1 session ahead" if horizon == 1 else f"{horizon} sessions ahead"
