"""How live forecasts have done over REST, by a real audit log beside a real release."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from audit_records import forecast, outcome
from real_release import draft_ticker

from quant.drift import FEWEST_LIVE, LOOKBACK, drift
from release.audit import AuditLog

pytestmark = pytest.mark.anyio

# The released model's version, and one before it.
NOW, BEFORE = "1", "0"
VOL = 0.02


def log_outcomes(home: Path, residuals: np.ndarray, *, version: str = NOW, start: str = "2012-03-02", **other) -> None:
    """Settled forecasts of AAPL, one a day, whose errors are so many volatilities."""
    days = np.datetime64(start) + np.arange(len(residuals) + 1)
    with AuditLog.open(home / "audit" / "audit.sqlite3") as log:
        for residual, session, target in zip(residuals.tolist(), days[:-1], days[1:], strict=True):
            made = forecast(
                session=str(session),
                target_session=str(target),
                mean=0.001,
                vol=VOL,
                lower_90=0.001 - 1.6 * VOL,
                upper_90=0.001 + 1.6 * VOL,
                model_version=version,
                **other,
            )
            (receipt,) = log.append([made])
            log.append([outcome(receipt, made, realised=0.001 + VOL * residual)])


async def told(home: Path, start, connect) -> dict:
    async with start(home) as app, connect(app) as client:
        answer = await client.get("/v1/models/AAPL/live")
    assert answer.status_code == 200, answer.text
    return answer.json()


def reference() -> np.ndarray:
    """The record's own residuals: nothing came after the released model was trained."""
    rows = [row for row in draft_ticker("AAPL").signals if row.realised is not None]
    return np.array([(row.realised - row.edge_bp / 1e4) / row.vol for row in rows])


async def test_before_an_engine_has_run_there_is_the_record_and_nothing_beside_it(home, start, connect):
    answer = await told(home, start, connect)

    assert (answer["n"], answer["first"], answer["hit_rate"], answer["coverage_90"]) == (0, None, None, None)
    assert answer["out_of_sample"]["n"] == len(reference())
    assert answer["out_of_sample"]["coverage_50"] == pytest.approx(0.5, abs=0.1)
    assert answer["drift"] is None
    assert answer["why"] == f"AAPL v1: 0 live outcomes, {FEWEST_LIVE} needed"


async def test_live_figures_are_those_of_the_log(home, start, connect):
    residuals = np.array([0.5, -0.5, 3.0, -2.0, 0.2])
    log_outcomes(home, residuals, lower_50=0.001 - 0.6 * VOL, upper_50=0.001 + 0.6 * VOL)

    answer = await told(home, start, connect)

    assert (answer["n"], answer["first"], answer["last"]) == (5, "2012-03-02", "2012-03-06")
    assert answer["coverage_90"] == pytest.approx(3 / 5)
    assert answer["coverage_50"] == pytest.approx(3 / 5)
    assert answer["hit_rate"] == pytest.approx(3 / 5)
    assert answer["base_rate"] == pytest.approx(3 / 5)
    assert answer["mean_squared_residual"] == pytest.approx(np.mean(residuals**2))
    assert (answer["model_version"], answer["drift"]) == (NOW, None)


async def test_forecasts_that_were_logged_without_the_inner_interval_do_not_count_for_it(home, start, connect):
    log_outcomes(home, np.array([0.1, 0.1]))
    log_outcomes(home, np.array([0.9]), start="2012-03-10", lower_50=0.001 - 0.6 * VOL, upper_50=0.001 + 0.6 * VOL)

    answer = await told(home, start, connect)

    assert (answer["n"], answer["coverage_50"]) == (3, 0.0)


async def test_without_any_inner_interval_its_coverage_is_not_known(home, start, connect):
    log_outcomes(home, np.array([0.1, 0.1]))

    assert (await told(home, start, connect))["coverage_50"] is None


@pytest.mark.parametrize(("size", "drifted"), [(0.5, False), (6.0, True)])
async def test_drift_is_the_verdict_that_the_sensor_comes_to(home, start, connect, size, drifted):
    residuals = size * (-1.0) ** np.arange(LOOKBACK + 20)
    log_outcomes(home, residuals)

    answer = await told(home, start, connect)

    verdict = drift(reference(), residuals[-LOOKBACK:])
    assert answer["drift"]["statistic"] == pytest.approx(verdict.statistic)
    assert answer["drift"]["threshold"] == pytest.approx(verdict.threshold)
    assert (answer["drift"]["n"], answer["drift"]["drifted"]) == (LOOKBACK, drifted)
    assert answer["why"] is None


async def test_a_version_is_not_judged_by_the_forecasts_of_the_one_before(home, start, connect):
    log_outcomes(home, 6.0 * np.ones(60), version=BEFORE)
    log_outcomes(home, 0.5 * np.ones(FEWEST_LIVE), start="2012-06-01")

    answer = await told(home, start, connect)

    assert answer["n"] == 60 + FEWEST_LIVE
    assert (answer["drift"]["n"], answer["drift"]["drifted"]) == (FEWEST_LIVE, False)


async def test_a_log_that_can_not_be_read_is_a_problem_that_says_when_to_come_again(home, start, connect):
    (home / "audit").mkdir()
    (home / "audit" / "audit.sqlite3").write_bytes(b"no database at all, but as long as one would be" * 100)

    async with start(home) as app, connect(app) as client:
        answer = await client.get("/v1/models/AAPL/live")

    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
    assert "retry-after" in answer.headers
