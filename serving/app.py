"""The application: state, background tasks, routes and the layers before them, put together."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from release.clock import Clock, SystemClock
from serving import bundle, openapi, problems
from serving.answers import CachedAnswers, Measured
from serving.audit.reader import AuditReader
from serving.csp import ReportLog
from serving.latest import Latest
from serving.metrics import WRITE_SECONDS, Metrics
from serving.portfolio.solving import Solving
from serving.processes.draining import Draining
from serving.reload import Reloader
from serving.routes import audit, csp, dashboard, models, operations, portfolio, predictions, prices, signals, stream
from serving.settings import ServerSettings
from serving.state_metrics import StateCollector
from serving.streaming.hub import Hub
from serving.streaming.limits import Doors

DESCRIPTION = """Forecasts, signals and allocations of a published release, and the live engine's numbers on top of it.

Returns are log returns per horizon; the portfolio's are simple ones, annualised. Every number is out of sample unless
its name says that it is not, carries its release, and can be followed from there to the bars it came from. Errors are
`application/problem+json` (RFC 9457).
"""


class Application(FastAPI):
    """FastAPI behind the ready answers, so that one of those costs none of the framework's own layers."""

    front: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.front is None:
            self.front = CachedAnswers(super().__call__, self.state.latest)
        await self.front(scope, receive, send)


def create_app(settings: ServerSettings, *, clock: Clock | None = None, metrics: Metrics | None = None) -> FastAPI:
    """The application for one process; nothing is read and nothing runs before its lifespan starts."""
    clock = clock or SystemClock()
    metrics = metrics or Metrics()
    latest = Latest(clock, metrics, live=settings.redis_url is not None)
    metrics.tell(StateCollector(latest, version=version("stock-assets")))
    app = Application(
        title="stock-assets",
        version=version("stock-assets"),
        description=DESCRIPTION,
        lifespan=_lifespan,
        # Their pages load scripts from elsewhere; ours is in `serving.routes.dashboard`.
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.draining = Draining()
    app.state.latest = latest
    doors = Doors(
        most=settings.most_sockets,
        most_per_address=settings.most_sockets_per_address,
        origins=settings.allowed_origins,
    )
    app.state.hub = Hub(latest, metrics, doors)
    app.state.solving = Solving()
    app.state.bundle = bundle.load(bundle.FOLDER)
    app.state.audit = AuditReader(settings.audit_url or settings.audit)
    app.state.report_log = ReportLog()
    for module in (prices, predictions, signals, portfolio, models, audit, operations, csp, stream, dashboard):
        app.include_router(module.router)
    problems.install(app)
    openapi.install(app)
    app.add_middleware(Measured, metrics=metrics)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the release in force, if there is one, then follow the store and the live engine until the end."""
    settings: ServerSettings = app.state.settings
    hub: Hub = app.state.hub
    reloader = Reloader(
        settings.releases,
        app.state.latest,
        every=settings.reload_seconds,
        installed=hub.announce,
        alerted=hub.tell_own,
    )
    await reloader.look()
    # Modules and schemas live as long as the process: the collector need not walk them again and again.
    gc.collect()
    gc.freeze()
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(reloader.run(), name="reload")]
        if app.state.metrics.folder is not None:
            running.append(tasks.create_task(_write(app.state.metrics), name="write_metrics"))
        if settings.redis_url is not None:
            # A server without a live feed has no use for the client's library.
            from serving.streaming.follower import Follower

            running.append(tasks.create_task(Follower(settings.redis_url, hub).run(), name="follow"))
        app.state.solving.warm_up()
        yield
        app.state.solving.close()
        app.state.audit.close()
        for task in running:
            task.cancel()


async def _write(metrics: Metrics) -> None:
    """Let the other workers answer for what this one has counted."""
    try:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            metrics.write()
    finally:
        metrics.write()
