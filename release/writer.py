"""Publishing a release: built aside, verified as a reader would, renamed into place, then made current. Never half."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from quant.bars import Bars, Floats
from quant.forecast import ForecastParameters
from quant.sessions import SessionCalendar
from release.clock import iso
from release.errors import BadDraft, BadRelease, StoreUnwritable
from release.files import sha256, sync_folder, write_synced
from release.manifest import (
    SCHEMA_VERSION,
    TICKER,
    File,
    Manifest,
    Refusal,
    SignalRow,
    Succession,
    TickerLineage,
    TickerMetrics,
    TradingCurves,
    TradingRecord,
    content_id,
)
from release.portfolio import Portfolio
from release.reader import MANIFEST, METRICS, MODEL_CARD, PORTFOLIO, calendar_file, load, ticker_file
from release.store import TEMPORARY, Store
from release.tables import encode_bars, encode_calendar, pack


@dataclass(frozen=True, slots=True, eq=False)
class DraftTicker:
    """What a release will hold of one ticker.

    Attributes
    ----------
    lineage : TickerLineage
    bars : Bars
        The whole history as traded, sound.
    onnx : bytes
        The graph that `release.onnx_model.OnnxModel` reads.
    parity : mapping of float64
        ``features``, rows (k, F), and what each model said of them in training, (k,) by the graph's output.
    parameters : mapping of ForecastParameters
        By horizon.
    metrics : mapping of TickerMetrics
        By horizon.
    signals : sequence of SignalRow
        Out of sample only, oldest first.
    trading : TradingRecord
    curves : TradingCurves
        Over the record's sessions.
    succession : Succession
        Of the lineage's version.
    """

    lineage: TickerLineage
    bars: Bars
    onnx: bytes
    parity: Mapping[str, Floats]
    parameters: Mapping[int, ForecastParameters]
    metrics: Mapping[int, TickerMetrics]
    signals: Sequence[SignalRow]
    trading: TradingRecord
    curves: TradingCurves
    succession: Succession


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A release before it has an id; see `release.manifest.Manifest` for the attributes they share.

    `as_of` is an ISO date and `created_at` an aware time. `calendars` goes by exchange and reaches beyond `as_of`.
    `model_card` is Markdown.
    """

    as_of: str
    horizons: tuple[int, ...]
    window: int
    features: tuple[str, ...]
    code_version: str
    dagster_run_id: str
    created_at: datetime
    calendars: Mapping[str, SessionCalendar]
    tickers: Sequence[DraftTicker]
    model_card: str
    portfolio: Portfolio | None = None
    refused: Sequence[Refusal] = ()


def publish(store: Path, draft: Draft) -> Manifest:
    """Write the draft into the store as a release and put it in force.

    Publishing the same content again changes nothing but the pointer. Whatever fails, and whenever the process
    dies, the releases already in the store and the pointer to the current one stay whole.

    Raises
    ------
    BadDraft
        If the draft contradicts itself or would not pass the reader's verification.
    StoreUnwritable
        If the disk refuses: read-only, full, not ours.
    """
    check_draft(draft)
    files = encode_files(draft)
    manifest = _manifest(draft, files)
    home = Store(store)
    try:
        with home.locked():
            home.sweep()
            if not home.is_sound(manifest.release_id):
                _write(home, manifest, files)
            home.put_in_force(manifest.release_id)
            home.prune()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreUnwritable(f"{store}: expected a writable release store, got {reason}") from error
    return home.manifest(manifest.release_id)


def check_draft(draft: Draft) -> None:
    """`BadDraft` if the draft contradicts itself."""
    names = [ticker.lineage.ticker for ticker in draft.tickers]
    if not names:
        raise BadDraft("tickers: expected at least one, got none")
    for name in names:
        if not TICKER.fullmatch(name):
            raise BadDraft(f"ticker: expected {TICKER.pattern}, got {name!r}")
    if len(set(names)) != len(names):
        raise BadDraft(f"tickers: expected each once, got {', '.join(names)}")
    for ticker in draft.tickers:
        if ticker.lineage.exchange not in draft.calendars:
            known = ", ".join(draft.calendars) or "none"
            raise BadDraft(f"{ticker.lineage.ticker} exchange: expected one of {known}, got {ticker.lineage.exchange}")
        if not len(ticker.bars):
            raise BadDraft(f"{ticker.lineage.ticker} bars: expected some, got none")
    newest = str(max(ticker.bars.session[-1] for ticker in draft.tickers))
    if draft.as_of != newest:
        raise BadDraft(f"as_of: expected the newest session {newest}, got {draft.as_of}")


def encode_files(draft: Draft) -> dict[str, bytes]:
    """The bytes of every file but the manifest, by path."""
    used = {ticker.lineage.exchange for ticker in draft.tickers}
    files = {calendar_file(name): encode_calendar(draft.calendars[name]) for name in sorted(used)}
    files[METRICS] = _json({ticker.lineage.ticker: ticker.metrics for ticker in draft.tickers})
    files[MODEL_CARD] = draft.model_card.encode()
    if draft.portfolio is not None:
        files[PORTFOLIO] = _json(draft.portfolio)
    for ticker in draft.tickers:
        parts = {
            "bars.npz": encode_bars(ticker.bars),
            "model.onnx": ticker.onnx,
            "parity.npz": pack({name: np.ascontiguousarray(a, np.float64) for name, a in ticker.parity.items()}),
            "forecast.json": _json(ticker.parameters),
            "signals.json": _json(list(ticker.signals)),
            "trading.json": _json(ticker.trading),
            "equity.json": _json(ticker.curves),
            "succession.json": _json(ticker.succession),
        }
        files.update({ticker_file(ticker.lineage.ticker, name): data for name, data in parts.items()})
    return files


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def _manifest(draft: Draft, files: Mapping[str, bytes]) -> Manifest:
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        release_id="",
        as_of=draft.as_of,
        created_at=iso(draft.created_at),
        code_version=draft.code_version,
        horizons=draft.horizons,
        window=draft.window,
        features=tuple(draft.features),
        dagster_run_id=draft.dagster_run_id,
        tickers=tuple(ticker.lineage for ticker in draft.tickers),
        refused=tuple(draft.refused),
        files=tuple(File(path=path, sha256=sha256(files[path]), size=len(files[path])) for path in sorted(files)),
    )
    return msgspec.structs.replace(manifest, release_id=content_id(manifest))


def _write(home: Store, manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Build the folder aside, read it back as a server would, and rename it to its id."""
    aside = Path(tempfile.mkdtemp(dir=home.path, prefix=TEMPORARY))
    try:
        for path, data in files.items():
            write_synced(aside / path, data)
        write_synced(aside / MANIFEST, _json(manifest))
        for folder in sorted(path for path in aside.rglob("*") if path.is_dir()):
            sync_folder(folder)
        sync_folder(aside)
        aside.chmod(0o755)
        try:
            load(aside)
        except BadRelease as error:
            raise BadDraft(f"the draft would not pass its reader: {error}") from error
        home.adopt(aside, manifest.release_id)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
