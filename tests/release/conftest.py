"""A published store to read from, and copies of it to damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from real_release import publish_release

from release.store import Store


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one real release; not to be changed."""
    store = tmp_path_factory.mktemp("published") / "releases"
    publish_release(store)
    return store


@pytest.fixture
def store(published: Path, tmp_path: Path) -> Store:
    """A copy of the published store."""
    return Store(Path(shutil.copytree(published, tmp_path / "releases")))


@pytest.fixture
def folder(store: Store) -> Path:
    """The folder of the release in force in `store`."""
    return store.folder(store.history()[0])
