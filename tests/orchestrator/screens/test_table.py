"""Every verb shows tables alike: nothing in a cell is markup, and nothing of a cell is cut off by its column."""

from __future__ import annotations

from orchestrator.screens.report import plain_text
from orchestrator.screens.table import empty, filled


def test_a_cell_is_shown_as_it_is_and_can_do_nothing() -> None:
    shown = plain_text(filled(("HOST", "REASON"), [("web-1", "[red]no\x1b[31m[/red]"), ("web-2", 7)]))
    assert [line.split() for line in shown.splitlines() if line.strip(" ─╶╴")] == [
        ["HOST", "REASON"],
        ["web-1", "[red]no[/red]"],
        ["web-2", "7"],
    ]


def test_a_cell_that_does_not_fit_goes_on_below() -> None:
    shown = plain_text(filled(("REASON",), [("x" * 30,)]), width=20)
    assert shown.count("x") == 30
    assert "…" not in shown


def test_what_is_longer_than_anybody_reads_is_cut() -> None:
    assert plain_text(filled(("REASON",), [("x" * 30,)], limit=10)).count("x") == 9


def test_numbers_stand_at_the_right() -> None:
    table = empty("WAVE", "HOST", right={"WAVE"})
    table.add_row("1", "web-1")
    assert [column.justify for column in table.columns] == ["right", "left"]
    assert plain_text(table).splitlines()[-2:] == ["    1   web-1", ""]
