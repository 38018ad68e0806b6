"""docs/stream.md: what it shows works, and what it says is what the code has."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scripted_stream import Talk, delta, price, scripted, signal, snapshot

from serving.backoff import FIRST_SECONDS
from serving.client import Timeouts
from serving.client.stream import LONGEST_SECONDS, MOST_UNREAD
from serving.protocol import PROTOCOL, Channel, CloseCode, ErrorCode, Frame
from serving.settings import ServerSettings
from serving.streaming import limits
from serving.streaming.frames import MOST_FRAGMENTS
from serving.streaming.history import MOST_KEPT

pytestmark = pytest.mark.anyio

REPOSITORY = Path(__file__).resolve().parents[3]
PAGE = (REPOSITORY / "docs" / "stream.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ASKED_FOR = "ws://127.0.0.1:8000/v1/stream"


async def tells_a_signal_and_goes_for_good(talk: Talk) -> None:
    await talk.greeted()
    await talk.send(snapshot(0, price(545.0), signal(1)), delta(0, 1, signal(2)))
    await talk.close(CloseCode.TOO_FAST)


async def printed_by(program: str) -> str:
    """What a program of the page prints, with a server of ours in the place of its."""
    async with scripted(tells_a_signal_and_goes_for_good) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program.replace(ASKED_FOR, server.url), stdout=subprocess.PIPE, cwd=REPOSITORY
        )
        said, _ = await asyncio.wait_for(process.communicate(), 20)
    return said.decode()


async def test_the_programs_run():
    with_a_loop, without = PROGRAMS

    assert await printed_by(with_a_loop) == "in force: {'AAPL': 'BUY'}\nAAPL BUY expected +8.1 bp audit row 2\n"
    assert await printed_by(without) == "545.0\n"


@pytest.mark.parametrize(
    "word",
    [
        *(f"| {code.value} |" for code in CloseCode),
        *(f"`{code.value}`" for code in ErrorCode),
        *(f"`{channel.value}`" for channel in Channel),
        *(f"| `{kind.__struct_config__.tag}` |" for kind in Frame.__args__),
        f"`protocol` ({PROTOCOL})",
        f"{limits.MOST_MESSAGE_BYTES:,} bytes, in {MOST_FRAGMENTS} fragments",
        f"subscription | {limits.MOST_TICKERS:,}",
        f"{limits.REQUESTS_AT_ONCE} at once, then {limits.REQUESTS_PER_SECOND:g} a second",
        f"{limits.REQUESTS_TOO_MANY} more end the connection",
        f"nothing was read for {limits.SLOW_SECONDS:g} s",
        f"no subscription within {limits.SUBSCRIBE_SECONDS:g} s",
        f"more than {limits.MALFORMED_IN_A_ROW} messages in a row",
        f"one address | {ServerSettings().most_sockets_per_address:,}",
        f"server process | {ServerSettings().most_sockets:,}",
        f"the last {MOST_KEPT:,} signals and alerts",
        f"doubles from {FIRST_SECONDS:g} s to {LONGEST_SECONDS:g} s",
        f"pings after {Timeouts().quiet:g} s of silence and leaves after {Timeouts().pong:g} s more",
        f"up to {MOST_UNREAD:,}",
    ],
)
def test_the_page_says_what_the_code_has(word):
    assert word in PAGE.replace("\nclient pings", " client pings")
