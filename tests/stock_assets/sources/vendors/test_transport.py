"""How a vendor is asked, against a real server that misbehaves."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from vendor_server import NOON, Reply, VendorServer, Waits, as_json, cut, instead, pace_of, reset, settings_for, stalled

from release.files import sha256
from stock_assets.errors import (
    BudgetSpent,
    DataNotFound,
    DataUnreadable,
    ErrorBody,
    HomeUnwritable,
    VendorRefused,
    VendorUnavailable,
)
from stock_assets.sources.vendors.response_cache import Answer
from stock_assets.sources.vendors.transport import LONGEST_BACKOFF_SECONDS, PATIENCE_SECONDS, Pace, Transport
from stock_assets.sources.vendors.turnstile import IN_FLIGHT, turn

BODY = b'{"bars": [1, 2, 3, 4, 5]}'
PASSING = {
    "429": (instead(status=429), "status 429"),
    "500": (instead(status=500), "status 500"),
    "503": (instead(b"<html>", status=503), "status 503"),
    "cut body": (cut, "a body cut short"),
    "connection reset": (reset, "reset by peer"),
    "slow body": (stalled, "none within the timeout of 0.2 s"),
}


@pytest.fixture
def server(server) -> VendorServer:
    server.write("/bars", Reply(BODY))
    return server


@pytest.fixture
def transport(server, tmp_path, waits) -> Transport:
    return transport_to(server, tmp_path, waits)


def transport_to(server: VendorServer, home: Path, waits: Waits, **changes: object) -> Transport:
    settings = settings_for(server, home, request_timeout_seconds=0.2, **changes)
    return Transport("vendor", base_url=server.url, settings=settings, pace=pace_of(waits))


def get(transport: Transport, path: str = "/bars", **params: str) -> Answer:
    return transport.get(path, params, about="AAPL", accept=lambda _: None)


def test_an_answer_is_what_the_vendor_sent(server, transport):
    answer = get(transport, symbol="AAPL")

    assert (answer.status, answer.body, answer.sha256, answer.from_cache) == (200, BODY, sha256(BODY), False)
    assert answer.headers["content-length"] == str(len(BODY))
    assert [(seen.path, seen.params) for seen in server.seen] == [("/bars", {"symbol": "AAPL"})]


@pytest.mark.parametrize("kind", PASSING)
def test_what_passes_is_asked_again_and_then_good(server, transport, kind):
    server.misbehave(PASSING[kind][0])

    assert get(transport).body == BODY
    assert len(server.seen) == 2


@pytest.mark.parametrize("kind", PASSING)
def test_what_never_passes_is_unavailable_after_so_many_attempts(server, tmp_path, waits, kind):
    mischief, got = PASSING[kind]
    server.always(mischief)
    transport = transport_to(server, tmp_path, waits, request_attempts=2)

    with pytest.raises(VendorUnavailable, match=f"^vendor: expected an answer for AAPL within 2 attempts, .*{got}$"):
        get(transport)

    assert len(server.seen) == 2
    assert not list(tmp_path.rglob("*.gz"))


def test_a_vendor_that_is_not_there_is_unavailable(server, tmp_path, waits):
    settings = settings_for(server, tmp_path, request_attempts=3)
    transport = Transport("vendor", base_url="http://127.0.0.1:1", settings=settings, pace=pace_of(waits))

    with pytest.raises(VendorUnavailable, match="within 3 attempts, got curl"):
        get(transport)


def test_waits_between_attempts_grow_with_full_jitter(server, tmp_path, waits):
    server.always(instead(status=500))
    transport = transport_to(server, tmp_path, waits, request_attempts=12)

    with pytest.raises(VendorUnavailable):
        get(transport)

    ceilings = [min(LONGEST_BACKOFF_SECONDS, 2.0**i) for i in range(11)]
    assert len(waits.seconds) == 11
    assert all(0 <= waited <= ceiling for waited, ceiling in zip(waits.seconds, ceilings, strict=True))
    assert max(waits.seconds) > 8
    assert len({round(waited / ceiling, 3) for waited, ceiling in zip(waits.seconds, ceilings, strict=True)}) > 8


def test_a_retry_after_in_seconds_is_waited_for_and_not_much_longer(server, transport, waits):
    server.misbehave(instead(status=429, Retry_After="7"))

    get(transport)

    assert timedelta(seconds=7) <= waits.at - NOON <= timedelta(seconds=8)


def test_a_retry_after_with_a_date_is_waited_for(server, transport, waits):
    server.misbehave(instead(status=503, Retry_After="Thu, 20 Feb 2025 12:01:30 GMT"))

    get(transport)

    assert timedelta(seconds=90) <= waits.at - NOON <= timedelta(seconds=91)


@pytest.mark.parametrize("said", ["", "soon", "-5", "Wed, 19 Feb 2025 12:00:00 GMT"])
def test_a_retry_after_that_says_nothing_of_the_future_is_as_none(server, transport, waits, said):
    server.misbehave(instead(status=429, Retry_After=said))

    assert get(transport).body == BODY
    assert sum(waits.seconds) <= 1.0


def test_nobody_waits_for_an_hour(server, transport, waits):
    server.misbehave(instead(status=429, Retry_After="3600"))

    with pytest.raises(VendorUnavailable, match="within 120 s, got status 429: the vendor asks to wait 3600 s"):
        get(transport)

    assert waits.seconds == []
    assert len(server.seen) == 1


def test_a_vendor_that_asked_for_an_hour_is_left_alone_for_it(server, transport, waits):
    server.misbehave(instead(status=429, Retry_After="3600"))
    with pytest.raises(VendorUnavailable):
        get(transport)

    waits.at += timedelta(seconds=3600 - PATIENCE_SECONDS - 1)
    with pytest.raises(VendorUnavailable, match="no leave to ask yet: the vendor asks to wait 121 s"):
        get(transport, another="question")
    assert len(server.seen) == 1

    waits.at += timedelta(seconds=1)
    assert get(transport).body == BODY
    assert waits.at == NOON + timedelta(hours=1)


def test_the_budget_is_of_attempts_and_lasts_an_hour(server, tmp_path, waits):
    transport = transport_to(server, tmp_path, waits, request_budget=3)
    server.misbehave(instead(status=500))
    get(transport, page="1")
    get(transport, page="2")

    with pytest.raises(
        BudgetSpent,
        match=r"^vendor: expected at most 3 requests an hour \(request_budget\), got one more, for AAPL; .*T13:00:00Z$",
    ):
        get(transport, page="3")
    assert len(server.seen) == 3

    waits.at += timedelta(hours=1)
    assert get(transport, page="3").body == BODY


def test_the_budget_stops_attempts_too(server, tmp_path, waits):
    server.always(instead(status=500))
    transport = transport_to(server, tmp_path, waits, request_budget=2)

    with pytest.raises(BudgetSpent):
        get(transport)

    assert len(server.seen) == 2


def test_an_answer_that_is_kept_is_given_again_without_asking(server, tmp_path, transport, waits):
    first = get(transport, b="2", a="1")
    waits.at += timedelta(minutes=14)
    again = get(transport_to(server, tmp_path, waits), a="1", b="2")

    assert (again.status, again.body, again.sha256, again.from_cache) == (200, BODY, first.sha256, True)
    assert len(server.seen) == 1


def test_another_question_has_another_answer(server, transport):
    get(transport, symbol="AAPL")
    server.write("/bars", Reply(b"[]"), symbol="MSFT")

    assert get(transport, symbol="MSFT").body == b"[]"


def test_an_answer_that_is_too_old_is_asked_for_again_and_both_are_kept(server, transport, waits):
    old = get(transport)
    server.write("/bars", Reply(b'{"bars": "restated"}'))
    waits.at += timedelta(minutes=15)
    new = get(transport)

    assert not new.from_cache
    assert get(transport).sha256 == new.sha256
    assert transport.cache.body(old.sha256) == BODY
    assert transport.cache.body(new.sha256) == b'{"bars": "restated"}'


def test_an_answer_from_the_future_is_not_fresh(transport, waits):
    get(transport)
    waits.at -= timedelta(seconds=1)

    assert not get(transport).from_cache


def test_nothing_is_kept_of_an_answer_that_was_refused(tmp_path, transport):
    def refuse(_: Answer) -> None:
        raise ErrorBody("vendor: expected bars, got something else")

    with pytest.raises(ErrorBody):
        transport.get("/bars", {}, about="AAPL", accept=refuse)

    assert not get(transport).from_cache
    assert len(list(tmp_path.rglob("*.gz"))) == 1


def test_nothing_but_a_200_is_kept(server, tmp_path, transport):
    server.write("/gone", as_json({}, status=404))

    assert get(transport, "/gone").status == 404
    assert not list(tmp_path.rglob("*.gz"))


def test_secrets_are_nowhere(server, tmp_path, transport, caplog):
    caplog.set_level("DEBUG")
    server.misbehave(instead(status=500))
    secret = "a-secret-of-a-test"

    answer = transport.get("/bars", {}, about="AAPL", accept=lambda _: None, headers={"X-Key": secret})

    assert server.seen[-1].headers["X-Key"] == secret
    assert secret not in repr(answer)
    assert "vendor_asked_again" in caplog.text
    assert secret not in caplog.text
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    assert all(secret.encode() not in file.read_bytes() for file in files)


def test_attempts_are_logged_with_vendor_ticker_and_what_came(server, transport, caplog):
    caplog.set_level("DEBUG", logger="stock_assets.vendors")
    server.misbehave(instead(status=429))

    get(transport)

    retry, answered = (record.getMessage() for record in caplog.records if record.levelname == "WARNING"), caplog.text
    assert list(retry) == ["event='vendor_asked_again' vendor='vendor' about='AAPL' attempt=1 got='status 429'"]
    assert "event='vendor_answered' vendor='vendor' about='AAPL' status=200" in answered


@pytest.mark.parametrize("damage", [b"", b"not gzip at all", None])
def test_a_damaged_answer_on_disk_is_asked_for_again(tmp_path, transport, damage):
    answer = get(transport)
    [file] = tmp_path.rglob("*.gz")
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)

    assert not get(transport).from_cache
    assert transport.cache.body(answer.sha256) == BODY


def test_a_damaged_entry_on_disk_is_asked_for_again(tmp_path, transport):
    get(transport)
    [entry] = tmp_path.rglob("*.json")
    entry.write_bytes(entry.read_bytes()[:20])

    assert not get(transport).from_cache


def test_a_body_under_another_ones_digest_is_refused(transport, tmp_path):
    mine, other = get(transport), sha256(b"other")
    [file] = tmp_path.rglob("*.gz")
    there = transport.cache.root / "bodies" / other[:2] / f"{other}.gz"
    there.parent.mkdir()
    file.rename(there)

    with pytest.raises(DataUnreadable, match=f"expected a body of digest {other}, got one of {mine.sha256}"):
        transport.cache.body(other)
    with pytest.raises(DataNotFound, match=mine.sha256):
        transport.cache.body(mine.sha256)


def test_a_home_that_cannot_be_written_is_said(tmp_path, transport):
    (tmp_path / "responses").write_text("a file in the folder's place")

    with pytest.raises(HomeUnwritable, match="responses: expected a writable folder"):
        get(transport)


def test_a_redirect_is_not_followed(server, transport):
    with VendorServer().running() as elsewhere:
        server.misbehave(instead(status=302, Location=f"{elsewhere.url}/bars"))

        with pytest.raises(VendorRefused, match=f"expected an answer for AAPL from {server.url}, .*127.0.0.1"):
            get(transport)

        assert elsewhere.seen == []


def test_few_requests_are_on_their_way_at_once(server, tmp_path):
    together, counted, inside, peak = threading.Barrier(IN_FLIGHT), threading.Lock(), 0, 0

    def counting(handler, reply):
        nonlocal inside, peak
        with counted:
            inside += 1
            peak = max(peak, inside)
        # Nobody leaves before the place beside it is taken.
        together.wait(timeout=60)
        with counted:
            inside -= 1
        handler.send(reply)

    server.always(counting)
    transports = [
        Transport("vendor", base_url=server.url, settings=settings_for(server, tmp_path), pace=Pace())
        for _ in range(4 * IN_FLIGHT)
    ]
    with ThreadPoolExecutor(len(transports)) as threads:
        answers = list(threads.map(lambda one: get(one[1], page=str(one[0])), enumerate(transports)))

    assert [answer.body for answer in answers] == [BODY] * len(transports)
    assert peak == IN_FLIGHT


HOLD_ALL = """
import contextlib, pathlib, sys, time
from stock_assets.sources.vendors.turnstile import IN_FLIGHT, turn
with contextlib.ExitStack() as held:
    for _ in range(IN_FLIGHT):
        held.enter_context(turn(pathlib.Path(sys.argv[1]), sleep=time.sleep))
    print("held", flush=True)
    sys.stdin.read()
"""


def test_places_are_shared_with_other_processes_and_come_back_when_one_dies(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_ALL, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    for place in tmp_path.glob("place-*.lock"):
        with place.open("w") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    entered = threading.Event()

    def enter() -> None:
        with turn(tmp_path, sleep=time.sleep):
            entered.set()

    waiting = threading.Thread(target=enter, daemon=True)
    waiting.start()
    holder.kill()

    assert entered.wait(timeout=60)
    holder.communicate()
    waiting.join()
