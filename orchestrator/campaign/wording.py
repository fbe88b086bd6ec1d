"""Counts, sizes and lists of names as people read them, wherever a campaign says something in words."""

from __future__ import annotations

from collections.abc import Iterable

#: things named in one line at most, unless a line is made for more
SHOWN = 5


def plural(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def size(count: float) -> str:
    """Bytes for people, in powers of 1000 as disks and the Docker Engine count."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(count) < 999.95 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def names(items: Iterable[str], most: int = SHOWN) -> str:
    """A few names, and how many more."""
    listed = list(items)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
