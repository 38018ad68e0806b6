"""A release is believed only when all of it has been verified, and what is wrong is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from real_release import draft, draft_ticker

from release.errors import BadDraft, BadRelease
from release.manifest import Manifest, content_id
from release.reader import load
from release.store import Store
from release.tables import pack, unpack
from release.writer import publish

MODEL = "tickers/AAPL/model.onnx"


def rewrite_manifest(folder: Path, change: Callable[[Manifest], Manifest]) -> None:
    """Change the manifest and give it the id that fits, as someone would who knows how it is made."""
    path = folder / "manifest.json"
    manifest = change(msgspec.json.decode(path.read_bytes(), type=Manifest))
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, release_id=content_id(manifest))))


def test_what_was_drafted_is_what_is_loaded(folder):
    drafted = draft_ticker("AAPL")

    release = load(folder)

    loaded = release.tickers["AAPL"]
    assert list(release.tickers) == ["AAPL", "IBM"]
    assert_array_equal(loaded.bars.ohlcv, drafted.bars.ohlcv)
    assert_array_equal(loaded.bars.session, drafted.bars.session)
    assert_array_equal(loaded.bars.split, drafted.bars.split)
    assert_array_equal(loaded.bars.dividend, drafted.bars.dividend)
    assert loaded.lineage == drafted.lineage
    assert loaded.parameters == drafted.parameters
    assert loaded.metrics == drafted.metrics
    assert loaded.signals == drafted.signals
    assert release.manifest.refused[0].ticker == "FB"
    assert loaded.exchange in release.calendars
    assert release.portfolio is not None


def test_a_truncated_file_is_named(folder):
    data = (folder / MODEL).read_bytes()
    (folder / MODEL).write_bytes(data[:-10])

    with pytest.raises(BadRelease, match=rf"{MODEL}: expected {len(data)} bytes, got {len(data) - 10}"):
        load(folder)


@pytest.mark.parametrize("name", [MODEL, "metrics.json", "tickers/IBM/bars.npz", "calendars/XNYS.npz"])
def test_a_flipped_byte_is_named(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)

    with pytest.raises(BadRelease, match=rf"{re.escape(name)}: expected sha256 [0-9a-f]{{64}}, got [0-9a-f]{{64}}"):
        load(folder)


def test_a_missing_file_is_named(folder):
    (folder / "portfolio.json").unlink()

    with pytest.raises(BadRelease, match=r"portfolio.json: expected a file, found none"):
        load(folder)


def test_a_superfluous_file_is_named(folder):
    (folder / "tickers/AAPL/model.pkl").write_bytes(b"surprise")

    with pytest.raises(BadRelease, match=r"tickers/AAPL/model.pkl: expected only the manifest's files"):
        load(folder)


def test_a_missing_manifest_is_named(folder):
    (folder / "manifest.json").unlink()

    with pytest.raises(BadRelease, match=r"manifest.json: expected a readable file"):
        load(folder)


def test_another_schema_version_is_refused_before_anything_else_is_believed(folder):
    (folder / "manifest.json").write_text('{"schema_version": 99, "shape": "unknown"}')

    with pytest.raises(BadRelease, match=r"manifest.json schema_version: expected 1, got 99"):
        load(folder)


def test_a_manifest_that_was_edited_no_longer_fits_its_id(folder):
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"model_version": "1"', '"model_version": "2"'))

    with pytest.raises(BadRelease, match=r"manifest.json release_id: expected .*, got "):
        load(folder)


def test_features_of_another_version_are_refused(folder):
    rewrite_manifest(folder, lambda m: msgspec.structs.replace(m, features=m.features[:-1]))

    with pytest.raises(BadRelease, match=r"expected this version's \d+ features of 252 bars, got \d+ of 252 bars"):
        load(folder)


def test_a_release_under_another_ones_id_is_refused(store, folder):
    impostor = folder.with_name("2012-03-01-000000000000")
    folder.rename(impostor)

    with pytest.raises(BadRelease, match=r"expected a release of that id"):
        store.load(impostor.name)


@pytest.mark.parametrize("name", ["ridge", "forest"])
def test_a_model_that_answers_otherwise_than_in_training_is_never_published(tmp_path, name):
    ticker = draft_ticker("AAPL")
    X, ridge, forest = ticker.parity
    parity = (X, ridge + 1e-3 * (name == "ridge"), forest + 1e-3 * (name == "forest"))
    wrong = replace(draft(tickers=("AAPL",)), tickers=[replace(ticker, parity=parity)], portfolio=None)

    with pytest.raises(BadDraft, match=rf"tickers/AAPL/parity.npz: expected the model to repeat {name} within"):
        publish(tmp_path / "releases", wrong)

    assert Store(tmp_path / "releases").list() == []


def test_bytes_that_are_no_onnx_graph_are_never_published(tmp_path):
    wrong = replace(draft(tickers=("AAPL",)), tickers=[replace(draft_ticker("AAPL"), onnx=b"not a graph")])

    with pytest.raises(BadDraft, match=r"tickers/AAPL/model.onnx: expected an ONNX graph"):
        publish(tmp_path / "releases", wrong)


def test_bars_that_break_a_rule_are_never_published(tmp_path):
    ticker = draft_ticker("AAPL")
    ohlcv = ticker.bars.ohlcv.copy()
    ohlcv[100, 3] = np.nan
    wrong = replace(ticker, bars=replace(ticker.bars, ohlcv=ohlcv))

    with pytest.raises(BadDraft, match=r"tickers/AAPL/bars.npz: AAPL: .* close: expected a finite number, got nan"):
        publish(tmp_path / "releases", replace(draft(tickers=("AAPL",)), tickers=[wrong]))


def test_a_pickle_is_never_opened():
    smuggled = np.array([{"a": 1}], dtype=object)

    with pytest.raises(ValueError, match="allow_pickle"):
        pack({"ridge": smuggled})


def test_an_npz_with_a_pickle_inside_is_refused(tmp_path):
    np.savez(tmp_path / "bars.npz", session=np.array([{"a": 1}], dtype=object))

    with pytest.raises(BadRelease, match=r"bars.npz: expected an .npz of plain arrays"):
        unpack((tmp_path / "bars.npz").read_bytes(), names=("session",), file="bars.npz")
