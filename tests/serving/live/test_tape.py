"""Reading the stream of ticks on a real Valkey."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from serving.live import bus
from serving.live.tape import Entry, Tape
from serving.live.ticks import encode

pytestmark = pytest.mark.anyio


async def test_who_follows_after_having_led_reads_no_entry_twice_and_none_behind_the_leader(valkey, play):
    async with bus.connection(valkey.url, blocking=True) as client:
        events = list(islice(play(sessions=1).events(market="a-market"), 10))
        ids = [await client.xadd(bus.TICKS, {"event": encode(event)}) for event in events]
        tape = Tape()
        await tape.read(client, seconds=0.1)
        led = [tape.take() for _ in range(3)]

        await tape.read_through(client, ids[6].decode())
        followed = [tape.take() for _ in range(len(tape.waiting))]

    assert led + followed == events[:7]
    assert tape.through == ids[6].decode()


@pytest.mark.parametrize(("arrived", "waited_ms"), [([], 0.0), (["1000-0", "1400-3"], 499.0), (["1501-0"], 0.0)])
def test_how_long_a_tick_waited_is_known_to_the_millisecond_and_never_negative(arrived, waited_ms):
    tape = Tape()
    tape.waiting.extend(Entry(entry_id, None) for entry_id in arrived)

    assert tape.waited_ms(datetime.fromtimestamp(1.5, UTC)) == waited_ms
