"""How many requests are on their way to a vendor at once, over all threads and processes of one home."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

from stock_assets.errors import HomeUnwritable

# What a person with a browser would do.
IN_FLIGHT: Final = 2
LOOK_AGAIN_SECONDS: Final = 0.02
LINE: Final = "line.lock"
PLACES: Final = tuple(f"place-{place}.lock" for place in range(IN_FLIGHT))


@contextmanager
def turn(folder: Path, *, sleep: Callable[[float], None]) -> Iterator[None]:
    """Hold one of the vendor's `IN_FLIGHT` places, as a lock on a file in `folder`; wait for one if all are taken.

    The kernel gives a place back when its holder dies, and tells threads of one process apart as well. One at a time
    looks for a free place, the others wait in line behind it.
    """
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            line, *places = [held.enter_context((folder / name).open("w")) for name in (LINE, *PLACES)]
        except OSError as error:
            raise HomeUnwritable(f"responses: expected a writable folder, got {folder} ({error.strerror})") from error
        fcntl.flock(line, fcntl.LOCK_EX)
        while not any(_taken(place) for place in places):
            sleep(LOOK_AGAIN_SECONDS)
        line.close()
        yield


def _taken(place: IO[str]) -> bool:
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
