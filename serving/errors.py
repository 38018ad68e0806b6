"""The exceptions of `serving`. What each looks like to a client is `serving.problems`' business."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_NAMED: Final = re.compile(r"(?P<field>[^:]+): expected (?P<expected>.+)", re.DOTALL)


class ServingError(Exception):
    """A request that can't be answered; the message is for the client."""


class NotReady(ServingError):
    """Nothing to answer from yet; the message says why."""


class UnknownTicker(ServingError):
    """A ticker that the release in force does not carry."""

    def __init__(self, ticker: str, known: Iterable[str]) -> None:
        self.ticker = ticker
        self.known = tuple(known)
        super().__init__(f"ticker: expected one of {', '.join(self.known) or 'none'}, got {ticker}")


class UnknownAuditEntry(ServingError):
    """An entry that the audit log does not have."""


class NotInRelease(ServingError):
    """Something that the release in force was published without."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """One part of a request that can't be used: `field` holds `value` where `expected` was due."""

    field: str
    value: str
    expected: str

    def __str__(self) -> str:
        return f"{self.field}: expected {self.expected}, got {self.value}"


def invalid_in(message: str) -> Invalid | None:
    """What a message such as "cash: expected 0 or more, got -1" names; None if it is of another form."""
    match = _NAMED.fullmatch(message)
    if match is None:
        return None
    expected, _, value = match["expected"].rpartition(", got ")
    return Invalid(match["field"], value, expected) if expected else Invalid(match["field"], "none", value)


class BadRequest(ServingError):
    """A request with parts that can't be used."""

    def __init__(self, *invalid: Invalid) -> None:
        self.invalid = invalid
        super().__init__("; ".join(str(part) for part in invalid[:3]))


class Impossible(ServingError):
    """A request whose parts are sound one by one and can't be had together; `conflicting` has those that clash."""

    def __init__(self, message: str, *conflicting: Invalid) -> None:
        self.conflicting = conflicting
        super().__init__(message)


class Busy(ServingError):
    """More work under way than this server takes on."""


class TooLarge(ServingError):
    """A request body over the limit."""


class CannotStart(ServingError):
    """Something that keeps the server from starting: a port in use, a home that can't be read."""
