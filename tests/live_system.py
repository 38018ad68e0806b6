"""A whole live system of real processes on the loopback, each of which a test may kill and start again.

Valkey, a feed that replays real bars, an engine and its standby, a gateway. What a test does to them and what has to
hold then is the test's business.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import psutil
import redis
from gate import Gate
from ports import LOOPBACK, free_port
from real_release import publish_release
from real_valkey import RealValkey
from shared_data import sample_bars
from waiting import LOOK_SECONDS, until

from release.store import Store
from release.tables import save_bars
from serving.live import bus
from serving.live.feeds.replay import Replay, load_replay
from serving.live.ticks import Tick
from serving.live.ticks import decode as decode_tick

REPOSITORY = Path(__file__).resolve().parents[1]
TICKERS = ("AAPL", "GOOG", "IBM", "MSFT")
MARKET = "a-market"
SEED = 7
TAIL_LINES = 25
READY_SECONDS = 30.0
# Of the feed's last entries some are trades.
LAST_TICKS = 200


class Newest(NamedTuple):
    """How far a system has got: the number of the engine's last message, and the market's time."""

    epoch: str
    seq: int
    traded_at: datetime


class Part:
    """One process of ours; its log goes on from start to start."""

    def __init__(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", *command]
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._began_at = 0

    def start(self) -> None:
        """Start it, without waiting until it works."""
        assert not self.running, f"{self.name} runs already"
        self._began_at = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=REPOSITORY, env=self._environment
            )

    def kill(self) -> None:
        """End it as a crash would; no news if it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it do nothing any more, as on a machine that is suspended."""
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if no time had passed."""
        os.kill(self._pid, signal.SIGCONT)

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def ended_by_itself(self) -> bool:
        """Whether it was started and has ended without being killed."""
        return self._process is not None and self._process.poll() is not None

    @property
    def _pid(self) -> int:
        assert self._process is not None, f"{self.name} does not run"
        return self._process.pid

    def said(self) -> str:
        """Everything in its log."""
        return self.log.read_text() if self.log.exists() else ""

    def said_lately(self) -> str:
        """What is in its log since it was started last."""
        with self.log.open("rb") as log:
            log.seek(self._began_at)
            return log.read().decode()

    def talks_to(self, port: int) -> bool:
        """Whether it has a connection to that port."""
        if not self.running:
            return False
        connections = psutil.Process(self._pid).net_connections(kind="tcp")
        return any(each.raddr and each.raddr.port == port for each in connections)

    def resident(self) -> int:
        """Bytes of memory that it has now."""
        return int(psutil.Process(self._pid).memory_info().rss)

    def tail(self) -> str:
        """How it is, and the end of its log."""
        how = "runs" if self.running else "ended by itself" if self.ended_by_itself else "was not running"
        return "\n".join([f"--- {self.name} {how}; the end of its log:", *self.said().splitlines()[-TAIL_LINES:]])


class LiveSystem:
    """The processes, on a home with one release and the bars that came after it.

    Parameters
    ----------
    folder : Path
        Empty; home, logs and Valkey's data go there.
    as_of : str
        Of the release: the replay begins with the session after it.
    speed : float
        Market seconds per second.
    settings : mapping, optional
        More of ``STOCK_ASSETS_*`` for all processes, by the names behind the prefix.
    gate : Gate, optional
        What the engines' way to Valkey leads through.
    durable : bool
        Whether Valkey keeps what it has acknowledged.

    Attributes
    ----------
    engines : tuple of Part
        One of them leads, the other waits.
    """

    def __init__(
        self,
        folder: Path,
        *,
        as_of: str = "2011-03-01",
        speed: float = 11_700.0,
        tickers: tuple[str, ...] = TICKERS,
        settings: Mapping[str, object] | None = None,
        gate: Gate | None = None,
        durable: bool = True,
    ) -> None:
        self.home = folder / "home"
        self.as_of = as_of
        self.release_id = publish_release(self.home / "releases", tickers=tickers, as_of=as_of).release_id
        for ticker in tickers:
            save_bars(self.home / "replay" / f"{ticker}.npz", sample_bars(ticker).after(np.datetime64(as_of)))
        self.valkey = RealValkey(folder, durable=durable)
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        live = ["serving.live", "--speed", str(speed), "--seed", str(SEED)]

        def part(name: str, *command: str, **own: object) -> Part:
            environment = self._environment({**(settings or {}), **own})
            return Part(name, command, environment=environment, folder=folder)

        self._engines_port = self.valkey.port if gate is None else gate.port
        way = {"redis_url": f"redis://{LOOPBACK}:{self._engines_port}/0"}
        self.feed = part("feed", *live, "--role", "feed", "--market", MARKET)
        self.engines = tuple(part(name, *live, "--role", "engine", **way) for name in ("engine-a", "engine-b"))
        self.gateway = part("gateway", "serving", "--port", str(self.port))
        self.redis = redis.Redis.from_url(self.valkey.url, socket_timeout=1.0, protocol=2)
        self.http = httpx.AsyncClient(base_url=self.url, timeout=5.0, trust_env=False)

    def _environment(self, settings: Mapping[str, object]) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("STOCK_ASSETS_")}
        ours = {"home": self.home, "redis_url": self.valkey.url, "reload_seconds": 0.05, "drain_seconds": 0} | settings
        told = {f"STOCK_ASSETS_{name.upper()}": str(value) for name, value in ours.items()}
        return others | told | {"OPENBLAS_NUM_THREADS": "1"}

    @property
    def parts(self) -> tuple[Part, ...]:
        """All processes but Valkey."""
        return (self.feed, *self.engines, self.gateway)

    @property
    def stream_url(self) -> str:
        """Where clients listen."""
        return f"ws://{LOOPBACK}:{self.port}/v1/stream"

    @property
    def audit(self) -> Path:
        """The log."""
        return self.home / "audit" / "audit.sqlite3"

    def replay(self) -> Replay:
        """What the feed plays."""
        release = Store(self.home / "releases").load(self.release_id)
        return load_replay(self.home / "replay", release, seed=SEED)

    async def start(self) -> None:
        """Start everything and wait until live numbers come through to the gateway."""
        self.valkey.start()
        for part in self.parts:
            part.start()
        await self.until(self.serves_live_numbers)

    def end(self) -> None:
        """End everything."""
        for part in self.parts:
            part.kill()
        self.redis.close()
        self.valkey.kill()

    async def until(
        self,
        condition: Callable[[], bool | Awaitable[bool]],
        *,
        seconds: float = READY_SECONDS,
        every: float = LOOK_SECONDS,
    ) -> None:
        """Wait for the condition while every process that was not killed runs."""

        async def holds() -> bool:
            for part in self.parts:
                assert not part.ended_by_itself, f"{part.name} ended by itself"
            held = condition()
            return await held if isinstance(held, Awaitable) else held

        await until(holds, seconds=seconds, every=every)

    # Is it there?

    async def gateway_answers(self) -> bool:
        """Whether the gateway has a release to answer from."""
        try:
            return (await self.http.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def serves_live_numbers(self) -> bool:
        """Whether the gateway has fresh news of a feed that is live."""
        try:
            feed = (await self.http.get("/v1/status")).json()["feed"]
        except httpx.TransportError:
            return False
        return not feed["stale"] and feed["state"] == "live"

    async def valkey_answers(self) -> bool:
        """Whether it has read what it has kept."""
        return _answer(self.redis.ping, default=False) is True

    def last_tick(self) -> str:
        """The id of what the feed wrote last; empty while Valkey can't tell."""
        found = _answer(lambda: self.redis.xrevrange(bus.TICKS, count=1), default=[])
        return found[0][0].decode() if found else ""

    def lease(self) -> str | None:
        """The lease as it is held, None while nobody holds it or Valkey can't tell."""
        held = _answer(lambda: self.redis.get(bus.LEASE), default=None)
        return held.decode() if held else None

    def leading(self) -> Part | None:
        """The engine that holds the lease."""
        held = self.lease()
        if held is None:
            return None
        engine, _, _ = held.partition(":")
        return next((part for part in self.engines if part.running and engine in part.said_lately()), None)

    def standing_by(self) -> Part | None:
        """The engine that would take over and knows all that it has to know for that."""
        leading = self.leading()
        others = (part for part in self.engines if part is not leading and part.talks_to(self._engines_port))
        return next((part for part in others if _follows(part)), None) if leading else None

    def newest(self) -> Newest:
        """How far everything has got."""
        position = self.redis.hmget(bus.ENGINE, "epoch", "seq")
        events = (decode_tick(fields[b"event"]) for _, fields in self.redis.xrevrange(bus.TICKS, count=LAST_TICKS))
        traded = [event.at for event in events if isinstance(event, Tick)]
        return Newest(position[0].decode(), int(position[1]), max(traded))

    def tails(self) -> str:
        """The ends of all logs."""
        return "\n".join(part.tail() for part in self.parts)


@contextlib.asynccontextmanager
async def live_system(folder: Path, *, gate: Gate | None = None, **wishes: Any) -> AsyncIterator[LiveSystem]:
    """A system at work; ended on the way out, and its logs' ends are told with whatever fails."""
    system = LiveSystem(folder, gate=gate, **wishes)
    try:
        async with contextlib.nullcontext() if gate is None else gate.before(system.valkey.port):
            await system.start()
            yield system
    except BaseException as error:
        error.add_note(system.tails())
        raise
    finally:
        system.end()
        await system.http.aclose()


def _follows(engine: Part) -> bool:
    """Whether it has caught up with the one that leads, since it led itself if it did."""
    said = engine.said_lately()
    return said.rfind('"engine_follows"') > said.rfind('"engine_leads"')


def _answer(ask: Any, *, default: Any) -> Any:
    """What Valkey says, `default` while it is away."""
    try:
        return ask()
    except (redis.RedisError, OSError):
        return default
