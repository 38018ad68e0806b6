"""`stock-assets skill` by the real command line, on a folder of real bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import command_line
import pandas as pd
import pytest
from bokeh_sampledata import stocks
from command_line import Answer

from stock_assets.learning.trial import Step

# Enough to be judged by, and little more: the first window, two years to train on, a year and some to judge.
BARS = 1100
PROMISES = 11


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tickers that will do, one with too few bars, and a file that is none."""
    folder = tmp_path_factory.mktemp("market")
    for name in ("AAPL", "IBM", "FB"):
        pd.DataFrame(getattr(stocks, name)).iloc[-BARS:].to_csv(folder / f"{name}.csv", index=False)
    (folder / "PAGE.csv").write_text("<html>502 Bad Gateway</html>")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("skill") / "home"


def skill(*arguments: str, home: Path) -> Answer:
    return command_line.stock_assets("skill", *arguments, settings={"STOCK_ASSETS_HOME": str(home)})


@pytest.fixture(scope="module")
def answer(folder: Path, home: Path) -> Answer:
    """All of the folder, for a program."""
    return skill("--data", str(folder), "--jobs", "2", "--json", home=home)


def by_horizon(answer: Answer) -> dict[int, dict[str, Any]]:
    assert answer.code == 0, answer.stderr
    return {of["horizon"]: of for of in answer.json["skills"]}


def test_both_horizons_are_judged_over_all_tickers_that_can_be(answer):
    skills = by_horizon(answer)

    assert list(skills) == [1, 5]
    for horizon, of in skills.items():
        n = BARS - 252 + 1 - 504 - 3 * horizon  # windows, first training rows, purge, outcomes not yet known
        assert {ticker: scores["n"] for ticker, scores in of["tickers"].items()} == {"AAPL": n, "IBM": n}
        assert (of["pooled"]["tickers"], of["pooled"]["n"]) == (2, 2 * n)
        assert of["pooled"]["last"] <= "2013-02-28"
        assert sum(year["n"] for year in of["years"]) == 2 * n
        assert len(of["targets"]) == PROMISES
        assert [luck["tickers"] for luck in of["luck"]] == [2, 2]


def test_a_ticker_that_can_t_be_judged_is_told_in_one_line_and_costs_the_others_nothing(answer):
    assert sorted(answer.json["left_out"]) == ["FB", "PAGE"]
    assert answer.stderr.count("FB: left out: expected at least 1008 bars") == 1
    assert answer.stderr.count("PAGE: left out: ") == 1
    assert "got 196" in answer.json["left_out"]["FB"]
    assert "Traceback" not in answer.stderr


def test_what_it_took_is_told(answer):
    costs = answer.json["costs"]

    assert costs["jobs"] == 2
    assert costs["wall_seconds"] > 0
    # Three Python processes with scikit-learn, and nothing like a gigabyte each.
    assert 100 * 2**20 < costs["peak_bytes"] < 3 * 2**30
    for seconds in costs["cpu_seconds"].values():
        assert list(seconds) == [step.value for step in Step]
        assert seconds[Step.WALK_FORWARD] > 0


def test_the_second_half_of_what_is_left_without_the_newest_bars_can_be_judged_alone(answer, folder, home):
    whole, some = by_horizon(answer)[1]["tickers"]["IBM"], ("--data", str(folder), "--tickers", "ibm", "--json")

    judged = by_horizon(skill(*some, "--from-half", "--exclude-last", "60", home=home))[1]["tickers"]

    left = whole["n"] - 60
    assert list(judged) == ["IBM"]
    assert judged["IBM"]["n"] == left - left // 2
    assert whole["first"] < judged["IBM"]["first"]
    assert judged["IBM"]["last"] < whole["last"]


def test_a_person_sees_every_score_beside_its_baseline_and_the_target_met_or_missed(folder, home):
    told = skill("--data", str(folder), "--tickers", "AAPL,IBM", "--per-ticker", "--by-year", home=home)

    assert told.code == 0, told.stderr
    lines = told.stdout.splitlines()
    assert [line.split(":")[0] for line in lines if "ahead: " in line] == ["1 session ahead", "5 sessions ahead"]
    judged = [line for line in lines if "✓ met" in line or "✗ missed" in line]
    assert len(judged) == 2 * PROMISES
    for beside in ("past mean", "random walk", "base rate", "EWMA-scaled", "EWMA(0.94)", "GARCH(1,1)", "log-HAR"):
        assert sum(beside in line for line in lines) >= 2, beside
    assert sum(line.startswith(("AAPL ", "IBM ")) for line in lines) == 4
    assert sum(line.startswith(("2012 ", "2013 ")) for line in lines) == 4
    assert sum("luck alone would give 0.1" in line for line in lines) == 4
    assert "CPU seconds a ticker" in told.stdout
    assert "MiB at the peaks of all processes" in lines[-1]


def test_if_no_ticker_can_be_judged_that_is_a_failure(folder, home):
    told = skill("--data", str(folder / "FB.csv"), home=home)

    assert told.code == 1
    assert told.error == "error: skill: expected a ticker that can be judged, got none of 1"
    assert "FB: left out: expected at least 1008 bars" in told.stderr


def test_a_ticker_that_the_source_lacks_is_named(folder, home):
    told = skill("--data", str(folder), "--tickers", "IBM,NOPE", home=home)

    assert told.code == 1
    assert "expected one of AAPL, FB, IBM, PAGE, got NOPE" in told.error


def test_keeping_all_bars_out_leaves_none(folder, home):
    told = skill("--data", str(folder), "--tickers", "IBM", "--exclude-last", "5000", home=home)

    assert told.code == 1
    assert "expected at least 1008 bars" in told.stderr
