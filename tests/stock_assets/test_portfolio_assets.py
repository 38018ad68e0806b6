"""The group `portfolio` in Dagster: a table a week, one run for many weeks, and a release that waits for no picture."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import msgspec
import numpy as np
import pandas as pd
import pytest
from dagster import DagsterInstance
from pandas.testing import assert_frame_equal
from shared_data import sample_bars

from release.portfolio import Portfolio, Strategy
from release.store import Store
from stock_assets.allocation.strategies import MEMBERS
from stock_assets.allocation.weekly import Week
from stock_assets.frames import price_table
from stock_assets.instance import open_instance
from stock_assets.partitions import tickers
from stock_assets.portfolios import ALL, PERFORMANCE, PORTFOLIO, WEIGHTS
from stock_assets.resources.lake import Lake, lake_of
from stock_assets.resources.tracking import mlflow, runs_of
from stock_assets.runs import RestRun, materialize_rest
from stock_assets.settings import PipelineSettings, SourceName

NAMES = ("AAPL", "IBM", "MSFT")
NEWEST = "2013-02-24"
WEEKS = 40


@dataclass
class Home:
    """A home whose AAPL has been trained; IBM and MSFT have prices and pass for trained, as a portfolio sees it."""

    instance: DagsterInstance
    settings: PipelineSettings

    @property
    def lake(self) -> Lake:
        return lake_of(self.settings)

    def publish(self) -> RestRun:
        return materialize_rest(self.instance, self.settings)

    def of_run(self, run: RestRun, asset: str) -> list[dg.AssetMaterialization]:
        """What a run told of an asset."""
        logs = self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        events = [entry.dagster_event.step_materialization_data.materialization for entry in logs]
        return [event for event in events if event.asset_key == dg.AssetKey(asset)]

    @property
    def portfolio(self) -> Portfolio:
        return msgspec.json.decode(self.lake.read_files(PERFORMANCE, ALL)[PORTFOLIO], type=Portfolio)


def steps(instance: DagsterInstance, run: RestRun) -> list[str]:
    return [
        entry.dagster_event.step_key for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)
    ]


Make = Callable[..., Home]


@pytest.fixture(scope="module")
def a_home(filled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Makes homes of one's own, each with an instance and a lake that no week has been made in yet."""
    opened: list[DagsterInstance] = []

    def make(**settings: object) -> Home:
        home = tmp_path_factory.mktemp("portfolio")
        made = PipelineSettings(home=home, source=SourceName.FILES, data=filled.settings.data, **settings)
        shutil.copytree(
            filled.settings.lake, made.lake, ignore=shutil.ignore_patterns("portfolio_*", "IBM*", "MSFT*", "FB*")
        )
        lake = lake_of(made)
        for name in ("IBM", "MSFT"):
            lake.write("prices", name, price_table(sample_bars(name)[-1_300:], ticker=name))
            lake.write_files("champion", name, {"a": b"file"})
        opened.append(open_instance(made))
        opened[-1].add_dynamic_partitions(tickers.name, list(NAMES))
        return Home(opened[-1], made)

    yield make
    for instance in opened:
        instance.dispose()


@dataclass
class Filled:
    """A home and the run that filled it."""

    home: Home
    run: RestRun


@pytest.fixture(scope="module")
def backfilled(a_home: Make) -> Filled:
    """Forty weeks in one run; read it only."""
    home = a_home(portfolio_weeks=WEEKS)
    return Filled(home, home.publish())


def weeks_to(newest: str, count: int) -> list[str]:
    return [(date.fromisoformat(newest) - timedelta(weeks=k)).isoformat() for k in reversed(range(count))]


def test_missing_weeks_are_made_in_one_run_a_table_each(backfilled):
    home, run = backfilled.home, backfilled.run

    assert run.ok, run.error
    assert run.week == NEWEST
    assert home.lake.keys(WEIGHTS) == tuple(weeks_to(NEWEST, WEEKS))
    for key in home.lake.keys(WEIGHTS):
        week = Week.of(home.lake.read(WEIGHTS, key))
        assert (week.week, tuple(week.weights), week.tickers) == (key, MEMBERS, NAMES)
        assert all(weights.sum() == pytest.approx(1.0) for weights in week.weights.values())


def test_each_week_is_marked_as_made(backfilled):
    made = backfilled.home.instance.get_materialized_partitions(dg.AssetKey(WEIGHTS))

    assert made == set(weeks_to(NEWEST, WEEKS))
    assert len(backfilled.home.of_run(backfilled.run, WEIGHTS)) == WEEKS


def test_each_week_is_told_with_its_own_data(backfilled):
    told = {event.partition: event.metadata for event in backfilled.home.of_run(backfilled.run, WEIGHTS)}

    for key, metadata in told.items():
        table = backfilled.home.lake.read(WEIGHTS, key)
        assert metadata["data_through"].value == table["data_through"].iloc[0]
        assert metadata["dagster/row_count"].value == len(table)


def test_all_of_it_is_one_step_each_in_the_order_that_the_release_needs(backfilled):
    started = steps(backfilled.home.instance, backfilled.run)

    assert sorted(started) == [PERFORMANCE, WEIGHTS, "published_release", "skill"]
    assert started.index(WEIGHTS) < started.index(PERFORMANCE) < started.index("published_release")


def test_the_release_carries_the_portfolio_with_its_champion_and_why(backfilled):
    home = backfilled.home

    release = Store(home.settings.releases).load()

    assert release.manifest.release_id == backfilled.run.release_id
    portfolio = release.portfolio
    assert portfolio == home.portfolio
    assert (portfolio.week, portfolio.data_through, portfolio.tickers) == (NEWEST, "2013-03-01", NAMES)
    assert set(portfolio.allocations) == {*MEMBERS, Strategy.COMBINATION, Strategy.TARGET_VOLATILITY}
    assert portfolio.champion in portfolio.allocations
    assert portfolio.why.startswith(f"{portfolio.champion.value}: Sharpe ratio ")
    assert portfolio.performance.weeks == WEEKS - 1
    assert portfolio.close == tuple(float(sample_bars(name).close[-1]) for name in NAMES)


def test_what_a_person_wants_to_see_is_with_the_materialisation(backfilled):
    (event,) = backfilled.home.of_run(backfilled.run, PERFORMANCE)

    assert event.metadata["champion"].value == "target_volatility"
    assert event.metadata["why"].value == backfilled.home.portfolio.why
    for name in ("allocation", "frontier", "correlation", "strategies"):
        assert "](data:image/png;base64," in event.metadata[name].value


def test_the_performance_is_a_table_with_the_champion_and_both_baselines(backfilled):
    table = backfilled.home.lake.read(PERFORMANCE, ALL).set_index("strategy")

    assert list(table.index[-2:]) == ["champion", "buy_and_hold"]
    assert {strategy.value for strategy in backfilled.home.portfolio.allocations} < set(table.index)
    assert np.isfinite(table.to_numpy(dtype=np.float64)).all()
    assert table.loc["equal_weight", "sharpe_over_equal_weight"] == 0.0


def test_mlflow_has_it_as_a_run_with_pictures(backfilled):
    home, run = backfilled.home, backfilled.run
    (event,) = home.of_run(run, PERFORMANCE)

    (tracked,) = runs_of(home.settings.tracking_uri, run.run_id)

    assert tracked.info.run_id == event.metadata["mlflow"].value
    assert tracked.info.status == "FINISHED"
    assert tracked.data.params["champion"] == home.portfolio.champion.value
    equal = home.portfolio.performance.strategies[Strategy.EQUAL_WEIGHT]
    assert tracked.data.metrics["equal_weight_sharpe"] == pytest.approx(equal.sharpe)
    client = mlflow().MlflowClient(home.settings.tracking_uri)
    pictures = {Path(file.path).name for file in client.list_artifacts(tracked.info.run_id, "figures")}
    assert pictures == {"allocation.png", "frontier.png", "correlation.png", "strategies.png"}


@pytest.fixture
def own(backfilled: Filled, tmp_path: Path) -> Iterator[Home]:
    """A copy of the filled home, to change."""
    home = Path(shutil.copytree(backfilled.home.settings.home, tmp_path / "home"))
    settings = backfilled.home.settings.model_copy(update={"home": home})
    with open_instance(settings) as instance:
        yield Home(instance, settings)


def tables(home: Home) -> dict[str, pd.DataFrame]:
    return {key: home.lake.read(WEIGHTS, key) for key in home.lake.keys(WEIGHTS)}


def test_a_second_time_only_the_newest_week_is_made_and_comes_to_the_same(own):
    before, portfolio = tables(own), own.portfolio

    again = own.publish()

    assert again.ok, again.error
    assert [event.partition for event in own.of_run(again, WEIGHTS)] == [NEWEST]
    for key, table in tables(own).items():
        assert_frame_equal(table, before[key], check_exact=True)
    assert own.portfolio == portfolio


def test_the_newest_week_alone_is_as_the_last_of_a_range_had_it(own):
    before = own.lake.read(WEIGHTS, NEWEST)
    (own.settings.lake / WEIGHTS / f"{NEWEST}.parquet").unlink()

    again = own.publish()

    assert again.ok, again.error
    # The week before it is the newest that there is: made once more, in case its end was not known yet.
    assert [event.partition for event in own.of_run(again, WEIGHTS)] == weeks_to(NEWEST, 2)
    assert_frame_equal(own.lake.read(WEIGHTS, NEWEST), before, check_exact=True)


def test_weeks_that_were_missed_are_made_up_for(own):
    before = tables(own)
    for key in weeks_to(NEWEST, 5):
        (own.settings.lake / WEIGHTS / f"{key}.parquet").unlink()

    again = own.publish()

    assert again.ok, again.error
    assert [event.partition for event in own.of_run(again, WEIGHTS)] == weeks_to(NEWEST, 6)
    for key, table in tables(own).items():
        assert_frame_equal(table, before[key], check_exact=True)


def test_a_damaged_prices_file_leaves_its_ticker_out_and_names_it(own):
    path = own.settings.lake / "prices" / "MSFT.parquet"
    path.write_bytes(path.read_bytes()[:-100])

    again = own.publish()

    assert again.ok, again.error
    assert own.portfolio.tickers == ("AAPL", "IBM")
    (left_out,) = own.portfolio.left_out
    assert left_out.ticker == "MSFT"
    assert "MSFT.parquet: expected a Parquet table" in left_out.reason
    (event,) = own.of_run(again, WEIGHTS)
    assert "MSFT.parquet: expected a Parquet table" in event.metadata["notes"].value
    assert Store(own.settings.releases).load().portfolio == own.portfolio


def test_damage_within_a_prices_file_leaves_its_ticker_out_as_well(own):
    path = own.settings.lake / "prices" / "MSFT.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:2_000] + bytes(4_000) + whole[6_000:])

    again = own.publish()

    assert again.ok, again.error
    assert [refusal.ticker for refusal in own.portfolio.left_out] == ["MSFT"]


def test_a_damaged_signals_file_costs_its_ticker_the_view_and_the_others_nothing(own):
    path = own.settings.lake / "signals" / "AAPL.parquet"
    shutil.copy(path, path.with_name("IBM.parquet"))
    path.write_bytes(path.read_bytes()[:-100])

    again = own.publish()

    # Without its signals AAPL, the only one trained here, can't be released; the portfolio is made all the same.
    (event,) = own.of_run(again, WEIGHTS)
    assert "AAPL held without a forecast: " in event.metadata["notes"].value
    assert own.portfolio.tickers == NAMES


def test_a_damaged_week_is_as_if_nothing_had_been_traded_then_and_is_named(own):
    damaged = weeks_to(NEWEST, 7)[0]
    path = own.settings.lake / WEIGHTS / f"{damaged}.parquet"
    path.write_bytes(path.read_bytes()[:-100])

    again = own.publish()

    assert again.ok, again.error
    assert own.portfolio.performance.weeks == WEEKS - 2
    (event,) = own.of_run(again, PERFORMANCE)
    assert f"{damaged}.parquet: expected a Parquet table" in event.metadata["damaged"].value


def test_a_damaged_week_before_is_as_if_nothing_had_been_traded_then_and_is_named(own):
    damaged = weeks_to(NEWEST, 2)[0]
    path = own.settings.lake / WEIGHTS / f"{damaged}.parquet"
    path.write_bytes(path.read_bytes()[:-100])

    again = own.publish()

    assert again.ok, again.error
    (event,) = own.of_run(again, WEIGHTS)
    assert f"{damaged}.parquet: expected a Parquet table" in event.metadata["notes"].value


def test_weeks_of_bars_that_were_taken_back_are_not_read(own):
    later = own.lake.read(WEIGHTS, NEWEST).assign(week="2013-03-03", data_through="2013-03-08")
    own.lake.write(WEIGHTS, "2013-03-03", later)

    again = own.publish()

    assert again.ok, again.error
    assert own.portfolio.week == NEWEST
    assert Store(own.settings.releases).load().portfolio == own.portfolio


def test_a_ticker_that_is_removed_leaves_the_portfolio_and_its_past_stands_as_it_was(own):
    own.instance.delete_dynamic_partition(tickers.name, "IBM")

    again = own.publish()

    assert again.ok, again.error
    assert own.portfolio.tickers == ("AAPL", "MSFT")
    assert Week.of(own.lake.read(WEIGHTS, weeks_to(NEWEST, 2)[0])).tickers == NAMES
    assert own.portfolio.performance.weeks == WEEKS - 1


def test_a_first_week_that_is_not_traded_yet_makes_a_portfolio_without_a_record(a_home):
    home = a_home(portfolio_weeks=1)

    run = home.publish()

    assert run.ok, run.error
    assert home.lake.keys(WEIGHTS) == (NEWEST,)
    assert home.portfolio.performance is None
    assert "leads until there is evidence" in home.portfolio.why
    assert list(home.lake.read(PERFORMANCE, ALL).columns) == ["strategy"]
    (event,) = home.of_run(run, PERFORMANCE)
    assert "frontier" in event.metadata
    assert "strategies" not in event.metadata
    assert Store(home.settings.releases).load().portfolio == home.portfolio


def test_without_mlflow_the_release_is_published_and_says_why_it_was_not_told(a_home):
    home = a_home(portfolio_weeks=3, mlflow_uri="http://127.0.0.1:9")

    run = home.publish()

    assert run.ok, run.error
    (event,) = home.of_run(run, PERFORMANCE)
    assert event.metadata["mlflow"].value.startswith("not told: ")
    assert "127.0.0.1:9" in event.metadata["mlflow"].value
    assert Store(home.settings.releases).load().portfolio.champion is Strategy.TARGET_VOLATILITY
