"""Every error is application/problem+json and says what was expected and what came."""

from __future__ import annotations

import msgspec
import pytest

from serving.problems import Problem

pytestmark = pytest.mark.anyio


def problem(response) -> Problem:
    """The response's body, which must be a problem that agrees with its status."""
    assert response.headers["content-type"] == "application/problem+json"
    found = msgspec.json.decode(response.content, type=Problem)
    assert found.status == response.status_code
    assert found.instance == response.request.url.path
    return found


@pytest.mark.parametrize(
    "path",
    ["/v1/predictions/NONE", "/v1/signals/NONE", "/v1/signals/NONE/history", "/v1/models/NONE", "/v1/prices/NONE"],
)
async def test_an_unknown_ticker_names_the_known_ones(client, path):
    found = problem(await client.get(path))

    assert (found.status, found.type) == (404, "/problems/unknown-ticker")
    assert found.detail == "ticker: expected one of AAPL, IBM, got NONE"
    assert found.known == ("AAPL", "IBM")


async def test_an_unknown_path_is_a_problem(client):
    found = problem(await client.get("/v2"))

    assert (found.status, found.title) == (404, "Not Found")


@pytest.mark.parametrize("path", ["/v1/tickers", "/livez", "/v1/signals/AAPL"])
async def test_a_method_that_a_path_does_not_have_is_a_problem(client, path):
    response = await client.delete(path)

    assert problem(response).status == 405
    assert "GET" in response.headers["allow"]


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        ("/v1/prices/AAPL?limit=0", "limit", "'0'"),
        ("/v1/prices/AAPL?limit=many", "limit", "'many'"),
        ("/v1/prices/AAPL?limit=1000000", "limit", "'1000000'"),
        ("/v1/prices/AAPL?adjusted=perhaps", "adjusted", "'perhaps'"),
        ("/v1/prices/AAPL?from=01/06/2011", "from", "'01/06/2011'"),
        ("/v1/prices/AAPL?to=2011-02-30", "to", "'2011-02-30'"),
        ("/v1/signals/AAPL/history?limit=1001", "limit", "'1001'"),
        ("/v1/signals/AAPL/history?cursor=nowhere", "cursor", "'nowhere'"),
    ],
)
async def test_a_bad_query_names_the_field_and_its_value(client, path, field, value):
    found = problem(await client.get(path))

    assert found.status == 422
    assert [(part.field, part.value) for part in found.errors] == [(field, value)]
    assert found.errors[0].expected


@pytest.mark.parametrize(
    "path",
    [
        "/readyz",
        "/v1/tickers",
        "/v1/predictions",
        "/v1/predictions/AAPL",
        "/v1/signals",
        "/v1/signals/AAPL",
        "/v1/signals/AAPL/history",
        "/v1/models",
        "/v1/models/AAPL",
        "/v1/portfolio",
        "/v1/portfolio/risk",
        "/v1/portfolio/correlation",
        "/v1/portfolio/frontier",
        "/v1/portfolio/performance",
        "/v1/prices/AAPL",
    ],
)
async def test_without_a_release_every_answer_is_503_with_the_reason(start, connect, tmp_path, path):
    async with start(tmp_path) as app, connect(app) as client:
        response = await client.get(path)

    assert problem(response).status == 503
    assert problem(response).detail == "release: expected one to be published, none was yet"
    assert response.headers["retry-after"] == "2"


async def test_without_a_release_it_lives_and_tells_its_status(start, connect, tmp_path):
    async with start(tmp_path) as app, connect(app) as client:
        alive = await client.get("/livez")
        status = (await client.get("/v1/status")).json()

    assert alive.status_code == 200
    assert (status["ready"], status["release_id"]) == (False, None)


async def test_a_release_without_a_portfolio_says_so(start, connect, tmp_path):
    from real_release import publish_release

    release_id = publish_release(tmp_path / "releases", tickers=("IBM",)).release_id
    async with start(tmp_path) as app, connect(app) as client:
        found = problem(await client.get("/v1/portfolio/risk"))

    assert (found.status, found.type) == (404, "/problems/not-in-release")
    assert found.detail == f"portfolio: expected in release {release_id}, which was made without one"


async def test_a_failure_of_ours_is_told_without_its_traceback(client, app, monkeypatch):
    monkeypatch.setattr(app.state.latest, "status", lambda: 1 / 0)

    response = await client.get("/v1/status")

    assert problem(response).status == 500
    assert "ZeroDivision" not in response.text
    assert "Traceback" not in response.text
