"""The core is pure: it imports the standard library and two files of `tasks`, and reads no clock, dice or file."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import orchestrator.campaign

FOLDER = Path(orchestrator.campaign.__file__).parent
ROOMS = sorted(FOLDER.rglob("*.py"))
#: standard library a pure function has no business with
IMPURE = {
    "os",
    "io",
    "time",
    "random",
    "secrets",
    "uuid",
    "socket",
    "subprocess",
    "threading",
    "logging",
    "pathlib",
}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", ROOMS, ids=[str(path.relative_to(FOLDER)) for path in ROOMS])
def test_a_room_of_the_core_imports_nothing_that_does_anything(path: Path) -> None:
    for name in _imports(path):
        own = name.startswith("orchestrator.campaign") or name in {"tasks.model", "tasks.result"}
        first = name.partition(".")[0]
        assert own or (first in sys.stdlib_module_names and first not in IMPURE), name


@pytest.mark.parametrize("path", ROOMS, ids=[str(path.relative_to(FOLDER)) for path in ROOMS])
def test_a_room_of_the_core_reads_no_clock(path: Path) -> None:
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & {"now", "utcnow", "today"}


def test_the_core_decides_without_what_people_are_told() -> None:
    rooms = {path.relative_to(FOLDER): path for path in ROOMS}
    told = {
        str(room)
        for room, path in rooms.items()
        if room.parts[0] != "explaining" and any(".explaining" in name for name in _imports(path))
    }
    assert told == set()
