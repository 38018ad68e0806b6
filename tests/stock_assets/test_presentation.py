"""What a materialisation shows a person in Dagster."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pandas as pd

from quant.faults import Rule
from stock_assets.drawing import BLUE, ORANGE, blank
from stock_assets.ingest.assessment import Finding, Outcome
from stock_assets.presentation import HEIGHT, WIDTH, drawing, findings_marks, findings_metadata, table_metadata
from stock_assets.presentation import picture as embedded


def picture(shown) -> str:
    """The SVG inside the markdown."""
    return base64.b64decode(re.search(r"base64,([^)]+)\)", shown.value).group(1)).decode()


def finding(outcome: Outcome, *, session: str = "2024-01-03") -> Finding:
    mended = "1.0" if outcome is Outcome.REPAIRED else ""
    return Finding(
        rule=Rule.JUMP, session=session, field="close", value="9.0", expected="2.0", outcome=outcome, mended=mended
    )


def test_findings_are_counted_by_what_came_of_them_at_zero_too():
    assert findings_metadata([]) == {"findings_open": 0, "findings_repaired": 0, "findings_quarantined": 0}
    told = findings_metadata([finding(Outcome.OPEN), finding(Outcome.OPEN), finding(Outcome.HELD)])

    assert (told["findings_open"], told["findings_held"], told["findings_repaired"]) == (2, 1, 0)


def test_findings_are_a_table_of_the_first_hundred_with_those_to_act_on_first():
    told = findings_metadata([finding(Outcome.REPAIRED)] * 100 + [finding(Outcome.OPEN), finding(Outcome.HELD)])

    records = [record.data for record in told["findings"].records]
    assert [record["outcome"] for record in records] == ["held", "open"] + ["repaired"] * 98
    assert records[1] == {
        "session": "2024-01-03",
        "rule": "unexplained jump",
        "outcome": "open",
        "finding": "close: expected 2.0, got 9.0",
    }
    assert records[2]["finding"] == "close: 9.0 mended to 1.0, because 2.0"


def test_a_finding_is_marked_at_its_bar_or_the_next_one():
    sessions = np.array(["2024-01-02", "2024-01-04"], dtype="datetime64[D]")
    days = ("2024-01-02", "2024-01-03", "2024-01-05", "-")

    rows = findings_marks([finding(Outcome.OPEN, session=day) for day in days], sessions)

    assert rows == {"open": [0, 1, 1], "quarantined": [], "repaired": []}


def test_a_line_goes_from_one_edge_of_the_picture_to_the_other_and_from_its_low_to_its_high():
    drawn = picture(drawing("IBM close", close=np.array([1.0, 3.0, 2.0])))

    assert f'points="4.0,{16 + HEIGHT:.1f} {WIDTH / 2:.1f},16.0 {WIDTH - 4:.1f},{16 + HEIGHT / 2:.1f}"' in drawn
    assert "IBM close: 1 to 3" in drawn


def test_marks_stand_on_the_line_where_their_rows_are_and_are_counted_by_kind():
    drawn = picture(drawing("IBM close", {"open": [1], "repaired": [], "missing": [0, 2]}, close=np.arange(3.0)))

    assert re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn) == [
        (f"{WIDTH / 2:.1f}", f"{16 + HEIGHT / 2:.1f}"),
        ("4.0", f"{16 + HEIGHT:.1f}"),
        (f"{WIDTH - 4:.1f}", "16.0"),
    ]
    assert "1 open" in drawn
    assert "2 missing" in drawn
    assert "repaired" not in drawn


def test_a_kind_of_mark_has_its_colour_whatever_else_there_is_and_a_picture_stays_small():
    alone = picture(drawing("IBM close", {"open": [], "repaired": range(5000)}, close=np.arange(5000.0)))
    beside = picture(drawing("IBM close", {"open": [3], "repaired": [5]}, close=np.arange(5000.0)))

    assert set(re.findall('r="2.5" fill="(.*?)"', alone)) == {re.findall('r="2.5" fill="(.*?)"', beside)[1]}
    assert "5000 repaired" in alone
    assert len(alone) < 30_000


def test_a_line_of_one_value_and_one_with_gaps_can_be_drawn():
    assert 'points="4.0,' in picture(drawing("one", close=np.array([5.0])))
    assert "nan" not in picture(drawing("gaps", close=np.array([np.nan, 1.0, np.nan, 2.0])))


def test_a_figure_is_embedded_small_and_whole_with_its_thinnest_line_in_its_own_colour():
    from PIL import Image, ImageColor

    figure = blank("noise", width=7.0, height=4.0)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.7))
    axes.imshow(np.random.default_rng(7).normal(size=(60, 60)), cmap="RdBu_r", aspect="auto", extent=(0, 1, 0, 1))
    axes.set_xlim(0.0, 2.0)
    for place, colour in ((1.2, ORANGE), (1.4, BLUE)):
        axes.axvline(place, color=colour, linewidth=2)

    shown = embedded("Noise, beside lines", figure).value
    told = re.fullmatch(r"!\[Noise, beside lines\]\(data:image/png;base64,([^)]+)\)", shown)
    image = Image.open(io.BytesIO(base64.b64decode(told.group(1))))
    colours = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)

    assert image.size == (700, 400)
    assert len(shown) < 60_000
    for colour in (ORANGE, BLUE):
        assert np.abs(colours - ImageColor.getrgb(colour)).max(axis=1).min() < 16


def test_a_table_tells_its_size_and_range_before_anything_else_and_what_its_columns_hold():
    table = pd.DataFrame({"date": pd.to_datetime(["2024-01-02", "2024-01-03"]), "close": [1.0, 2.0]})

    facts = table_metadata(table, {"close": "as traded"}, source="files")

    assert list(facts)[2:] == ["first", "last", "source"]
    assert (facts["dagster/row_count"], facts["first"], facts["last"]) == (2, "2024-01-02", "2024-01-03")
    assert [column.description for column in facts["dagster/column_schema"].columns] == [None, "as traded"]
