"""Protocol-buffer bytes read without the library: the fields of one flat message, strictly.

Where the format leaves a choice between lenient and strict (an unknown group, a varint beyond 64 bits, a known field
of another wire type) this refuses: what comes from outside is right or it is not used.

References
----------
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

LONGEST_VARINT: Final = 10
LARGEST_VARINT: Final = 2**64 - 1
LARGEST_FIELD: Final = 2**29 - 1


class Wire(enum.Enum):
    """How a field's value is laid out, by the number that its tag has for it."""

    VARINT = 0
    FIXED64 = 1
    BYTES = 2
    FIXED32 = 5


class Kind(enum.Enum):
    """What a field's value means."""

    STRING = "string"
    FLOAT = "float"
    SINT64 = "sint64"
    INT32 = "int32"


WIRE_OF: Final = {
    Kind.STRING: Wire.BYTES,
    Kind.FLOAT: Wire.FIXED32,
    Kind.SINT64: Wire.VARINT,
    Kind.INT32: Wire.VARINT,
}


class Field(NamedTuple):
    """A field of a message that is asked for."""

    name: str
    kind: Kind


Value = str | float | int


def read(data: bytes, fields: Mapping[int, Field]) -> dict[str, Value]:
    """The values of the wanted fields that a message holds, by name; of one that comes twice the last.

    Parameters
    ----------
    data : bytes
    fields : mapping of int to Field
        By number; others are passed over.

    Raises
    ------
    ValueError
        If the bytes are no such message.
    """
    found: dict[str, Value] = {}
    for number, wire, raw in _raw_fields(data):
        field = fields.get(number)
        if field is None:
            continue
        if wire is not WIRE_OF[field.kind]:
            raise ValueError(f"{field.name}: expected {WIRE_OF[field.kind].name.lower()}, got {wire.name.lower()}")
        found[field.name] = _value(raw, field.kind)
    return found


def _raw_fields(data: bytes) -> Iterator[tuple[int, Wire, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number = tag >> 3
        if not 1 <= number <= LARGEST_FIELD:
            raise ValueError(f"field: expected a number in 1..{LARGEST_FIELD}, got {number}")
        wire = Wire(tag & 7)
        if wire is Wire.VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        length = 8 if wire is Wire.FIXED64 else 4
        if wire is Wire.BYTES:
            length, at = _varint(data, at)
        if at + length > len(data):
            raise ValueError(f"field {number}: expected {length} bytes, got {len(data) - at}")
        yield number, wire, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends."""
    value = 0
    for place, byte in enumerate(data[at : at + LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if value > LARGEST_VARINT:
                raise ValueError(f"varint: expected at most 64 bits, got {value.bit_length()}")
            return value, at + place + 1
    raise ValueError(f"varint: expected an end within {LONGEST_VARINT} bytes, got none")


def _value(raw: int | bytes, kind: Kind) -> Value:
    if isinstance(raw, bytes):
        if kind is Kind.STRING:
            return raw.decode()
        return float(struct.unpack("<f", raw)[0])
    if kind is Kind.SINT64:
        return (raw >> 1) ^ -(raw & 1)
    low = raw & 0xFFFFFFFF
    return low - 2**32 if low >= 2**31 else low
