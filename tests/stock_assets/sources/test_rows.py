"""How rows become bars: order and repetition don't matter, contradictions and broken rows are set aside by name."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from shared_data import sample_bars

from quant.faults import Rule
from stock_assets.sources.market_data import Provenance, Refused
from stock_assets.sources.rows import Rows, admit

BY_HAND = Provenance(source="test", origin="by hand")
DAYS = np.array(["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"], dtype="datetime64[D]")
SOUND = np.array(
    [
        [10.0, 11.0, 9.0, 10.5, 100.0],
        [10.5, 12.0, 10.0, 11.0, 120.0],
        [11.0, 12.0, 10.5, 11.5, 130.0],
        [11.5, 13.0, 11.0, 12.0, 140.0],
    ]
)


def four(**columns) -> Rows:
    return Rows(session=DAYS, ohlcv=SOUND.copy(), **columns)


def with_cell(rows: Rows, row: int, column: int, value: float) -> Rows:
    changed = rows.ohlcv.copy()
    changed[row, column] = value
    return replace(rows, ohlcv=changed)


def joined(*parts: Rows) -> Rows:
    def column(name):
        found = [getattr(part, name) for part in parts]
        return None if found[0] is None else np.concatenate(found)

    return Rows(**{name: column(name) for name in ("session", "ohlcv", "split", "dividend", "adjusted_close")})


def rules(fetched) -> list[tuple[str, Rule]]:
    return [(row.session, row.rule) for row in fetched.refused]


def test_rows_in_any_order_and_number_are_the_same_bars():
    backwards = four().take(np.array([3, 1, 1, 0, 2, 3]))

    fetched = admit(backwards, provenance=BY_HAND)

    assert_array_equal(fetched.bars.session, DAYS)
    assert_array_equal(fetched.bars.ohlcv, SOUND)
    assert fetched.merged == 2
    assert fetched.refused == ()


def test_rows_of_one_session_that_differ_are_set_aside_all_of_them():
    rows = joined(four(), with_cell(four(), 1, 3, 11.25).take(np.array([1])))

    fetched = admit(rows, provenance=BY_HAND)

    assert_array_equal(fetched.bars.session, DAYS[[0, 2, 3]])
    assert rules(fetched) == [("2024-01-03", Rule.CONFLICT)] * 2
    assert str(fetched.refused[0]) == "2024-01-03 close: expected one value of 2 rows (11, 11.25), got 11.0"
    assert json.loads(fetched.refused[1].row)["close"] == 11.25


def test_a_row_that_is_no_bar_contradicts_none():
    rows = joined(four(), with_cell(four(), 1, 3, np.nan).take(np.array([1])))

    fetched = admit(rows, provenance=BY_HAND)

    assert len(fetched.bars) == 4
    assert rules(fetched) == [("2024-01-03", Rule.FINITE)]


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        (0, np.inf, Rule.FINITE),
        (3, 0.0, Rule.POSITIVE_PRICE),
        (4, -1.0, Rule.NEGATIVE_VOLUME),
        (1, 10.0, Rule.HIGH_LOW),
    ],
)
def test_a_row_that_is_no_bar_by_itself_is_set_aside_under_its_first_rule(column, value, rule):
    fetched = admit(with_cell(four(), 2, column, value), provenance=BY_HAND)

    assert rules(fetched) == [("2024-01-04", rule)]
    assert len(fetched.bars) == 3
    assert json.loads(fetched.refused[0].row)["date"] == "2024-01-04"


def test_an_impossible_split_is_set_aside_and_a_split_of_zero_is_none():
    rows = four(split=np.array([0.0, -2.0, 1.0, 2.0]), dividend=np.zeros(4))

    fetched = admit(rows, provenance=BY_HAND)

    assert rules(fetched) == [("2024-01-03", Rule.ACTION)]
    assert_array_equal(fetched.bars.split, [1.0, 1.0, 2.0])


def test_actions_are_read_back_from_adjusted_closes_as_the_sample_has_them():
    bars = sample_bars("AAPL")
    factor = np.ones(len(bars))
    for row in np.flatnonzero((bars.split != 1) | (bars.dividend > 0)):
        factor[:row] *= (1 - bars.dividend[row] * bars.split[row] / bars.close[row - 1]) / bars.split[row]
    rows = Rows(session=bars.session, ohlcv=bars.ohlcv, adjusted_close=bars.close * factor)

    fetched = admit(rows, provenance=BY_HAND)

    assert_array_equal(fetched.bars.split, bars.split)
    assert fetched.bars.dividend == pytest.approx(bars.dividend, abs=1e-9)


def test_without_actions_an_adjusted_close_that_is_no_price_breaks_its_row():
    fetched = admit(four(adjusted_close=np.array([10.5, -1.0, 11.5, 12.0])), provenance=BY_HAND)

    assert str(fetched.refused[0]) == "2024-01-03 adj_close: expected a price above 0, got -1.0"


def test_beside_actions_an_adjusted_close_is_evidence_only():
    said = {"split": np.ones(4), "dividend": np.array([0.0, 0.5, 0.0, 0.0])}
    rows = four(adjusted_close=np.array([-np.inf, 11.0, 11.5, 12.0]), **said)

    fetched = admit(rows, provenance=BY_HAND)

    assert fetched.refused == ()
    assert_array_equal(fetched.bars.dividend, said["dividend"])
    assert fetched.adjusted_close is not None
    assert_array_equal(fetched.adjusted_close, rows.adjusted_close)


def test_rows_that_differ_in_the_evidence_alone_are_one_bar_without_evidence():
    said = {"split": np.ones(4), "dividend": np.zeros(4)}
    earlier = four(adjusted_close=SOUND[:, 3].copy(), **said)
    later = four(adjusted_close=SOUND[:, 3] * 0.99, **said).take(np.array([1]))

    fetched = admit(joined(earlier, later), provenance=BY_HAND)

    assert (len(fetched.bars), fetched.merged, fetched.refused) == (4, 1, ())
    assert fetched.adjusted_close is not None
    assert_array_equal(np.isnan(fetched.adjusted_close), [False, True, False, False])


def test_what_one_column_does_not_say_is_read_back_and_what_the_other_says_counts():
    close = SOUND[:, 3]
    rows = four(split=np.ones(4), adjusted_close=close * np.array([0.9, 1.0, 1.0, 1.0]))

    fetched = admit(rows, provenance=BY_HAND)

    assert_array_equal(fetched.bars.split, np.ones(4))
    assert fetched.bars.dividend == pytest.approx([0.0, 1.05, 0.0, 0.0])


def test_the_actions_of_a_refused_row_stand_at_the_next_bar_with_a_note():
    split, dividend = np.array([1.0, 2.0, 3.0, 1.0]), np.array([0.0, 0.6, 0.1, 0.0])
    rows = with_cell(four(split=split, dividend=dividend), 1, 3, np.nan)

    fetched = admit(rows, provenance=BY_HAND)

    # 0.6 on each of the two shares is 0.2 on each of the six that they are a session later.
    assert_array_equal(fetched.bars.split, [1.0, 6.0, 1.0])
    assert fetched.bars.dividend == pytest.approx([0.0, 0.3, 0.0])
    assert fetched.notes == ("2024-01-03: split 2, dividend 0.6 of a refused row stand at 2024-01-04",)


def test_actions_that_contradict_each_other_stand_nowhere():
    rows = four(split=np.array([1.0, 2.0, 1.0, 1.0]), dividend=np.zeros(4))
    rival = four(split=np.array([1.0, 3.0, 1.0, 1.0]), dividend=np.zeros(4)).take(np.array([1]))

    fetched = admit(joined(rows, rival), provenance=BY_HAND)

    assert_array_equal(fetched.bars.split, np.ones(3))
    assert rules(fetched) == [("2024-01-03", Rule.CONFLICT)] * 2
    assert fetched.notes == ()


def test_an_action_after_the_last_bar_waits_in_the_quarantine():
    rows = with_cell(four(split=np.array([1.0, 1.0, 1.0, 2.0]), dividend=np.zeros(4)), 3, 0, np.nan)

    fetched = admit(rows, provenance=BY_HAND)

    assert_array_equal(fetched.bars.split, np.ones(3))
    assert json.loads(fetched.refused[0].row)["split"] == 2.0


def test_a_row_that_could_not_be_read_is_kept_once():
    unread = Refused(rule=Rule.SCHEMA, session="n/a", field="date", value="n/a", expected="a date", row="{}")

    fetched = admit(four(), provenance=BY_HAND, refused=[unread, unread])

    assert fetched.refused == (unread,)
    assert fetched.merged == 1


def test_no_rows_are_no_bars():
    fetched = admit(four().take(np.zeros(0, dtype=np.intp)), provenance=BY_HAND)

    assert (len(fetched.bars), fetched.merged, fetched.refused) == (0, 0, ())


def test_a_refused_row_is_json_whatever_it_holds():
    rows = with_cell(four(adjusted_close=np.array([1.0, np.nan, 1.0, 1.0])), 1, 1, np.inf)

    cells = json.loads(admit(rows, provenance=BY_HAND).refused[0].row, parse_constant=lambda name: pytest.fail(name))

    assert (cells["high"], cells["adj_close"]) == ("inf", None)
