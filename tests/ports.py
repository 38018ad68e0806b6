"""Ports for servers that tests kill and start again."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"
# Below those that systems give to outgoing connections (32768 on Linux, 49152 elsewhere): while its server is down, a
# port of those may be taken by any client, even by the one that wants to connect to it.
FIRST, LAST = 15_000, 32_000


def free_port() -> int:
    """A port that nobody has and that nobody gets without asking for it."""
    # Tests in other processes look for theirs at the same time, perhaps with equal seeds.
    chance = random.SystemRandom()
    while True:
        port = chance.randint(FIRST, LAST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        return port
