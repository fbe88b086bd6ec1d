"""Numbers as people read them: ages, sizes, counts."""

from __future__ import annotations

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60))


def human_age(seconds: float) -> str:
    """A duration in its largest fitting unit: 90 s, 25 min, 26 h, 9 d."""
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def human_bytes(count: int) -> str:
    """A size in decimal units as Docker prints them: 0 B, 512 kB, 1.9 GB."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("the last unit takes any size")


def counted(count: int, noun: str) -> str:
    """A number of things: "1 image", "2 images"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
