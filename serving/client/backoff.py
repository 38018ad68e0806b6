"""How long to wait before another connection."""

from __future__ import annotations

import random
from typing import Final

FIRST_SECONDS: Final = 0.1
# With what a connection takes on top, a server that is back is found within five seconds.
LONGEST_SECONDS: Final = 2.0


class Backoff:
    """Anything up to a bound that doubles with each failure, so that many clients don't come back at once.

    References
    ----------
    Brooker (2015), Exponential backoff and jitter: the "full jitter" variant.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()
        self._bound = FIRST_SECONDS

    def seconds(self) -> float:
        """The next wait."""
        wait = self._rng.uniform(0.0, self._bound)
        self._bound = min(2 * self._bound, LONGEST_SECONDS)
        return wait

    def reset(self) -> None:
        """It went well: start small again."""
        self._bound = FIRST_SECONDS
