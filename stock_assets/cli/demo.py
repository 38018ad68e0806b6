"""`demo`: from bars to a live server in one command, or with `--once` from bars to a release and no further."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.panel import Panel
from rich.text import Text

from release.manifest import Manifest
from stock_assets.cli import home as homes
from stock_assets.cli.console import CommandFailed, say, stderr, stdout
from stock_assets.cli.options import AsOf, Data, Home, Json, Source, Tickers, Workers, split_tickers
from stock_assets.supervisor import (
    LOOPBACK,
    Service,
    ServiceFailed,
    Supervisor,
    free_port,
    port_is_free,
    signals_interrupt,
)

if TYPE_CHECKING:
    from stock_assets.settings import PipelineSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was asked of the demo beyond its settings; `speed` as in `demo`."""

    tickers: tuple[str, ...]
    workers: int | None
    speed: float
    port: int
    dagster_port: int


def demo(
    source: Source = None,
    data: Data = None,
    tickers: Tickers = None,
    home: Home = None,
    as_of: AsOf = None,
    once: Annotated[
        bool, typer.Option("--once", help="Publish a release of all bars up to --as-of, print its scores and end.")
    ] = False,
    speed: Annotated[
        float,
        typer.Option(
            min=0.01,
            help="Seconds of the market's time that the replay plays in one of ours; 2340 plays a session in ten.",
        ),
    ] = 2340.0,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the server.")] = 8000,
    dagster_port: Annotated[int, typer.Option(min=1, max=65535, help="Of Dagster's user interface.")] = 3000,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Fill the graph, publish a release, serve it and replay its last year live; Ctrl-C ends everything.

    By default the last year of bars is kept from the graph and replayed as the live market. What is fresh is not
    computed anew. A ticker that can't be used is refused with its reason and the others go on: exit 0 as long as a
    release is published.
    """
    from stock_assets.cli import fill

    settings = homes.settings_for(home=home, source=source, data=data, as_of=as_of, recall_as_of=False)
    wishes = Wishes(tickers=split_tickers(tickers), workers=workers, speed=speed, port=port, dagster_port=dagster_port)
    homes.claim(settings.home)
    with signals_interrupt(), homes.only_demo(settings.home):
        if once:
            outcome = fill.fill(settings, asked=wishes.tickers, workers=workers)
            fill.tell(outcome, json=json)
            return
        _check_ports(wishes)
        try:
            _run(settings, wishes)
        except ServiceFailed as error:
            head, _, tail = str(error).partition("\n")
            raise CommandFailed(head, details=tail) from error


def _check_ports(wishes: Wishes) -> None:
    """Before anything expensive: `CommandFailed` for a port that somebody else has."""
    if wishes.port == wishes.dagster_port:
        raise CommandFailed(f"--dagster-port: expected another port than --port's, got {wishes.port} for both")
    for option, port in (("--port", wishes.port), ("--dagster-port", wishes.dagster_port)):
        if not port_is_free(LOOPBACK, port):
            raise CommandFailed(f"{option}: expected a free port, got {port}, which is in use; choose another")


def _run(settings: PipelineSettings, wishes: Wishes) -> None:
    """Start what a demo consists of, part by part, and stay until someone ends it; a part that dies starts again."""
    from stock_assets.cli import fill
    from stock_assets.cli.universe import write_replay

    with Supervisor(settings.logs) as supervisor:
        redis_url = settings.redis_url or _start_valkey(supervisor, settings)
        outcome = fill.fill(settings, asked=wishes.tickers, workers=wishes.workers, keep_last_year=True)
        fill.tell(outcome)
        settings = outcome.settings
        homes.tell(settings, redis_url=redis_url)
        write_replay(settings, outcome.release, outcome.bars)
        _start_the_rest(supervisor, settings, wishes)
        stdout().print(_invitation(wishes, outcome.release.manifest))
        try:
            supervisor.watch(lambda line: say(line, style="yellow"))
        except KeyboardInterrupt:
            say("ending everything")
            supervisor.stop()
            say("done: no process is left; the next demo starts where this one was", style="green")


def _start_valkey(supervisor: Supervisor, settings: PipelineSettings) -> str:
    """Start the bundled server on a free port; its URL."""
    from stock_assets.cli import services

    port = free_port()
    valkey = services.valkey(folder=settings.home / "valkey", port=port)
    supervisor.start(valkey)
    supervisor.wait_ready(valkey)
    return f"redis://{LOOPBACK}:{port}/0"


def _start_the_rest(supervisor: Supervisor, settings: PipelineSettings, wishes: Wishes) -> None:
    """Server, replayed market, engine and Dagster: started side by side, then waited for one by one."""
    from stock_assets.cli import services
    from stock_assets.instance import open_instance

    server = f"http://{LOOPBACK}:{wishes.port}"
    with open_instance(settings) as instance, stderr().status("") as status:
        parts: Sequence[Service] = (
            services.server(
                host=LOOPBACK,
                port=wishes.port,
                dagster_url=f"http://{LOOPBACK}:{wishes.dagster_port}",
                tracking_uri=settings.tracking_uri,
            ),
            services.feed(replay=settings.replay, speed=wishes.speed, market=uuid.uuid4().hex),
            services.engine(speed=wishes.speed, server=server),
            services.dagster_webserver(port=wishes.dagster_port),
            services.dagster_daemon(instance, started=time.time()),
        )
        for part in parts:
            supervisor.start(part)
        for part in parts:
            status.update(f"waiting for {part.name}")
            supervisor.wait_ready(part)


def _invitation(wishes: Wishes, manifest: Manifest) -> Panel:
    """Where to look and what to try."""
    server = f"http://{LOOPBACK}:{wishes.port}"
    first = manifest.tickers[0].ticker
    lines = Text.assemble(
        ("dashboard         ", "dim"), f"{server}/\n",
        ("REST API          ", "dim"), f"{server}/docs\n",
        ("live stream       ", "dim"), f"ws://{LOOPBACK}:{wishes.port}/v1/stream\n",
        ("Dagster           ", "dim"), f"http://{LOOPBACK}:{wishes.dagster_port}\n\n",
        (f"curl {server}/v1/predictions/{first}", "bold"),
    )  # fmt: skip
    return Panel(lines, title="everything is running; Ctrl-C ends it", title_align="left", expand=False)
