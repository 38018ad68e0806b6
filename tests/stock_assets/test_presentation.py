"""What a materialisation shows a person in Dagster."""

from __future__ import annotations

import base64
import re

import numpy as np
import pandas as pd

from stock_assets.presentation import HEIGHT, WIDTH, drawing, table_metadata


def picture(shown) -> str:
    """The SVG inside the markdown."""
    return base64.b64decode(re.search(r"base64,([^)]+)\)", shown.value).group(1)).decode()


def test_a_line_goes_from_one_edge_of_the_picture_to_the_other_and_from_its_low_to_its_high():
    drawn = picture(drawing("IBM close", close=np.array([1.0, 3.0, 2.0])))

    assert f'points="4.0,{16 + HEIGHT:.1f} {WIDTH / 2:.1f},16.0 {WIDTH - 4:.1f},{16 + HEIGHT / 2:.1f}"' in drawn
    assert "IBM close: 1 to 3" in drawn


def test_marks_stand_on_the_line_where_their_rows_are_and_are_counted_by_kind():
    drawn = picture(drawing("IBM close", marks={"open": [1], "repaired": [], "missing": [0, 2]}, close=np.arange(3.0)))

    assert re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn) == [
        (f"{WIDTH / 2:.1f}", f"{16 + HEIGHT / 2:.1f}"),
        ("4.0", f"{16 + HEIGHT:.1f}"),
        (f"{WIDTH - 4:.1f}", "16.0"),
    ]
    assert "1 open" in drawn
    assert "2 missing" in drawn
    assert "repaired" not in drawn


def test_a_kind_of_mark_has_its_colour_whatever_else_there_is_and_a_picture_stays_small():
    alone = picture(drawing("IBM close", marks={"open": [], "repaired": range(5000)}, close=np.arange(5000.0)))
    beside = picture(drawing("IBM close", marks={"open": [3], "repaired": [5]}, close=np.arange(5000.0)))

    assert set(re.findall('r="2.5" fill="(.*?)"', alone)) == {re.findall('r="2.5" fill="(.*?)"', beside)[1]}
    assert "5000 repaired" in alone
    assert len(alone) < 30_000


def test_a_line_of_one_value_and_one_with_gaps_can_be_drawn():
    assert 'points="4.0,' in picture(drawing("one", close=np.array([5.0])))
    assert "nan" not in picture(drawing("gaps", close=np.array([np.nan, 1.0, np.nan, 2.0])))


def test_a_table_tells_its_size_and_range_before_anything_else_and_what_its_columns_hold():
    table = pd.DataFrame({"date": pd.to_datetime(["2024-01-02", "2024-01-03"]), "close": [1.0, 2.0]})

    facts = table_metadata(table, columns={"close": "as traded"}, source="files")

    assert list(facts)[2:] == ["first", "last", "source"]
    assert (facts["dagster/row_count"], facts["first"], facts["last"]) == (2, "2024-01-02", "2024-01-03")
    assert [column.description for column in facts["dagster/column_schema"].columns] == [None, "as traded"]
