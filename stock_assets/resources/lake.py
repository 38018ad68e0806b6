"""The lake: one Parquet table per asset and partition, and small files beside it, each replaced in one step."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping

import dagster as dg
import msgspec
import pandas as pd
import pyarrow as pa
from upath import UPath

from stock_assets.errors import LakeUnreadable, NotMaterialized

RECORD = "record.json"


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

    def write(self, asset: str, key: str, table: pd.DataFrame) -> None:
        """Replace the partition's table; a reader meets the old one or the new one."""
        path = self._table(asset, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.parent / f".{uuid.uuid4().hex}.tmp"
        try:
            with beside.open("wb") as file:
                table.to_parquet(file, index=False)
                _sync(file)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise

    def read(self, asset: str, key: str) -> pd.DataFrame:
        """The partition's table.

        Raises
        ------
        NotMaterialized
            If nobody has made it yet.
        LakeUnreadable
            If the file is damaged.
        """
        path = self._table(asset, key)
        try:
            with path.open("rb") as file:
                return pd.read_parquet(file)
        except FileNotFoundError:
            raise NotMaterialized(f"{asset}: expected a table for {key}, found none; materialize it first") from None
        except pa.ArrowException as error:
            raise LakeUnreadable(f"{asset}/{path.name}: expected a Parquet table, got {error}") from error

    def write_files(self, asset: str, key: str, files: Mapping[str, bytes]) -> None:
        """Replace the partition's files; their digests are written last, so that a half-written set is never read."""
        folder = self.root / asset / key
        folder.mkdir(parents=True, exist_ok=True)
        record = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
        for name, data in (*files.items(), (RECORD, msgspec.json.encode(record))):
            beside = folder / f".{uuid.uuid4().hex}.tmp"
            with beside.open("wb") as file:
                file.write(data)
                _sync(file)
            beside.replace(folder / name)

    def has_files(self, asset: str, key: str) -> bool:
        """Whether the partition has a whole set of files."""
        return bool((self.root / asset / key / RECORD).exists())

    def read_files(self, asset: str, key: str) -> dict[str, bytes]:
        """The partition's files by name, each as its digest says; errors as for `read`."""
        folder = self.root / asset / key
        if not self.has_files(asset, key):
            raise NotMaterialized(f"{asset}: expected files for {key}, found none; materialize it first")
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=dict[str, str])
        files = {name: (folder / name).read_bytes() for name in record}
        for name, data in files.items():
            if hashlib.sha256(data).hexdigest() != record[name]:
                raise LakeUnreadable(f"{asset}/{key}/{name}: expected the file that was recorded, got another")
        return files

    def _table(self, asset: str, key: str) -> UPath:
        return self.root / asset / f"{key}.parquet"


def _sync(file: object) -> None:
    """Wait for the disk, where the file is on one; an object store has no such thing."""
    descriptor = getattr(file, "fileno", None)
    if descriptor is not None:
        file.flush()  # type: ignore[attr-defined]
        os.fsync(descriptor())


class LakeIOManager(dg.IOManager):
    """Assets' tables go to the lake and come from it; nothing is pickled."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        """Write the partition's table."""
        self.lake.write(context.asset_key.to_user_string(), context.partition_key, obj)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Read the partition's table."""
        return self.lake.read(context.asset_key.to_user_string(), context.partition_key)
