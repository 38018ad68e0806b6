"""Publishing is all or nothing, and harms nothing that was published before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from real_release import CREATED_AT, draft, draft_ticker, publish_release

from release.errors import BadDraft, StoreUnwritable
from release.store import KEPT, Store
from release.writer import publish

REPOSITORY = Path(__file__).resolve().parents[2]

# Publishes into the store named by its argument, and stops where the folder is complete but for its name.
STOPS_BEFORE_THE_RENAME = """
import sys
from pathlib import Path
import real_release
from release import writer

def stop(folder):
    print("built", folder.name, flush=True)
    sys.stdin.read()

writer.load = stop
real_release.publish_release(Path(sys.argv[1]), tickers=("IBM",))
"""


def relabelled(number: int):
    """A draft of one ticker that differs from others in its model's version only."""
    ticker = draft_ticker("IBM")
    lineage = type(ticker.lineage)(
        **{name: getattr(ticker.lineage, name) for name in ticker.lineage.__struct_fields__}
        | {"model_version": str(number)}
    )
    succession = msgspec.structs.replace(ticker.succession, version=str(number))
    return replace(
        draft(tickers=("IBM",), created_at=CREATED_AT + timedelta(minutes=number + 1)),
        tickers=[replace(ticker, lineage=lineage, succession=succession)],
    )


def test_the_newest_publication_is_in_force(store):
    manifest = publish_release(store.path, tickers=("IBM",))

    assert store.current() == manifest.release_id
    assert store.load().manifest == manifest
    assert len(store.list()) == 2


def test_equal_content_has_an_equal_id_whenever_and_by_whichever_run_it_is_published(store):
    before = store.history()
    again = replace(draft(created_at=CREATED_AT + timedelta(days=1)), dagster_run_id="another-run")

    manifest = publish(store.path, again)

    assert store.history() == before == (manifest.release_id,)
    assert [m.release_id for m in store.list()] == [manifest.release_id]


def test_another_word_on_the_model_card_is_another_release(store):
    before = store.current()

    manifest = publish(store.path, replace(draft(), model_card=f"{draft().model_card}One word more.\n"))

    assert manifest.release_id != before
    assert store.load().model_card.endswith("One word more.\n")


def test_the_id_starts_with_the_newest_session(store):
    assert store.current().startswith("2012-03-01-")


def test_a_damaged_release_is_healed_by_publishing_it_again(store, folder):
    (folder / "metrics.json").write_text("{}")

    publish_release(store.path)

    assert store.load().manifest.release_id == folder.name


def test_killed_halfway_it_leaves_the_old_release_in_force_and_the_next_one_cleans_up(store):
    before = store.current()
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'tests'}"}
    writer = subprocess.Popen(
        [sys.executable, "-c", STOPS_BEFORE_THE_RENAME, str(store.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    said, left_behind = writer.stdout.readline().split()
    writer.send_signal(signal.SIGKILL)
    writer.communicate()

    assert said == "built"
    assert (store.path / left_behind / "manifest.json").exists()
    assert store.current() == before
    assert store.load().manifest.release_id == before
    assert [m.release_id for m in store.list()] == [before]

    publish_release(store.path, tickers=("IBM",))

    assert not (store.path / left_behind).exists()


def test_no_temporary_folder_is_left_after_a_failure(store):
    with pytest.raises(BadDraft):
        publish(store.path, replace(relabelled(1), tickers=[replace(draft_ticker("IBM"), onnx=b"")]))

    assert sorted(p.name for p in store.path.iterdir()) == sorted([".lock", "current", store.current()])


def test_old_releases_go_but_never_the_current_one_or_the_one_before_it(store):
    oldest = store.current()
    for number in range(KEPT):
        publish(store.path, relabelled(number))
        if number == 0:
            second = store.current()
    store.switch(second)
    publish(store.path, relabelled(KEPT))
    kept = {m.release_id for m in store.list()}

    assert oldest not in kept
    assert {*store.history()[:2]} == {store.current(), second}
    assert second in kept
    assert KEPT <= len(kept) <= KEPT + 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_store_is_one_clear_error(store):
    store.path.chmod(0o555)

    with pytest.raises(StoreUnwritable, match=r"expected a writable release store, got Permission denied"):
        publish_release(store.path, tickers=("IBM",))


def test_a_store_that_is_a_file_is_one_clear_error(tmp_path):
    (tmp_path / "releases").write_text("in the way")

    with pytest.raises(StoreUnwritable, match=r"releases: expected a writable release store, got "):
        publish_release(tmp_path / "releases")


def test_a_full_disk_is_one_clear_error_and_harms_nothing(store):
    before = store.current()
    full = [*("bash", "-c", 'ulimit -f 8; exec "$@"', "-"), sys.executable, "-c", PUBLISHES, str(store.path)]
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'tests'}"}

    ended = subprocess.run(full, capture_output=True, text=True, env=environment, check=False)

    assert "StoreUnwritable" in ended.stdout, ended.stderr
    assert "expected a writable release store, got File too large" in ended.stdout
    assert store.load().manifest.release_id == before
    assert [m.release_id for m in store.list()] == [before]


# A limit on the size of files refuses writes as a full disk does; Python ignores its signal and gets an OSError.
PUBLISHES = """
import sys
from pathlib import Path
import real_release
from release.errors import ReleaseError

try:
    real_release.publish_release(Path(sys.argv[1]), tickers=("IBM",))
except ReleaseError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tickers": []}, "tickers: expected at least one, got none"),
        ({"as_of": "2012-02-29"}, "as_of: expected the newest session 2012-03-01, got 2012-02-29"),
        ({"calendars": {}}, "IBM exchange: expected one of none, got XNYS"),
    ],
)
def test_a_draft_that_contradicts_itself_is_refused(tmp_path, change, said):
    with pytest.raises(BadDraft, match=said):
        publish(tmp_path, replace(relabelled(1), **change))

    assert Store(tmp_path).list() == []


def test_one_ticker_twice_is_refused(tmp_path):
    twice = replace(relabelled(1), tickers=[draft_ticker("IBM"), draft_ticker("IBM")])

    with pytest.raises(BadDraft, match=r"tickers: expected each once, got IBM, IBM"):
        publish(tmp_path, twice)
