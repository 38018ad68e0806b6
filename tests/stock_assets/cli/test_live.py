"""What `live` and `demo` prepare before they become, or start, the processes that do the work."""

from __future__ import annotations

from pathlib import Path

import pytest
from real_release import AS_OF, publish_release
from shared_data import sample_bars

from release.reader import Release
from release.store import Store
from release.tables import load_bars, save_bars
from serving.settings import ServerSettings
from stock_assets.cli import servers, services
from stock_assets.cli.universe import write_replay
from stock_assets.settings import PipelineSettings


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """AAPL and IBM through `AS_OF`."""
    releases = tmp_path_factory.mktemp("home") / "releases"
    publish_release(releases)
    return Store(releases).load()


@pytest.fixture
def settings(tmp_path: Path) -> PipelineSettings:
    """Of a home that has a folder of bars to replay, empty so far."""
    settings = PipelineSettings(home=tmp_path)
    settings.replay.mkdir()
    return settings


def test_the_replay_gets_what_the_release_has_not_seen(settings, release):
    write_replay(settings, release, {ticker: sample_bars(ticker) for ticker in release.tickers})

    for ticker in ("AAPL", "IBM"):
        assert load_bars(settings.replay / f"{ticker}.npz").session[0] > AS_OF


def test_what_somebody_put_beside_the_bars_to_replay_stays(settings, release):
    others = [settings.replay / name for name in ("AAPL.minutes.npz", "IBM.minutes.npz", "TSLA.npz", "notes.npz")]
    for path in others:
        path.write_bytes(b"mine")

    write_replay(settings, release, {"AAPL": sample_bars("AAPL")})

    assert [path.read_bytes() for path in others] == [b"mine"] * 4


def test_a_released_ticker_whose_bars_are_gone_is_not_replayed_from_older_ones(settings, release):
    save_bars(settings.replay / "IBM.npz", sample_bars("IBM"))

    write_replay(settings, release, {"AAPL": sample_bars("AAPL")})

    assert {path.name for path in settings.replay.iterdir()} == {"AAPL.npz"}


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The command that this process was to become, of a home without a release."""
    commands: list[list[str]] = []
    for name in ("ROLE", "FEED", "REPLAY"):
        monkeypatch.delenv(f"STOCK_ASSETS_{name}", raising=False)
    monkeypatch.setenv("STOCK_ASSETS_HOME", str(tmp_path))
    monkeypatch.setattr(servers.os, "execv", lambda _program, command: commands.append(command[3:]))
    return commands


@pytest.mark.parametrize(
    ("option", "variable"),
    [({"role": "engine"}, "ROLE=engine"), ({"feed": "yahoo"}, "FEED=yahoo"), ({"replay": "mine"}, "REPLAY=mine")],
    ids=["an engine", "a vendor's feed", "a folder of one's own"],
)
def test_who_does_not_play_the_source_needs_none_of_its_bars(became, monkeypatch, option, variable):
    servers.live(**option)
    name, _, value = variable.partition("=")
    monkeypatch.setenv(f"STOCK_ASSETS_{name}", value)
    servers.live()

    ((name, value),) = option.items()
    assert became == [[f"--{name}", value], []]


def demo_server_settings(
    monkeypatch: pytest.MonkeyPatch, *, tracking_uri: str = "sqlite:///mlflow.db"
) -> ServerSettings:
    """What the demo's server is told, beyond the options of its command."""
    server = services.server(
        host="127.0.0.1", port=8000, dagster_url="http://127.0.0.1:3000", tracking_uri=tracking_uri
    )
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return ServerSettings()


def test_the_demos_server_ends_without_waiting_for_a_load_balancer(monkeypatch):
    assert demo_server_settings(monkeypatch).drain_seconds == 0


def test_the_demos_server_knows_where_dagster_is_and_that_a_file_has_no_pages(monkeypatch):
    settings = demo_server_settings(monkeypatch)

    assert (settings.dagster_url, settings.mlflow_url) == ("http://127.0.0.1:3000", None)


def test_the_demos_server_tells_where_mlflow_is_without_the_password_for_it(monkeypatch):
    settings = demo_server_settings(monkeypatch, tracking_uri="https://ann:secret@mlflow.example.org/tracking")

    assert settings.mlflow_url == "https://mlflow.example.org/tracking"


def test_an_address_that_the_environment_names_wins_over_the_demos_own(monkeypatch):
    monkeypatch.setenv("STOCK_ASSETS_DAGSTER_URL", "https://example.org/dagster/")

    assert demo_server_settings(monkeypatch).dagster_url == "https://example.org/dagster"
