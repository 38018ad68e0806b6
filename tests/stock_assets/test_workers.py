from __future__ import annotations

import operator
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from stock_assets.workers import Died, Event, Finished, Job, Pool, Started


def job(label: str, function, *arguments) -> Job:
    return Job(label=label, function=function, arguments=arguments)


def outcome(events: list[Event]) -> dict[str, Event]:
    return {event.label: event for event in events if isinstance(event, Finished | Died)}


def test_every_job_is_done_once_and_returns_its_value(tmp_path: Path) -> None:
    jobs = [job(str(n), operator.mul, n, n) for n in range(7)]

    with Pool(workers=2, logs=tmp_path) as pool:
        events = list(pool.run(jobs))

    assert {label: event.value for label, event in outcome(events).items()} == {str(n): n * n for n in range(7)}
    assert [event.label for event in events if isinstance(event, Started)] == [str(n) for n in range(7)]


def test_a_worker_keeps_its_process_from_job_to_job(tmp_path: Path) -> None:
    with Pool(workers=1, logs=tmp_path) as pool:
        events = list(pool.run([job("a", os.getpid), job("b", os.getpid)]))

    assert len({event.value for event in outcome(events).values()}) == 1


def test_a_killed_worker_costs_its_own_job_and_no_other(tmp_path: Path) -> None:
    jobs = [job("a", abs, -1), job("doomed", signal.raise_signal, signal.SIGKILL), job("b", abs, -2)]

    with Pool(workers=1, logs=tmp_path) as pool:
        ended = outcome(list(pool.run(jobs)))

    assert isinstance(ended["doomed"], Died)
    assert "was ended by SIGKILL" in ended["doomed"].reason
    assert (ended["a"], ended["b"]) == (Finished("a", 1), Finished("b", 2))


def test_an_exception_in_a_job_is_reported_with_the_log_that_holds_its_traceback(tmp_path: Path) -> None:
    with Pool(workers=1, logs=tmp_path) as pool:
        ended = outcome(list(pool.run([job("bad", operator.truediv, 1, 0)])))

    assert "worker-1.log" in ended["bad"].reason
    assert "ZeroDivisionError" in (tmp_path / "worker-1.log").read_text()


def test_leaving_the_pool_early_ends_the_workers_at_work(tmp_path: Path) -> None:
    started = time.monotonic()

    with Pool(workers=2, logs=tmp_path) as pool:
        next(iter(pool.run([job("long", time.sleep, 60), job("longer", time.sleep, 60)])))
        pool.__exit__(KeyboardInterrupt)

    assert time.monotonic() - started < 30
    assert [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())] == []


def test_numerical_libraries_in_a_worker_keep_to_one_thread(tmp_path: Path) -> None:
    with Pool(workers=1, logs=tmp_path) as pool:
        ended = outcome(list(pool.run([job("threads", os.getenv, "OMP_NUM_THREADS")])))

    assert ended["threads"].value == "1"


def test_a_pool_without_workers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers: expected at least 1, got 0"):
        Pool(workers=0, logs=tmp_path)
