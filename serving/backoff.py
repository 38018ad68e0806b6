"""How long to wait before another try at somebody who was not there."""

from __future__ import annotations

import random
from typing import Final

FIRST_SECONDS: Final = 0.1


class Backoff:
    """Anything up to a bound that doubles with each failure, so that many don't come back at once.

    Parameters
    ----------
    longest_seconds : float
        Where the bound stops growing.
    rng : random.Random, optional

    References
    ----------
    Brooker (2015), Exponential backoff and jitter: the "full jitter" variant.
    """

    def __init__(self, *, longest_seconds: float, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()
        self._longest = longest_seconds
        self._bound = FIRST_SECONDS

    def seconds(self) -> float:
        """The next wait."""
        wait = self._rng.uniform(0.0, self._bound)
        self._bound = min(2 * self._bound, self._longest)
        return wait

    def reset(self) -> None:
        """It went well: start small again."""
        self._bound = FIRST_SECONDS
