"""A table as every verb shows one: headings over a line, and long cells go on in the next line instead of being cut."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestrator.screens.sanitize import plain


def empty(*columns: str, right: Collection[str] = ()) -> Table:
    """An empty table with these headings; those in `right` stand over numbers."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def filled(columns: Iterable[str], rows: Iterable[Iterable[object]], *, limit: int = 500) -> Table:
    """A table of these rows, every cell made harmless and cut at `limit`."""
    table = empty(*columns)
    for row in rows:
        table.add_row(*(plain(cell, limit=limit) for cell in row))
    return table
