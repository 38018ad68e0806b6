"""What the graph reads of the live engine's audit log, wherever that is kept."""

from __future__ import annotations

import pandas as pd
import pytest
from audit_records import forecast, outcome

from release.audit import AuditLog
from stock_assets.live import outcomes
from stock_assets.settings import PipelineSettings


@pytest.mark.parametrize("kept", ["sqlite", "postgres"])
def test_settled_forecasts_are_a_table(kept, tmp_path, postgres):
    url = postgres.fresh() if kept == "postgres" else None
    where = PipelineSettings(home=tmp_path, audit_url=url).audit
    with AuditLog.open(where) as log:
        for day in (4, 5):
            (made,) = log.append([forecast(day)])
            log.append([outcome(made, forecast(day), realised=day / 1000)])

    table = outcomes(where, "AAPL", last=1)

    expected = {"ticker": ["AAPL"], "date": pd.to_datetime(["2013-03-05"]).astype("datetime64[ms]")}
    figures = {"mean": [0.0012], "vol": [0.021], "realised": [0.005]}
    pd.testing.assert_frame_equal(table, pd.DataFrame(expected | figures))


def test_before_the_live_engine_has_run_the_table_is_empty_and_no_log_is_made(tmp_path):
    assert len(outcomes(PipelineSettings(home=tmp_path).audit, "AAPL")) == 0
    assert list(tmp_path.iterdir()) == []
