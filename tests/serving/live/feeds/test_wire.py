"""Our reading of protocol-buffer bytes is the library's, and refuses what the format forbids."""

from __future__ import annotations

import math
import struct

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from yfinance.pricing_pb2 import PricingData

from serving.live.feeds.wire import Field, Kind, read
from serving.live.feeds.yahoo import FIELDS

INT64 = st.integers(-(2**63), 2**63 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)
SINGLE = st.floats(width=32, allow_nan=False)


@st.composite
def pricings(draw) -> PricingData:
    """Any message, with fields that we read and fields that we don't, each there or not."""
    values = {
        "id": draw(st.text()),
        "price": draw(SINGLE),
        "time": draw(INT64),
        "currency": draw(st.text()),
        "quote_type": draw(INT32),
        "market_hours": draw(INT32),
        "change_percent": draw(SINGLE),
        "day_volume": draw(INT64),
        "last_size": draw(INT64),
        "bid": draw(SINGLE),
        "ask": draw(SINGLE),
        "market_cap": draw(st.floats(allow_nan=False)),
    }
    left_out = draw(st.sets(st.sampled_from(sorted(values))))
    return PricingData(**{name: value for name, value in values.items() if name not in left_out})


def as_read(data: bytes) -> dict[str, object]:
    """What we read, with the defaults of what a message leaves out."""
    defaults = {Kind.STRING: "", Kind.FLOAT: 0.0, Kind.SINT64: 0, Kind.INT32: 0}
    return {field.name: defaults[field.kind] for field in FIELDS.values()} | read(data, FIELDS)


def as_the_library_reads(data: bytes) -> dict[str, object]:
    """The same fields by the library that Yahoo's own clients use."""
    message = PricingData.FromString(data)
    return {field.name: getattr(message, field.name) for field in FIELDS.values()}


@given(pricings())
def test_what_the_library_writes_is_read_as_it_reads_it(message):
    data = message.SerializeToString()

    assert as_read(data) == as_the_library_reads(data)


@given(pricings(), pricings())
def test_of_a_field_that_comes_twice_the_last_one_stands(first, second):
    data = first.SerializeToString() + second.SerializeToString()

    assert as_read(data) == as_the_library_reads(data)


@given(st.one_of(st.binary(max_size=40), pricings().map(PricingData.SerializeToString)), st.data())
def test_whatever_bytes_are_read_the_library_reads_the_same(data, choose):
    cut = data[: choose.draw(st.integers(0, len(data)))]

    try:
        ours = as_read(cut)
    except ValueError:
        return
    theirs = as_the_library_reads(cut)

    assert all(ours[name] == theirs[name] or math.isnan(theirs[name]) for name in ours)


@given(pricings(), st.data())
def test_a_message_that_the_library_finds_cut_short_is_not_read(message, choose):
    data = message.SerializeToString()
    cut = data[: choose.draw(st.integers(0, len(data)))]

    try:
        as_the_library_reads(cut)
    except DecodeError:
        with pytest.raises(ValueError, match=r"expected"):
            read(cut, FIELDS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x0a", "varint: expected an end within 10 bytes, got none"),
        (b"\x0a\x05AAPL", "field 1: expected 5 bytes, got 4"),
        (b"\x18" + b"\xff" * 10, "varint: expected an end within 10 bytes, got none"),
        (b"\x18" + b"\xff" * 9 + b"\x02", "varint: expected at most 64 bits, got 65"),
        (b"\x02\x00", r"field: expected a number in 1\.\.536870911, got 0"),
        (b"\x0b", "3 is not a valid Wire"),
        (b"\x08\x01", "id: expected bytes, got varint"),
        (b"\x15\x00\x00", "field 2: expected 4 bytes, got 2"),
        (b"\x0a\x02\xc3\x28", "'utf-8' codec can't decode"),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(data, reason):
    with pytest.raises(ValueError, match=reason):
        read(data, FIELDS)


def test_a_field_that_is_not_asked_for_is_passed_over_whatever_its_layout():
    others = b"\x10\x07" + b"\x19" + bytes(8) + b"\x25" + bytes(4) + b"\x2a\x01x"

    assert read(others + b"\x0d" + struct.pack("<f", 0.5), {1: Field("half", Kind.FLOAT)}) == {"half": 0.5}
