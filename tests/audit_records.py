"""Records as a live engine has them, for tests to log; what differs is said by the test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from release.audit import LoggedForecast, LoggedOutcome, LoggedPrediction, LoggedSignal, Receipt, Record

OPENING = datetime(2013, 3, 4, 14, 30, tzinfo=UTC)
MADE = {
    "inputs_sha256": "5f" * 32,
    "release_id": "2013-03-01-0123456789ab",
    "model_version": "3",
    "dagster_run_id": "6a1f6f0e-6c53-4d0c-8b5c-0f2a44d1c0de",
    "mlflow_run_id": "0c0ffee0" * 4,
}
FIGURES = {"close": 430.5, "mean": 0.0012, "vol": 0.021, "p_up": 0.53, "lower_90": -0.034, "upper_90": 0.036}


def signal(number: int = 0, **other: Any) -> LoggedSignal:
    """AAPL's signal, so many minutes after the opening."""
    said: dict[str, Any] = {
        "ticker": "AAPL",
        "session": "2013-03-04",
        "at": OPENING + timedelta(minutes=number),
        "action": "buy",
        "previous": "hold",
        "confidence": 53.0,
        "edge_bp": 12.0,
        "reason": "expected +12.0 bp, more than the 15.0 bp it takes",
        "provisional": True,
    }
    return LoggedSignal(**{**said, **MADE, **other})


def forecast(day: int = 4, **other: Any) -> LoggedForecast:
    """AAPL's forecast at the close of a day in March 2013, for that of the next."""
    sessions = {"session": f"2013-03-{day:02}", "target_session": f"2013-03-{day + 1:02}"}
    return LoggedForecast(**{"ticker": "AAPL", **sessions, **FIGURES, **MADE, **other})


def prediction(number: int = 0, **other: Any) -> LoggedPrediction:
    """A prediction of AAPL during the session, so many minutes after the opening."""
    said = {"ticker": "AAPL", "session": "2013-03-04", "target_session": "2013-03-05"}
    return LoggedPrediction(**{**said, "at": OPENING + timedelta(minutes=number), **FIGURES, **MADE, **other})


def outcome(made: Receipt, of: LoggedForecast, *, realised: float = -0.004) -> LoggedOutcome:
    """What came of a forecast that was logged."""
    return LoggedOutcome(
        forecast_id=made.audit_id,
        ticker=of.ticker,
        session=of.session,
        target_session=of.target_session,
        realised=realised,
    )


def mixed(count: int) -> list[Record]:
    """So many records of every kind but outcomes, each another."""
    makers = (signal, prediction, lambda number: forecast(1 + number % 28, p_up=number / 1000))
    return [makers[number % 3](number) for number in range(count)]
