"""One server process: the application, and the server that stops as it should, put together."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

from serving.app import create_app
from serving.metrics import Metrics
from serving.processes.draining import DrainingServer
from serving.processes.server import server_config
from serving.settings import ServerSettings

# Those who are sent away come back spread over as long.
LONGEST_PAUSE_SECONDS: Final = 3.0


def run(
    settings: ServerSettings,
    listening: socket.socket,
    *,
    started: Callable[[], None],
    metrics: Metrics | None = None,
    second_signal_ends: bool = True,
) -> None:
    """Serve on a bound socket until told to stop; `CannotStart` if the port has been taken meanwhile.

    The other parameters are `DrainingServer`'s and `create_app`'s.
    """
    app = create_app(settings, metrics=metrics)

    async def farewell() -> None:
        await app.state.hub.drain(longest_pause_seconds=LONGEST_PAUSE_SECONDS)

    DrainingServer(
        server_config(app),
        app.state.draining,
        drain_seconds=settings.drain_seconds,
        farewell=farewell,
        started=started,
        second_signal_ends=second_signal_ends,
    ).run(sockets=[listening])
