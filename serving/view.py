"""Everything that one release has to say, computed and encoded once when it is loaded; immutable from then on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from release.portfolio import Portfolio
from release.reader import Release, ReleasedTicker
from serving.answers import MARKDOWN, Answer
from serving.errors import UnknownTicker
from serving.evidence.released import OutOfSample, calibration, signal_performance
from serving.forecasts import predict, signal_after
from serving.messages import PredictionMessage, SignalMessage
from serving.portfolio import view as portfolio_view
from serving.records import ModelCard, Models, TickerCard, Tickers

V1: Final = "/v1"
PREDICTIONS: Final = f"{V1}/predictions"
SIGNALS: Final = f"{V1}/signals"
PORTFOLIO: Final = f"{V1}/portfolio"
MODEL_CARD: Final = f"{V1}/model-card"
encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A release with what it predicts at its last bars, and the answers that no live message changes, by path.

    `out_of_sample` is what each ticker's live forecasts are held against.
    """

    release: Release
    made_at: datetime
    predictions: Mapping[str, PredictionMessage]
    signals: Mapping[str, SignalMessage]
    out_of_sample: Mapping[str, OutOfSample]
    answers: Mapping[str, Answer]

    @property
    def release_id(self) -> str:
        """The release's id."""
        return self.release.manifest.release_id

    def age_seconds(self, now: float) -> float:
        """How long ago the release was made, at Unix time `now`."""
        return now - self.made_at.timestamp()

    def ticker(self, name: str) -> ReleasedTicker:
        """The released ticker; `UnknownTicker` naming those that there are."""
        try:
            return self.release.tickers[name]
        except KeyError:
            raise UnknownTicker(name, self.release.tickers) from None

    def portfolio(self) -> Portfolio:
        """The release's portfolio; `NotInRelease` if it was published without one."""
        return portfolio_view.portfolio_of(self.release)


def view(release: Release) -> View:
    """Compute and encode what `release` has to say; takes some milliseconds a ticker, so not on the event loop."""
    made_at = datetime.fromisoformat(release.manifest.created_at)
    predictions = {
        name: predict(release, ticker, ticker.bars, made_at=made_at, provisional=False)
        for name, ticker in release.tickers.items()
    }
    signals = {name: signal_after(predictions[name], ticker) for name, ticker in release.tickers.items()}
    horizon = release.manifest.horizon
    beside = {name: OutOfSample.of(ticker, horizon=horizon) for name, ticker in release.tickers.items()}
    answers = _answers(release, made_at.timestamp())
    messages: list[PredictionMessage | SignalMessage] = [*predictions.values(), *signals.values()]
    for message in messages:
        answers[answer_path(message)] = message_answer(message, made_at=made_at.timestamp())
    return View(release, made_at, predictions, signals, beside, answers)


def calibration_path(ticker: str) -> str:
    """Where a ticker's `Calibration` is found by REST."""
    return f"{V1}/models/{ticker}/calibration"


def performance_path(ticker: str) -> str:
    """Where a ticker's `SignalPerformance` is found by REST."""
    return f"{SIGNALS}/{ticker}/performance"


def answer_path(message: PredictionMessage | SignalMessage) -> str:
    """Where a message is found by REST."""
    return f"{_collection(message)}/{message.ticker}"


def message_answer(message: PredictionMessage | SignalMessage, *, made_at: float) -> Answer:
    """The REST answer that a message is; `made_at` as for `Answer`."""
    return Answer(encode(message), route=f"{_collection(message)}/{{ticker}}", made_at=made_at)


def _collection(message: PredictionMessage | SignalMessage) -> str:
    return PREDICTIONS if isinstance(message, PredictionMessage) else SIGNALS


def _answers(release: Release, made_at: float) -> dict[str, Answer]:
    models = [model_card(release, ticker) for ticker in release.tickers.values()]
    found: dict[str, tuple[str, object]] = {
        f"{V1}/tickers": (f"{V1}/tickers", _tickers(release)),
        f"{V1}/models": (f"{V1}/models", Models(models=tuple(models))),
    }
    found |= {f"{V1}/models/{card.ticker}": (f"{V1}/models/{{ticker}}", card) for card in models}
    for name, ticker in release.tickers.items():
        found[calibration_path(name)] = calibration_path("{ticker}"), calibration(release, ticker)
        found[performance_path(name)] = performance_path("{ticker}"), signal_performance(release, ticker)
    for rest, record in portfolio_view.records(release).items():
        found[f"{PORTFOLIO}{rest}"] = (f"{PORTFOLIO}{rest}", record)
    answers = {path: Answer(encode(body), route=route, made_at=made_at) for path, (route, body) in found.items()}
    card = release.model_card.encode()
    answers[MODEL_CARD] = Answer(card, route=MODEL_CARD, made_at=made_at, media_type=MARKDOWN)
    return answers


def _tickers(release: Release) -> Tickers:
    cards = tuple(
        TickerCard(
            ticker=name,
            exchange=ticker.exchange,
            source=ticker.lineage.source,
            first_session=str(ticker.bars.session[0]),
            last_session=str(ticker.bars.session[-1]),
            bars=len(ticker.bars),
            last_close=float(ticker.bars.close[-1]),
        )
        for name, ticker in release.tickers.items()
    )
    manifest = release.manifest
    return Tickers(release_id=manifest.release_id, as_of=manifest.as_of, tickers=cards, refused=manifest.refused)


def model_card(release: Release, ticker: ReleasedTicker) -> ModelCard:
    """The ticker's model with its lineage and its scores beside their baselines."""
    manifest = release.manifest
    return ModelCard(
        ticker=ticker.ticker,
        release_id=manifest.release_id,
        version=ticker.lineage.model_version,
        horizons=manifest.horizons,
        window=manifest.window,
        features=len(manifest.features),
        metrics=dict(ticker.metrics),
        trading=ticker.trading,
        succession=ticker.succession,
        lineage=ticker.lineage,
        parameters=dict(ticker.parameters),
    )
