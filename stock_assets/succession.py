"""Which version serves a ticker next: a trained one is judged, kept and, if it may, put in force; or a person moves it.

The lake says what is in force, by one file (`champions.Ledger`); MLflow's alias ``champion`` is set just before. A
process that is killed in between leaves the champion before in force and an alias that the next decision puts right; an
MLflow that can't be reached leaves both as they were. How forecasts are compared is `learning.promotion`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quant.bars import Bars
from quant.features import NAMES
from release.errors import ReleaseError
from release.manifest import How, TickerLineage
from release.onnx_model import OnnxModel, output_name
from release.tables import digest, unpack
from stock_assets import price_checks
from stock_assets.champions import BY_HAND, PARITY, Archive, Champion, Ledger, Move, Version
from stock_assets.errors import LakeUnreadable, NotMaterialized, StockAssetsError
from stock_assets.frames import bars_of
from stock_assets.ingest.assessment import Assessment, Finding, Outcome
from stock_assets.ingest.findings import FINDINGS, findings_of
from stock_assets.ingest.vault import Vault
from stock_assets.learning.export import TOLERANCE
from stock_assets.learning.promotion import Check, Guard, PromotionDecision, decide
from stock_assets.resources import registry
from stock_assets.resources.lake import Lake


class NoSuchVersion(StockAssetsError):
    """A version that is not kept, or none to roll back to; the message names those that are."""


class PromotionRefused(StockAssetsError):
    """A version that a person wants in force and a guard speaks against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of a version: the decision, and the ledger after it."""

    version: Version
    decision: PromotionDecision
    ledger: Ledger


def settle(
    lake: Lake, ticker: str, files: Mapping[str, bytes], *, client: Any, horizons: Sequence[int], at: str, by: str
) -> Settled:
    """Judge a version that was just trained, keep it, and put it in force if nothing speaks against it.

    Parameters
    ----------
    lake : Lake
    ticker : str
    files : mapping of bytes
        Of the version, by name.
    client : MlflowClient
    horizons : sequence of int
    at, by : str
        When (ISO time in UTC), and the Dagster run that does.

    Raises
    ------
    RegistryUnavailable
        If MLflow can't be told; nothing has changed then.
    """
    archive, challenger = Archive(lake, ticker), Champion.of(files)
    with archive.locked():
        ledger = archive.ledger()
        decision = judge(lake, challenger, _readable(archive, ledger), horizons=horizons)
        version = Version(
            key=archive.keep(files),
            version=challenger.lineage.model_version,
            mlflow_run_id=challenger.lineage.mlflow_run_id,
            trained_at=challenger.lineage.trained_at,
            decided_at=at,
            by=by,
            verdict=decision.verdict,
            decision=str(decision),
            figures={name: value if np.isfinite(value) else None for name, value in decision.figures.items()},
        )
        ledger = ledger.with_version(version)
        if decision.promote:
            move = Move(key=version.key, version=version.version, at=at, how=How.TRAINING, by=by, why=str(decision))
            ledger = ledger.moved(version, move)
        _say(client, ticker, version, ledger, decision, at=at, by=by)
        archive.write(ledger)
    return Settled(version=version, decision=decision, ledger=ledger)


def promote(
    lake: Lake,
    ticker: str,
    version: str | None = None,
    *,
    client: Any,
    horizons: Sequence[int],
    at: str,
    why: str = "",
    force: bool = False,
) -> Settled:
    """Put a kept version in force by hand, by default the one trained last; a paired test is told and not heeded.

    Raises
    ------
    NoSuchVersion
    PromotionRefused
        If a guard fails and `force` is False.
    RegistryUnavailable
    """
    archive = Archive(lake, ticker)
    with archive.locked():
        ledger = archive.ledger()
        wanted = ledger.challenger if version is None else ledger.numbered(version)
        if wanted is None:
            kept = ", ".join(dict.fromkeys(kept.version for kept in ledger.versions)) or "none"
            raise NoSuchVersion(f"{ticker}: expected a version whose files are kept ({kept}), got {version or 'none'}")
        return _by_hand(archive, lake, wanted, ledger, How.BY_HAND, client, horizons, at=at, why=why, force=force)


def roll_back(
    lake: Lake, ticker: str, *, client: Any, horizons: Sequence[int], at: str, why: str = "", force: bool = False
) -> Settled:
    """Put the version that the champion replaced in force again, by hand; errors as of `promote`."""
    archive = Archive(lake, ticker)
    with archive.locked():
        ledger = archive.ledger()
        previous, now = ledger.previous, ledger.champion
        if previous is None:
            got = "no champion at all" if now is None else f"none that v{now.version} replaced"
            raise NoSuchVersion(f"{ticker}: expected a champion to roll back to, got {got}")
        return _by_hand(archive, lake, previous, ledger, How.ROLLBACK, client, horizons, at=at, why=why, force=force)


def _by_hand(
    archive: Archive,
    lake: Lake,
    wanted: Version,
    ledger: Ledger,
    how: How,
    client: Any,
    horizons: Sequence[int],
    *,
    at: str,
    why: str,
    force: bool,
) -> Settled:
    version = archive.read(wanted.key)
    ticker = version.lineage.ticker
    decision = judge(lake, version, _readable(archive, ledger), horizons=horizons)
    against = "; ".join(map(str, decision.broken))
    if against and not force:
        raise PromotionRefused(f"{ticker} v{wanted.version}: {against} (--force overrules it, and is recorded)")
    move = Move(
        key=wanted.key, version=wanted.version, at=at, how=how, by=BY_HAND, why=why or str(decision), forced=against
    )
    ledger = ledger.rolled_back(wanted, move) if how is How.ROLLBACK else ledger.moved(wanted, move)
    _say(client, ticker, wanted, ledger, decision, at=at, by=BY_HAND)
    archive.write(ledger)
    return Settled(version=wanted, decision=decision, ledger=ledger)


def _say(
    client: Any, ticker: str, version: Version, ledger: Ledger, decision: PromotionDecision, *, at: str, by: str
) -> None:
    """Tell MLflow what the ledger is about to say."""
    champion, move = ledger.champion, ledger.since
    in_force = champion is not None and champion.key == version.key
    tags = {
        "promoted": str(in_force).lower(),
        "promotion": str(decision),
        "promotion_verdict": decision.verdict.value,
        "promotion_how": move.how.value if in_force and move is not None else "none",
        "promotion_at": at,
        "promotion_by": by,
    }
    if in_force and move is not None and move.by == BY_HAND:
        tags["promotion_why"] = move.why
        tags["promotion_forced"] = move.forced or "no"
    registry.log_decision(
        client,
        ticker,
        version.version,
        run_id=version.mlflow_run_id,
        tags=tags,
        figures=decision.figures,
        champion=None if champion is None else champion.version,
    )


def judge(lake: Lake, challenger: Champion, champion: Champion | None, *, horizons: Sequence[int]) -> PromotionDecision:
    """Every guard of a version, and the paired tests against the champion; nothing is written."""
    guards = (
        *data_guards(lake, challenger.lineage),
        _horizons(challenger, horizons),
        export_guard(challenger),
    )
    against = None if champion is None else champion.record()
    return decide(challenger.record(), against, horizons=horizons, beside=guards)


def _readable(archive: Archive, ledger: Ledger) -> Champion | None:
    """The champion in force; one that this code can't read, or whose files are gone, could not serve: it is none."""
    try:
        return None if ledger.in_force is None else archive.read(ledger.in_force)
    except (LakeUnreadable, NotMaterialized):
        return None


def data_guards(lake: Lake, lineage: TickerLineage) -> tuple[Guard, Guard]:
    """Whether the newest look at the ticker's data lets it be trained on, and a version knew the bars as they are.

    A version may have been trained on fewer bars than there are: those that it knew must not have changed since.
    """
    bars = bars_of(lake.read("prices", lineage.ticker))
    refused = price_checks.refusal(_assessment(lake, lineage.ticker, bars)) or ""
    known = digest(bars.through(np.datetime64(lineage.last_session)))
    changed = (
        ""
        if known == lineage.data_sha256
        else (
            f"expected a model of the bars in force (through {lineage.last_session}: {known[:12]}), "
            f"got one of others ({lineage.data_sha256[:12]})"
        )
    )
    return (_fault(Check.DATA_SOUND, refused), _fault(Check.DATA_IN_FORCE, changed))


def _assessment(lake: Lake, ticker: str, bars: Bars) -> Assessment:
    """What the newest look at the ticker found, of the bars in force, with what was decided since."""
    found = findings_of(lake.read(FINDINGS, ticker))
    decided = Vault(lake).decision(ticker)
    became = Outcome.HELD if decided is None else Outcome(decided.value)
    findings = tuple(_decided(finding, became) for finding in found)
    return Assessment(ticker=ticker, bars=bars, findings=findings, merged=0, unfinished=(), notes=())


def _decided(finding: Finding, became: Outcome) -> Finding:
    return replace(finding, outcome=became) if finding.outcome is Outcome.HELD else finding


def _horizons(version: Champion, horizons: Sequence[int]) -> Guard:
    """A release has the same horizons for every ticker."""
    got = tuple(version.parameters)
    told = f"expected {', '.join(map(str, horizons))}, got {', '.join(map(str, got))}"
    return _fault(Check.HORIZONS, "" if got == tuple(horizons) else told)


def export_guard(version: Champion) -> Guard:
    """How far the exported graph is from what it must repeat, by the runtime that will serve it."""
    try:
        model = OnnxModel(version.onnx)
        parity = unpack(version.parity, names=("features", *model.outputs), file=PARITY)
        wanted = {
            output_name(name, horizon=horizon) for horizon, of in version.parameters.items() for name in of.models
        }
        if missing := wanted - set(model.outputs):
            return _fault(
                Check.EXPORT, f"expected an output for every model, got none for {', '.join(sorted(missing))}"
            )
        X = parity["features"]
        if X.ndim != 2 or X.shape[1] != len(NAMES):
            return _fault(Check.EXPORT, f"expected a model of {len(NAMES)} features, got one of shape {X.shape}")
        said = model.predict(X)
    except ReleaseError as error:
        return _fault(Check.EXPORT, str(error))
    if any(answer.shape != parity[name].shape for name, answer in said.items()):
        return _fault(Check.EXPORT, "expected an answer to each parity row, got more or fewer")
    worst = np.max([np.max(np.abs(answer - parity[name])) for name, answer in said.items()])
    return Guard(check=Check.EXPORT, value=float(worst), high=TOLERANCE)


def _fault(check: Check, why: str) -> Guard:
    """A guard that passes if there is nothing to say against it."""
    return Guard(check=check, value=float(bool(why)), high=0.0, why=why)
