from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from stock_assets.supervisor import (
    MOST_RESTARTS,
    Service,
    ServiceFailed,
    Supervisor,
    free_port,
    port_is_free,
    port_is_open,
)


def python(name: str, code: str, ready: Callable[[], bool] = lambda: True) -> Service:
    return Service(name=name, command=[sys.executable, "-c", textwrap.dedent(code)], ready=ready)


def listener(port: int) -> Service:
    code = f"""
        import signal, socket
        listening = socket.create_server(("127.0.0.1", {port}))
        signal.pause()
    """
    return python("listener", code, ready=lambda: port_is_open("127.0.0.1", port))


def holds(condition: Callable[[], bool], *, within_seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + within_seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_service_is_ready_when_it_says_so_and_gone_when_the_supervisor_is_left(tmp_path: Path) -> None:
    port = free_port()
    service = listener(port)

    with Supervisor(tmp_path) as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        during = port_is_free("127.0.0.1", port)
    after = port_is_free("127.0.0.1", port)

    assert (during, after) == (False, True)


def test_a_service_that_ends_before_it_is_ready_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    service = python("clumsy", "print('no such luck'); raise SystemExit(3)", ready=lambda: False)

    with Supervisor(tmp_path) as supervisor:
        supervisor.start(service)
        with pytest.raises(ServiceFailed, match=r"(?s)clumsy ended with exit code 3.*clumsy\.log.*no such luck"):
            supervisor.wait_ready(service)


def test_a_service_that_is_never_ready_is_given_up_in_time(tmp_path: Path) -> None:
    service = python("slow", "import signal; signal.pause()", ready=lambda: False)

    with Supervisor(tmp_path) as supervisor:
        supervisor.start(service)
        with pytest.raises(ServiceFailed, match=r"slow: expected to be ready within 0.2 s"):
            supervisor.wait_ready(service, timeout_seconds=0.2)


def test_a_service_that_ends_is_started_again_and_given_up_when_it_keeps_ending(tmp_path: Path) -> None:
    service = python("mayfly", "import os, signal; print('born', flush=True); os.kill(os.getpid(), signal.SIGKILL)")
    lines: list[str] = []

    with Supervisor(tmp_path) as supervisor:
        supervisor.start(service)
        with pytest.raises(ServiceFailed, match="mayfly was ended by SIGKILL"):
            supervisor.watch(lines.append)
        log = supervisor.log("mayfly").read_text()

    assert len(lines) == MOST_RESTARTS
    assert all(line.startswith("mayfly was ended by SIGKILL; starting it again (see ") for line in lines)
    assert log.count("born") == MOST_RESTARTS + 1


def test_a_service_deaf_to_sigterm_and_its_own_children_are_killed_after_the_grace(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = f"""
        import pathlib, signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c",
            "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"])
        pathlib.Path({str(ready)!r}).write_text(str(child.pid))
        signal.pause()
    """
    service = python("deaf", code, ready=lambda: ready.exists() and bool(ready.read_text()))
    supervisor = Supervisor(tmp_path)
    supervisor.start(service)
    supervisor.wait_ready(service)
    grandchild = int(ready.read_text())

    supervisor.stop(grace_seconds=0.2)

    assert holds(lambda: not runs(grandchild))


@pytest.mark.skipif(sys.platform != "linux", reason="the leash is Linux's")
def test_services_end_even_when_their_supervisor_is_killed_outright(tmp_path: Path) -> None:
    port = free_port()
    code = f"""
        import signal, sys
        from pathlib import Path
        from stock_assets.supervisor import Service, Supervisor, port_is_open
        listen = "import signal, socket; s = socket.create_server(('127.0.0.1', {port})); signal.pause()"
        # As under a shell's background job, and after Dagster has been at work.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        service = Service(name="listener", command=[sys.executable, "-c", listen])
        Supervisor(Path({str(tmp_path)!r})).start(service)
        signal.pause()
    """
    supervising = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    assert holds(lambda: port_is_open("127.0.0.1", port))

    os.kill(supervising.pid, signal.SIGKILL)
    supervising.wait()

    assert holds(lambda: port_is_free("127.0.0.1", port))


def test_a_port_is_free_until_someone_listens_on_it() -> None:
    port = free_port()
    before = port_is_free("127.0.0.1", port)

    with socket.create_server(("127.0.0.1", port)):
        during = port_is_free("127.0.0.1", port)

    assert (before, during) == (True, False)
