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
from real_release import HORIZONS, draft, draft_ticker

from release.errors import BadDraft, BadRelease
from release.files import sha256
from release.manifest import CURVE_POINTS, File, Manifest, TradingCurves, content_id
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


def rewrite_file(folder: Path, name: str, data: bytes) -> None:
    """Change a file, and the manifest with it."""
    (folder / name).write_bytes(data)
    file = File(path=name, sha256=sha256(data), size=len(data))
    rewrite_manifest(
        folder, lambda m: msgspec.structs.replace(m, files=tuple(file if f.path == name else f for f in m.files))
    )


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
    assert loaded.trading == drafted.trading
    assert loaded.curves == drafted.curves
    assert loaded.succession == drafted.succession
    assert release.manifest.horizons == tuple(loaded.parameters) == tuple(loaded.metrics) == HORIZONS
    assert release.model_card == draft().model_card
    assert release.manifest.refused[0].ticker == "FB"
    assert loaded.exchange in release.calendars
    assert release.portfolio == draft().portfolio
    assert release.portfolio is not None


def test_a_truncated_file_is_named(folder):
    data = (folder / MODEL).read_bytes()
    (folder / MODEL).write_bytes(data[:-10])

    with pytest.raises(BadRelease, match=rf"{MODEL}: expected {len(data)} bytes, got {len(data) - 10}"):
        load(folder)


@pytest.mark.parametrize(
    "name",
    [
        MODEL,
        "metrics.json",
        "model_card.md",
        "tickers/IBM/bars.npz",
        "tickers/AAPL/trading.json",
        "tickers/AAPL/equity.json",
        "tickers/IBM/succession.json",
        "calendars/XNYS.npz",
    ],
)
def test_a_flipped_byte_is_named(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)

    with pytest.raises(BadRelease, match=rf"{re.escape(name)}: expected sha256 [0-9a-f]{{64}}, got [0-9a-f]{{64}}"):
        load(folder)


@pytest.mark.parametrize("name", ["portfolio.json", "model_card.md", "tickers/AAPL/trading.json"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()

    with pytest.raises(BadRelease, match=rf"{name}: expected a file, found none"):
        load(folder)


@pytest.mark.parametrize(
    "name",
    [
        "model_card.md",
        "metrics.json",
        "tickers/IBM/trading.json",
        "tickers/IBM/equity.json",
        "tickers/IBM/succession.json",
    ],
)
def test_a_release_without_a_file_that_every_release_has_is_refused_though_its_manifest_agrees(folder, name):
    (folder / name).unlink()
    rewrite_manifest(folder, lambda m: msgspec.structs.replace(m, files=tuple(f for f in m.files if f.path != name)))

    with pytest.raises(BadRelease, match=rf"{name}: expected in the manifest, got none"):
        load(folder)


def test_a_trading_record_of_another_shape_is_named(folder):
    rewrite_file(folder, "tickers/IBM/trading.json", b'{"first": "2010-12-22"}')

    with pytest.raises(BadRelease, match=r"tickers/IBM/trading.json: expected a TradingRecord, got Object missing"):
        load(folder)


def test_a_book_that_was_ruined_or_never_closed_a_trade_is_read_back(tmp_path):
    ticker = draft_ticker("IBM")
    ruined = msgspec.structs.replace(
        ticker.trading.signals, annualised_volatility=None, sharpe=None, hit_rate=None, annualised_return=-1.0
    )
    record = msgspec.structs.replace(ticker.trading, signals=ruined)
    manifest = publish(tmp_path, replace(draft(tickers=("IBM",)), tickers=[replace(ticker, trading=record)]))

    assert Store(tmp_path).load(manifest.release_id).tickers["IBM"].trading == record


# What a ticker's signals, curves and succession must be.


def rejected(tmp_path: Path, **parts: object) -> str:
    """Why AAPL with other parts is never published."""
    wrong = replace(draft_ticker("AAPL"), **parts)
    with pytest.raises(BadDraft) as refused:
        publish(tmp_path, replace(draft(tickers=("AAPL",)), tickers=[wrong]))
    return str(refused.value)


def test_a_release_of_the_version_before_is_refused_with_what_to_do(folder):
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest | {"schema_version": 3}))

    with pytest.raises(
        BadRelease, match=r"schema_version: expected 4, got 3; `stock-assets materialize` publishes one"
    ):
        load(folder)


def test_curves_of_unequal_lengths_are_never_published(tmp_path):
    curves = draft_ticker("AAPL").curves
    short = msgspec.structs.replace(curves, buy_and_hold=curves.buy_and_hold[:-1])

    n = len(curves.sessions)
    said = f"tickers/AAPL/equity.json buy_and_hold: expected {n} values, one a session, got {n - 1}"
    assert said in rejected(tmp_path, curves=short)


@pytest.mark.parametrize("wrong", [-0.1, -1e-300])
def test_a_curve_below_zero_is_never_published(tmp_path, wrong):
    curves = draft_ticker("AAPL").curves
    below = msgspec.structs.replace(curves, signals=(*curves.signals[:-1], wrong))

    said = f"tickers/AAPL/equity.json signals: expected finite values of at least 0, got {wrong}"
    assert said in rejected(tmp_path, curves=below)


def test_a_curve_with_a_nan_or_an_infinite_value_is_never_published(tmp_path):
    curves = draft_ticker("AAPL").curves
    for value in (np.nan, np.inf):
        endless = msgspec.structs.replace(curves, signals=(*curves.signals[:-1], value))

        assert "tickers/AAPL/equity.json: expected a TradingCurves" in rejected(tmp_path, curves=endless)


@pytest.mark.parametrize(
    "change",
    [
        lambda sessions: (*sessions[1:], "2012-03-02"),
        lambda sessions: (sessions[0], sessions[2], sessions[1], *sessions[3:]),
        lambda sessions: (sessions[0], *sessions[:-1]),
    ],
)
def test_curves_of_other_sessions_than_the_records_are_never_published(tmp_path, change):
    curves = draft_ticker("AAPL").curves
    other = msgspec.structs.replace(curves, sessions=change(curves.sessions))

    assert "tickers/AAPL/equity.json sessions: expected ascending ones, 2010-12-22 to 2012-03-01" in rejected(
        tmp_path, curves=other
    )


def test_more_points_than_a_curve_may_have_are_never_published(tmp_path):
    n = CURVE_POINTS + 1
    days = tuple(np.datetime_as_string(np.datetime64("2010-12-22") + np.arange(n)).tolist())
    many = TradingCurves(sessions=days, signals=(1.0,) * n, buy_and_hold=(1.0,) * n)

    assert f"equity.json sessions: expected at most {CURVE_POINTS}, got {n}" in rejected(tmp_path, curves=many)


def test_the_succession_of_another_version_is_never_published(tmp_path):
    told = msgspec.structs.replace(draft_ticker("AAPL").succession, version="2")

    said = "tickers/AAPL/succession.json version: expected 1, the model's, got 2"
    assert said in rejected(tmp_path, succession=told)


def test_signals_without_a_known_outcome_are_never_published(tmp_path):
    rows = tuple(msgspec.structs.replace(row, realised=None) for row in draft_ticker("AAPL").signals)

    said = f"tickers/AAPL/signals.json realised: expected at least one known outcome, got none of {len(rows)}"
    assert said in rejected(tmp_path, signals=rows)


def test_a_volatility_of_nothing_is_never_published(tmp_path):
    first, *others = draft_ticker("AAPL").signals
    rows = (msgspec.structs.replace(first, vol=0.0), *others)

    said = f"tickers/AAPL/signals.json vol: expected above 0, got 0.0 at {first.session}"
    assert said in rejected(tmp_path, signals=rows)


# Horizons.


def test_horizons_come_in_the_order_of_the_manifest(tmp_path):
    manifest = publish(tmp_path, replace(draft(tickers=("AAPL",)), horizons=(5, 1)))

    loaded = Store(tmp_path).load().tickers["AAPL"]

    assert manifest.horizon == 5
    assert tuple(loaded.parameters) == tuple(loaded.metrics) == (5, 1)


@pytest.mark.parametrize("horizons", [(1,), (1, 5, 21), (1, 21)])
def test_other_horizons_than_the_parameters_are_never_published(tmp_path, horizons):
    wrong = replace(draft(tickers=("AAPL",)), horizons=horizons)

    with pytest.raises(
        BadDraft, match=rf"tickers/AAPL/forecast.json: expected the horizons {re.escape(str(list(horizons)))} of AAPL"
    ):
        publish(tmp_path, wrong)


@pytest.mark.parametrize("horizons", [(), (1, 5, 1)])
def test_no_horizon_or_one_twice_is_never_published(tmp_path, horizons):
    with pytest.raises(BadDraft, match=r"manifest.json horizons: expected at least one, each once, got "):
        publish(tmp_path, replace(draft(tickers=("AAPL",)), horizons=horizons))


def test_a_horizon_without_scores_is_never_published(tmp_path):
    ticker = draft_ticker("AAPL")
    wrong = replace(ticker, metrics={1: ticker.metrics[1]})

    with pytest.raises(BadDraft, match=r"metrics.json: expected the horizons \[1, 5\] of AAPL, got \[1\]"):
        publish(tmp_path, replace(draft(tickers=("AAPL",)), tickers=[wrong]))


@pytest.mark.parametrize("part", ["edge_weights", "variance_weights"])
def test_parameters_that_ask_for_an_output_the_graph_lacks_are_never_published(tmp_path, part):
    ticker = draft_ticker("AAPL")
    asking = msgspec.structs.replace(ticker.parameters[5], **{part: {"oracle": 1.0}})
    wrong = replace(ticker, parameters={1: ticker.parameters[1], 5: asking})

    with pytest.raises(BadDraft, match=r"tickers/AAPL/model.onnx: expected the output oracle_5, got "):
        publish(tmp_path, replace(draft(tickers=("AAPL",)), tickers=[wrong]))


def test_parameters_filed_under_another_horizon_than_their_own_are_never_published(tmp_path):
    ticker = draft_ticker("AAPL")
    wrong = replace(ticker, parameters={1: ticker.parameters[5], 5: ticker.parameters[1]})

    with pytest.raises(BadDraft, match=r"tickers/AAPL/forecast.json: expected parameters of horizon 1, got of 5"):
        publish(tmp_path, replace(draft(tickers=("AAPL",)), tickers=[wrong]))


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

    with pytest.raises(
        BadRelease, match=r"manifest.json schema_version: expected 4, got 99; `stock-assets materialize`"
    ):
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


@pytest.mark.parametrize("name", ["ridge_1", "forest_5", "garch_1", "har_5"])
def test_a_model_that_answers_otherwise_than_in_training_is_never_published(tmp_path, name):
    ticker = draft_ticker("AAPL")
    parity = {**ticker.parity, name: ticker.parity[name] + 1e-3}
    wrong = replace(draft(tickers=("AAPL",)), tickers=[replace(ticker, parity=parity)])

    with pytest.raises(BadDraft, match=rf"tickers/AAPL/parity.npz: expected the model to repeat {name} within"):
        publish(tmp_path / "releases", wrong)

    assert Store(tmp_path / "releases").list() == []


@pytest.mark.parametrize("rows", [0, 31])
def test_parity_of_another_length_than_its_features_is_never_published(tmp_path, rows):
    ticker = draft_ticker("AAPL")
    parity = {**ticker.parity, "ewma_1": ticker.parity["ewma_1"][:rows]}

    with pytest.raises(BadDraft, match=r"expected the model to repeat ewma_1 within 1e-05, got it nan off"):
        publish(tmp_path, replace(draft(tickers=("AAPL",)), tickers=[replace(ticker, parity=parity)]))


def test_an_output_that_parity_says_nothing_of_is_never_published(tmp_path):
    ticker = draft_ticker("AAPL")
    parity = {name: said for name, said in ticker.parity.items() if name != "har_1"}

    with pytest.raises(BadDraft, match=r"tickers/AAPL/parity.npz: expected the arrays features, .*har_1.*, got "):
        publish(tmp_path, replace(draft(tickers=("AAPL",)), tickers=[replace(ticker, parity=parity)]))


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
