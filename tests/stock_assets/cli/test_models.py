"""`models list|compare|promote|rollback` by the real command line, on a home in which one ticker was trained twice."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import command_line
import dagster as dg
import pandas as pd
import pytest
from bokeh_sampledata import stocks
from command_line import Answer

from release.store import Store
from stock_assets.instance import open_instance
from stock_assets.settings import PipelineSettings

# Enough to train a model and to judge it, and little more.
BARS = 1_100
Run = Callable[..., Answer]


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """IBM's v1 and v2, and a ticker that nothing was trained of; read it only."""
    folder = tmp_path_factory.mktemp("market")
    for name in ("IBM", "MSFT"):
        pd.DataFrame(getattr(stocks, name)).iloc[-BARS:].to_csv(folder / f"{name}.csv", index=False)
    home = tmp_path_factory.mktemp("twice") / "home"
    first = command_line.stock_assets("materialize", "--data", str(folder), "--tickers", "IBM", home=home)
    second = command_line.stock_assets("materialize", "--tickers", "IBM", "--select", "model+", home=home)
    added = command_line.stock_assets("tickers", "add", "MSFT", "--no-fill", home=home)
    assert (first.code, second.code, added.code) == (0, 0, 0), first.stderr + second.stderr + added.stderr
    return home


@pytest.fixture
def home(twice: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(twice, tmp_path / "home"))


@pytest.fixture
def models(home: Path) -> Run:
    """Runs ``stock-assets models ...`` on the home."""

    def run(*arguments: str, **more: dict[str, str]) -> Answer:
        return command_line.stock_assets("models", *arguments, home=home, **more)

    return run


def listed(models: Run) -> dict[str, dict]:
    return {row["ticker"]: row for row in models("list", "--json").json}


def released_version(home: Path) -> str:
    return Store(home / "releases").load().tickers["IBM"].lineage.model_version


def test_the_list_has_champion_challenger_verdict_and_scores_beside_baselines(models):
    rows, shown = listed(models), models("list").stdout

    ibm = rows["IBM"]
    assert (ibm["champion"], ibm["challenger"], ibm["verdict"], ibm["how"]) == ("2", "2", "not_worse", "training")
    assert (ibm["previous"], ibm["kept"]) == ("1", ["1", "2"])
    assert set(ibm["scores"]["1"]) >= {"return_r2", "return_r2_historical_mean", "qlike", "qlike_ewma", "coverage_90"}
    assert (rows["MSFT"]["champion"], rows["MSFT"]["challenger"]) == (None, None)
    assert "IBM" in shown
    assert "not_worse" in shown


def test_a_comparison_tells_every_test_both_models_scores_and_every_guard(models):
    told, shown = models("compare", "ibm", "--json").json, models("compare", "IBM", "--version", "1").stdout

    assert (told["challenger"], told["champion"], told["verdict"]) == ("2", "1", "not_worse")
    assert {(test["loss"], test["horizon"]) for test in told["tests"]} == {
        (loss, horizon) for loss in ("squared_error", "qlike", "interval_score") for horizon in (1, 5)
    }
    assert all(test["p"] == 0.5 and test["days"] > 63 for test in told["tests"])
    assert all(guard["passed"] for guard in told["guards"])
    assert set(told["scores"]) == {"challenger", "champion"}
    for word in ("v1 against v2", "interval_score", "export_max_error", "(historical_mean)", "Clark-West"):
        assert word in shown


def test_a_rollback_serves_the_version_before_and_a_promotion_goes_forward_again(models, home):
    back = models("rollback", "IBM", "--why", "odd signals", "--json")
    with_first = (released_version(home), listed(models)["IBM"])
    none_left = models("rollback", "IBM")
    forward = models("promote", "IBM", "--version", "2")

    assert (back.code, back.json["version"], back.json["move"]["why"]) == (0, "1", "odd signals"), back.stderr
    assert with_first[0] == "1"
    assert [with_first[1][name] for name in ("champion", "how", "by", "why")] == [
        "1",
        "rollback",
        "by hand",
        "odd signals",
    ]
    assert none_left.code == 1
    assert "IBM: expected a champion to roll back to, got none that v1 replaced" in none_left.error
    assert (forward.code, released_version(home)) == (0, "2"), forward.stderr
    with open_instance(PipelineSettings(home=home)) as instance:
        moves = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey("champion"), asset_partitions=["IBM"]), limit=2
        ).records
    told = [record.asset_materialization.metadata["how"].value for record in moves]
    assert told == ["by_hand", "rollback"]


def test_what_was_left_unpublished_is_published_by_the_same_command_and_moved_only_once(models, home):
    before = Store(home / "releases").current()

    left = models("promote", "IBM", "--version", "1", "--no-publish", "--json")
    meanwhile = Store(home / "releases").current()
    published = models("promote", "IBM", "--version", "1", "--json")

    assert (left.code, left.json["release_id"]) == (0, None), left.stderr
    assert meanwhile == before
    assert (published.code, released_version(home)) == (0, "1"), published.stderr
    assert published.json["move"] == left.json["move"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("promote", "NOPE"), "ticker: expected one of IBM, MSFT, got NOPE"),
        (("rollback", "NOPE"), "ticker: expected one of IBM, MSFT, got NOPE"),
        (("promote", "IBM", "--version", "9"), "IBM: expected a version whose files are kept (1, 2), got 9"),
        (("promote", "MSFT"), "MSFT: expected a version whose files are kept (none), got none"),
        (("rollback", "MSFT"), "MSFT: expected a champion to roll back to, got no champion at all"),
        (("compare", "MSFT"), "MSFT: expected a champion to compare with, got none (kept: none)"),
        (("compare", "IBM", "--version", "2"), "IBM: expected another version than the champion, v2 (kept: 1, 2)"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(models, arguments, line):
    answer = models(*arguments)

    assert answer.code == 1
    assert line in answer.error


def test_a_version_of_bars_that_were_restated_is_refused_unless_forced(models, home):
    path = home / "lake" / "prices" / "IBM.parquet"
    prices = pd.read_parquet(path)
    prices.assign(close=prices["close"].where(prices.index != 500, prices["close"] * 0.999)).to_parquet(path)

    refused = models("promote", "IBM", "--version", "1")
    meanwhile = listed(models)["IBM"]
    forced = models("promote", "IBM", "--version", "1", "--force", "--no-publish")

    assert refused.code == 1
    assert "IBM v1: data_in_force: expected a model of the bars in force" in refused.error
    assert meanwhile["champion"] == "2"
    assert forced.code == 0, forced.stderr
    assert listed(models)["IBM"]["forced"].startswith("data_in_force: ")


def test_mlflow_that_is_down_is_one_line_with_its_address_and_moves_nothing(models):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{probe.getsockname()[1]}"

    answer = models("rollback", "IBM", settings={"STOCK_ASSETS_MLFLOW_URI": uri})

    assert answer.code == 1
    assert f"mlflow: expected it to answer at {uri}, got" in answer.error
    assert answer.seconds < 60
    assert listed(models)["IBM"]["champion"] == "2"
