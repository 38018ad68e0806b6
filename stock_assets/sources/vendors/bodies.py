"""Reading a vendor's body whose shape nobody promised; what is in it is each vendor's own module."""

from __future__ import annotations

import json
from typing import Any, Final

from stock_assets.errors import ErrorBody
from stock_assets.sources.vendors.response_cache import Answer

SHOWN: Final = 100


def json_object(answer: Answer, *, vendor: str, about: str) -> dict[str, Any]:
    """The JSON object that the body is; `ErrorBody` showing how it begins if it is something else."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        got = f"got status {answer.status} with {excerpt(answer.body)}"
        raise ErrorBody(f"{vendor}: expected a JSON object for {about}, {got}")
    return body


def excerpt(body: bytes) -> str:
    """The beginning of a body as one line in quotes, or that there is none."""
    text = " ".join(body[: 4 * SHOWN].decode("utf-8", "replace").split())
    return f"{text[:SHOWN]!r}{'…' if len(text) > SHOWN else ''}" if text else "an empty body"
