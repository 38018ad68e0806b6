"""One example of each answer about the audit log, for `serving.examples`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from quant.features import WINDOW
from release.audit import Kind, LoggedForecast, LoggedOutcome, LoggedSignal, Tampering
from release.manifest import TickerLineage
from serving.audit.records import (
    AuditEntries,
    AuditFinding,
    AuditHead,
    AuditInputs,
    AuditLink,
    AuditPlace,
    AuditRelease,
    AuditRow,
    AuditTrail,
    AuditVerification,
)

_MADE: Final = {
    "inputs_sha256": "7c1d3e9a0f5b62c48e17d0a9b3f4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6",
    "release_id": "2012-03-01-8e40cfceccde",
    "model_version": "3",
    "dagster_run_id": "0b8a2c1e-5f0d-4f5a-9a52-6f3d1b7c9e11",
    "mlflow_run_id": "4f1c0c6a6a2b4c7f9a3e5d8b7c6f1e20",
}
_SHA256: Final = "31bb40cffcc092f254692cc397565f52ed28746a9d9be12d328b5a53c07308bd"


def _link(audit_id: int) -> AuditLink:
    return AuditLink(audit_id=audit_id, path=f"/v1/audit/{audit_id}")


_TRAIL: Final = AuditTrail(
    audit_id=412,
    kind=Kind.SIGNAL,
    place=AuditPlace(
        previous_sha256="4e0db9e97d8e674460a89f8f4246e9a319b39a487ec041e27912ff7f5fcb1326",
        sha256=_SHA256,
        next_sha256="ea7fb4d42f2804cd1f67ded2a69e493036a76ea15ecaf9f6bca1574b18e24a65",
        newest=655,
        recorded_at="2026-11-23T15:04:05.120456Z",
        term=2,
        genuine=True,
    ),
    signal=LoggedSignal(
        ticker="AAPL",
        session="2012-03-02",
        at=datetime(2012, 3, 2, 21, tzinfo=UTC),
        action="BUY",
        previous="HOLD",
        confidence=52.3,
        edge_bp=8.1,
        reason="expected +8.1 bp, 2.1 over the 6 bp that a round trip costs; P(up) 52%",
        provisional=False,
        **_MADE,
    ),
    prediction=None,
    forecast=LoggedForecast(
        ticker="AAPL",
        session="2012-03-02",
        target_session="2012-03-05",
        close=545.18,
        mean=0.00081,
        vol=0.0149,
        p_up=0.523,
        lower_90=-0.0232,
        upper_90=0.0252,
        lower_50=-0.0078,
        upper_50=0.0099,
        **_MADE,
    ),
    forecast_entry=_link(411),
    outcome=LoggedOutcome(
        forecast_id=411, ticker="AAPL", session="2012-03-02", target_session="2012-03-05", realised=-0.0223
    ),
    outcome_entry=_link(597),
    release=AuditRelease(
        release_id=_MADE["release_id"],
        in_force=True,
        as_of="2012-03-01",
        published_at="2026-11-23T08:00:00Z",
        model_card="/v1/model-card",
    ),
    lineage=TickerLineage(
        ticker="AAPL",
        exchange="XNYS",
        source="sample",
        data_sha256="9d1f0a64c1b2e3f4a5968778695a4b3c2d1e0f9f8e7d6c5b4a39281706f5e4d3",
        first_session="2000-03-01",
        last_session="2012-03-01",
        bars=3019,
        dagster_run_id=_MADE["dagster_run_id"],
        mlflow_run_id=_MADE["mlflow_run_id"],
        model_name="stock-assets-AAPL",
        model_version=_MADE["model_version"],
        trained_at="2026-11-23T07:58:12Z",
    ),
    inputs=AuditInputs(sha256=_MADE["inputs_sha256"], bars=WINDOW, last_session="2012-03-02", found=None),
    earlier=_link(388),
    later=_link(598),
)
_ROW: Final = AuditRow(
    audit_id=412,
    kind=Kind.SIGNAL,
    recorded_at="2026-11-23T15:04:05.120456Z",
    ticker="AAPL",
    session="2012-03-02",
    sha256=_SHA256,
    path="/v1/audit/412",
)

_VERIFICATION: Final = AuditVerification(
    whole=False,
    entries=655,
    head=AuditHead(audit_id=655, sha256="ea7fb4d42f2804cd1f67ded2a69e493036a76ea15ecaf9f6bca1574b18e24a65"),
    findings=(
        AuditFinding(
            tampering=Tampering.CHANGED,
            audit_id=412,
            detail="ticker: expected 'AAPL' as its body has it, got 'IBM'",
        ),
    ),
    verified_at="2026-11-23T15:04:05.120456Z",
    seconds=0.021,
)

AUDIT_EXAMPLES: Final[tuple[msgspec.Struct, ...]] = (
    _TRAIL,
    AuditEntries(entries=(_ROW,), next=412),
    _VERIFICATION,
)
