"""The real application on a real release, driven over ASGI; the lifespan runs as under a server."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from real_release import publish_release

from serving.app import create_app
from serving.messages import Further, PredictionMessage
from serving.settings import ServerSettings

# Short, so that a test that waits for a reload waits for little more than the reload itself.
RELOAD_SECONDS = 0.02


@pytest.fixture
def anyio_backend() -> str:
    """The loop that serves."""
    return "asyncio"


@pytest.fixture(scope="session")
def published_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one real release; not to be changed."""
    home = tmp_path_factory.mktemp("home")
    publish_release(home / "releases")
    return home


@pytest.fixture
def home(published_home: Path, tmp_path: Path) -> Path:
    """A copy of the published home."""
    return Path(shutil.copytree(published_home, tmp_path / "home"))


@contextlib.asynccontextmanager
async def running(home: Path) -> AsyncIterator[FastAPI]:
    """The application on `home`, started; ended on the way out."""
    app = create_app(ServerSettings(home=home, redis_url=None, reload_seconds=RELOAD_SECONDS))
    async with app.router.lifespan_context(app):
        yield app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """A client that talks to the application without a socket and sees its 500s as a real one would."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://server")


@pytest.fixture
def start() -> Callable[[Path], contextlib.AbstractAsyncContextManager[FastAPI]]:
    """Starts the application on a home."""
    return running


@pytest.fixture
def connect() -> Callable[[FastAPI], httpx.AsyncClient]:
    """Makes a client for an application."""
    return client_of


@pytest.fixture
async def app(published_home: Path) -> AsyncIterator[FastAPI]:
    """The application on a published release."""
    async with running(published_home) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app`."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
def live_prediction() -> PredictionMessage:
    """A live prediction of AAPL in the session after the release's last."""
    return PredictionMessage(
        ticker="AAPL",
        made_at=datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC),
        session="2012-03-02",
        target_session="2012-03-05",
        horizon=1,
        close=545.18,
        mean=0.001,
        vol=0.015,
        p_up=0.53,
        lower_90=-0.02,
        lower_50=-0.008,
        upper_50=0.01,
        upper_90=0.03,
        price_median=545.7,
        price_lower_90=534.4,
        price_lower_50=540.8,
        price_upper_50=550.7,
        price_upper_90=561.8,
        further=(
            Further(
                horizon=5,
                target_session="2012-03-09",
                mean=0.004,
                vol=0.033,
                p_up=0.55,
                lower_90=-0.05,
                lower_50=-0.018,
                upper_50=0.025,
                upper_90=0.06,
                price_median=547.4,
                price_lower_90=518.6,
                price_lower_50=535.5,
                price_upper_50=559.0,
                price_upper_90=578.9,
            ),
        ),
        provisional=True,
        release_id="2012-03-01-0123456789ab",
        model_version="1",
    )
