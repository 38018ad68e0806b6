"""What a person sees of a materialisation or a check in Dagster: counts, ranges, columns, findings, a small drawing."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
import numpy as np
import pandas as pd

from quant.bars import Floats, Sessions
from stock_assets.ingest.assessment import NO_SESSION, Finding, Outcome, gravest_first

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH: Final = 480
HEIGHT: Final = 96
POINTS: Final = 240
LINES: Final = ("#2563eb", "#d97706", "#6b7280")
MARKS: Final = ("#d97706", "#dc2626", "#16a34a", "#7c3aed")
# Counts that are told at zero too.
COUNTED: Final = (Outcome.OPEN, Outcome.QUARANTINED, Outcome.REPAIRED)
TABLE_ROWS: Final = 100
# Of an embedded picture.
SHADES: Final = 128


def table_metadata(table: pd.DataFrame, columns: Mapping[str, str] | None = None, /, **more: Any) -> dict[str, Any]:
    """Rows, column types and date range of a table, then what else is worth knowing about it, in the order given.

    `columns` says of some columns what they hold.
    """
    facts: dict[str, Any] = {
        "dagster/row_count": len(table),
        "dagster/column_schema": schema(table, columns=columns or {}),
    }
    if "date" in table and len(table):
        facts |= {"first": str(table["date"].min().date()), "last": str(table["date"].max().date())}
    return facts | more


def schema(table: pd.DataFrame, *, columns: Mapping[str, str]) -> dg.TableSchema:
    """The table's columns, their types, and what `columns` says of them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=str(name), type=str(kind), description=columns.get(str(name)))
            for name, kind in table.dtypes.items()
        ]
    )


def figures(record: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as Dagster plots them over time; NaN, which it can't store, as text."""
    return {
        name: float(value) if isinstance(value, int | float) and np.isfinite(value) else str(value)
        for name, value in record.items()
    }


def findings_metadata(findings: Iterable[Finding]) -> dict[str, Any]:
    """How many findings came to what, and the first hundred as a table, those to act on first."""
    ordered = gravest_first(findings)
    counted = Counter(found.outcome for found in ordered)
    told: dict[str, Any] = {
        f"findings_{outcome.value}": counted[outcome] for outcome in Outcome if outcome in COUNTED or counted[outcome]
    }
    if ordered:
        told["findings"] = dg.MetadataValue.table([_record(found) for found in ordered[:TABLE_ROWS]])
    return told


def _record(found: Finding) -> dg.TableRecord:
    """A row of few columns of words that can be broken: Dagster's page leaves a wide one no room."""
    return dg.TableRecord(
        {
            "session": found.session,
            "rule": found.rule.value.replace("_", " "),
            "outcome": found.outcome.value,
            "finding": str(found).removeprefix(f"{found.session} "),
        }
    )


def findings_marks(findings: Iterable[Finding], sessions: Sessions) -> dict[str, list[int]]:
    """The rows that a drawing marks, by outcome; a session without a bar of its own is marked at the next one."""
    rows: dict[str, list[int]] = {outcome.value: [] for outcome in COUNTED}
    for found in findings:
        if found.outcome in COUNTED and found.session != NO_SESSION:
            row = int(np.searchsorted(sessions, np.datetime64(found.session)))
            rows[found.outcome.value].append(min(row, len(sessions) - 1))
    return rows


def drawing(
    title: str, marks: Mapping[str, Sequence[int]] | None = None, /, **lines: Floats
) -> dg.MarkdownMetadataValue:
    """Up to three lines over the same places as a small picture inside markdown; drawn by hand, so it costs nothing.

    `marks` are rows of the first line that get a dot, by what they are: up to four kinds, counted below the lines.
    """
    low = min(float(np.nanmin(values)) for values in lines.values())
    high = max(float(np.nanmax(values)) for values in lines.values())
    drawn = [_polyline(values, low, high, colour) for values, colour in zip(lines.values(), LINES, strict=False)]
    first, told = next(iter(lines.values())), 0
    for (name, rows), colour in zip((marks or {}).items(), MARKS, strict=False):
        if len(rows):
            # One dot where they would cover each other: a picture stays small however much is marked.
            apart = {round(POINTS * row / len(first)): row for row in rows}
            drawn += [_dot(first, row, low, high, colour) for row in apart.values()]
            drawn.append(_text(4 + 110 * told, HEIGHT + 34, f"● {len(rows)} {name}", colour))
            told += 1
    label = f"{title}: {low:.4g} to {high:.4g}" + (f" ({', '.join(lines)})" if len(lines) > 1 else "")
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT + (40 if told else 18)}">'
        f"{_text(4, 12, label, LINES[2])}{''.join(drawn)}</svg>"
    )
    data = base64.b64encode(picture.encode()).decode()
    return dg.MetadataValue.md(f"![{label}](data:image/svg+xml;base64,{data})")


def picture(title: str, figure: Figure) -> dg.MarkdownMetadataValue:
    """A figure inside markdown, as a PNG of few colours: it is kept with the run's events, so it has to be small."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    # matplotlib's canvas is untyped.
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    png = io.BytesIO()
    # Pillow's usual way takes the colours that fill most of the picture, and a thin orange line turns brown.
    few = image.quantize(SHADES, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(png, format="png", optimize=True)
    data = base64.b64encode(png.getvalue()).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{data})")


def _text(x: float, y: float, words: str, colour: str) -> str:
    return f'<text x="{x}" y="{y}" font-size="11" font-family="sans-serif" fill="{colour}">{words}</text>'


def _polyline(values: Floats, low: float, high: float, colour: str) -> str:
    rows = np.unique(np.linspace(0, len(values) - 1, POINTS).astype(int))
    places = (_place(values, row, low, high) for row in rows if np.isfinite(values[row]))
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>'


def _dot(values: Floats, row: int, low: float, high: float, colour: str) -> str:
    x, y = _place(values, row, low, high)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>'


def _place(values: Floats, row: int, low: float, high: float) -> tuple[float, float]:
    """Where a value is drawn."""
    x = 4 + (WIDTH - 8) * row / ((len(values) - 1) or 1)
    return x, 16 + HEIGHT * (1 - (float(values[row]) - low) / ((high - low) or 1.0))
