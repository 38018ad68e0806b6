"""The folder of releases and the pointer to the one in force. What a release holds is the reader's business.

``current`` is a small text file, replaced in one step: its first line is the id in force, the lines below are what
was in force before, newest first. The same file is pointer and history, so the two can't disagree.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from release.errors import BadRelease, ReleaseError, StoreUnwritable, UnknownRelease
from release.files import replace_synced, sha256, sync_folder
from release.manifest import Manifest
from release.reader import Release, load, read_manifest

CURRENT: Final = "current"
LOCK: Final = ".lock"
TEMPORARY: Final = ".tmp-"
KEPT: Final = 20
RELEASE_ID: Final = re.compile(r"\d{4}-\d{2}-\d{2}-[0-9a-f]{12}")

log = structlog.get_logger()

Stamp = tuple[int, int, int]


class Store:
    """The releases under one folder, which need not exist yet.

    Parameters
    ----------
    path : Path
        For instance ``.stock-assets/releases``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def list(self) -> list[Manifest]:
        """The manifests of all releases, newest first; a folder with a damaged one is logged and left out."""
        manifests = []
        for release_id in self._ids():
            try:
                manifests.append(self.manifest(release_id))
            except BadRelease as error:
                log.warning("release_unreadable", release_id=release_id, error=str(error))
        return sorted(manifests, key=lambda manifest: (manifest.created_at, manifest.release_id), reverse=True)

    def history(self) -> tuple[str, ...]:
        """The ids that were in force, newest first; the first is the current one. Empty for a store without any."""
        try:
            lines = (self.path / CURRENT).read_text("utf-8").split()
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise BadRelease(f"{CURRENT}: expected release ids, got {error}") from error
        for line in lines:
            if not RELEASE_ID.fullmatch(line):
                raise BadRelease(f"{CURRENT}: expected release ids, got {line[:40]!r}")
        return tuple(lines)

    def current(self) -> str | None:
        """The id of the release in force, None before the first one; `BadRelease` if the pointer is damaged."""
        history = self.history()
        return history[0] if history else None

    def stamp(self) -> Stamp | None:
        """What changes whenever another release is put in force, for one ``stat``; None while it is out of reach."""
        try:
            pointer = (self.path / CURRENT).stat()
        except OSError:
            return None
        return pointer.st_ino, pointer.st_mtime_ns, pointer.st_size

    def folder(self, release_id: str) -> Path:
        """Where a release lies; `UnknownRelease` if there is none of that id."""
        folder = self.path / release_id
        if not RELEASE_ID.fullmatch(release_id) or not folder.is_dir():
            known = ", ".join(self._ids()) or "none"
            raise UnknownRelease(f"release: expected one of {known}, got {release_id}")
        return folder

    def manifest(self, release_id: str) -> Manifest:
        """A release's manifest, its files unverified."""
        manifest = read_manifest(self.folder(release_id))
        if manifest.release_id != release_id:
            raise BadRelease(f"{release_id}: expected a release of that id, got {manifest.release_id}")
        return manifest

    def load(self, release_id: str | None = None) -> Release:
        """A release, verified whole: the one in force unless another is named.

        Raises
        ------
        UnknownRelease
            If there is none of that id, or none in force.
        BadRelease
            If it fails its verification.
        """
        wanted = release_id or self.current()
        if wanted is None:
            raise UnknownRelease(f"{self.path}: expected a published release, found none")
        release = load(self.folder(wanted))
        if release.manifest.release_id != wanted:
            raise BadRelease(f"{wanted}: expected a release of that id, got {release.manifest.release_id}")
        return release

    def earlier(self) -> Iterator[Release]:
        """The releases that were in force before the current one, newest first, as far as they are whole.

        Each is loaded when it is asked for: whoever starts while the current one is damaged can go on with the first.
        """
        current, *before = self.history() or (None,)
        for release_id in dict.fromkeys(before):
            if release_id == current:
                continue
            try:
                yield self.load(release_id)
            except ReleaseError as error:
                log.warning("release_damaged", release_id=release_id, error=str(error))

    def switch(self, release_id: str) -> Manifest:
        """Put a release of the store in force, after verifying it."""
        self.load(release_id)
        with self._writing(), self.locked():
            self.put_in_force(release_id)
        return self.manifest(release_id)

    def rollback(self) -> Manifest:
        """Put the release in force that was so before the current one, after verifying it.

        Raises
        ------
        UnknownRelease
            If there was none before.
        """
        with self._writing(), self.locked():
            history = self.history()
            if len(history) < 2:
                raise UnknownRelease(f"{self.path}: expected a release before the current one, found none")
            self.load(history[1])
            self._point(history[1:])
        return self.manifest(history[1])

    # What the writer needs; each expects the lock to be held.

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers out, in this and other processes; the lock goes with the process that holds it."""
        self.path.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def sweep(self) -> None:
        """Remove what writers that died left behind."""
        for folder in self.path.glob(f"{TEMPORARY}*"):
            shutil.rmtree(folder)

    def is_sound(self, release_id: str) -> bool:
        """Whether the store holds that release with every file as its manifest says."""
        folder = self.path / release_id
        if not folder.is_dir():
            return False
        try:
            files = self.manifest(release_id).files
            return all(sha256((folder / file.path).read_bytes()) == file.sha256 for file in files)
        except (BadRelease, OSError) as error:
            log.warning("release_damaged", release_id=release_id, error=str(error))
            return False

    def adopt(self, aside: Path, release_id: str) -> None:
        """Rename a finished folder to its id, in place of a damaged one of that id if there is one."""
        folder = self.path / release_id
        if folder.exists():
            folder.rename(tempfile.mkdtemp(dir=self.path, prefix=TEMPORARY))
        aside.rename(folder)
        sync_folder(self.path)

    def put_in_force(self, release_id: str) -> None:
        """Point to the release and remember the one before; no news if it is in force already."""
        history = self.history()
        if history[:1] != (release_id,):
            self._point((release_id, *history))

    def prune(self) -> None:
        """Keep the newest releases, and in any case the current one and the one before it."""
        kept = {manifest.release_id for manifest in self.list()[:KEPT]} | set(self.history()[:2])
        for release_id in self._ids():
            if release_id not in kept:
                shutil.rmtree(self.path / release_id)

    def _point(self, history: tuple[str, ...]) -> None:
        replace_synced(self.path / CURRENT, "".join(f"{line}\n" for line in history[:KEPT]).encode())

    def _ids(self) -> tuple[str, ...]:
        if not self.path.is_dir():
            return ()
        return tuple(sorted(path.name for path in self.path.iterdir() if RELEASE_ID.fullmatch(path.name)))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnwritable(f"{self.path}: expected a writable release store, got {error.strerror}") from error
