"""The sessions of an exchange as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from quant.errors import QuantError
from quant.sessions import SessionCalendar

DAYS = np.array(["2013-03-01", "2013-03-04", "2013-03-05", "2013-03-06"], dtype="datetime64[D]")
CALENDAR = SessionCalendar(
    "XNYS", 252, DAYS, DAYS + np.timedelta64(52_200, "s"), DAYS.astype("datetime64[s]") + np.timedelta64(75_600, "s")
)


def test_the_session_after_friday_is_monday():
    assert CALENDAR.ahead(np.datetime64("2013-03-01"), steps=1) == np.datetime64("2013-03-04")


def test_a_saturday_is_no_session_and_is_named():
    assert np.datetime64("2013-03-02") not in CALENDAR
    with pytest.raises(QuantError, match=r"expected a session of XNYS in 2013-03-01\.\.2013-03-06, got 2013-03-02"):
        CALENDAR.index(np.datetime64("2013-03-02"))


def test_beyond_the_end_there_is_no_session():
    with pytest.raises(QuantError, match="ends at 2013-03-06, 3 after 2013-03-05 is beyond"):
        CALENDAR.ahead(np.datetime64("2013-03-05"), steps=3)


@pytest.mark.parametrize(
    ("now", "session"),
    [
        ("2013-03-04T20:59:59", "2013-03-01"),
        ("2013-03-04T21:00:00", "2013-03-04"),
        ("2013-03-05T03:00:00", "2013-03-04"),
    ],
)
def test_a_session_is_closed_from_its_closing_second_on(now, session):
    assert CALENDAR.last_closed(np.datetime64(now)) == np.datetime64(session)


def test_before_the_first_close_nothing_has_closed():
    with pytest.raises(QuantError, match="after the first close"):
        CALENDAR.last_closed(np.datetime64("2013-03-01T12:00:00"))


def test_between_includes_both_ends():
    found = CALENDAR.between(np.datetime64("2013-03-02"), np.datetime64("2013-03-05"))

    assert [str(day) for day in found] == ["2013-03-04", "2013-03-05"]


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(QuantError, match="expected 4 rows, got"):
        SessionCalendar("XNYS", 252, DAYS, DAYS[:2], DAYS)
