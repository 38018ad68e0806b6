"""Which version serves a ticker: what is kept, what is in force, and what no failure may leave half done."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import msgspec
import numpy as np
import pandas as pd
import pytest
from dagster._core.event_api import PartitionKeyFilter
from shared_data import sample_bars
from upath import UPath

from quant.faults import Rule
from release.manifest import MOVES_TOLD, How, TickerLineage, Verdict
from stock_assets import checks, succession
from stock_assets.champions import (
    CHAMPION,
    EVALUATION,
    KEPT,
    LINEAGE,
    MODEL,
    ONNX,
    PARITY,
    RECORD,
    VERSIONS,
    Archive,
    Champion,
    Ledger,
    Move,
    Version,
)
from stock_assets.errors import LakeUnreadable, NotMaterialized
from stock_assets.frames import price_table
from stock_assets.ingest.assessment import Finding, Outcome
from stock_assets.ingest.findings import FINDINGS, findings_table
from stock_assets.instance import open_instance
from stock_assets.learning.promotion import Check
from stock_assets.resources.lake import Lake
from stock_assets.resources.registry import RegistryUnavailable, log_decision, model_name
from stock_assets.resources.tracking import mlflow
from stock_assets.runs import materialize_ticker
from stock_assets.settings import PipelineSettings, SourceName
from stock_assets.succession import NoSuchVersion, PromotionRefused, promote, roll_back, settle

TICKER, BARS, HORIZONS = "IBM", 1_100, (1, 5)
AT = "2013-03-04T22:00:00Z"
Retrain = Callable[..., dict[str, bytes]]


@dataclass(frozen=True)
class Home:
    """A home in which one ticker was trained once, by the graph."""

    settings: PipelineSettings
    run_id: str

    @property
    def lake(self) -> Lake:
        return Lake(UPath(self.settings.lake))

    @property
    def client(self) -> Any:
        return mlflow().MlflowClient(self.settings.tracking_uri)

    @property
    def ledger(self) -> Ledger:
        return Archive(self.lake, TICKER).ledger()

    def alias(self, name: str) -> str:
        return str(self.client.get_model_version_by_alias(model_name(TICKER), name).version)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Read it only."""
    folder = tmp_path_factory.mktemp("trained")
    price_table(sample_bars(TICKER)[-BARS:], ticker=TICKER).to_csv(folder / "bars.csv", index=False)
    settings = PipelineSettings(home=folder / "home", source=SourceName.FILES, data=folder / "bars.csv")
    with open_instance(settings) as instance:
        instance.add_dynamic_partitions("tickers", [TICKER])
        run = materialize_ticker(instance, settings, TICKER)
    assert run.ok, run.error
    return Home(settings, run.run_id)


@pytest.fixture
def home(trained: Home, tmp_path: Path) -> Home:
    """A copy of its lake, for a test to change; MLflow and Dagster are shared."""
    settings = trained.settings.model_copy(update={"home": tmp_path, "mlflow_uri": trained.settings.tracking_uri})
    subprocess.run(["cp", "-r", trained.settings.lake, settings.lake], check=True)
    return Home(settings, trained.run_id)


@pytest.fixture
def retrain(home: Home) -> Retrain:
    """The files of another training of the same model, registered as a version of its own; `change` what differs."""

    def files(change: Callable[[dict[str, bytes]], dict[str, bytes]] = dict) -> dict[str, bytes]:
        first = Archive(home.lake, TICKER).files(home.ledger.versions[0].key)
        lineage = msgspec.json.decode(first[LINEAGE], type=TickerLineage)
        source = home.client.get_model_version(lineage.model_name, lineage.model_version).source
        made = home.client.create_model_version(lineage.model_name, source, lineage.mlflow_run_id)
        lineage = msgspec.structs.replace(lineage, model_version=str(made.version))
        return change({**first, LINEAGE: msgspec.json.encode(lineage)})

    return files


def settled(home: Home, files: dict[str, bytes]) -> succession.Settled:
    return settle(home.lake, TICKER, files, client=home.client, horizons=HORIZONS, at=AT, by="a-run")


def noisier(files: dict[str, bytes]) -> dict[str, bytes]:
    """With means that err by up to three quarters of a volatility more."""
    table = Champion.of(files).record()
    rows = table["model"] == "champion"
    noise = np.random.default_rng(0).uniform(-0.75, 0.75, rows.sum())
    table.loc[rows, "mean"] += noise * table.loc[rows, "vol"]
    return {**files, RECORD: table.to_parquet(index=False)}


def another_export(files: dict[str, bytes]) -> dict[str, bytes]:
    """With answers to the parity rows that the graph does not give."""
    from release.tables import pack, unpack

    model = Champion.of(files)
    names = succession.OnnxModel(model.onnx).outputs
    parity = unpack(model.parity, names=("features", *names), file=PARITY)
    return {**files, PARITY: pack({**parity, names[0]: parity[names[0]] + 1e-3})}


def test_the_first_version_is_in_force_and_everything_says_so(trained):
    ledger, version = trained.ledger, trained.ledger.champion

    tags = trained.client.get_run(version.mlflow_run_id).data.tags
    registered = trained.client.get_model_version(model_name(TICKER), version.version)

    assert ledger.challenger == version
    assert (ledger.since.how, ledger.since.by) == (How.TRAINING, trained.run_id)
    assert version.verdict is Verdict.FIRST
    assert Champion.read(trained.lake, TICKER).lineage.model_version == version.version
    assert trained.lake.has_files(CHAMPION, TICKER)
    assert trained.alias("champion") == version.version
    assert (tags["promoted"], tags["promotion_verdict"], tags["promotion"]) == ("true", "first", version.decision)
    assert float(tags["promotion.guard_coverage_90_1"]) == pytest.approx(version.figures["guard_coverage_90_1"], 1e-5)
    assert registered.tags["promotion_verdict"] == "first"


def test_the_decision_is_a_check_and_a_materialisation_with_its_figures(trained):
    key = dg.AssetKey(CHAMPION)
    with open_instance(trained.settings) as instance:
        made = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=key, asset_partitions=[TICKER]), limit=1
        ).records[0]
        checked = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(key, checks.DECIDED), limit=1, partition_filter=PartitionKeyFilter(key=TICKER)
        )[0].event.dagster_event.asset_check_evaluation_data

    metadata = made.asset_materialization.metadata
    assert metadata["promoted"].value is True
    assert metadata["decision"].value == checked.description
    assert checked.passed
    assert {"guard_coverage_90_1", "guard_export_max_error", "skill_p_5"} <= set(checked.metadata)
    assert {record.data["guard"] for record in checked.metadata["guards"].records} >= {"data_checks", "scale_5"}


def test_a_challenger_that_is_as_good_moves_the_alias_and_the_lake_together(home, retrain):
    before = home.ledger.champion

    after = settled(home, retrain())

    assert after.decision.verdict is Verdict.NOT_WORSE
    assert home.ledger.champion == after.version
    assert home.ledger.previous == before
    assert home.alias("champion") == after.version.version
    assert Champion.read(home.lake, TICKER).lineage.model_version == after.version.version


def test_a_challenger_that_is_worse_is_kept_and_told_and_the_champion_stays(home, retrain):
    before = home.ledger.champion

    after = settled(home, retrain(noisier))

    assert after.decision.verdict is Verdict.WORSE
    assert (home.ledger.champion, home.ledger.challenger) == (before, after.version)
    assert home.ledger.challenger.figures["worse_squared_error_p_holm_1"] < 0.05
    assert home.alias("champion") == before.version
    assert home.client.get_model_version(model_name(TICKER), after.version.version).tags["promoted"] == "false"
    assert not checks.promotion(after.decision).passed
    assert checks.promotion(after.decision).severity is dg.AssetCheckSeverity.WARN


def test_a_record_of_the_same_model_made_anew_takes_its_place_without_a_move(home):
    now, moves = home.ledger.champion, home.ledger.moves
    files = Archive(home.lake, TICKER).files(now.key)
    table = Champion.of(files).record()

    settled(home, {**files, RECORD: table.iloc[:-9].to_parquet(index=False)})

    assert home.ledger.champion.key != now.key
    assert home.ledger.champion.version == now.version
    assert (home.ledger.moves, home.ledger.before) == (moves, ())


def test_an_export_that_does_not_repeat_the_model_fails_its_guard(home, retrain):
    after = settled(home, retrain(another_export))

    assert after.decision.verdict is Verdict.GUARD
    assert [guard.check for guard in after.decision.broken] == [Check.EXPORT]
    assert "export_max_error: expected at most 1e-06, got 0.001" in after.decision.reasons
    assert checks.promotion(after.decision).severity is dg.AssetCheckSeverity.ERROR


def test_a_graph_that_is_none_fails_the_guard_of_the_export(home, retrain):
    after = settled(home, retrain(lambda files: {**files, ONNX: b"no graph"}))

    assert [guard.check for guard in after.decision.broken] == [Check.EXPORT]
    assert "export_max_error: model.onnx: expected an ONNX graph" in str(after.decision)


def test_other_horizons_than_the_settings_fail_a_guard_since_no_release_could_hold_them(home, retrain):
    challenger = Champion.of(retrain())

    decision = succession.judge(home.lake, challenger, None, horizons=(1, 5, 10))

    assert "horizons: expected 1, 5, 10, got 1, 5" in decision.reasons


@pytest.mark.parametrize(
    ("outcome", "rule", "verdict"),
    [
        (Outcome.OPEN, Rule.POSITIVE_PRICE, Verdict.DATA),
        (Outcome.HELD, Rule.RESTATED, Verdict.DATA),
        (Outcome.QUARANTINED, Rule.POSITIVE_PRICE, Verdict.NOT_WORSE),
        (Outcome.OPEN, Rule.JUMP, Verdict.NOT_WORSE),
    ],
)
def test_nothing_is_promoted_when_the_newest_look_at_the_data_refused_them(home, retrain, outcome, rule, verdict):
    finding = Finding(rule=rule, session="2012-03-01", field="close", value="-1", expected="above 0", outcome=outcome)
    home.lake.write(FINDINGS, TICKER, findings_table(TICKER, [finding]))
    before = home.ledger.champion

    after = settled(home, retrain())

    assert after.decision.verdict is verdict
    assert (home.ledger.champion == before) is (verdict is Verdict.DATA)


def test_a_model_of_bars_that_have_changed_since_is_not_promoted_and_of_fewer_it_is(home, retrain):
    prices = home.lake.read("prices", TICKER)
    challenger = Champion.of(retrain())

    def judged(table) -> Verdict:
        home.lake.write("prices", TICKER, table)
        return succession.judge(home.lake, challenger, None, horizons=HORIZONS).verdict

    more = prices.iloc[-1:].assign(date=prices["date"].iloc[-1] + np.timedelta64(3, "D"))
    restated = prices.assign(close=prices["close"].where(prices.index != 500, prices["close"] * 0.999))

    assert judged(prices) is Verdict.FIRST
    assert judged(pd.concat([prices, more], ignore_index=True)) is Verdict.FIRST
    assert judged(restated) is Verdict.DATA


def test_a_rollback_puts_the_champion_before_back_step_by_step_and_is_recorded(home, retrain):
    first, second, third = home.ledger.champion, settled(home, retrain()).version, settled(home, retrain()).version
    means = {"client": home.client, "horizons": HORIZONS, "at": AT}

    roll_back(home.lake, TICKER, why="odd signals", **means)
    once = home.ledger
    roll_back(home.lake, TICKER, **means)
    twice = home.ledger

    assert (once.champion, once.previous, once.challenger) == (second, first, third)
    assert (once.since.how, once.since.by, once.since.why) == (How.ROLLBACK, "by hand", "odd signals")
    assert (twice.champion, twice.previous) == (first, None)
    assert home.alias("champion") == first.version
    tags = home.client.get_model_version(model_name(TICKER), second.version).tags
    assert (tags["promotion_how"], tags["promotion_by"], tags["promotion_why"]) == (
        "rollback",
        "by hand",
        "odd signals",
    )
    with pytest.raises(
        NoSuchVersion, match=f"IBM: expected a champion to roll back to, got none that v{first.version}"
    ):
        roll_back(home.lake, TICKER, **means)


def test_any_kept_version_can_be_promoted_by_hand_though_it_is_worse(home, retrain):
    before, worse = home.ledger.champion, settled(home, retrain(noisier)).version

    done = promote(home.lake, TICKER, worse.version, client=home.client, horizons=HORIZONS, at=AT)

    assert done.decision.verdict is Verdict.WORSE
    assert (home.ledger.champion, home.ledger.previous) == (worse, before)
    assert home.ledger.since.how is How.BY_HAND


def test_a_guard_stops_a_promotion_by_hand_too_unless_it_is_overruled_which_is_recorded(home, retrain):
    before, broken = home.ledger.champion, settled(home, retrain(another_export)).version
    means = {"client": home.client, "horizons": HORIZONS, "at": AT}

    with pytest.raises(
        PromotionRefused, match=r"IBM v.*: export_max_error: expected at most 1e-06, got 0.001 \(--force"
    ):
        promote(home.lake, TICKER, broken.version, **means)
    refused = home.ledger.champion
    promote(home.lake, TICKER, broken.version, force=True, **means)

    assert refused == before
    assert home.ledger.champion == broken
    assert home.ledger.since.forced == "export_max_error: expected at most 1e-06, got 0.001"
    assert (
        "export_max_error" in home.client.get_model_version(model_name(TICKER), broken.version).tags["promotion_forced"]
    )


def test_a_version_that_is_not_kept_is_told_with_those_that_are(home):
    with pytest.raises(NoSuchVersion, match=r"IBM: expected a version whose files are kept \(1\), got 99"):
        promote(home.lake, TICKER, "99", client=home.client, horizons=HORIZONS, at=AT)


def test_mlflow_that_is_down_is_named_within_seconds_and_nothing_has_moved(home, retrain):
    files, before, alias = retrain(), home.ledger, home.alias("champion")
    dead = mlflow().MlflowClient(f"http://someone:secret@{closed_port()}")
    started = time.perf_counter()

    with pytest.raises(RegistryUnavailable) as told:
        settle(home.lake, TICKER, files, client=dead, horizons=HORIZONS, at=AT, by="a-run")

    assert time.perf_counter() - started < 30
    assert dead.tracking_uri.rpartition("@")[2] in str(told.value)
    assert "secret" not in str(told.value)
    assert home.ledger == before
    assert home.alias("champion") == alias


def test_a_run_without_mlflow_fails_within_seconds_and_leaves_the_champion_in_force(trained, tmp_path):
    uri = f"http://{closed_port()}"
    settings = trained.settings.model_copy(update={"home": tmp_path, "mlflow_uri": uri})
    subprocess.run(["cp", "-r", trained.settings.lake, settings.lake], check=True)
    with open_instance(settings) as instance:
        instance.add_dynamic_partitions("tickers", [TICKER])
        run = materialize_ticker(instance, settings, TICKER)

    assert not run.ok
    assert run.seconds < 60
    assert Archive(Lake(UPath(settings.lake)), TICKER).ledger() == trained.ledger


def closed_port() -> str:
    """A loopback address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_an_alias_that_a_killed_process_left_behind_is_put_right_by_the_next_decision(home, retrain):
    before, worse = home.ledger.champion, retrain(noisier)
    number = Champion.of(worse).lineage.model_version
    home.client.set_registered_model_alias(model_name(TICKER), "champion", number)

    settled(home, worse)

    assert home.alias("champion") == before.version


def test_a_version_that_mlflow_does_not_have_is_told_as_such(home):
    with pytest.raises(RegistryUnavailable, match=f"mlflow: expected it to answer at {home.client.tracking_uri}, got"):
        log_decision(home.client, TICKER, "99", run_id="0" * 32, tags={}, figures={}, champion="99")


KILLED_MOVE = """
import os, sys
from upath import UPath
from release.manifest import How
from stock_assets.champions import Archive, Move
from stock_assets.resources.lake import Lake

archive = Archive(Lake(UPath(sys.argv[1])), "IBM")
ledger = archive.ledger()
first, second = ledger.versions
print("ready", flush=True)
while True:
    for version in (second, first):
        move = Move(key=version.key, version=version.version, at="now", how=How.BY_HAND, by="by hand", why="")
        ledger = ledger.moved(version, move)
        archive.write(ledger)
"""


@pytest.mark.parametrize("seconds", [0.013, 0.05, 0.171])
def test_a_process_killed_while_it_moves_leaves_one_champion_or_the_other(home, retrain, seconds):
    settled(home, retrain())
    kept = {version.version for version in home.ledger.versions}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_MOVE, str(home.settings.lake)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()

    serving = Champion.read(home.lake, TICKER)

    assert serving.lineage.model_version in kept
    assert home.lake.has_files(CHAMPION, TICKER)


def version_of(number: int) -> Version:
    return Version(
        key=f"{number}-abc",
        version=str(number),
        mlflow_run_id=f"run{number}",
        trained_at=AT,
        decided_at=AT,
        by="a-run",
        verdict=Verdict.WORSE,
        decision="worse",
        figures={},
    )


def move_to(version: Version) -> Move:
    return Move(key=version.key, version=version.version, at=AT, how=How.TRAINING, by="a-run", why="")


def test_the_newest_are_kept_and_never_without_the_one_in_force_and_the_one_before_it():
    one, two = version_of(1), version_of(2)
    ledger = Ledger().with_version(one).moved(one, move_to(one)).with_version(two).moved(two, move_to(two))

    for number in range(3, 40):
        ledger = ledger.with_version(version_of(number))

    assert [int(version.version) for version in ledger.versions] == [1, 2, *range(40 - KEPT, 40)]
    assert (ledger.champion, ledger.previous) == (two, one)


def promoted(count: int) -> Ledger:
    """A ledger in which so many versions came into force one after the other."""
    ledger = Ledger()
    for number in range(1, count + 1):
        version = version_of(number)
        ledger = ledger.with_version(version).moved(version, move_to(version))
    return ledger


def test_a_release_tells_how_its_version_came_into_force_newest_move_first():
    told = promoted(3).succession("3")

    assert (told.version, told.at, told.how, told.by) == ("3", AT, How.TRAINING, "a-run")
    assert [move.version for move in told.moves] == ["3", "2", "1"]
    assert told.challenger is None


def test_a_release_tells_no_more_than_so_many_moves():
    assert [move.version for move in promoted(30).succession("30").moves] == [str(30 - k) for k in range(MOVES_TOLD)]


def test_the_version_trained_last_is_the_challenger_unless_it_is_released_itself():
    refused = msgspec.structs.replace(version_of(4), decision="worse: by far", figures={"skill_p_1": None})

    told = promoted(3).with_version(refused).succession("3")

    assert (told.version, told.challenger.version, told.challenger.verdict) == ("3", "4", Verdict.WORSE)
    assert (told.challenger.decision, told.challenger.figures) == ("worse: by far", {"skill_p_1": None})


def test_a_release_of_the_version_before_tells_of_its_own_coming_and_of_no_move_since():
    told = promoted(3).succession("2")

    assert [move.version for move in told.moves] == ["2", "1"]
    assert told.challenger.version == "3"


def test_a_version_that_was_rolled_back_to_came_by_the_rollback():
    ledger = promoted(2)
    back = msgspec.structs.replace(move_to(version_of(1)), how=How.ROLLBACK, by="by hand", forced="scale_1: too wide")

    told = ledger.rolled_back(ledger.previous, back).succession("1")

    assert (told.how, told.by, told.forced) == (How.ROLLBACK, "by hand", "scale_1: too wide")
    assert [move.version for move in told.moves] == ["1", "2", "1"]
    assert told.challenger.version == "2"


def test_a_model_in_force_that_is_evaluated_anew_is_no_news_for_a_release():
    anew = msgspec.structs.replace(version_of(3), key="3-def", decided_at="2013-03-05T22:00:00Z", by="another-run")
    ledger = promoted(3)

    again = ledger.with_version(anew).moved(anew, move_to(anew))

    assert again != ledger
    assert again.succession("3") == ledger.succession("3")


def test_of_a_version_that_never_was_in_force_nothing_can_be_told():
    assert promoted(2).with_version(version_of(3)).succession("3") is None


def test_files_that_the_ledger_no_longer_keeps_are_cleared_away(home):
    archive, now = Archive(home.lake, TICKER), home.ledger.champion
    home.lake.write_files(VERSIONS, f"{TICKER}/left-behind", {"model.onnx": b"of a process that was killed"})

    archive.write(archive.ledger())

    folders = {path.name for path in (home.lake.root / VERSIONS / TICKER).iterdir() if path.is_dir()}
    assert folders == {now.key}


def test_a_ticker_without_a_champion_and_a_damaged_ledger_are_told(home):
    with pytest.raises(NotMaterialized, match="champion: expected one for NEW, found none"):
        Champion.read(home.lake, "NEW")
    (home.lake.root / VERSIONS / TICKER / "ledger.json").write_bytes(b"{")
    with pytest.raises(LakeUnreadable, match=f"model_versions/{TICKER}/ledger.json: expected a ledger"):
        Champion.read(home.lake, TICKER)


def test_a_champion_that_another_version_of_the_code_wrote_does_not_stand_in_the_way(home, retrain):
    files = retrain()
    archive, now = Archive(home.lake, TICKER), home.ledger.champion
    old = {**archive.files(now.key), "forecast.json": b'{"horizon": 1}'}
    home.lake.write_files(VERSIONS, archive.folder(now.key), old)

    after = settled(home, files)

    assert after.decision.verdict is Verdict.FIRST
    assert home.ledger.champion == after.version


def test_what_the_graph_hands_over_is_what_is_kept(trained):
    kept = Archive(trained.lake, TICKER).files(trained.ledger.in_force)

    assert set(kept) == {
        *trained.lake.read_files(MODEL, TICKER),
        *trained.lake.read_files(EVALUATION, TICKER),
        RECORD,
    }
