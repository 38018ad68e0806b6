"""The exceptions of `quant`. All are `ValueError`: arguments that the mathematics has no answer for."""

from __future__ import annotations


class QuantError(ValueError):
    """An argument that a function of `quant` can't work with; the message says what was expected and what came."""


class BadBars(QuantError):
    """Bars that break a rule of `quant.faults.faults`; the message names the first few."""


class TooShort(QuantError):
    """Fewer bars, rows or assets than the method needs."""


class Infeasible(QuantError):
    """An optimisation problem that has no solution, or whose solver did not reach one.

    `conflicting` names the constraints that can't be met together, none of which could be left out; empty where it
    isn't the constraints.
    """

    def __init__(self, message: str, *, conflicting: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.conflicting = conflicting
