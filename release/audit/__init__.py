"""What the live engine said, and what came of it: an append-only, hash-chained log in SQL that anyone can check.

`records` says what is logged, `chain` how an entry's hash is made, `log` appends and reads, `verification` finds what
was tampered with; `sqlite` and `postgres` hold what the two databases do differently. Deciding what to log belongs to
the engine, judging it to the drift sensor.
"""

from release.audit.chain import Entry, Receipt
from release.audit.log import AuditLog, Outcomes, Unsettled
from release.audit.records import Kind, LoggedForecast, LoggedOutcome, LoggedPrediction, LoggedSignal, Record
from release.audit.trail import Trail
from release.audit.verification import Finding, Tampering, Verification

__all__ = [
    "AuditLog",
    "Entry",
    "Finding",
    "Kind",
    "LoggedForecast",
    "LoggedOutcome",
    "LoggedPrediction",
    "LoggedSignal",
    "Outcomes",
    "Receipt",
    "Record",
    "Tampering",
    "Trail",
    "Unsettled",
    "Verification",
]
