"""The pointer to the release in force: switched, rolled back, never left pointing at something unsound."""

from __future__ import annotations

import pytest
from real_release import publish_release

from release.errors import BadRelease, UnknownRelease
from release.store import Store


def test_a_store_that_does_not_exist_has_no_releases(tmp_path):
    store = Store(tmp_path / "nowhere")

    assert store.current() is None
    assert store.list() == []
    with pytest.raises(UnknownRelease, match=r"expected a published release, found none"):
        store.load()


def test_rolling_back_puts_the_release_before_in_force(store):
    first = store.current()
    second = publish_release(store.path, tickers=("IBM",)).release_id

    manifest = store.rollback()

    assert manifest.release_id == store.current() == first
    assert second in {m.release_id for m in store.list()}


def test_there_is_nothing_before_the_first_release(store):
    with pytest.raises(UnknownRelease, match=r"expected a release before the current one, found none"):
        store.rollback()


def test_switching_remembers_what_was_in_force(store):
    first = store.current()
    second = publish_release(store.path, tickers=("IBM",)).release_id

    store.switch(first)

    assert store.history() == (first, second, first)


def test_switching_to_an_unknown_release_names_the_known_ones(store):
    known = store.current()

    with pytest.raises(UnknownRelease, match=rf"expected one of {known}, got 2012-03-01-aaaaaaaaaaaa"):
        store.switch("2012-03-01-aaaaaaaaaaaa")


def test_an_id_can_not_lead_out_of_the_store(store):
    with pytest.raises(UnknownRelease, match=r"expected one of .*, got \.\./releases"):
        store.load("../releases")


def test_a_damaged_release_is_not_put_in_force(store, folder):
    second = publish_release(store.path, tickers=("IBM",)).release_id
    (folder / "metrics.json").write_text("{}")

    with pytest.raises(BadRelease, match=r"metrics.json: expected \d+ bytes, got 2"):
        store.rollback()

    assert store.current() == second


def test_a_damaged_pointer_is_named(store):
    (store.path / "current").write_text("../../etc/passwd\n")

    with pytest.raises(BadRelease, match=r"current: expected release ids, got '\.\./\.\./etc/passwd'"):
        store.load()


def test_releases_are_listed_newest_first_and_a_damaged_one_is_left_out(store, folder):
    second = publish_release(store.path, tickers=("IBM",)).release_id
    (folder / "manifest.json").write_text("{")

    assert [m.release_id for m in store.list()] == [second]


def test_the_stamp_changes_when_another_release_is_put_in_force_and_not_otherwise(store):
    before = store.stamp()
    store.load()
    unchanged = store.stamp()
    publish_release(store.path, tickers=("IBM",))

    assert before == unchanged is not None
    assert store.stamp() != before


def test_a_store_without_a_release_has_no_stamp(tmp_path):
    assert Store(tmp_path).stamp() is None


def test_what_was_in_force_earlier_is_found_newest_first_each_once_as_far_as_it_is_whole(store):
    first = store.current()
    damaged = publish_release(store.path, tickers=("IBM",)).release_id
    third = publish_release(store.path, as_of="2012-02-29").release_id
    for release_id in (first, damaged, third, first, damaged):
        store.switch(release_id)
    (store.folder(damaged) / "metrics.json").unlink()
    store.switch(third)
    with store.locked():
        store.put_in_force(damaged)

    earlier = [release.manifest.release_id for release in store.earlier()]

    assert earlier == [third, first]


def test_nothing_was_in_force_before_the_first_release_or_in_no_store_at_all(store, tmp_path):
    assert list(store.earlier()) == []
    assert list(Store(tmp_path / "nowhere").earlier()) == []
