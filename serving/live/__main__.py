"""``python -m serving.live``: bring a market's ticks, run the engine on them, or both, until told to stop."""

from __future__ import annotations

import os

# Read when numpy is loaded: the models' sums are small, and threads of its own would only wait for one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Iterator
from typing import Final

import structlog
import uvloop
from prometheus_client.registry import Collector
from pydantic import ValidationError

from release.addresses import shown
from release.audit import AuditLog
from release.clock import SystemClock
from release.errors import AuditFailed, ReleaseError
from release.logs import configure_logging
from release.reader import Release
from release.store import Store
from serving.errors import CannotStart
from serving.live import bus, metrics
from serving.live.engine import Engine
from serving.live.feeds import Feed, feed_for
from serving.live.settings import LiveSettings, Role
from serving.settings import complaint

OPTIONS: Final = {
    "home": "where the releases are and the audit log is kept (STOCK_ASSETS_HOME, default .stock-assets)",
    "role": "feed, engine, or all: both in one process (default all)",
    "feed": "where ticks come from: replay, yahoo or alpaca (default replay)",
    "market": "name of the feed's run, under which one that starts again goes on where it was",
    "replay": "folder of the bars to play as the live market (default HOME/replay)",
    "speed": "market seconds per second (default 2340: a New York session in ten)",
    "seed": "of the path that a price takes inside its bar (default 7)",
    "metrics-port": "where to answer Prometheus on the loopback (default: not)",
}

log = structlog.get_logger()


def main(arguments: list[str] | None = None) -> int:
    """Run; the exit status is 1, after one line on stderr, for what keeps the live process from working."""
    try:
        settings = _settings(arguments)
        configure_logging()
        release = _release(settings)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings, release))
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
        raise CannotStart(complaint(error)) from None


def _release(settings: LiveSettings) -> Release:
    """The release in force; while that is damaged the one before it, as for an engine that was there before."""
    store = Store(settings.releases)
    try:
        return store.load()
    except ReleaseError as error:
        before = next(store.earlier(), None)
        if before is None:
            raise
        log.error("release_refused", error=str(error), using=before.manifest.release_id)
        return before


async def _run(settings: LiveSettings, release: Release) -> None:
    """Feed and engine, or one of them; the engine goes on, and says so, when the feed has come to its end."""
    with contextlib.ExitStack() as held:
        feed = engine = None
        if settings.role is not Role.ENGINE:
            feed = feed_for(settings, release, clock=SystemClock())
        await _check_redis(settings)
        if feed is not None:
            await feed.open()
        if settings.role is not Role.FEED:
            audit = held.enter_context(AuditLog.open(settings.audit_url or settings.audit))
            engine = _engine(settings, release, audit)
        # What is there now stays: to look through it for garbage would take longer than a tick.
        gc.freeze()
        if settings.metrics_port is not None:
            _answer_prometheus(settings.metrics_port, feed, engine)
        held.enter_context(_ended_by_signals())
        try:
            async with asyncio.TaskGroup() as tasks:
                if feed is not None:
                    tasks.create_task(_bring(feed), name="feed")
                if engine is not None:
                    tasks.create_task(engine.run(), name="engine")
        except asyncio.CancelledError:
            log.info("ended_by_signal")
        except ExceptionGroup as group:
            # What can't be audited must not be said: better no engine than that.
            if (failed := group.subgroup(AuditFailed)) is None or len(group.exceptions) > 1:
                raise
            raise failed.exceptions[0] from None


async def _check_redis(settings: LiveSettings) -> None:
    """Before anything is begun; what breaks later is waited out."""
    if (url := settings.redis_url) is None:
        raise CannotStart("redis_url: expected the address of a Redis or Valkey in STOCK_ASSETS_REDIS_URL, got none")
    try:
        async with bus.connection(url) as client:
            await client.execute_command("PING")  # type: ignore[no-untyped-call]
    except (*bus.GONE, ValueError) as error:
        raise CannotStart(f"redis_url: expected a server at {shown(url)}, got: {error}") from error


async def _bring(feed: Feed) -> None:
    """Run the feed; when it has no more to tell, there is still somebody to ask for its figures."""
    await feed.run()
    log.info("feed_ended")
    await asyncio.Event().wait()


def _engine(settings: LiveSettings, release: Release, audit: AuditLog) -> Engine:
    assert settings.redis_url is not None
    return Engine(
        release,
        store=Store(settings.releases),
        audit=audit,
        redis_url=settings.redis_url,
        silence_seconds=settings.silence_seconds,
        audit_every=settings.audit_every,
    )


def _answer_prometheus(port: int, feed: Feed | None, engine: Engine | None) -> None:
    collectors: list[Collector] = []
    if feed is not None:
        collectors.append(metrics.FeedCollector(feed.status, feed.tickers))
    if engine is not None:
        collectors.append(metrics.EngineCollector(engine))
    log.info("metrics", port=metrics.serve(port, *collectors))


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
