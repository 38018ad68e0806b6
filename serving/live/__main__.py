"""``python -m serving.live``: replay history as a live market and run the engine on it until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import Final

import structlog
from pydantic import ValidationError

from release.audit import AuditLog
from release.clock import SystemClock
from release.errors import AuditFailed, ReleaseError
from release.logs import configure_logging
from release.reader import Release
from release.store import Store
from serving.errors import CannotStart
from serving.live import bus
from serving.live.engine import Engine
from serving.live.feeds import feed_for
from serving.live.settings import LiveSettings

OPTIONS: Final = {
    "home": "where the releases are and the audit log is kept (STOCK_ASSETS_HOME, default .stock-assets)",
    "replay": "folder of the bars to play as the live market (default HOME/replay)",
    "speed": "market seconds per second (default 2340: a New York session in ten)",
    "seed": "of the path that a price takes inside its bar (default 7)",
}

log = structlog.get_logger()


def main(arguments: list[str] | None = None) -> int:
    """Run; the exit status is 1, after one line on stderr, for what keeps the live process from working."""
    try:
        settings = _settings(arguments)
        release = _release(settings)
        configure_logging()
        asyncio.run(_run(settings, release))
    except (CannotStart, ReleaseError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _settings(arguments: list[str] | None) -> LiveSettings:
    parser = argparse.ArgumentParser(prog="python -m serving.live", description=__doc__)
    for name, text in OPTIONS.items():
        parser.add_argument(f"--{name}", help=text)
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    try:
        return LiveSettings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        raise CannotStart(f"{first['loc'][0]}: {first['msg']}, got {first['input']!r}") from None


def _release(settings: LiveSettings) -> Release:
    return Store(settings.releases).load()


async def _run(settings: LiveSettings, release: Release) -> None:
    """Feed and engine side by side; the engine goes on, and says so, when the feed has come to its end."""
    feed = feed_for(settings, release, clock=SystemClock())
    assert settings.redis_url is not None
    try:
        await feed.open()
    except (*bus.GONE, ValueError) as error:
        raise CannotStart(f"redis_url: expected a server at {settings.redis_url}, got: {error}") from error
    with AuditLog.open(settings.audit_url or settings.audit) as audit, _ended_by_signals():
        engine = Engine(
            release,
            store=Store(settings.releases),
            audit=audit,
            redis_url=settings.redis_url,
            silence_seconds=settings.silence_seconds,
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(feed.run(), name="feed")
                tasks.create_task(engine.run(), name="engine")
        except asyncio.CancelledError:
            log.info("ended_by_signal")
        except ExceptionGroup as group:
            # What can't be audited must not be said: better no engine than that.
            if (failed := group.subgroup(AuditFailed)) is None or len(group.exceptions) > 1:
                raise
            raise failed.exceptions[0] from None


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Cancel the running task on SIGTERM and SIGINT."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


if __name__ == "__main__":
    sys.exit(main())
