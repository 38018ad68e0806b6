"""Request bodies: read up to a limit, decoded into a type, and where they don't fit, told at which place and why."""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncIterator
from typing import Any, Final, TypeVar

import msgspec

from serving.errors import BadRequest, Invalid, TooLarge

# How much of a value an error shows.
SHOWN: Final = 80
_PLACE: Final = re.compile(r"^(?P<said>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_STEP: Final = re.compile(r"\[(\d+|\.\.\.)\]|\.([\w-]+)")
_FIELD: Final = re.compile(r"^Object (?P<fault>contains unknown|missing required) field `(?P<name>.*)`$", re.DOTALL)
_OUT_OF_RANGE: Final = "Number out of range"
_BEYOND: Final = "a number beyond what a float64 holds"

T = TypeVar("T")


async def read_body(chunks: AsyncIterator[bytes], *, limit: int) -> bytes:
    """The whole request body; `TooLarge` as soon as it passes `limit` bytes, however long it says it is."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"body: expected at most {limit} bytes, got more")
    return bytes(body)


def decoded(body: bytes, kind: type[T], *, name: str = "", what: str) -> T:
    """The JSON body as a `kind`.

    Parameters
    ----------
    body : bytes
    kind : type
        What msgspec makes of it.
    name : str
        What the body is called in errors, before the place in it: ``bars`` gives ``bars[3].close``. An object's fields
        need no such name.
    what : str
        What the body is to be, for a person: "a JSON list of bars".

    Raises
    ------
    BadRequest
        Naming the first place that doesn't fit, with its value and what was expected.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise BadRequest(_misfit(body, str(error), kind, name)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(_no_number(body, name) or _no_json(body, f"{what} ({error})")) from None
    except RecursionError:
        raise BadRequest(_no_json(body, f"{what}, nested less deeply")) from None


def shown(value: Any) -> str:
    """A value as JSON of bounded length."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _no_json(body: bytes, expected: str) -> Invalid:
    return Invalid("body", repr(body[:40]), expected)


def _misfit(body: bytes, said: str, kind: type, name: str) -> Invalid:
    """msgspec's account of a misfit ("Expected `float`, got `str` - at `$[3].close`") in our words."""
    match = _PLACE.match(said)
    path = (match["path"] or "") if match else ""
    said = match["said"] if match else said
    field = _FIELD.match(said)
    if field and not path and not name:
        return _misfit_field(body, kind, field["name"], unknown=field["fault"].startswith("contains"))
    wanted, _, got = said.replace("`", "").removeprefix("Expected ").partition(", got ")
    place, value = _at(body, path, got)
    expected = "a finite number" if said == _OUT_OF_RANGE else wanted
    return Invalid((name + place if name else place.removeprefix(".")) or "body", value, expected)


def _misfit_field(body: bytes, kind: type, name: str, *, unknown: bool) -> Invalid:
    """A field of the body itself that is one too many, or missing."""
    if unknown:
        known = getattr(kind, "__struct_fields__", ())
        value, note = _raw(body)
        return Invalid(name, note or shown(value[name]), f"one of the fields {', '.join(known)}")
    return Invalid(name, "none", "a value, as it has no default")


def _at(body: bytes, path: str, got: str) -> tuple[str, str]:
    """A path such as ``[3].close`` with its keys filled in, and what the body holds there.

    msgspec doesn't say under which key of an object a value of the type `got` was one too many: the first one counts.
    """
    value, note = _raw(body)
    if note:
        return path.removesuffix("[...]"), note
    place = ""
    for index, name in _STEP.findall(path):
        if index == "...":
            name = next((key for key, held in value.items() if _type_name(held) == got), "")
            if not name:
                break
        value = value[int(index)] if index not in ("", "...") else value[name]
        place += f".{name}" if name else f"[{index}]"
    return place, shown(value)


def _raw(body: bytes) -> tuple[Any, str]:
    """What a body that doesn't fit holds; if that can't be read either, what to say in its place."""
    try:
        return msgspec.json.decode(body), ""
    except msgspec.ValidationError:
        return None, _BEYOND
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, repr(body[:40])


def _type_name(value: Any) -> str:
    """What msgspec calls the JSON type of a value."""
    names = {bool: "bool", int: "int", float: "float", str: "str", list: "array", dict: "object"}
    return "null" if value is None else names[type(value)]


def _no_number(body: bytes, name: str) -> Invalid | None:
    """Where a body has NaN or Infinity, which many programs write and JSON has no word for; None if it hasn't."""
    try:
        waiting = [(name, json.loads(body))]
    except (ValueError, RecursionError):
        return None
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, float) and not math.isfinite(value):
            return Invalid(place or "body", str(value), "a finite number")
        if isinstance(value, dict):
            waiting += [(f"{place}.{key}" if place else key, held) for key, held in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [(f"{place}[{row}]", held) for row, held in reversed([*enumerate(value)])]
    return None
