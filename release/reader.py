"""Reading a release, which is believed only when everything in it has been verified. Never writes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np

from quant import features
from quant.bars import Bars
from quant.errors import BadBars
from quant.faults import check
from quant.forecast import ForecastParameters
from quant.sessions import SessionCalendar
from release.errors import BadRelease
from release.files import sha256
from release.manifest import (
    CURVE_POINTS,
    SCHEMA_VERSION,
    Manifest,
    SignalRow,
    Succession,
    TickerLineage,
    TickerMetrics,
    TradingCurves,
    TradingRecord,
    content_id,
)
from release.onnx_model import OnnxModel, output_name
from release.portfolio import Portfolio
from release.portfolio import check as check_portfolio
from release.tables import decode_bars, decode_calendar, unpack

MANIFEST: Final = "manifest.json"
METRICS: Final = "metrics.json"
PORTFOLIO: Final = "portfolio.json"
MODEL_CARD: Final = "model_card.md"
# In volatilities, or logs of a variance. The trees run in float32, which rounds an edge of 0.1 at about 1e-8.
PARITY_TOLERANCE: Final = 1e-5

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class ReleasedTicker:
    """One ticker of a release, ready to forecast.

    `parameters` and `metrics` go by horizon (sessions), in the manifest's order; `signals` are out of sample, oldest
    first, `trading` is what they would have earned and `curves` how that grew; `succession` is how the model came into
    force.
    """

    lineage: TickerLineage
    bars: Bars
    model: OnnxModel
    parameters: Mapping[int, ForecastParameters]
    metrics: Mapping[int, TickerMetrics]
    signals: tuple[SignalRow, ...]
    trading: TradingRecord
    curves: TradingCurves
    succession: Succession

    @property
    def ticker(self) -> str:
        """Its symbol."""
        return self.lineage.ticker

    @property
    def exchange(self) -> str:
        """Market identifier code, the key of its calendar in `Release.calendars`."""
        return self.lineage.exchange


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """A verified release in memory: `calendars` by exchange, `tickers` by symbol in the manifest's order.

    `model_card` is the page, in Markdown, that tells what was published, on what evidence.
    """

    manifest: Manifest
    calendars: Mapping[str, SessionCalendar]
    tickers: Mapping[str, ReleasedTicker]
    portfolio: Portfolio | None
    model_card: str


def load(folder: Path) -> Release:
    """The release in `folder`, after verifying all of it.

    Schema version, release id, the set of files, every size and digest, the soundness of the bars and every parity
    vector are checked, and each file is read once: what was verified is what is returned.

    Raises
    ------
    BadRelease
        Naming the first file that is missing, superfluous, damaged or of another format.
    """
    manifest = read_manifest(folder)
    contents = _verified_contents(folder, manifest)
    if manifest.window != features.WINDOW or manifest.features != features.NAMES:
        raise BadRelease(
            f"{MANIFEST}: expected this version's {len(features.NAMES)} features of {features.WINDOW} bars, "
            f"got {len(manifest.features)} of {manifest.window} bars written by version {manifest.code_version}"
        )
    if not manifest.horizons or len(set(manifest.horizons)) != len(manifest.horizons):
        raise BadRelease(f"{MANIFEST} horizons: expected at least one, each once, got {manifest.horizons}")
    calendars = {
        exchange: decode_calendar(contents.take(file), file=file)
        for exchange in sorted({lineage.exchange for lineage in manifest.tickers})
        for file in [calendar_file(exchange)]
    }
    metrics = decode(contents.take(METRICS), dict[str, dict[int, TickerMetrics]], file=METRICS)
    card = contents.take(MODEL_CARD).decode("utf-8", errors="replace")
    portfolio = None
    if PORTFOLIO in contents.data:
        portfolio = check_portfolio(decode(contents.take(PORTFOLIO), Portfolio, file=PORTFOLIO), file=PORTFOLIO)
    tickers = {lineage.ticker: _ticker(lineage, contents, metrics, manifest.horizons) for lineage in manifest.tickers}
    return Release(manifest, calendars, tickers, portfolio, card)


def read_manifest(folder: Path) -> Manifest:
    """The manifest alone, its own id checked but none of the files that it lists; `BadRelease` as for `load`."""
    try:
        data = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise BadRelease(f"{folder.name}/{MANIFEST}: expected a readable file, got {error.strerror}") from error
    version = decode(data, _Versioned, file=MANIFEST).schema_version
    if version != SCHEMA_VERSION:
        raise BadRelease(
            f"{MANIFEST} schema_version: expected {SCHEMA_VERSION}, got {version}; "
            "`stock-assets materialize` publishes one that this version reads"
        )
    manifest = decode(data, Manifest, file=MANIFEST)
    if manifest.release_id != content_id(manifest):
        raise BadRelease(f"{MANIFEST} release_id: expected {content_id(manifest)}, got {manifest.release_id}")
    return manifest


def calendar_file(exchange: str) -> str:
    """Where a release keeps an exchange's calendar."""
    return f"calendars/{exchange}.npz"


def ticker_file(ticker: str, name: str) -> str:
    """Where a release keeps a ticker's file `name`."""
    return f"tickers/{ticker}/{name}"


class _Versioned(msgspec.Struct):
    schema_version: int


def decode(data: bytes, kind: type[T], *, file: str) -> T:
    """JSON bytes as a `kind`; `BadRelease` naming `file` if they don't fit."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError) as error:
        raise BadRelease(f"{file}: expected a {getattr(kind, '__name__', kind)}, got {error}") from error


@dataclass(frozen=True, slots=True)
class _Contents:
    """The verified bytes of a release's files, by path; each is taken once and then let go."""

    data: dict[str, bytes]

    def take(self, file: str) -> bytes:
        try:
            return self.data.pop(file)
        except KeyError:
            raise BadRelease(f"{file}: expected in the manifest, got none") from None


def _verified_contents(folder: Path, manifest: Manifest) -> _Contents:
    """The bytes of every listed file, each of its stated size and digest, no other file beside them."""
    listed = {file.path for file in manifest.files}
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {MANIFEST}
    for path in sorted(listed - found):
        raise BadRelease(f"{path}: expected a file, found none")
    for path in sorted(found - listed):
        raise BadRelease(f"{path}: expected only the manifest's files, found this one too")
    data = {}
    for file in manifest.files:
        try:
            data[file.path] = (folder / file.path).read_bytes()
        except OSError as error:
            raise BadRelease(f"{file.path}: expected a readable file, got {error.strerror}") from error
        if len(data[file.path]) != file.size:
            raise BadRelease(f"{file.path}: expected {file.size} bytes, got {len(data[file.path])}")
        if sha256(data[file.path]) != file.sha256:
            raise BadRelease(f"{file.path}: expected sha256 {file.sha256}, got {sha256(data[file.path])}")
    return _Contents(data)


def _ticker(
    lineage: TickerLineage,
    contents: _Contents,
    metrics: Mapping[str, Mapping[int, TickerMetrics]],
    horizons: Sequence[int],
) -> ReleasedTicker:
    ticker = lineage.ticker
    bars_file, model_file, parameters_file = (
        ticker_file(ticker, name) for name in ("bars.npz", "model.onnx", "forecast.json")
    )
    if ticker not in metrics:
        raise BadRelease(f"{METRICS}: expected metrics of {ticker}, got those of {', '.join(metrics) or 'none'}")
    parameters = decode(contents.take(parameters_file), dict[int, ForecastParameters], file=parameters_file)
    for file, found in ((parameters_file, set(parameters)), (METRICS, set(metrics[ticker]))):
        if found != set(horizons):
            raise BadRelease(f"{file}: expected the horizons {sorted(horizons)} of {ticker}, got {sorted(found)}")
    try:
        bars = check(decode_bars(contents.take(bars_file), file=bars_file), ticker=ticker)
    except BadBars as error:
        raise BadRelease(f"{bars_file}: {error}") from error
    model = OnnxModel(contents.take(model_file), file=model_file)
    parity_file = ticker_file(ticker, "parity.npz")
    _replay_parity(model, contents.take(parity_file), file=parity_file)
    for horizon, wanted in parameters.items():
        if wanted.horizon != horizon:
            raise BadRelease(f"{parameters_file}: expected parameters of horizon {horizon}, got of {wanted.horizon}")
        names = {output_name(name, horizon=horizon) for name in wanted.models}
        if missing := names.difference(model.outputs):
            raise BadRelease(f"{model_file}: expected the output {min(missing)}, got {', '.join(model.outputs)}")
    trading = _json(ticker, "trading.json", TradingRecord, contents)
    return ReleasedTicker(
        lineage=lineage,
        bars=bars,
        model=model,
        parameters={horizon: parameters[horizon] for horizon in horizons},
        metrics={horizon: metrics[ticker][horizon] for horizon in horizons},
        signals=_signals(ticker, contents),
        trading=trading,
        curves=_curves(ticker, contents, trading),
        succession=_succession(lineage, contents),
    )


def _json(ticker: str, name: str, kind: type[T], contents: _Contents) -> T:
    file = ticker_file(ticker, name)
    return decode(contents.take(file), kind, file=file)


def _signals(ticker: str, contents: _Contents) -> tuple[SignalRow, ...]:
    """The signals, of which the outcome of one at least is known: what is said of their worth needs that."""
    rows = _json(ticker, "signals.json", tuple[SignalRow, ...], contents)
    file = ticker_file(ticker, "signals.json")
    for row in rows:
        if not row.vol > 0:
            raise BadRelease(f"{file} vol: expected above 0, got {row.vol} at {row.session}")
    if all(row.realised is None for row in rows):
        raise BadRelease(f"{file} realised: expected at least one known outcome, got none of {len(rows)}")
    return rows


def _curves(ticker: str, contents: _Contents, trading: TradingRecord) -> TradingCurves:
    """The curves of the record's sessions, each with a point for each of its own."""
    curves, file = _json(ticker, "equity.json", TradingCurves, contents), ticker_file(ticker, "equity.json")
    sessions = curves.sessions
    if len(sessions) > CURVE_POINTS:
        raise BadRelease(f"{file} sessions: expected at most {CURVE_POINTS}, got {len(sessions)}")
    if (sessions[:1], sessions[-1:]) != ((trading.first,), (trading.last,)) or list(sessions) != sorted(set(sessions)):
        raise BadRelease(f"{file} sessions: expected ascending ones, {trading.first} to {trading.last}, got others")
    for name in ("signals", "buy_and_hold"):
        curve: tuple[float, ...] = getattr(curves, name)
        if len(curve) != len(sessions):
            raise BadRelease(f"{file} {name}: expected {len(sessions)} values, one a session, got {len(curve)}")
        wrong = next((value for value in curve if not 0 <= value < math.inf), None)
        if wrong is not None:
            raise BadRelease(f"{file} {name}: expected finite values of at least 0, got {wrong}")
    return curves


def _succession(lineage: TickerLineage, contents: _Contents) -> Succession:
    """How the version that the lineage is of came into force."""
    told = _json(lineage.ticker, "succession.json", Succession, contents)
    if told.version != lineage.model_version:
        file = ticker_file(lineage.ticker, "succession.json")
        raise BadRelease(f"{file} version: expected {lineage.model_version}, the model's, got {told.version}")
    return told


def _replay_parity(model: OnnxModel, data: bytes, *, file: str) -> None:
    """Ask the model what training asked it, and refuse it if it answers otherwise on this machine."""
    parity = unpack(data, names=("features", *model.outputs), file=file)
    X = parity["features"]
    if X.ndim != 2 or X.shape[1] != len(features.NAMES) or not len(X):
        raise BadRelease(f"{file}: expected features of shape (k, {len(features.NAMES)}), k > 0, got {X.shape}")
    for name, answer in model.predict(X).items():
        expected = parity[name]
        if expected.shape != answer.shape or not np.all(np.abs(answer - expected) <= PARITY_TOLERANCE):
            worst = float(np.max(np.abs(answer - expected))) if expected.shape == answer.shape else float("nan")
            raise BadRelease(
                f"{file}: expected the model to repeat {name} within {PARITY_TOLERANCE:g}, got it {worst:g} off"
            )
