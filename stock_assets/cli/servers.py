"""`serve` and `live`: the server and the live engine are programs of their own; these commands become them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from stock_assets.cli.options import Home


def serve(
    home: Home = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [dim]Default: STOCK_ASSETS_HOST, else 127.0.0.1[/]")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 takes a free one. [dim]Default: STOCK_ASSETS_PORT, else 8000[/]"),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that share the port.")] = None,
) -> None:
    """Serve the home's release in force by REST and WebSocket; live if STOCK_ASSETS_REDIS_URL is set."""
    _become("serving", {"--host": host, "--port": port, "--workers": workers}, home=home)


def live(
    home: Home = None,
    role: Annotated[
        str | None, typer.Option(help="feed, engine, or all: both in one process. [dim]Default: all[/]")
    ] = None,
    feed: Annotated[
        str | None,
        typer.Option(
            help="Where ticks come from: replay, yahoo or alpaca. [dim]Default: STOCK_ASSETS_FEED, else replay[/]"
        ),
    ] = None,
    market: Annotated[
        str | None, typer.Option(help="Name of the feed's run; started again under it, it goes on where it was.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Folder of bars to play as the live market. [dim]Default: HOME/replay[/]")
    ] = None,
    speed: Annotated[float | None, typer.Option(min=0.0, help="How many times faster than the clock.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the random path inside each replayed bar.")] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Where to answer Prometheus on the loopback; 0 takes a free one."),
    ] = None,
) -> None:
    """Run the live feed, and the engine that turns its ticks into predictions; needs STOCK_ASSETS_REDIS_URL.

    Unless told otherwise it replays the bars of the home's source that come after the release in force. Of several
    engines one leads; another takes over when it ends.
    """
    if _plays_the_source(role, feed, replay):
        _write_replay(home)
    options = {
        "--role": role,
        "--feed": feed,
        "--market": market,
        "--replay": replay,
        "--speed": speed,
        "--seed": seed,
        "--metrics-port": metrics_port,
    }
    _become("serving.live", options, home=home)


def _plays_the_source(role: str | None, feed: str | None, replay: Path | None) -> bool:
    """Whether it will want the source's bars to play, by its options or, where they don't say, the environment.

    A folder that was named has bars of its own.
    """
    told, source = role or os.environ.get("STOCK_ASSETS_ROLE"), feed or os.environ.get("STOCK_ASSETS_FEED")
    folder = replay or os.environ.get("STOCK_ASSETS_REPLAY")
    return told != "engine" and source in (None, "replay") and folder is None


def _write_replay(home: Path | None) -> None:
    """What the source has beyond the release in force, into the home's replay folder."""
    from release.clock import SystemClock
    from release.store import Store
    from stock_assets.cli import home as homes
    from stock_assets.cli.universe import readable_bars, write_replay
    from stock_assets.sources.catalogue import market_data

    settings = homes.settings_for(home=home)
    release = Store(settings.releases).load()
    bars = readable_bars(market_data(settings), tuple(release.tickers), now=SystemClock().now())
    write_replay(settings, release, bars)


def _become(module: str, options: Mapping[str, object], *, home: Path | None) -> NoReturn:
    """Turn this process into ``python -m module`` with the options that were given."""
    if home is not None:
        os.environ["STOCK_ASSETS_HOME"] = str(home.absolute())
    given = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *given])
