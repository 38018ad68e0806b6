"""Whatever is wrong with what a person hands in is told in one line, and costs nobody else anything."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from bokeh_sampledata import stocks
from command_line import Command, environment, words

from stock_assets.supervisor import free_port


def table(ticker: str = "AAPL") -> pd.DataFrame:
    return pd.DataFrame(getattr(stocks, ticker))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A folder with one sound ticker and one of each kind of trouble that leaves nothing to train on."""
    folder = tmp_path / "bars"
    folder.mkdir()
    good = table()
    often = good.index % 50 == 10
    halted = good.copy()
    halted.loc[1_000:1_099, ["open", "high", "low", "close", "adj_close"]] = good.loc[999, "close"]
    files = {
        "GOOD": good,
        "NAN": good.assign(close=good["close"].mask(often)),
        "NEGATIVE": good.assign(low=np.where(often, -1.0, good["low"])),
        "CONFLICT": pd.concat([good, good[often].assign(close=good["close"] * 1.001)]),
        "SHORT": good.iloc[-300:],
        "STILL": halted,
        "COLUMN": good.drop(columns="volume"),
    }
    for name, bars in files.items():
        bars.to_csv(folder / f"{name}.csv", index=False)
    (folder / "EMPTY.csv").write_bytes(b"")
    (folder / "GARBAGE.parquet").write_bytes(b"<html>502 Bad Gateway</html>")
    return folder


@pytest.mark.slow
def test_each_bad_ticker_is_refused_with_its_reason_and_the_good_one_is_released(
    mixed: Path, tmp_path: Path, stock_assets: Command
) -> None:
    home = tmp_path / "home"

    answer = stock_assets("demo", "--once", "--json", "--data", str(mixed), home=home)

    assert answer.code == 0, answer.stderr
    assert list(answer.json["metrics"]) == ["GOOD"]
    reasons = {refusal["ticker"]: refusal["reason"] for refusal in answer.json["refused"]}
    words = {
        "COLUMN": "volume",
        "CONFLICT": "close: expected one value of 2 rows",
        "EMPTY": "empty file",
        "GARBAGE": "Parquet",
        "NAN": "close: expected a finite number, got nan",
        "NEGATIVE": "low: expected a price above 0, got -1.0",
        "SHORT": "300",
        "STILL": "STILL close: expected a move within any 63 sessions, got none from",
    }
    assert sorted(reasons) == sorted(words)
    for ticker, word in words.items():
        assert word in reasons[ticker], reasons[ticker]
        assert "\n" not in reasons[ticker]

    (mixed / "GOOD.csv").unlink()
    gone = stock_assets("materialize", "--json", home=home)
    after = stock_assets("release", "show", "--json", home=home)

    assert gone.code == 1
    assert [(run["ticker"], run["ok"]) for run in gone.json["runs"]] == [("GOOD", False), ("STILL", False)]
    assert "expected one of COLUMN, CONFLICT, EMPTY" in gone.json["runs"][0]["error"]
    assert after.json["release_id"] == answer.json["release_id"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "files"], ["data: expected a file or folder", "got none"]),
        (["--data", "no/such/bars.csv"], ["data: expected a file or folder", "no/such/bars.csv"]),
        (["--source", "bloomberg"], ["source: expected 'sample', 'files', 'yahoo' or 'alpaca'", "bloomberg"]),
        (["--tickers", "AAPL,NOPE"], ["AAPL, FB, GOOG, IBM, MSFT", "NOPE"]),
        (["--as-of", "1990-01-01"], ["1990-01-01"]),
    ],
)
def test_wishes_that_can_not_be_met_are_told_in_one_line(
    arguments: list[str], words: list[str], tmp_path: Path, stock_assets: Command
) -> None:
    answer = stock_assets("demo", "--once", *arguments, home=tmp_path / "home", cwd=tmp_path)

    assert answer.code == 1
    for word in words:
        assert word in answer.error


def test_ctrl_c_while_the_graph_is_filled_is_one_line_and_leaves_no_process(tmp_path: Path) -> None:
    filling = subprocess.Popen(
        words("materialize", home=tmp_path / "home"), stderr=subprocess.PIPE, text=True, env=environment()
    )
    # By the first good news both workers are at work.
    said = iter(filling.stderr.readline, "")
    assert any("done in" in line for line in said)
    family = psutil.Process(filling.pid).children(recursive=True)

    filling.send_signal(signal.SIGINT)
    _, rest = filling.communicate(timeout=60)
    _, left = psutil.wait_procs(family, timeout=20)

    assert filling.returncode == 130
    assert rest.splitlines()[-1] == "error: interrupted"
    assert left == []


@pytest.mark.parametrize("command", [["demo", "--once"], ["demo"], ["materialize"], ["tickers", "add", "AAPL"]])
def test_a_home_that_can_not_be_written_is_told_in_one_line(
    command: list[str], tmp_path: Path, stock_assets: Command
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")

    answer = stock_assets(*command, home=in_the_way / "home")

    assert answer.code == 1
    assert "home: expected a writable folder" in answer.error


def test_a_port_in_use_is_told_before_anything_is_computed(tmp_path: Path, stock_assets: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        server = stock_assets("demo", "--port", port, "--dagster-port", str(free_port()), home=tmp_path / "home")
        dagster = stock_assets("demo", "--port", str(free_port()), "--dagster-port", port, home=tmp_path / "home")

    assert (server.code, dagster.code) == (1, 1)
    assert f"--port: expected a free port, got {port}" in server.error
    assert f"--dagster-port: expected a free port, got {port}" in dagster.error
    assert not (tmp_path / "home" / "lake").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["release", "show"], "expected a published release, found none"),
        (["release", "rollback"], "expected a published release, found none"),
        (["export", "prices", "--out", "prices.csv"], "expected a filled home"),
        (["export", "prices", "--out", "prices.xls"], ".csv, .csv.gz, .parquet, got prices.xls"),
    ],
)
def test_an_empty_home_has_nothing_to_show_and_says_so(
    arguments: list[str], words: str, tmp_path: Path, stock_assets: Command
) -> None:
    answer = stock_assets(*arguments, home=tmp_path / "home")

    assert answer.code == 1
    assert words in answer.error


@pytest.mark.parametrize(
    "arguments", [["nope"], ["demo", "--nope"], ["demo", "--port", "many"], ["tickers"], ["demo", "--as-of", "today"]]
)
def test_wrong_usage_is_told_in_one_line_with_where_to_look(arguments: list[str], stock_assets: Command) -> None:
    answer = stock_assets(*arguments)

    assert answer.code == 2
    assert "--help" in answer.error


def test_help_needs_none_of_the_heavy_libraries() -> None:
    script = (
        "import sys; from stock_assets.cli.main import run; assert run(['--help']) == 0\n"
        "heavy = {'dagster', 'mlflow', 'sklearn', 'pandas', 'pydantic', 'onnxruntime'}\n"
        "print(sorted(heavy & {name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "materialize" in ended.stdout
    assert ended.stderr.strip() == "[]"
