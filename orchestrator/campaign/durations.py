"""Durations as people write them: "30s", "5m", "1h30m"; a number without a unit is no duration, but for 0."""

from __future__ import annotations

import re

#: no wait inside a campaign is longer than a week
LONGEST_S = 7 * 86_400

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)", re.ASCII)


def seconds_of(text: str) -> float | None:
    """Seconds of a duration; None when it is none."""
    if text == "0":
        return 0.0
    position, total, units = 0, 0.0, list(_UNITS)[::-1]
    while position < len(text):
        part = _PART.match(text, position)
        if part is None or part[2] not in units:
            return None
        units = units[units.index(part[2]) + 1 :]  # 5m1h and 1h1h are slips, not durations
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    return total if text else None


def words(seconds: float) -> str:
    """A duration as people write it: 90 s is 1m30s."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms" if seconds else "0s"
    left, text = round(seconds), ""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        if left >= size:
            text += f"{left // size}{unit}"
            left %= size
    return text
