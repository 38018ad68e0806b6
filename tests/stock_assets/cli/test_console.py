"""How the command line speaks: whole figures at any width, one line for a failure."""

from __future__ import annotations

import pytest

from release.manifest import TickerMetrics
from stock_assets.cli import console, report
from stock_assets.cli.main import prose, run

METRICS = TickerMetrics(
    n=2512,
    first="2003-03-10",
    last="2013-02-28",
    price_r2=0.99921,
    price_r2_random_walk=0.99920,
    return_r2=0.00228,
    return_r2_historical_mean=0.00227,
    clark_west_p=0.01,
    directional_accuracy=0.528,
    directional_accuracy_se=0.01,
    base_rate=0.535,
    coverage_90=0.901,
    brier=0.249,
    brier_base_rate=0.25,
)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 40 columns."""
    monkeypatch.setenv("COLUMNS", "40")
    console.stdout.cache_clear()
    console.stderr.cache_clear()


def test_no_figure_is_cut_short_for_a_narrow_terminal(capsys):
    console.show_table(report.scores({"AAPL": METRICS}))

    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("AAPL"))
    figures = ["0.99921", "0.99920", "+0.00228", "+0.00227", "0.01", "52.8% ± 1.0%", "53.5%", "90.1%", "2512"]
    assert row.split("AAPL")[1].replace(" ± ", "±").split() == [figure.replace(" ± ", "±") for figure in figures]


def test_a_failure_is_one_line_whatever_its_message_holds(capsys):
    console.say_error("expected this\n  and  that, got [red]neither[/]")

    assert capsys.readouterr().err == "error: expected this and that, got [red]neither[/]\n"


def test_a_failure_nobody_foresaw_is_one_line_and_its_traceback_is_kept(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("STOCK_ASSETS_HOME", str(tmp_path))
    monkeypatch.setattr("stock_assets.cli.doctor.homes.settings_for", lambda **_: 1 // 0)

    code = run(["doctor"])

    said = capsys.readouterr().err
    kept = next((tmp_path / "logs").glob("failure-*.log"))
    assert code == 1
    assert said == f"error: unexpected ZeroDivisionError: integer division or modulo by zero (traceback in {kept})\n"
    assert "Traceback" in kept.read_text()


def test_help_breaks_its_paragraphs_where_the_terminal_does():
    def command() -> None:
        """What it does.

        Something
        longer.
        """

    assert prose(command) == "What it does.\n\nSomething longer."
