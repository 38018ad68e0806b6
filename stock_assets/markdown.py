"""Pages of Markdown whose tables are lined up, so that they read in a terminal too; not what they tell."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

WIDTH: Final = 110


def page(parts: Iterable[str]) -> str:
    """Paragraphs, tables and headings, a blank line between any two."""
    return "\n\n".join(parts) + "\n"


def bullets(sentences: Iterable[str]) -> str:
    """A list."""
    return "\n".join(wrapped(sentence, initial_indent="- ", subsequent_indent="  ") for sentence in sentences)


def wrapped(text: str, *, initial_indent: str = "", subsequent_indent: str = "") -> str:
    """A paragraph in lines of at most `WIDTH`."""
    # A percent sign stays with its number.
    kept = text.replace(" %", "\u00a0%")
    return textwrap.fill(
        kept,
        WIDTH,
        initial_indent=initial_indent,
        subsequent_indent=subsequent_indent,
        break_long_words=False,
        break_on_hyphens=False,
    ).replace("\u00a0%", " %")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up: words to the left, figures to the right."""
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    figures = [any(cell[:1] in "+-0123456789" for cell in column[1:] if cell) for column in columns]

    def line(cells: Sequence[str]) -> str:
        placed = zip(cells, widths, figures, strict=True)
        return (
            "| "
            + " | ".join(f"{cell:>{width}}" if right else f"{cell:<{width}}" for cell, width, right in placed)
            + " |"
        )

    rule = (f"{'-' * (width + 1)}{':' if right else '-'}" for width, right in zip(widths, figures, strict=True))
    return "\n".join([line(header), f"|{'|'.join(rule)}|", *map(line, rows)])


def listed(words: Sequence[str]) -> str:
    """As a sentence has them: a, b and c."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
