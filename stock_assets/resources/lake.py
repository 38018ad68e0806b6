"""The lake: one Parquet table per asset and partition, and small files beside it, each replaced in one step."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import dagster as dg
import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from release.files import sync_folder
from stock_assets import parquet
from stock_assets.errors import LakeUnreadable, NotMaterialized
from stock_assets.settings import PipelineSettings

RECORD: Final = "record.json"
# What a table tells of the files that were written with it.
FILES: Final = "files"
# Before the keys of what is told beside a table, in the Parquet schema's metadata.
OURS: Final = "stock_assets."


class Lake:
    """Tables and files under one root, a local folder or anything that fsspec reaches.

    Parameters
    ----------
    root : UPath
    """

    def __init__(self, root: UPath) -> None:
        self.root = root

    def has(self, asset: str, key: str) -> bool:
        """Whether the asset's partition has a table."""
        return bool(self._table(asset, key).exists())

    def keys(self, asset: str) -> tuple[str, ...]:
        """The partitions that have a table, sorted."""
        folder = self.root / asset
        return tuple(sorted(path.stem for path in folder.glob("*.parquet"))) if folder.exists() else ()

    def write(self, asset: str, key: str, table: pd.DataFrame, *, metadata: Mapping[str, str] | None = None) -> None:
        """Replace the partition's table; a reader meets the old one or the new one.

        Parameters
        ----------
        asset, key : str
        table : pandas.DataFrame
            Its index is not kept.
        metadata : mapping of str, optional
            Told beside the table and in the same file, so that both change in the same step.
        """
        columns = pa.Table.from_pandas(table, preserve_index=False)
        told = {f"{OURS}{name}": value for name, value in (metadata or {}).items()}
        buffer = io.BytesIO()
        pq.write_table(columns.replace_schema_metadata({**(columns.schema.metadata or {}), **told}), buffer)
        _replace(self._table(asset, key), buffer.getvalue())

    def read(self, asset: str, key: str) -> pd.DataFrame:
        """The partition's table.

        Raises
        ------
        NotMaterialized
            If nobody has made it yet.
        LakeUnreadable
            If the file is damaged.
        """
        with self._opened(asset, key) as file:
            return parquet.frame(file)

    def told(self, asset: str, key: str) -> dict[str, str]:
        """The metadata that was written with the partition's table; errors as for `read`."""
        with self._opened(asset, key) as file:
            return _ours(pq.read_schema(file))

    def read_told(self, asset: str, key: str) -> tuple[pd.DataFrame, dict[str, str]]:
        """The partition's table and its metadata, both of one and the same write; errors as for `read`."""
        with self._opened(asset, key) as file:
            table = parquet.arrow_table(file)
            return table.to_pandas(use_threads=False), _ours(table.schema)

    @contextlib.contextmanager
    def locked(self, asset: str, key: str) -> Iterator[None]:
        """Keep other writers away from what belongs to the partition; the lock goes with the process that holds it.

        An object store has no such lock: there it is for Dagster to run one thing of a ticker at a time.
        """
        folder = _on_disk(self.root / asset)
        if folder is None:
            yield
            return
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f".{key}.lock"):
            yield

    def write_files(self, asset: str, key: str, files: Mapping[str, bytes]) -> None:
        """Replace the partition's files; their digests are written last, so that a half-written set is never read."""
        record = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
        for name, data in (*files.items(), (RECORD, msgspec.json.encode(record))):
            _replace(self.root / asset / key / name, data)

    def has_files(self, asset: str, key: str) -> bool:
        """Whether the partition has a whole set of files."""
        return bool((self.root / asset / key / RECORD).exists())

    def read_files(self, asset: str, key: str) -> dict[str, bytes]:
        """The partition's files by name, each as its digest says; errors as for `read`."""
        folder = self.root / asset / key
        if not self.has_files(asset, key):
            raise NotMaterialized(f"{asset}: expected files for {key}, found none; materialize it first")
        try:
            record = msgspec.json.decode((folder / RECORD).read_bytes(), type=dict[str, str])
            files = {name: (folder / name).read_bytes() for name in record}
        except FileNotFoundError:
            raise LakeUnreadable(f"{asset}/{key}: expected every file that was recorded, found some gone") from None
        except msgspec.MsgspecError as error:
            raise LakeUnreadable(f"{asset}/{key}/{RECORD}: expected the files' digests, got {error}") from error
        for name, data in files.items():
            if hashlib.sha256(data).hexdigest() != record[name]:
                raise LakeUnreadable(f"{asset}/{key}/{name}: expected the file that was recorded, got another")
        return files

    @contextlib.contextmanager
    def _opened(self, asset: str, key: str) -> Iterator[io.BytesIO]:
        """The bytes of the partition's table, of one moment; what reads them may find them damaged."""
        path = self._table(asset, key)
        try:
            yield io.BytesIO(path.read_bytes())
        except FileNotFoundError:
            raise NotMaterialized(f"{asset}: expected a table for {key}, found none; materialize it first") from None
        except (pa.ArrowException, OSError) as error:
            # What is damaged inside of a column, Arrow calls an OSError.
            raise LakeUnreadable(f"{asset}/{path.name}: expected a Parquet table, got {error}") from error

    def _table(self, asset: str, key: str) -> UPath:
        return self.root / asset / f"{key}.parquet"


def _ours(schema: pa.Schema) -> dict[str, str]:
    """What was told beside a table, without what pandas and Arrow tell each other."""
    told = {name.decode(): value.decode() for name, value in (schema.metadata or {}).items()}
    return {name.removeprefix(OURS): value for name, value in told.items() if name.startswith(OURS)}


def _on_disk(path: UPath) -> Path | None:
    """The path itself on this machine; None in an object store."""
    return Path(path.path) if path.protocol in ("", "file", "local") else None


def _replace(path: UPath, data: bytes) -> None:
    """Put `data` in place of whatever `path` held, in one step that outlasts a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    place = _on_disk(path)
    if place is None:
        # An object store shows an object once all of it is there.
        path.write_bytes(data)
        return
    # Always of the same name: what a writer that died left here is written over, and the file is the writers' lock.
    beside = place.with_name(f".{place.name}.tmp")
    with _locked(beside) as handle:
        try:
            os.ftruncate(handle, 0)
            with os.fdopen(handle, "wb", closefd=False) as file:
                file.write(data)
            os.fsync(handle)
            beside.replace(place)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
    sync_folder(place.parent)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The file at `path`, made if need be, open and out of other writers' reach until the end or the process's."""
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # Whoever held it before may have renamed it, or taken it away.
            if _still_at(path, handle):
                yield handle
                return
        finally:
            os.close(handle)


def _still_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def lake_of(settings: PipelineSettings) -> Lake:
    """The lake of the home."""
    return Lake(UPath(settings.lake))


def files_digest(files: Mapping[str, bytes]) -> str:
    """Hex sha256 of files by name: what a table keeps in its ``attrs[FILES]`` to be known as theirs."""
    state = hashlib.sha256()
    for name in sorted(files):
        state.update(f"{name} {hashlib.sha256(files[name]).hexdigest()}\n".encode())
    return state.hexdigest()


class LakeIOManager(dg.IOManager):
    """Assets' tables go to the lake and come from it; nothing is pickled."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        """Write the partition's table; what stands in its `attrs` is told beside it."""
        told = {str(name): str(value) for name, value in obj.attrs.items()}
        self.lake.write(context.asset_key.to_user_string(), context.partition_key, obj, metadata=told)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Read the partition's table."""
        return self.lake.read(context.asset_key.to_user_string(), context.partition_key)
