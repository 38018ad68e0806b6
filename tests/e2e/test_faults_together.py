"""Parts of a live system that die together, wake up late, forget everything or die at the worst of moments."""

from __future__ import annotations

import asyncio
import random

import pytest
from gate import Gate
from live_system import TICKERS
from live_trial import SEED, Death, Victim, check, check_the_client, on_trial, verified_log
from real_release import publish_release

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LONGEST_WAIT = 0.5
# By then everybody waits as long as they ever do before they try again.
LONG_ABSENCE = 8.0
POWER_CUTS = 3
FREEZES = 2
SPEECHLESS = 3
AMNESIAS = 2


@pytest.mark.parametrize("seed", [SEED])
async def test_when_all_die_at_once_and_come_back_all_is_as_before(tmp_path, seed):
    chance = random.Random(seed)

    async with on_trial(tmp_path) as trial:
        for _ in range(POWER_CUTS):
            await asyncio.sleep(chance.uniform(0.0, LONGEST_WAIT))
            await trial.suffer_a_power_cut(chance)

    check(trial, fewest=10)


async def test_a_power_cut_while_a_damaged_release_is_in_force_costs_no_more_than_another(tmp_path):
    async with on_trial(tmp_path) as trial:
        releases = trial.system.home / "releases"
        damaged = publish_release(releases, tickers=TICKERS, as_of="2011-02-28").release_id
        (releases / damaged / "portfolio.json").write_bytes(b"{}")

        await trial.suffer_a_power_cut(random.Random(SEED))

        status = (await trial.system.http.get("/v1/status")).json()
        assert (status["ready"], status["release_id"]) == (True, trial.system.release_id)
        assert status["reload_error"].startswith("portfolio.json: expected ")
        await trial.system.until(lambda: len(trial.witness.signals) >= 10)

    check(trial, fewest=10)


async def test_valkey_may_be_away_for_long(tmp_path):
    async with on_trial(tmp_path) as trial:
        await trial.suffer(Death(Victim.VALKEY, after=0.0, downtime=LONG_ABSENCE))
        await trial.system.until(lambda: len(trial.witness.signals) >= 10)

    check(trial, fewest=10)


async def test_an_engine_that_was_frozen_has_nothing_to_say_when_it_wakes(tmp_path):
    async with on_trial(tmp_path) as trial:
        for _ in range(FREEZES):
            frozen = await trial.suffer_a_freeze()
            # It stands by, and would take over like any other.
            await trial.system.until(lambda frozen=frozen: trial.system.standing_by() is frozen)
        await trial.system.until(lambda: len(trial.witness.signals) >= 10)

    check(trial, fewest=10)


@pytest.mark.parametrize("in_flight", [False, True])
async def test_what_is_durable_is_said_though_the_engine_dies_before_it_has_said_it(tmp_path, in_flight):
    gate = Gate()
    gate.keeps_the_dead = in_flight

    async with on_trial(tmp_path, gate=gate) as trial:
        for _ in range(SPEECHLESS):
            await trial.lose_the_engine_speechless(gate)
        await trial.system.until(lambda: len(trial.witness.signals) >= 10)

    check(trial, fewest=10)


@pytest.mark.parametrize("with_the_engine", [False, True])
async def test_a_valkey_that_has_forgotten_everything_is_told_anew_in_another_epoch(tmp_path, with_the_engine):
    async with on_trial(tmp_path, durable=False) as trial:
        for _ in range(AMNESIAS):
            await trial.suffer_amnesia(with_the_engine=with_the_engine)
            await trial.system.until(lambda: trial.system.standing_by() is not None)
        await trial.system.until(lambda: len(trial.witness.signals) >= 10)

    assert len(trial.witness.seqs) == AMNESIAS + 1
    check_the_client(trial.witness, verified_log(trial.system))
