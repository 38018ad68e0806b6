"""A universe as a file: what may stand in it, and what a sensor makes of its changes on a real instance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from upath import UPath

from release.clock import FixedClock
from stock_assets.cli.universe import universe
from stock_assets.definitions import definitions
from stock_assets.errors import UnknownTicker
from stock_assets.instance import open_instance
from stock_assets.jobs import refresh_ticker, update_ticker
from stock_assets.partitions import TICKERS, known_tickers
from stock_assets.resources.lake import Lake
from stock_assets.sensors.universe import TRY_AGAIN, universe_changes
from stock_assets.settings import PipelineSettings, SourceName
from stock_assets.sources.catalogue import market_data
from stock_assets.sources.files.source import Files
from stock_assets.universe_file import BadUniverse, read_universe

NOW = datetime(2024, 12, 28, 12, 0, tzinfo=UTC)


# The file.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "universe.yaml"


@pytest.mark.parametrize(
    "text",
    [
        "tickers: [AAPL, BTC-USD]\n",
        "# ours\ntickers:\n  - AAPL\n  - 'BTC-USD'  # a pair\n",
        '{"tickers": ["AAPL", "BTC-USD"]}',
    ],
    ids=["in_a_row", "in_a_column", "json"],
)
def test_the_file_names_tickers_in_its_order(file, text):
    file.write_text(text)

    assert read_universe(file).tickers == ("AAPL", "BTC-USD")


def test_a_ticker_that_looks_like_something_else_to_yaml_is_a_ticker(file):
    file.write_text("tickers: [ON, NO, Y, TRUE, 1810, 7203.T, 1E5]\n")

    assert read_universe(file).tickers == ("ON", "NO", "Y", "TRUE", "1810", "7203.T", "1E5")


def test_another_text_has_another_digest(file):
    file.write_text("tickers: [AAPL]\n")
    one = read_universe(file)
    file.write_text("tickers: [AAPL, IBM]\n")

    assert len(one.sha256) == 64
    assert read_universe(file).sha256 != one.sha256


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tickers: [AAPL]\nsource: yahoo\n", "line 2: expected the one field tickers, got 'source'"),
        ("ticker: [AAPL]\n", "line 1: expected the one field tickers, got 'ticker'"),
        ("tickers: [AAPL]\ntickers: [IBM]\n", "line 2: expected the one field tickers, got 'tickers'"),
        ("[a, b]: [AAPL]\n", "line 1: expected the one field tickers, got a list"),
        ("\ntickers: AAPL\n", "line 2 tickers: expected a list of at least one ticker, got 'AAPL'"),
        ("tickers: {AAPL: 1}\n", "line 1 tickers: expected a list of at least one ticker, got a mapping"),
        ("tickers: []\n", "line 1 tickers: expected a list of at least one ticker, got a list of nothing"),
        ("tickers:\n", "line 1 tickers: expected a list of at least one ticker, got ''"),
        ("tickers:\n- AAPL\n- aapl\n", "line 3 tickers: expected a ticker like AAPL or BTC-USD, got 'aapl'"),
        ("tickers:\n- AAPL\n- A/B\n", "line 3 tickers: expected a ticker like AAPL or BTC-USD, got 'A/B'"),
        ("tickers:\n- [AAPL]\n", "line 2 tickers: expected a ticker like AAPL or BTC-USD, got a list"),
        ("tickers:\n- AAPL:\n", "line 2 tickers: expected a ticker like AAPL or BTC-USD, got a mapping"),
        ("tickers:\n- AAPL\n- IBM\n- AAPL\n", "line 4 tickers: expected each ticker once, got AAPL of line 2 again"),
        ("- AAPL\n", "line 1: expected `tickers: [...]`, got a list"),
        ("AAPL\n", "line 1: expected `tickers: [...]`, got 'AAPL'"),
        ("", "line 1: expected `tickers: [...]`, got an empty file"),
    ],
)
def test_anything_else_is_refused_with_its_line_and_value(file, text, told):
    file.write_text(text)

    with pytest.raises(BadUniverse) as refused:
        read_universe(file)

    assert str(refused.value) == f"universe.yaml {told}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tickers: [AAPL\n", "while parsing a flow sequence expected ',' or ']', but got '<stream end>'"),
        ("tickers:\n\t- AAPL\n", "found character '\\t' that cannot start any token"),
        ("tickers: [AAPL]\n---\ntickers: [IBM]\n", "expected a single document in the stream but found another"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line_and_the_reader_s_words(file, text, told):
    file.write_text(text)

    with pytest.raises(BadUniverse) as refused:
        read_universe(file)

    assert str(refused.value).startswith("universe.yaml line 2: expected YAML, got: ")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_bytes_that_are_no_text_are_refused(file):
    file.write_bytes(b"\x1f\x8b\x08\x00tickers")

    with pytest.raises(BadUniverse, match=r"^universe\.yaml: expected YAML, got: "):
        read_universe(file)


def test_a_file_that_is_not_there_is_named(file):
    with pytest.raises(BadUniverse, match=r"^universe: expected a readable file, got .*universe\.yaml \(No such file"):
        read_universe(file)


# Where a command starts.


class OpenSource(Files):
    """A folder that names one ticker to start with and carries others too, as a vendor does."""

    def tickers(self) -> tuple[str, ...]:
        return ("AAPL",)

    def require(self, ticker: str) -> None:
        if not (self.path / f"{ticker}.csv").exists():
            raise UnknownTicker(f"ticker: expected one that the vendor carries, got {ticker}")


@pytest.fixture
def start(tmp_path: Path):
    """`universe` on a new home, with an open source that carries AAPL, IBM and BTC-USD."""
    for name in ("AAPL", "IBM", "BTC-USD"):
        (tmp_path / f"{name}.csv").touch()

    def ask(*asked: str, **settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
        told = PipelineSettings(home=tmp_path / "home", **settings)
        with open_instance(told) as instance:
            try:
                return universe(told, instance, OpenSource(tmp_path), asked=asked), known_tickers(instance)
            finally:
                ask.known = known_tickers(instance)

    return ask


def test_a_ticker_that_an_open_source_does_not_list_can_be_asked_for(start):
    assert start("BTC-USD", "IBM") == (("BTC-USD", "IBM"), ("BTC-USD", "IBM"))


def test_tickers_that_the_source_lacks_are_all_named_and_none_is_taken(start):
    with pytest.raises(UnknownTicker) as refused:
        start("IBM", "NOPE", "A/B")

    assert str(refused.value) == (
        "ticker: expected one that the vendor carries, got NOPE; ticker: expected one like AAPL or BTC-USD, got A/B"
    )
    assert start.known == ()


def test_what_the_home_knows_comes_before_the_file(start, file):
    file.write_text("tickers: [IBM, BTC-USD]\n")
    start("AAPL")

    assert start(universe=file) == (("AAPL",), ("AAPL",))


@pytest.mark.parametrize(
    ("with_file", "settings", "expected"),
    [
        (True, {"tickers": ("BTC-USD",)}, ("IBM", "BTC-USD")),
        (False, {"tickers": ("BTC-USD",)}, ("BTC-USD",)),
        (False, {}, ("AAPL",)),
    ],
    ids=["file", "settings", "source"],
)
def test_a_new_home_starts_with_what_is_said_most_explicitly(start, file, with_file, settings, expected):
    file.write_text("tickers: [IBM, BTC-USD]\n")

    assert start(universe=file if with_file else None, **settings) == (expected, tuple(sorted(expected)))


# Its changes.


@dataclass
class Daemon:
    """What Dagster's daemon does with the sensor: evaluate, apply, keep the cursor."""

    instance: dg.DagsterInstance
    settings: PipelineSettings
    clock: FixedClock
    cursor: str | None = None

    def tick(self):
        given = {
            "lake": Lake(UPath(self.settings.lake)),
            "market": market_data(self.settings),
            "clock": self.clock,
            "settings": self.settings,
        }
        graph, reference = definitions(self.settings), self.instance.get_ref()
        with dg.build_sensor_context(
            definitions=graph, resources=given, cursor=self.cursor, instance_ref=reference
        ) as context:
            result = universe_changes.evaluate_tick(context)
        for request in result.dynamic_partitions_requests or ():
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
            else:
                for key in request.partition_keys:
                    self.instance.delete_dynamic_partition(request.partitions_def_name, key)
        self.cursor = result.cursor
        return result

    @property
    def known(self) -> tuple[str, ...]:
        return known_tickers(self.instance)

    def carry(self, ticker: str) -> None:
        """Have the source carry a ticker, by a file of it in the folder."""
        self.settings.data.mkdir(exist_ok=True)
        rows = "date,open,high,low,close,volume\n2024-12-26,10,11,9,10.5,1000\n2024-12-27,10,11,9,10.5,1000\n"
        (self.settings.data / f"{ticker}.csv").write_text(rows)

    def write(self, *tickers: str) -> None:
        """Have the universe file name these."""
        self.settings.universe.write_text(f"tickers: [{', '.join(tickers)}]\n")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A home that has AAPL and IBM, a file that says so, and a source that carries BTC-USD too."""
    settings = PipelineSettings(
        home=tmp_path / "home",
        source=SourceName.FILES,
        data=tmp_path / "bars",
        universe=tmp_path / "universe.yaml",
    )
    with open_instance(settings) as instance:
        instance.add_dynamic_partitions(TICKERS, ["AAPL", "IBM"])
        for name in ("AAPL", "IBM"):
            Lake(UPath(settings.lake)).write_files("champion", name, {"forecast.json": b"{}"})
        daemon = Daemon(instance, settings, FixedClock(NOW))
        for name in ("AAPL", "IBM", "BTC-USD"):
            daemon.carry(name)
        daemon.write("AAPL", "IBM")
        daemon.tick()
        yield daemon


def jobs(result) -> dict[str, str]:
    """The job asked for, by ticker."""
    return {request.partition_key: request.job_name for request in result.run_requests or ()}


def test_a_new_ticker_gets_a_partition_and_a_run_of_the_whole_chain(daemon):
    daemon.write("AAPL", "IBM", "BTC-USD")

    result = daemon.tick()

    assert daemon.known == ("AAPL", "BTC-USD", "IBM")
    assert jobs(result) == {"BTC-USD": refresh_ticker.name}


def test_an_unchanged_file_is_nothing_new(daemon):
    daemon.write("AAPL", "IBM", "BTC-USD")
    daemon.tick()

    again = daemon.tick()

    assert not again.run_requests
    assert not again.dynamic_partitions_requests
    assert again.skip_message == "universe.yaml is unchanged"


def test_a_ticker_that_goes_loses_its_partition_and_keeps_its_history(daemon):
    daemon.write("AAPL")

    result = daemon.tick()

    assert daemon.known == ("AAPL",)
    assert result.skip_message == "gone: IBM"
    assert Lake(UPath(daemon.settings.lake)).has_files("champion", "IBM")


def test_a_ticker_that_comes_back_is_only_updated_even_by_the_very_same_file(daemon):
    daemon.write("AAPL")
    daemon.tick()
    daemon.write("AAPL", "IBM")
    daemon.clock.at += timedelta(minutes=5)
    first = daemon.tick()
    daemon.write("AAPL")
    daemon.tick()
    daemon.write("AAPL", "IBM")
    daemon.clock.at += timedelta(minutes=5)

    second = daemon.tick()

    assert jobs(first) == jobs(second) == {"IBM": update_ticker.name}
    assert first.run_requests[0].run_key != second.run_requests[0].run_key


def test_a_broken_file_changes_nothing_and_is_told_until_it_is_mended(daemon):
    before = daemon.cursor
    daemon.settings.universe.write_text("tickers: [AAPL, aapl]\n")

    broken = daemon.tick()
    daemon.cursor = before  # As the daemon keeps it after a skip without one.
    known_meanwhile = daemon.known
    daemon.write("AAPL", "BTC-USD")
    daemon.tick()

    assert "universe.yaml line 1 tickers: expected a ticker like AAPL or BTC-USD, got 'aapl'" in broken.skip_message
    assert not broken.dynamic_partitions_requests
    assert known_meanwhile == ("AAPL", "IBM")
    assert daemon.known == ("AAPL", "BTC-USD")


def test_a_file_that_has_gone_changes_nothing(daemon):
    daemon.settings.universe.unlink()

    assert "expected a readable file" in daemon.tick().skip_message
    assert daemon.known == ("AAPL", "IBM")


def test_a_ticker_that_the_source_lacks_is_told_and_the_others_go_on(daemon, capfd):
    daemon.write("AAPL", "NOPE", "BTC-USD", "IBM")

    result = daemon.tick()
    again = daemon.tick()

    assert daemon.known == ("AAPL", "BTC-USD", "IBM")
    assert jobs(result) == {"BTC-USD": refresh_ticker.name}
    reason = "ticker: expected one of AAPL, BTC-USD, IBM, got NOPE"
    assert f"NOPE is skipped and tried again later: {reason}" in capfd.readouterr().err
    assert again.skip_message == "universe.yaml is unchanged; not carried by the source: NOPE"


def test_a_ticker_that_the_source_lacked_is_tried_again_later(daemon):
    daemon.write("AAPL", "IBM", "ETH-USD")
    refused = daemon.tick()
    daemon.carry("ETH-USD")

    daemon.clock.at += TRY_AGAIN - timedelta(seconds=1)
    too_early = daemon.tick()
    daemon.clock.at += timedelta(seconds=1)
    then = daemon.tick()
    after = daemon.tick()

    assert "ETH-USD is skipped and tried again later" in refused.skip_message
    assert not too_early.run_requests
    assert jobs(then) == {"ETH-USD": refresh_ticker.name}
    assert daemon.known == ("AAPL", "ETH-USD", "IBM")
    assert after.skip_message == "universe.yaml is unchanged"


def test_what_is_added_or_removed_by_hand_stays_so_until_the_file_changes(daemon):
    daemon.instance.delete_dynamic_partition(TICKERS, "IBM")
    daemon.instance.add_dynamic_partitions(TICKERS, ["BTC-USD"])
    daemon.tick()
    by_hand = daemon.known
    daemon.write("IBM", "AAPL")

    daemon.tick()

    assert by_hand == ("AAPL", "BTC-USD")
    assert daemon.known == ("AAPL", "IBM")


def test_a_ticker_whose_run_was_lost_is_asked_for_at_the_next_change(daemon):
    daemon.instance.add_dynamic_partitions(TICKERS, ["BTC-USD"])
    daemon.write("AAPL", "BTC-USD", "IBM")

    assert jobs(daemon.tick()) == {"BTC-USD": refresh_ticker.name}


def test_without_a_file_there_is_nothing_to_follow(daemon):
    daemon.settings = daemon.settings.model_copy(update={"universe": None})

    assert "STOCK_ASSETS_UNIVERSE names one" in daemon.tick().skip_message
