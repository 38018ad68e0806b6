"""``python -m serving``: check what can be checked, take the port, serve until told to stop."""

from __future__ import annotations

import os

# Read when numpy is loaded. Many small problems are solved beside each other, and threads of the linear algebra's own
# would only wait for one another: on two busy cores the repair of 100 assets' covariance took a hundred times as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import socket
import sys

from pydantic import ValidationError

from release.logs import configure_logging
from serving.errors import CannotStart
from serving.processes.server import server_config, take_port, url_of
from serving.settings import ServerSettings, complaint

__all__ = ["main", "server_config"]


def main(arguments: list[str] | None = None) -> int:
    """Serve; the exit status is 1, after one line on stderr, for what keeps the server from starting."""
    try:
        settings = _settings(arguments)
        check_home(settings)
        with take_port(settings) as listening:
            return serve(settings, listening)
    except CannotStart as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


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
        raise CannotStart(complaint(error)) from None


def check_home(settings: ServerSettings) -> None:
    """`CannotStart` unless the home is a folder we can read. It may hold no release yet."""
    home = settings.home
    if not home.is_dir():
        raise CannotStart(f"home: expected a folder, found none at {home}; STOCK_ASSETS_HOME or --home names it")
    for folder in (home, settings.releases):
        if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
            raise CannotStart(f"home: expected a readable folder, got {folder}, which this user may not read")


def serve(settings: ServerSettings, listening: socket.socket) -> int:
    """Serve on the port, in this process or in several, until a signal ends it; the exit status."""
    configure_logging()
    if settings.workers > 1:
        from serving.processes.workers import Workers

        url = f"{url_of(listening)} with {settings.workers} workers"
        return Workers(settings, listening, ready=lambda: print(f"serving {url}", flush=True)).run()
    # The parent of several has no use for the application.
    from serving.processes import process

    url = url_of(listening)
    process.run(settings, listening, started=lambda: print(f"serving {url}", flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
