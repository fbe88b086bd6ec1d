"""Bugs planted into guards of the engine, one at a time and only in tests: the simulator must catch each of them.

A bug is a few characters of one function that are replaced; the function keeps its identity, so every module that
imported it has the bug too. `seed` is a schedule of fewer than a thousand that catches it, `law` the law it breaks.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from tests.orchestrator.simulate.planted_bug import Bug, Change
from tests.orchestrator.simulate.planted_list import BUGS

__all__ = ["BUGS", "Bug", "planted", "table"]


@dataclass(frozen=True, slots=True)
class Spot:
    """A function of the product, and what is to stand in it for a while."""

    function: FunctionType
    code: CodeType


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Have this bug in the engine until the end of the block."""
    spots = [_spot(change) for change in bug.changes]
    before = [spot.function.__code__ for spot in spots]
    for spot in spots:
        spot.function.__code__ = spot.code
    try:
        yield
    finally:
        for spot, code in zip(spots, before, strict=True):
            spot.function.__code__ = code


def _spot(change: Change) -> Spot:
    module_name, _, path = change.place.partition(":")
    module = importlib.import_module(f"orchestrator.{module_name}")
    found: Any = module
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
    if isinstance(found, property):
        found = found.fget
    found = getattr(found, "__func__", found)
    function = inspect.unwrap(found)
    assert isinstance(function, FunctionType), change.place
    source = textwrap.dedent(inspect.getsource(function))
    times = source.count(change.old)
    assert times == 1, (
        f"{change.place} has {change.old!r} {times} times: the guard was moved, so move its bug"
    )
    tree = ast.parse(source.replace(change.old, change.new))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    # what decorates it stays as it is: only its code is exchanged
    definition.decorator_list = []
    space = dict(vars(module))
    flags = importlib.import_module("__future__").annotations.compiler_flag
    exec(compile(tree, f"<{bug_name(change)}>", "exec", flags=flags, dont_inherit=True), space)  # noqa: S102
    return Spot(function=function, code=space[definition.name].__code__)


def bug_name(change: Change) -> str:
    """Where a change was made, for tracebacks."""
    return f"planted in {change.place}"


def table(bugs: Sequence[Bug] = BUGS) -> str:
    """Which law caught which bug, with the seed, as the table of docs/simulator.md."""
    lines = ["| Planted bug | Where | Caught by | Seed |", "| --- | --- | --- | --- |"]
    for bug in bugs:
        where = ", ".join(dict.fromkeys(f"`{change.place.split(':')[0]}`" for change in bug.changes))
        lines.append(f"| {bug.says} | {where} | {bug.law.value} | {bug.seed} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    # the table of docs/simulator.md, to be pasted between its two marks
    sys.stdout.write(table())
