"""Fifty parts of a live system die one after the other: its client goes on by itself, and is told only what is true."""

from __future__ import annotations

import asyncio
import random

import pytest
from live_trial import LONGEST_DOWNTIME, SEED, Death, Victim, check, on_trial

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(400)]

# Fifty in all, in less than five minutes; an engine takes longest.
HOW_OFTEN = {Victim.ENGINE: 11, Victim.GATEWAY: 13, Victim.FEED: 13, Victim.VALKEY: 13}
LONGEST_WAIT = 0.5


def schedule(seed: int) -> list[Death]:
    """The deaths, in order; equal for equal seeds."""
    chance = random.Random(seed)
    victims = [victim for victim, times in HOW_OFTEN.items() for _ in range(times)]
    chance.shuffle(victims)
    return [
        Death(victim, chance.uniform(0.0, LONGEST_WAIT), chance.uniform(0.0, LONGEST_DOWNTIME)) for victim in victims
    ]


@pytest.mark.parametrize("seed", [SEED])
async def test_whatever_dies_the_client_goes_on_and_was_told_only_what_the_log_has(tmp_path, seed):
    deaths = schedule(seed)
    print(f"seed {seed}:", *deaths, sep="\n  ")

    async with on_trial(tmp_path) as trial:
        for number, death in enumerate(deaths, start=1):
            await asyncio.sleep(death.after)
            print(f"{number}: {death}", flush=True)
            await trial.suffer(death)

    check(trial, fewest=100)
