"""The OpenAPI document: it says what the server answers, and its examples are answers that could be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from quant.features import WINDOW
from serving.examples import EXAMPLES

pytestmark = pytest.mark.anyio

TEXTS = {"/livez": "text/plain", "/metrics": "text/plain", "/v1/model-card": "text/markdown; charset=utf-8"}


@pytest.fixture
async def document(client) -> dict[str, Any]:
    """The document as served."""
    return (await client.get("/openapi.json")).json()


def operations(document):
    """Path, method and operation of each route."""
    return [(path, method, op) for path, methods in document["paths"].items() for method, op in methods.items()]


def success(operation):
    """What an operation answers if all is well: with a body, or with none."""
    return next(response for status, response in operation["responses"].items() if status in ("200", "204"))


def references(node: Any) -> set[str]:
    """Every ``$ref`` in a part of the document."""
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(references(child) for child in node.values()))
    if isinstance(node, list):
        return set().union(*(references(child) for child in node))
    return set()


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
async def test_each_example_is_a_value_of_its_type(kind):
    value = msgspec.convert(EXAMPLES[kind], type=kind, str_keys=True)

    assert msgspec.to_builtins(value, str_keys=True) == EXAMPLES[kind]


async def test_each_reference_leads_to_a_schema(document):
    wanted = {name.removeprefix("#/components/schemas/") for name in references(document)}

    assert wanted <= set(document["components"]["schemas"])


async def test_every_operation_is_described_and_tagged(document):
    known = {tag["name"] for tag in document["tags"]}

    for path, method, operation in operations(document):
        assert operation["description"], (path, method)
        assert set(operation["tags"]) <= known, (path, method)
        assert success(operation)["description"], (path, method)
    identities = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(identities)) == len(identities)


async def test_every_json_answer_has_a_schema_and_an_example(document):
    for path, method, operation in operations(document):
        if "204" in operation["responses"]:
            assert "content" not in success(operation), (path, method)
            continue
        content = success(operation)["content"]
        if path in TEXTS:
            assert set(content) == {TEXTS[path]}
            continue
        assert content["application/json"]["schema"]["$ref"], (path, method)
        assert content["application/json"]["example"], (path, method)


async def test_every_failure_is_a_problem(document):
    for path, method, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400":
                content = response["content"]
                assert set(content) == {"application/problem+json"}, (path, method, status)
                assert content["application/problem+json"]["schema"]["$ref"].endswith("/Problem")


async def test_choices_are_enums(document):
    schemas = document["components"]["schemas"]

    assert schemas["Action"]["enum"] == ["BUY", "HOLD", "SELL"]
    assert "minimum_variance" in schemas["Strategy"]["enum"]


async def test_the_bars_of_a_what_if_are_bounded_in_the_document_too(document):
    body = document["paths"]["/v1/predictions/{ticker}"]["post"]["requestBody"]["content"]["application/json"]["schema"]

    assert (body["minItems"], body["maxItems"]) == (WINDOW, 2000)
    assert body["items"]["$ref"].endswith("/SentBar")


@pytest.mark.parametrize("rest", ["optimize", "rebalance"])
async def test_the_example_of_a_body_is_answered_by_what_the_document_shows(client, document, rest):
    operation = document["paths"][f"/v1/portfolio/{rest}"]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    shown = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    kind = next(kind for kind in EXAMPLES if shown.endswith(f"/{kind.__name__}"))

    answer = await client.post(f"/v1/portfolio/{rest}", json=example)

    assert answer.status_code == 200
    assert msgspec.json.encode(msgspec.json.decode(answer.content, type=kind)) == answer.content


async def test_the_tickers_of_a_request_are_bounded_in_the_document_too(document):
    tickers = document["components"]["schemas"]["OptimizeRequest"]["properties"]["tickers"]

    assert "500" in str(tickers)
    assert document["components"]["schemas"]["OptimizeRequest"]["additionalProperties"] is False


@pytest.mark.parametrize(
    "path",
    [
        "/v1/tickers",
        "/v1/predictions",
        "/v1/predictions/{ticker}",
        "/v1/signals",
        "/v1/signals/{ticker}",
        "/v1/signals/{ticker}/history",
        "/v1/signals/{ticker}/performance",
        "/v1/models",
        "/v1/models/{ticker}",
        "/v1/models/{ticker}/calibration",
        "/v1/models/{ticker}/live",
        "/v1/portfolio",
        "/v1/portfolio/risk",
        "/v1/portfolio/correlation",
        "/v1/portfolio/frontier",
        "/v1/portfolio/performance",
        "/v1/prices/{ticker}",
        "/v1/prices/{ticker}/indicators",
        "/v1/audit",
        "/v1/status",
        "/readyz",
    ],
)
async def test_an_answer_is_of_the_type_that_the_document_shows(client, document, path):
    content = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    name = content["schema"]["$ref"].removeprefix("#/components/schemas/")
    kind = next(kind for kind in EXAMPLES if kind.__name__ == name)

    answer = await client.get(path.replace("{ticker}", "AAPL"))

    assert msgspec.json.encode(msgspec.json.decode(answer.content, type=kind)) == answer.content


async def test_every_path_of_the_document_answers(client, document):
    for path, method, _ in operations(document):
        # A home in which no engine has run has no entry to be asked for, and no log to be verified.
        if method == "get" and not path.startswith("/v1/audit/"):
            assert (await client.get(path.replace("{ticker}", "AAPL"))).status_code == 200
