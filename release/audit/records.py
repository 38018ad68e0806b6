"""What is logged: one record a kind, its canonical JSON and what of it stands in columns of its own for look-ups."""

from __future__ import annotations

import enum
import math
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from release.errors import AuditFailed


class Kind(enum.Enum):
    """What an entry is."""

    SIGNAL = "signal"
    FORECAST = "forecast"
    PREDICTION = "prediction"
    OUTCOME = "outcome"


class LoggedSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal as it is about to be published.

    `at` is aware; `inputs_sha256` digests the window of bars it was made from; the run ids are the model's, None only
    in entries that are older than these fields.
    """

    ticker: str
    session: str
    at: datetime
    action: str
    previous: str
    confidence: float
    edge_bp: float
    reason: str
    provisional: bool
    inputs_sha256: str
    release_id: str
    model_version: str
    dagster_run_id: str | None
    mlflow_run_id: str | None


class LoggedForecast(msgspec.Struct, frozen=True, kw_only=True):
    """A forecast made at the close of `session` for that of `target_session`: log returns over the horizon.

    `lower_50` and `upper_50` are None only in entries that are older than these fields.
    """

    ticker: str
    session: str
    target_session: str
    close: float
    mean: float
    vol: float
    p_up: float
    lower_90: float
    upper_90: float
    lower_50: float | None = None
    upper_50: float | None = None
    inputs_sha256: str
    release_id: str
    model_version: str
    dagster_run_id: str | None
    mlflow_run_id: str | None


class LoggedPrediction(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction made at `at` (aware), during `session`; of these only a sample is logged. Units as for forecasts."""

    ticker: str
    session: str
    target_session: str
    at: datetime
    close: float
    mean: float
    vol: float
    p_up: float
    lower_90: float
    upper_90: float
    lower_50: float | None = None
    upper_50: float | None = None
    inputs_sha256: str
    release_id: str
    model_version: str
    dagster_run_id: str | None
    mlflow_run_id: str | None


class LoggedOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the forecast that is entry `forecast_id`: the log return from its session's close to its target's.

    Ticker and sessions are the forecast's.
    """

    forecast_id: int
    ticker: str
    session: str
    target_session: str
    realised: float


Record = LoggedSignal | LoggedForecast | LoggedPrediction | LoggedOutcome

RECORDS: Final[dict[Kind, type[Record]]] = {
    Kind.SIGNAL: LoggedSignal,
    Kind.FORECAST: LoggedForecast,
    Kind.PREDICTION: LoggedPrediction,
    Kind.OUTCOME: LoggedOutcome,
}
KINDS: Final = {record: kind for kind, record in RECORDS.items()}


def kind_of(record: Record) -> Kind:
    """The kind of entry that the record becomes."""
    return KINDS[type(record)]


class Columns(NamedTuple):
    """What of a record stands in columns of its own; None where its kind has no such thing."""

    ticker: str
    session: str
    target_session: str | None
    forecast_id: int | None


def columns(record: Record) -> Columns:
    """The record's own columns."""
    return Columns(
        record.ticker,
        record.session,
        getattr(record, "target_session", None),
        getattr(record, "forecast_id", None),
    )


def encode(record: Record) -> str:
    """The record as canonical JSON: its keys sorted, times in UTC, numbers as short as they can be read back exactly.

    Raises
    ------
    AuditFailed
        Naming the field, if a number is not finite, for which JSON has no word, or a time is of no zone.
    """
    for name, value in msgspec.structs.asdict(record).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise AuditFailed(f"{name}: expected a finite number in an audited {kind_of(record).value}, got {value}")
    if isinstance(record, LoggedSignal | LoggedPrediction):
        if record.at.tzinfo is None:
            raise AuditFailed(f"at: expected a time with its zone, got {record.at}")
        record = msgspec.structs.replace(record, at=record.at.astimezone(UTC))
    return msgspec.json.encode(record, order="sorted").decode()


def decode(kind: Kind, body: str) -> Record:
    """The record that `encode` made the text of.

    Raises
    ------
    AuditFailed
        If it is no such record.
    """
    try:
        return msgspec.json.decode(body, type=RECORDS[kind])
    except msgspec.MsgspecError as error:
        raise AuditFailed(f"body: expected an audited {kind.value}, got: {error}") from error
