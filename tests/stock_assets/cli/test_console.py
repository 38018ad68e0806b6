"""How the command line speaks: whole figures at any width, one line for a failure."""

from __future__ import annotations

import msgspec
import pytest

from release.manifest import Book, TickerMetrics, TradingRecord
from stock_assets.cli import console, report
from stock_assets.cli.main import prose, run

METRICS = TickerMetrics(
    n=2512,
    first="2003-03-10",
    last="2013-02-28",
    price_r2=0.99921,
    price_r2_random_walk=0.99920,
    return_r2=0.00228,
    return_r2_historical_mean=-0.0127,
    clark_west_p=0.01,
    clark_west_p_historical_mean=0.02,
    diebold_mariano=-1.0,
    diebold_mariano_p=0.3,
    directional_accuracy=0.528,
    directional_accuracy_se=0.01,
    base_rate=0.535,
    brier=0.2475,
    brier_base_rate=0.25,
    log_score=0.69,
    log_score_base_rate=0.692,
    calibration_error=0.01,
    confident_right=None,
    confident_n=0,
    coverage_90=0.901,
    coverage_50=0.5,
    worst_coverage_63=0.8095,
    interval_score=0.08,
    interval_score_ewma=0.09,
    qlike=1.86,
    qlike_ewma=2.0,
    qlike_rolling=2.1,
    qlike_log_har=1.9,
    qlike_garch=1.9,
    variance_r2_ewma=0.1,
    variance_r2_rolling=0.2,
    variance_r2_log_har=0.0,
    variance_r2_garch=0.0,
    trials=150,
)
HELD = Book(
    annualised_return=0.12,
    annualised_volatility=0.218,
    sharpe=0.52,
    probabilistic_sharpe=0.95,
    deflated_sharpe=0.95,
    maximum_drawdown=0.443,
    hit_rate=None,
    turnover=0.1,
    exposure=1.0,
    trades=1,
    total_cost_bp=3.0,
)
TRADING = TradingRecord(
    first="2003-03-10",
    last="2013-03-01",
    sessions=2513,
    cost_bp=1.0,
    slippage_bp=2.0,
    trials=300,
    signals=msgspec.structs.replace(HELD, annualised_return=-0.066, sharpe=-0.35, deflated_sharpe=0.04, trades=18),
    buy_and_hold=HELD,
)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 40 columns."""
    monkeypatch.setenv("COLUMNS", "40")
    console.stdout.cache_clear()
    console.stderr.cache_clear()


def shown(capsys, *tables):
    for table in tables:
        console.show_table(table)
    return capsys.readouterr().out.splitlines()


def test_no_figure_is_cut_short_for_a_narrow_terminal(capsys):
    lines = shown(capsys, *report.scores({"AAPL": {1: METRICS}}))

    row = next(line for line in lines if line.startswith("AAPL"))
    prices, returns = ["0.99921", "0.99920"], ["+0.23", "-1.27", "0.01"]
    assert row.split()[1:] == [*prices, *returns, "52.8±1.0", "53.5", "+1.00", "0.93", "90.1", "81.0"]


def test_every_horizon_has_a_table_and_the_last_one_explains(capsys):
    young = msgspec.structs.replace(METRICS, n=1140)
    metrics = {"AAPL": {1: METRICS, 5: METRICS}, "GOOG": {1: young}}

    lines = shown(capsys, *report.scores(metrics))

    assert lines[0].rstrip() == "1 session ahead, out of sample: 1,140 to 2,512 forecasts a ticker"
    assert "5 sessions ahead, out of sample: 2,512 forecasts a ticker" in [line.rstrip() for line in lines]
    assert [line.split()[0] for line in lines if line.startswith(("AAPL", "GOOG"))] == ["AAPL", "GOOG", "AAPL"]
    assert sum("repeating yesterday's close" in line for line in lines) == 1
    assert "QLIKE" in lines[1]


def test_signals_stand_beside_buying_and_holding(capsys):
    lines = shown(capsys, report.trading({"AAPL": TRADING}))

    signals, held = (line.split() for line in lines if "signals  " in line or "buy and hold " in line)
    assert signals == ["AAPL", "signals", "-6.6%", "21.8%", "-0.35", "4%", "44.3%", "18", "100%"]
    # Nothing was tried to find it: its Sharpe ratio is not deflated.
    assert held == ["buy", "and", "hold", "+12.0%", "21.8%", "+0.52", "44.3%", "1", "100%"]
    assert "at 3 bp a side" in " ".join(lines)
    assert "300 settings" in " ".join(" ".join(lines).split())


def test_a_ruined_book_says_so(capsys):
    ruined = msgspec.structs.replace(HELD, annualised_return=-1.0, annualised_volatility=None, sharpe=None)

    lines = shown(capsys, report.trading({"AAPL": msgspec.structs.replace(TRADING, signals=ruined)}))

    assert next(line for line in lines if line.startswith("AAPL")).split()[2:5] == ["-100.0%", "ruined", "ruined"]


@pytest.mark.parametrize("tickers", [("AAPL",), ("AAPL", "BTC-USD")])
def test_the_tables_fit_into_80_columns(capsys, tickers):
    worst = msgspec.structs.replace(METRICS, return_r2=-0.1234, return_r2_historical_mean=-0.05, brier=0.2525)
    tables = [
        *report.scores({ticker: {1: METRICS, 5: worst} for ticker in tickers}),
        report.trading(dict.fromkeys(tickers, TRADING)),
    ]

    lines = shown(capsys, *tables)

    assert max(len(line) for line in lines) <= 80


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
