"""What `/v1/status` tells of the process that answers, and where it sends a person for more."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from importlib.metadata import version

import httpx
import pytest
import websockets
from real_server import serving, url_of
from waiting import until

from serving.app import create_app
from serving.settings import ServerSettings

pytestmark = pytest.mark.anyio


async def test_the_pages_of_dagster_and_mlflow_are_told_where_they_are_known(published_home, connect):
    settings = ServerSettings(home=published_home, dagster_url="https://example.org/dagster/")
    app = create_app(settings)

    async with app.router.lifespan_context(app), connect(app) as client:
        links = (await client.get("/v1/status")).json()["links"]

    assert links == {"dagster": "https://example.org/dagster", "mlflow": None}


async def test_the_process_that_answers_tells_who_it_is_and_since_when(published_home, start, connect):
    before = datetime.now(UTC)

    async with start(published_home) as app, connect(app) as client:
        server = (await client.get("/v1/status")).json()["server"]

    started = datetime.fromisoformat(server.pop("started_at"))
    assert before <= started <= datetime.now(UTC)
    assert server == {"version": version("stock-assets"), "worker": os.getpid(), "sockets": 0}


async def test_the_sockets_that_it_holds_are_counted_while_they_are_open(published_home):
    with serving("--home", str(published_home), "--port", "0") as process:
        url = url_of(process)

        def sockets() -> int:
            return httpx.get(f"{url}/v1/status").json()["server"]["sockets"]

        async with websockets.connect(url.replace("http:", "ws:") + "/v1/stream"):
            await until(lambda: sockets() == 1)
        await until(lambda: sockets() == 0)
