"""The model that serves a ticker, and the trained versions that could: their files in the lake, whole and decoded.

Every version is kept in a folder of its own, named for what is in it and written once. Which of them is in force, and
how that came about, is a ticker's ledger: one small file, replaced in one step, so that whoever dies at work leaves the
version before or the one after in force. How a version is judged is `stock_assets.succession`'s business.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Final, Self

import msgspec
import pandas as pd

from quant.errors import QuantError
from quant.forecast import ForecastParameters
from release.manifest import (
    MOVES_TOLD,
    Challenger,
    How,
    Succession,
    SuccessionMove,
    TickerLineage,
    TickerMetrics,
    Verdict,
)
from stock_assets import parquet
from stock_assets.errors import LakeUnreadable, NotMaterialized
from stock_assets.learning.walk_forward import Model
from stock_assets.resources.lake import RECORD as DIGESTS
from stock_assets.resources.lake import Lake, files_digest

CHAMPION: Final = "champion"
MODEL: Final = "model"
EVALUATION: Final = "oos_predictions"
VERSIONS: Final = "model_versions"
# The files of a version: what training wrote, what the evaluation wrote, and the record that it is judged by.
PARAMETERS: Final = "forecast.json"
METRICS: Final = "metrics.json"
LINEAGE: Final = "lineage.json"
ONNX: Final = "model.onnx"
PARITY: Final = "parity.npz"
RECORD: Final = "oos_predictions.parquet"

LEDGER: Final = "ledger.json"
IN_FORCE: Final = "in_force.json"
BY_HAND: Final = "by hand"
KEPT: Final = 10
MOVES_KEPT: Final = 100


class Champion(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one version, decoded; `parameters` and `metrics` go by horizon, `oos` is its record."""

    lineage: TickerLineage
    parameters: dict[int, ForecastParameters]
    metrics: dict[int, TickerMetrics]
    onnx: bytes
    parity: bytes
    oos: bytes

    @classmethod
    def read(cls, lake: Lake, ticker: str) -> Champion:
        """The one in force; `NotMaterialized` for a ticker without one, `LakeUnreadable` for one that is damaged."""
        archive = Archive(lake, ticker)
        key = archive.ledger().in_force
        if key is None:
            raise NotMaterialized(f"{CHAMPION}: expected one for {ticker}, found none; materialize it first")
        return archive.read(key)

    @classmethod
    def of(cls, files: Mapping[str, bytes], *, name: str = "new") -> Self:
        """From the bytes of its files; `LakeUnreadable`, with `name`, if another version of this code wrote them."""
        try:
            return cls(
                lineage=msgspec.json.decode(files[LINEAGE], type=TickerLineage),
                parameters=msgspec.json.decode(files[PARAMETERS], type=dict[int, ForecastParameters]),
                metrics=msgspec.json.decode(files[METRICS], type=dict[int, TickerMetrics]),
                onnx=files[ONNX],
                parity=files[PARITY],
                oos=files[RECORD],
            )
        except (KeyError, msgspec.MsgspecError, QuantError) as error:
            raise LakeUnreadable(
                f"{VERSIONS}/{name}: expected a version's files as this code writes them, got {error}"
            ) from error

    @property
    def horizon(self) -> int:
        """The horizon that signals act on, in sessions."""
        return next(iter(self.parameters))

    def record(self) -> pd.DataFrame:
        """Every model's out-of-sample forecasts that the version was judged by, as `oos_predictions` had them."""
        return parquet.frame(io.BytesIO(self.oos))

    def forecasts(self, *, horizon: int | None = None) -> pd.DataFrame:
        """Its own out-of-sample forecasts at one horizon (by default the signals'), one row a session, oldest first.

        `realised` is NaN while it isn't known.
        """
        table = self.record()
        wanted = (table["model"] == Model.CHAMPION.value) & (table["horizon"] == (horizon or self.horizon))
        return table[wanted].sort_values("date", ignore_index=True)


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A trained version whose files are kept, and what was decided of it when it was trained.

    Attributes
    ----------
    key : str
        Of its folder: ``<version>-<12 hex digits of the files' digest>``, so that equal files have one.
    version, mlflow_run_id, trained_at : str
        As its lineage has them.
    decided_at, by : str
        When (ISO time in UTC), and the id of the Dagster run that did.
    verdict : Verdict
    decision : str
        The verdict and its reasons, for a person.
    figures : dict
        What it rests on; None for a figure that there was none of.
    """

    key: str
    version: str
    mlflow_run_id: str
    trained_at: str
    decided_at: str
    by: str
    verdict: Verdict
    decision: str
    figures: dict[str, float | None]

    def same_model(self, other: Version) -> bool:
        """Whether both are one training, which may have been evaluated twice."""
        return (self.version, self.mlflow_run_id) == (other.version, other.mlflow_run_id)

    def told(self) -> Challenger:
        """As a release has it."""
        return Challenger(
            version=self.version,
            trained_at=self.trained_at,
            decided_at=self.decided_at,
            verdict=self.verdict,
            decision=self.decision,
            figures=self.figures,
        )


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A version's coming into force: when (ISO time in UTC), how, by whom (a Dagster run's id, or "by hand") and why.

    `forced` is what guards said against it and a person overruled; empty if nothing.
    """

    key: str
    version: str
    at: str
    how: How
    by: str
    why: str
    forced: str = ""

    def told(self) -> SuccessionMove:
        """As a release has it."""
        return SuccessionMove(
            version=self.version, at=self.at, how=self.how, why=self.why, forced=self.forced, by=self.by
        )


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """Which of a ticker's versions is in force, and how that came about.

    Attributes
    ----------
    in_force : str, optional
        Its key; None before the first promotion.
    before : tuple of str
        Keys of those that it replaced and that are kept, the last of them last: where a rollback goes.
    versions : tuple of Version
        Those that are kept, in the order of their training.
    moves : tuple of Move
        The newest `MOVES_KEPT`, oldest first.
    """

    in_force: str | None = None
    before: tuple[str, ...] = ()
    versions: tuple[Version, ...] = ()
    moves: tuple[Move, ...] = ()

    @property
    def champion(self) -> Version | None:
        """The version in force."""
        return next((version for version in self.versions if version.key == self.in_force), None)

    @property
    def challenger(self) -> Version | None:
        """The version that was trained last; the champion itself if it was promoted."""
        return self.versions[-1] if self.versions else None

    @property
    def previous(self) -> Version | None:
        """The version that a rollback puts in force."""
        return next((version for version in self.versions if self.before[-1:] == (version.key,)), None)

    @property
    def since(self) -> Move | None:
        """How the version in force came to be."""
        return self.moves[-1] if self.moves else None

    def succession(self, version: str) -> Succession | None:
        """What a release tells of how a version came into force; None of one that never has, as far as is kept.

        Moves after its own are left out: a release may carry the version before, whose successor has no signals yet.
        """
        moves = [move.told() for move in reversed(self.moves)]
        first = next((k for k, move in enumerate(moves) if move.version == version), None)
        if first is None:
            return None
        newest = self.challenger
        return Succession(
            **msgspec.structs.asdict(moves[first]),
            challenger=None if newest is None or newest.version == version else newest.told(),
            moves=tuple(moves[first : first + MOVES_TOLD]),
        )

    def numbered(self, version: str) -> Version | None:
        """The kept version of that number; of several records of it, the newest."""
        return next((kept for kept in reversed(self.versions) if kept.version == version), None)

    def with_version(self, version: Version) -> Ledger:
        """With another version kept, and without those that are too old to be."""
        others = [kept for kept in self.versions if kept.key != version.key]
        return self._pruned((*others, version))

    def moved(self, version: Version, move: Move) -> Ledger:
        """With a kept version in force: what was in force before is where a rollback goes.

        A model that is in force already, evaluated anew, takes its own place, and no move is made.
        """
        now = self.champion
        if now is not None and now.same_model(version):
            return msgspec.structs.replace(self, in_force=version.key)._pruned(self.versions)
        before = self.before if now is None else (*self.before, now.key)
        return self._moved(version, before, move)

    def rolled_back(self, version: Version, move: Move) -> Ledger:
        """With the previous version in force again, and what it had replaced as its own previous one."""
        return self._moved(version, self.before[:-1], move)

    def _moved(self, version: Version, before: tuple[str, ...], move: Move) -> Ledger:
        moves = (*self.moves, move)[-MOVES_KEPT:]
        return msgspec.structs.replace(self, in_force=version.key, before=before, moves=moves)._pruned(self.versions)

    def _pruned(self, versions: Iterable[Version]) -> Ledger:
        """The newest `KEPT` versions, and never without the one in force or the one that a rollback goes to."""
        known = tuple(versions)
        newest = {version.key for version in known[-KEPT:]}
        kept = tuple(v for v in known if v.key in newest or v.key == self.in_force or v.key in self.before[-1:])
        keys = {version.key for version in kept}
        return msgspec.structs.replace(self, versions=kept, before=tuple(key for key in self.before if key in keys))


class Archive:
    """A ticker's kept versions and its ledger, in the lake."""

    def __init__(self, lake: Lake, ticker: str) -> None:
        self._lake = lake
        self._ticker = ticker

    def locked(self) -> AbstractContextManager[None]:
        """Keep others from deciding on the ticker meanwhile."""
        return self._lake.locked(VERSIONS, self._ticker)

    def ledger(self) -> Ledger:
        """As it stands; an empty one for a ticker that was never trained. `LakeUnreadable` if it is damaged."""
        path = self._lake.root / VERSIONS / self._ticker / LEDGER
        try:
            return msgspec.json.decode(path.read_bytes(), type=Ledger)
        except FileNotFoundError:
            return Ledger()
        except msgspec.MsgspecError as error:
            raise LakeUnreadable(f"{VERSIONS}/{self._ticker}/{LEDGER}: expected a ledger, got {error}") from error

    def keep(self, files: Mapping[str, bytes]) -> str:
        """Write a version's files, unless they are there already; their key."""
        lineage = msgspec.json.decode(files[LINEAGE], type=TickerLineage)
        key = f"{lineage.model_version}-{files_digest(files)[:12]}"
        if not self._lake.has_files(VERSIONS, self.folder(key)):
            self._lake.write_files(VERSIONS, self.folder(key), files)
        return key

    def files(self, key: str) -> dict[str, bytes]:
        """A kept version's files by name; errors as of `Lake.read_files`."""
        return self._lake.read_files(VERSIONS, self.folder(key))

    def read(self, key: str) -> Champion:
        """A kept version, decoded; errors as of `files` and `Champion.of`."""
        return Champion.of(self.files(key), name=self.folder(key))

    def of_lineage(self, lineage: TickerLineage) -> Champion | None:
        """The newest kept version of exactly this lineage, None without one; errors as of `read`."""
        numbered = [version.key for version in self.ledger().versions if version.version == lineage.model_version]
        found = (self.read(key) for key in reversed(numbered))
        return next((version for version in found if version.lineage == lineage), None)

    def metrics(self, key: str) -> dict[int, TickerMetrics]:
        """A kept version's scores by horizon, to be shown: its other files are not read, nor its digests compared.

        Empty for a version whose scores another version of this code wrote.
        """
        path = self._lake.root / VERSIONS / self.folder(key) / METRICS
        try:
            return msgspec.json.decode(path.read_bytes(), type=dict[int, TickerMetrics])
        except msgspec.MsgspecError:
            return {}

    def write(self, ledger: Ledger) -> None:
        """Put a ledger in force, in one step, then clear away the versions that it does not keep."""
        # The digest that `write_files` puts beside it is not looked at: the ledger alone decides, old or new.
        self._lake.write_files(VERSIONS, self._ticker, {LEDGER: msgspec.json.encode(ledger)})
        if (champion := ledger.champion) is not None:
            # For whoever asks only whether there is one; a folder of files tells people which.
            told = {"key": champion.key, "version": champion.version}
            self._lake.write_files(CHAMPION, self._ticker, {IN_FORCE: msgspec.json.encode(told)})
        self._clear({version.key for version in ledger.versions})

    def folder(self, key: str) -> str:
        """Where a version's files are, below `VERSIONS`."""
        return f"{self._ticker}/{key}"

    def _clear(self, keys: set[str]) -> None:
        for folder in (self._lake.root / VERSIONS / self._ticker).iterdir():
            if folder.is_dir() and folder.name not in keys:
                # The record first: without it what is left, should this be cut short, is no version.
                (folder / DIGESTS).unlink(missing_ok=True)
                for file in folder.iterdir():
                    file.unlink()
                folder.rmdir()
