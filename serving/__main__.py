"""``python -m serving``: check what can be checked, take the port, serve until told to stop."""

from __future__ import annotations

import os

# Read when numpy is loaded. Many small problems are solved beside each other, and threads of the linear algebra's own
# would only wait for one another: on two busy cores the repair of 100 assets' covariance took a hundred times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import contextlib
import socket
import sys
from typing import Final

import uvicorn
from pydantic import ValidationError
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from release.logs import configure_logging
from serving.app import create_app
from serving.errors import CannotStart
from serving.settings import ServerSettings

BACKLOG: Final = 2048
# Long enough for a what-if under way, short enough for a person waiting after Ctrl-C.
SHUTDOWN_SECONDS: Final = 5


def main(arguments: list[str] | None = None) -> int:
    """Serve; the exit status is 1, after one line on stderr, for what keeps the server from starting."""
    try:
        settings = _settings(arguments)
        check_home(settings)
        listening = listen(settings)
    except CannotStart as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    # uvicorn has shut down in good order by the time it passes Ctrl-C on.
    with listening, contextlib.suppress(KeyboardInterrupt):
        serve(settings, listening)
    return 0


def _settings(arguments: list[str] | None) -> ServerSettings:
    parser = argparse.ArgumentParser(prog="python -m serving", description=__doc__)
    parser.add_argument("--home", help="where the releases are (STOCK_ASSETS_HOME, default .stock-assets)")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", help="port to listen on; 0 takes a free one (default 8000)")
    parser.add_argument("--workers", help="processes that share the port (default 1)")
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    try:
        return ServerSettings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        raise CannotStart(f"{first['loc'][0]}: {first['msg']}, got {first['input']!r}") from None


def check_home(settings: ServerSettings) -> None:
    """`CannotStart` unless the home is a folder we can read. It may hold no release yet."""
    home = settings.home
    if not home.is_dir():
        raise CannotStart(f"home: expected a folder, found none at {home}; STOCK_ASSETS_HOME or --home names it")
    for folder in (home, settings.releases):
        if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
            raise CannotStart(f"home: expected a readable folder, got {folder}, which this user may not read")


def listen(settings: ServerSettings) -> socket.socket:
    """Take the port before anything else is started; `CannotStart` if it can't be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise CannotStart(f"port: expected {settings.host}:{settings.port} to be free, got: {reason}") from None
    listening.set_inheritable(True)
    return listening


def serve(settings: ServerSettings, listening: socket.socket) -> None:
    """Run the workers on the listening socket until a signal ends them."""
    host, port = listening.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    configure_logging()
    if settings.workers == 1:
        _AnnouncingServer(server_config(create_app(settings)), url).run(sockets=[listening])
        return
    # Worker processes share nothing with this one but its environment and the socket.
    os.environ |= {
        f"STOCK_ASSETS_{name.upper()}": str(value) for name, value in settings.model_dump(exclude_none=True).items()
    }
    print(f"serving {url} with {settings.workers} workers", flush=True)
    Multiprocess(server_config("serving.app:from_environment", workers=settings.workers), sockets=[listening]).run()


def server_config(app: ASGIApp | str, *, workers: int = 1) -> uvicorn.Config:
    """How uvicorn serves: an application, or the import path of a factory of one for worker processes."""
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        # Deflating each frame for each listener would cost more than the bytes it saves.
        ws_per_message_deflate=False,
        # A subscription to every ticker there is fits many times.
        ws_max_size=65_536,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


class _AnnouncingServer(uvicorn.Server):
    """Says where it serves once it does."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self.url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            print(f"serving {self.url}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
