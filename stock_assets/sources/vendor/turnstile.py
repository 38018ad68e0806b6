"""How many requests are on their way to a vendor at once, over all threads and processes of one home."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import IO, Final

from stock_assets.errors import HomeUnwritable

# What a person with a browser would do.
IN_FLIGHT: Final = 2


@contextmanager
def turn(folder: Path, *, rng: Random) -> Iterator[None]:
    """Hold one of the vendor's `IN_FLIGHT` places, as a lock on a file in `folder`; wait for one if all are taken.

    The kernel gives a place back when its holder dies, and tells threads of one process apart as well.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        places = [(folder / f"{place}.lock").open("w") for place in range(IN_FLIGHT)]
    except OSError as error:
        raise HomeUnwritable(f"responses: expected a writable folder, got {folder} ({error.strerror})") from error
    try:
        if not any(_taken(place) for place in places):
            # Each waits for one of them only; by chance, so that the waiting are spread over the places.
            fcntl.flock(rng.choice(places), fcntl.LOCK_EX)
        yield
    finally:
        for place in places:
            place.close()


def _taken(place: IO[str]) -> bool:
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
