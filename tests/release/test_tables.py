"""Bars and calendars go to disk and come back as they were; equal bars have equal digests, others have not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from real_release import new_york
from shared_data import sample_bars

from release.errors import BadRelease
from release.tables import digest, encode_bars, load_bars, load_calendar, save_bars, save_calendar


def test_bars_come_back_as_they_were(tmp_path):
    bars = sample_bars("AAPL")

    save_bars(tmp_path / "deep" / "AAPL.npz", bars)
    back = load_bars(tmp_path / "deep" / "AAPL.npz")

    for name in ("session", "ohlcv", "split", "dividend"):
        assert_array_equal(getattr(back, name), getattr(bars, name))
        assert getattr(back, name).dtype == getattr(bars, name).dtype
    assert digest(back) == digest(bars)


def test_a_calendar_comes_back_as_it_was(tmp_path):
    calendar = new_york()

    save_calendar(tmp_path / "XNYS.npz", calendar)
    back = load_calendar(tmp_path / "XNYS.npz")

    assert (back.exchange, back.sessions_per_year) == ("XNYS", 252)
    for name in ("session", "open_utc", "close_utc"):
        assert_array_equal(getattr(back, name), getattr(calendar, name))


def test_equal_bars_are_equal_bytes():
    assert encode_bars(sample_bars("IBM")) == encode_bars(sample_bars("IBM"))


@given(row=st.integers(0, 3269), column=st.integers(0, 4))
def test_the_smallest_change_changes_the_digest(row, column):
    bars = sample_bars("IBM")
    ohlcv = bars.ohlcv.copy()
    ohlcv[row, column] = np.nextafter(ohlcv[row, column], np.inf)

    assert digest(replace(bars, ohlcv=ohlcv)) != digest(bars)


def test_a_file_that_holds_something_else_is_named(tmp_path):
    (tmp_path / "AAPL.npz").write_text("date,open\n")

    with pytest.raises(BadRelease, match=r"AAPL.npz: expected an .npz of plain arrays"):
        load_bars(tmp_path / "AAPL.npz")


def test_a_calendar_is_no_bars(tmp_path):
    save_calendar(tmp_path / "AAPL.npz", new_york())

    with pytest.raises(BadRelease, match=r"expected the arrays session, ohlcv, split, dividend, got exchange"):
        load_bars(tmp_path / "AAPL.npz")
