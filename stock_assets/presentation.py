"""What a person sees of a materialisation in Dagster: counts, ranges, column types, a small drawing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

import dagster as dg
import numpy as np
import pandas as pd

from quant.bars import Floats

WIDTH: Final = 480
HEIGHT: Final = 96
POINTS: Final = 240


def table_metadata(table: pd.DataFrame, **more: Any) -> dict[str, Any]:
    """Rows, date range and column types of a table, with what else is worth knowing about it."""
    facts: dict[str, Any] = {"dagster/row_count": len(table), "dagster/column_schema": schema(table), **more}
    if "date" in table and len(table):
        facts |= {"first": str(table["date"].min().date()), "last": str(table["date"].max().date())}
    return facts


def schema(table: pd.DataFrame) -> dg.TableSchema:
    """The table's columns and their types."""
    columns = [dg.TableColumn(name=str(name), type=str(kind)) for name, kind in table.dtypes.items()]
    return dg.TableSchema(columns=columns)


def figures(record: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as Dagster plots them over time; NaN, which it can't store, as text."""
    return {
        name: float(value) if isinstance(value, int | float) and np.isfinite(value) else str(value)
        for name, value in record.items()
    }


def drawing(title: str, **lines: Floats) -> dg.MarkdownMetadataValue:
    """Up to three lines over the same places as a small picture inside markdown; drawn by hand, so it costs nothing."""
    low = min(float(np.nanmin(values)) for values in lines.values())
    high = max(float(np.nanmax(values)) for values in lines.values())
    paths = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{_points(values, low, high)}"/>'
        for values, colour in zip(lines.values(), ("#2563eb", "#d97706", "#6b7280"), strict=False)
    )
    label = f"{title}: {low:.4g} to {high:.4g}" + (f" ({', '.join(lines)})" if len(lines) > 1 else "")
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT + 18}">'
        f'<text x="4" y="12" font-size="11" font-family="sans-serif" fill="#6b7280">{label}</text>{paths}</svg>'
    )
    data = base64.b64encode(picture.encode()).decode()
    return dg.MetadataValue.md(f"![{label}](data:image/svg+xml;base64,{data})")


def _points(values: Floats, low: float, high: float) -> str:
    shown = values[np.unique(np.linspace(0, len(values) - 1, POINTS).astype(int))]
    x = np.linspace(4, WIDTH - 4, len(shown))
    y = 16 + HEIGHT * (1 - (shown - low) / ((high - low) or 1.0))
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True) if np.isfinite(b))
