"""Medians and ratios of one run, as a table."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure."""

    what: str
    ours: str
    peer: str
    ratio: str
    aim: str


def paired(ours: Callable[[], None], peer: Callable[[], None], *, runs: int) -> tuple[float, float, float]:
    """Median seconds of both and the median of the ratios, run in turn so that a drifting machine hits both."""
    mine, theirs, ratios = [], [], []
    ours()
    peer()
    for _ in range(runs):
        a, b = timed(ours), timed(peer)
        mine.append(a)
        theirs.append(b)
        ratios.append(a / b)
    return statistics.median(mine), statistics.median(theirs), statistics.median(ratios)


def timed(work: Callable[[], None]) -> float:
    """Seconds one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def show(rows: list[Row]) -> str:
    """Markdown."""
    lines = ["| what | Dockwave | peer | ratio | aim |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {row.what} | {row.ours} | {row.peer} | {row.ratio} | {row.aim} |" for row in rows]
    return "\n".join(lines)
