"""`demo --once` on the sample source, and what can be done with the home that it leaves."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from command_line import Command, Filled

from stock_assets.learning.walk_forward import Model

RELEASED = ["AAPL", "GOOG", "IBM", "MSFT"]


def test_a_release_is_published_and_the_command_succeeds(filled: Filled) -> None:
    assert filled.answer.code == 0, filled.answer.stderr
    assert sorted(filled.answer.json["metrics"]) == RELEASED


def test_a_ticker_with_too_few_bars_is_refused_by_name_with_the_reason(filled: Filled) -> None:
    refused = {refusal["ticker"]: refusal["reason"] for refusal in filled.answer.json["refused"]}

    assert list(refused) == ["FB"]
    assert "196" in refused["FB"]


def test_every_score_stands_beside_its_baseline(filled: Filled, stock_assets: Command) -> None:
    shown = stock_assets("release", "show", "--json", home=filled.home).json

    for ticker in RELEASED:
        assert list(shown["metrics"][ticker]) == ["1", "5"]
        for metrics in shown["metrics"][ticker].values():
            assert metrics["n"] > 1000
            assert abs(metrics["price_r2"] - metrics["price_r2_random_walk"]) < 0.01
            assert 0 <= metrics["clark_west_p"] <= 1
            assert abs(metrics["return_r2"]) < 0.05
            assert 0.4 < metrics["directional_accuracy"] < 0.6
            assert 0.5 <= metrics["base_rate"] < 0.6
            assert 0.86 < metrics["coverage_90"] < 0.94
            assert metrics["qlike"] < metrics["qlike_ewma"]


def test_every_released_number_can_be_traced_to_its_bars_and_runs(filled: Filled, stock_assets: Command) -> None:
    shown = stock_assets("release", "show", "--json", home=filled.home).json

    assert [line["ticker"] for line in shown["tickers"]] == RELEASED
    for line in shown["tickers"]:
        assert line["source"] == "sample"
        assert line["last_session"] == "2013-03-01"
        assert all(line[name] for name in ("data_sha256", "dagster_run_id", "mlflow_run_id", "model_version"))


def test_it_tells_where_the_time_of_its_runs_went(filled: Filled) -> None:
    seconds, runs = filled.answer.json["seconds"], filled.answer.json["runs"]

    assert set(seconds) == {"data", "features", "models", "evaluation", "tracking", "orchestration"}
    assert all(spent > 0 for spent in seconds.values())
    assert sum(seconds.values()) >= sum(run["seconds"] for run in runs)


def test_a_second_run_computes_nothing_anew(own_home: Path, filled: Filled, stock_assets: Command) -> None:
    again = stock_assets("demo", "--once", "--json", home=own_home)

    assert again.code == 0, again.stderr
    assert again.json["fresh"] == RELEASED
    assert again.json["release_id"] == filled.answer.json["release_id"]
    assert (again.json["standing"], again.json["runs"]) == (["FB"], [])


def test_the_printed_summary_names_the_baselines_and_who_was_refused(own_home: Path, stock_assets: Command) -> None:
    told = stock_assets("demo", "--once", home=own_home)

    assert told.code == 0, told.stderr
    for word in ("random", "walk", "past", "mean", "base", "rate", "AAPL", "refused FB"):
        assert word in told.stdout


def test_predictions_are_exported_as_csv_and_as_parquet_alike(
    filled: Filled, stock_assets: Command, tmp_path: Path
) -> None:
    written = [
        stock_assets(
            "export", "oos_predictions", "--tickers", "AAPL,IBM", "--out", str(tmp_path / name), home=filled.home
        )
        for name in ("out.csv", "out.parquet")
    ]

    assert [answer.code for answer in written] == [0, 0], written
    csv = pd.read_csv(tmp_path / "out.csv", parse_dates=["date", "target_date"])
    parquet = pd.read_parquet(tmp_path / "out.parquet")
    columns = [
        "ticker",
        "date",
        "horizon",
        "target_date",
        "model",
        "mean",
        "vol",
        "p_up",
        "lower_90",
        "lower_50",
        "upper_50",
        "upper_90",
        "realised",
        "realised_variance",
    ]
    assert list(parquet.columns) == columns
    assert set(parquet["ticker"]) == {"AAPL", "IBM"}
    assert set(parquet["model"]) == {model.value for model in Model}
    assert set(parquet["horizon"]) == {1, 5}
    pd.testing.assert_frame_equal(csv, parquet, check_dtype=False)


@pytest.mark.parametrize("name", ["prices", "features", "signals", "portfolio_weights", "portfolio_performance"])
def test_every_table_can_be_exported(name: str, filled: Filled, stock_assets: Command, tmp_path: Path) -> None:
    answer = stock_assets("export", name, "--out", str(tmp_path / "table.parquet"), home=filled.home)

    assert answer.code == 0, answer.stderr
    table = pd.read_parquet(tmp_path / "table.parquet")
    assert len(table) > 0
    # The portfolio's performance is of no ticker.
    assert ("ticker" in table) is (name != "portfolio_performance")


def test_a_removed_ticker_leaves_the_next_release_and_an_unknown_one_is_named(
    own_home: Path, stock_assets: Command
) -> None:
    removed = stock_assets("tickers", "remove", "IBM", "FB", home=own_home)
    published = stock_assets("materialize", "--json", home=own_home)
    unknown = stock_assets("tickers", "add", "NOPE", home=own_home)

    assert removed.code == 0, removed.stderr
    assert published.code == 0, published.stderr
    assert sorted(published.json["metrics"]) == ["AAPL", "GOOG", "MSFT"]
    assert unknown.code == 1
    assert "AAPL, FB, GOOG, IBM, MSFT" in unknown.error
    assert "NOPE" in unknown.error


def test_a_selection_makes_just_those_assets_anew(own_home: Path, stock_assets: Command) -> None:
    made = stock_assets("materialize", "--select", "signals", "--tickers", "AAPL", "--json", home=own_home)
    wrong = stock_assets("materialize", "--select", "nonsense+", home=own_home)

    assert [(run["ticker"], list(run["step_seconds"])) for run in made.json["runs"]] == [("AAPL", ["signals"])]
    assert wrong.code == 1
    assert "selection: expected " in wrong.error
    assert "got 'nonsense+'" in wrong.error


def test_a_release_can_be_rolled_back(own_home: Path, filled: Filled, stock_assets: Command) -> None:
    stock_assets("tickers", "remove", "IBM", home=own_home)
    stock_assets("materialize", home=own_home)

    back = stock_assets("release", "rollback", "--json", home=own_home)

    assert back.code == 0, back.stderr
    assert back.json["current"] == filled.answer.json["release_id"]
    assert [row["current"] for row in stock_assets("release", "list", "--json", home=own_home).json] == [False, True]


def test_doctor_finds_a_filled_home_sound(filled: Filled, stock_assets: Command) -> None:
    answer = stock_assets("doctor", "--json", home=filled.home)

    assert answer.code == 0, answer.stdout
    assert {finding["verdict"] for finding in answer.json["findings"]} == {"ok"}


def test_doctor_names_a_damaged_release_and_the_way_out(own_home: Path, stock_assets: Command) -> None:
    model = next(own_home.glob("releases/*/tickers/AAPL/model.onnx"))
    model.write_bytes(model.read_bytes()[:-1])

    answer = stock_assets("doctor", home=own_home)

    assert answer.code == 1
    assert "model.onnx" in answer.stdout
    assert "release rollback" in answer.stdout
