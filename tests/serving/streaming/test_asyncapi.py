"""The AsyncAPI document: valid as such, and true of what a real server sends."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import msgspec
import pytest
from faststream.specification.asyncapi.v3_0_0.schema import ApplicationSchema
from live_messages import price, signal
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from stream_server import alert, next_frame, portfolio, serving, status, tell

from serving.protocol import PROTOCOL, Channel, CloseCode, ErrorCode, Frame, Ping, Subscribe, decode_frame
from serving.streaming.examples import STREAM_EXAMPLES

pytestmark = pytest.mark.anyio

KINDS = [Subscribe, Ping, *Frame.__args__]


@pytest.fixture
async def document(client) -> dict[str, Any]:
    """The document as served."""
    return (await client.get("/asyncapi.json")).json()


def validator(document: dict[str, Any], name: str) -> jsonschema.Draft202012Validator:
    """Of the schema of that name, whose references lead into the document."""
    registry = Registry().with_resource("urn:stream", DRAFT202012.create_resource(document))
    return jsonschema.Draft202012Validator({"$ref": f"urn:stream#/components/schemas/{name}"}, registry=registry)


def schema_of(frame: dict[str, Any]) -> str:
    """The name of the schema that a frame of that type is of."""
    return next(kind.__name__ for kind in KINDS if kind.__struct_config__.tag == frame["type"])


def references(node: Any) -> Iterator[str]:
    """Every ``$ref`` in a part of the document."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    if isinstance(node, list):
        for child in node:
            yield from references(child)


def at(document: dict[str, Any], reference: str) -> Any:
    """What a reference leads to."""
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


async def test_another_library_s_model_of_asyncapi_3_takes_it(document):
    parsed = ApplicationSchema.model_validate(document)

    assert parsed.asyncapi == "3.0.0"
    assert parsed.channels["stream"].address == "/v1/stream"
    assert {operation.action.value for operation in parsed.operations.values()} == {"send", "receive"}
    assert set(parsed.components.messages) == {kind.__struct_config__.tag for kind in KINDS}


async def test_every_reference_leads_somewhere(document):
    found = list(references(document))

    assert len(found) > 50
    for reference in found:
        assert at(document, reference), reference


async def test_operations_are_made_of_the_channel_s_messages_and_none_is_left_out(document):
    inside = "#/channels/stream/messages/"
    used = set()
    for operation in document["operations"].values():
        assert operation["channel"] == {"$ref": "#/channels/stream"}
        for side in (operation, operation.get("reply", {})):
            used |= {message["$ref"] for message in side.get("messages", ())}

    assert all(reference.startswith(inside) for reference in used)
    assert {reference.removeprefix(inside) for reference in used} == set(document["channels"]["stream"]["messages"])


async def test_clients_are_received_from_and_sent_to(document):
    received = {
        message["$ref"].rpartition("/")[2]
        for operation in document["operations"].values()
        if operation["action"] == "receive"
        for message in operation["messages"]
    }

    assert received == {"subscribe", "ping"}


async def test_every_schema_is_valid_json_schema(document):
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema.get("description") or schema.get("enum"), name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_each_example_is_a_value_of_its_type_and_of_its_schema(document, kind):
    message = document["components"]["messages"][kind.__struct_config__.tag]
    (example,) = message["examples"]

    assert msgspec.to_builtins(msgspec.convert(example["payload"], type=kind)) == STREAM_EXAMPLES[kind]
    validator(document, at(document, message["payload"]["$ref"])["title"]).validate(example["payload"])


async def test_examples_between_them_show_every_message(document):
    shown = {
        message["type"]
        for frame in document["components"]["messages"].values()
        for message in frame["examples"][0]["payload"].get("messages", ())
    }

    assert shown == {"price", "prediction", "signal", "portfolio", "alert", "status"}


async def test_choices_and_limits_are_all_there(document):
    schemas, stream = document["components"]["schemas"], document["channels"]["stream"]

    assert schemas["Channel"]["enum"] == sorted(channel.value for channel in Channel)
    assert schemas["ErrorCode"]["enum"] == sorted(code.value for code in ErrorCode)
    assert schemas["CloseCode"]["enum"] == sorted(CloseCode)
    assert {entry["code"] for entry in stream["x-close-codes"]} == set(CloseCode)
    assert all(entry["meaning"] and entry["client"] for entry in stream["x-close-codes"])
    assert stream["x-limits"]["message_bytes"] == 65_536
    assert schemas["SignalMessage"]["properties"]["at"]["format"] == "date-time"
    assert f"version {PROTOCOL} of the protocol" in document["info"]["description"]


@pytest.fixture
async def sent(published_home, live_prediction) -> list[dict[str, Any]]:
    """What a real server sends in a conversation that touches on everything."""
    frames = []
    async with serving(published_home) as server, server.stream() as listener:
        frames.append(await next_frame(listener))
        await listener.send('{"type": "subscribe"}')
        frames.append(await next_frame(listener))
        held = portfolio(frames[0]["release_id"])
        tell(server.hub, price("AAPL", 545.0), live_prediction, signal("AAPL", 1), held, alert("IBM"), status())
        frames.append(await next_frame(listener))
        server.hub.stale("live feed: expected news, got none")
        frames.append(await next_frame(listener))
        for request in ('{"type": "ping", "id": 7}', '{"type": "subscribe", "tickers": ["NOPE"]}'):
            await listener.send(request)
            frames.append(await next_frame(listener))
        await listener.send(b"binary")
        frames.append(await next_frame(listener))
    return frames


async def test_what_a_real_server_sends_is_what_the_document_says(document, sent):
    assert [frame["type"] for frame in sent] == ["hello", "snapshot", "delta", "stale", "pong", "error", "closing"]
    for frame in sent:
        validator(document, schema_of(frame)).validate(frame)


async def test_what_no_server_would_send_is_not(document, sent):
    for frame in sent:
        schema = validator(document, schema_of(frame))
        for name in frame:
            for wrong in ({"deep": ["wrong"]}, ...):
                mutated = copy.deepcopy(frame)
                if wrong is ...:
                    del mutated[name]
                else:
                    mutated[name] = wrong
                optional = wrong is ... and frame["type"] == "pong" and name == "id"
                assert schema.is_valid(mutated) is optional, (frame["type"], name, wrong)
    delta = next(frame for frame in sent if frame["type"] == "delta")
    for number, message in enumerate(delta["messages"]):
        mutated = json.loads(json.dumps(delta))
        del mutated["messages"][number]["type"]
        assert not validator(document, "Delta").is_valid(mutated), message["type"]


async def test_what_a_server_refuses_is_no_request_by_the_document_either(document):
    subscribe = validator(document, "Subscribe")

    assert subscribe.is_valid({"type": "subscribe", "channels": None, "resume": {"epoch": "e", "last_seq": 3}})
    for wrong in ({"channels": ["gossip"]}, {"ticker": "IBM"}, {"tickers": "IBM"}, {"resume": {"epoch": "e"}}):
        assert not subscribe.is_valid({"type": "subscribe"} | wrong), wrong


def test_a_time_without_a_zone_is_no_frame():
    with pytest.raises(msgspec.ValidationError, match=r"timezone component - at `\$.since`"):
        decode_frame(b'{"type": "stale", "seq": 1, "since": "2026-11-26T08:00:00", "reason": "silence"}')
