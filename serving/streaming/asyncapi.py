"""The stream's AsyncAPI 3.0 document: the types we send are the types it shows, with the rules that no type can say.

What OpenAPI is for REST (`serving.openapi`). The protocol itself is `serving.protocol`; for people it is told in
docs/stream.md.
"""

from __future__ import annotations

import inspect
from typing import Any, Final

import msgspec

from serving.protocol import (
    PROTOCOL,
    CloseCode,
    Closing,
    Delta,
    Frame,
    Hello,
    Ping,
    Pong,
    Refused,
    Snapshot,
    Stale,
    Subscribe,
)
from serving.streaming import limits
from serving.streaming.examples import STREAM_EXAMPLES
from serving.streaming.frames import MOST_FRAGMENTS
from serving.view import V1

VERSION: Final = "3.0.0"
CHANNEL: Final = "stream"
SCHEMAS: Final = "#/components/schemas/{name}"

DESCRIPTION: Final = f"""Prices, predictions, signals, the portfolio and alerts as they come, over one WebSocket.

JSON in text frames, told apart by `type`; times are ISO 8601 in UTC. This is version {PROTOCOL} of the protocol: a
server says its version in `hello`, and may add fields and types of frames and messages within one, which a client
leaves out.
"""
RULES: Final = """The server says `hello` and then nothing until the client says `subscribe`; a `snapshot` answers, and
`delta`s follow. A later `subscribe` replaces the subscription and is answered by a snapshot of it.

`seq` numbers what the live engine says, without a gap within an `epoch`, and never goes back within one. A `delta`
tells everything that was subscribed to between its `prev` and its `seq`. Its `prev` is the `seq` of the snapshot or
delta before it on this connection; if it is not, something was missed. Numbers in between that no message is told for
were of what this client did not ask for. A server's own alerts have no number: they come in a delta whose `prev` and
`seq` are equal.

Of prices, predictions, the portfolio and the status only the newest of each ticker is told: a client that reads slowly
gets fewer of them, never older ones. Signals and alerts are each told, in order.

A client that comes back says `resume` with the epoch, the last `seq` that it took in, and the `release_id` it knew. If
the server still has what was missed, a `delta` of it answers, whose `prev` is that number; where another release is in
force by now, the delta has the signals and alerts, and a snapshot of the same `seq` follows it. If the server does not
have it any more, a snapshot alone answers; if the epoch is another one, or the number is one that the server has not
reached, an `error` with the code `unknown_epoch` and then a snapshot. Both mean that signals and alerts may have been
missed, which the audit log has. Alerts of the server itself may come again.

A snapshot that was not asked for tells of a release, or ends a `stale`. Its `seq` is that of the frame before it; if it
is higher, signals and alerts may have been missed.

`stale` means that what was told may be out of date, until a snapshot.
"""

# What it means, and what a client does about it.
CLOSE_CODES: Final[dict[CloseCode, tuple[str, str]]] = {
    CloseCode.RESTARTING: (
        "The server restarts.",
        "Come back after `reconnect_after_seconds` of the frame before, and resume.",
    ),
    CloseCode.NOT_TEXT: ("A binary frame came.", "Send text. The same again would end the same way."),
    CloseCode.MALFORMED: (
        f"More than {limits.MALFORMED_IN_A_ROW} messages in a row were no requests.",
        "Send what this document shows.",
    ),
    CloseCode.TOO_LARGE: (
        f"A message was over {limits.MOST_MESSAGE_BYTES} bytes, or in more than {MOST_FRAGMENTS} fragments.",
        "Subscribe to fewer tickers.",
    ),
    CloseCode.TOO_MANY: (
        "This address has as many connections as it may have.",
        "Use one connection for more tickers; come back after `reconnect_after_seconds`.",
    ),
    CloseCode.TOO_SLOW: (
        f"Nothing was read for {limits.SLOW_SECONDS:g} seconds.",
        "Read faster or subscribe to less; come back after `reconnect_after_seconds`, and resume.",
    ),
    CloseCode.TOO_FAST: ("Requests went on coming too fast after the warning.", "Ask less often."),
    CloseCode.NO_SUBSCRIPTION: (
        f"No subscription came for {limits.SUBSCRIBE_SECONDS:g} seconds.",
        "Subscribe after `hello`.",
    ),
}
LIMITS: Final = {
    "message_bytes": limits.MOST_MESSAGE_BYTES,
    "message_fragments": MOST_FRAGMENTS,
    "tickers": limits.MOST_TICKERS,
    "requests_at_once": limits.REQUESTS_AT_ONCE,
    "requests_per_second": limits.REQUESTS_PER_SECOND,
    "seconds_to_subscribe": limits.SUBSCRIBE_SECONDS,
    "seconds_without_reading": limits.SLOW_SECONDS,
}

SAID_BY_CLIENTS: Final = (Subscribe, Ping)
# The server's view, as AsyncAPI wants it: what it receives and sends, and what answers what.
_OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    "hear_subscription": {
        "action": "receive",
        "summary": "A client says what it wants to hear, and where it has got to.",
        "messages": (Subscribe,),
        "reply": (Snapshot, Delta, Refused),
    },
    "hear_ping": {
        "action": "receive",
        "summary": "A client asks whether anybody is there.",
        "messages": (Ping,),
        "reply": (Pong, Refused),
    },
    "greet": {"action": "send", "summary": "The first frame of a connection.", "messages": (Hello,)},
    "tell": {
        "action": "send",
        "summary": "What is new; or all that is known, after a release or where something can't be told one by one.",
        "messages": (Delta, Snapshot),
    },
    "warn": {"action": "send", "summary": "There is no news to be had.", "messages": (Stale,)},
    "dismiss": {"action": "send", "summary": "The last frame before a close.", "messages": (Closing,)},
}


def document(*, title: str, version: str) -> dict[str, Any]:
    """The document of the application with that title and version."""
    kinds = [*SAID_BY_CLIENTS, *Frame.__args__]
    return {
        "asyncapi": VERSION,
        "info": {"title": f"{title} stream", "version": version, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {"this": _server()},
        "channels": {CHANNEL: _channel(kinds)},
        "operations": {name: _operation(**operation) for name, operation in _OPERATIONS.items()},
        "components": {"messages": {_tag(kind): _message(kind) for kind in kinds}, "schemas": _schemas(kinds)},
    }


def _server() -> dict[str, Any]:
    return {
        "host": "{address}",
        "pathname": "/",
        "protocol": "ws",
        "description": "The server that this document came from; wss where a proxy before it speaks TLS.",
        "variables": {"address": {"default": "127.0.0.1:8000"}},
    }


def _channel(kinds: list[type[msgspec.Struct]]) -> dict[str, Any]:
    return {
        "address": f"{V1}/stream",
        "title": "Stream",
        "description": RULES,
        "servers": [{"$ref": "#/servers/this"}],
        "messages": {_tag(kind): {"$ref": f"#/components/messages/{_tag(kind)}"} for kind in kinds},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
        "x-limits": LIMITS,
        "x-close-codes": [
            {"code": int(code), "name": code.name.lower(), "meaning": meaning, "client": client}
            for code, (meaning, client) in CLOSE_CODES.items()
        ],
    }


def _operation(
    *,
    action: str,
    summary: str,
    messages: tuple[type[msgspec.Struct], ...],
    reply: tuple[type[msgspec.Struct], ...] = (),
) -> dict[str, Any]:
    channel = {"$ref": f"#/channels/{CHANNEL}"}
    operation = {"action": action, "summary": summary, "channel": channel, "messages": _references(messages)}
    return operation | ({"reply": {"channel": channel, "messages": _references(reply)}} if reply else {})


def _references(kinds: tuple[type[msgspec.Struct], ...]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{CHANNEL}/messages/{_tag(kind)}"} for kind in kinds]


def _message(kind: type[msgspec.Struct]) -> dict[str, Any]:
    words = inspect.getdoc(kind) or ""
    return {
        "name": _tag(kind),
        "title": kind.__name__,
        "summary": words.partition("\n")[0],
        "description": words,
        "contentType": "application/json",
        "payload": {"$ref": SCHEMAS.format(name=kind.__name__)},
        "examples": [{"name": _tag(kind), "payload": STREAM_EXAMPLES[kind]}],
    }


def _tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


def _schemas(kinds: list[type[msgspec.Struct]]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components(kinds, ref_template=SCHEMAS)
    for schema in components.values():
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
    return components
