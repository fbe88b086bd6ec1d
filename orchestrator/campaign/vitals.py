"""How well a host is, as its health check said it: one level and number per check, and what of it is bad news.

What a host says is data of strangers: whatever is not of this form counts as not said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tasks.result import HostResult, Outcome

#: procedure that reads a host, and those of its checks that tell of trouble (the runbook's alerts)
PROCEDURE: Final = "health.check"
CHECKS: Final = ("service", "start_limit", "daemon", "disk", "unhealthy", "restarting", "dead")

#: points by which a disk that was full before may fill further before that is a change for the worse
_GROWTH: Final[Mapping[str, float]] = {"disk": 5.0}

#: no percentage and no count of containers reaches it
_HUGE: Final = 1e9


class Level(StrEnum):
    """How well one check found the host."""

    OK = "OK"
    WARNING = "WARNING"
    #: it could not be told
    UNKNOWN = "UNKNOWN"
    CRITICAL = "CRITICAL"


_BAD: Final = (Level.OK, Level.WARNING, Level.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vital:
    """What one check found."""

    check: str
    level: Level
    #: percent or containers; None where it is no number
    value: float | None = None


def vitals_of(result: HostResult) -> tuple[tuple[Vital, ...], str]:
    """What a host said, the worst of each check; or nothing, and why."""
    if result.outcome is not Outcome.OK:
        said = f"{result.error.code}: {result.error.message}" if result.error else result.outcome.value
        return (), said[:200]
    found: dict[str, Vital] = {}
    checks = result.data.get("checks")
    for item in checks[:100] if isinstance(checks, list) else ():
        vital = _vital(item)
        if vital is not None:
            before = found.get(vital.check)
            found[vital.check] = vital if before is None else max(before, vital, key=_severity)
    missing = [name for name in CHECKS if name not in found]
    if missing:
        return (), f"its health check did not tell {missing[0]}"
    return tuple(found.values()), ""


def bad_news(vitals: Iterable[Vital], before: Iterable[Vital] | None, *, warnings: bool) -> Iterator[str]:
    """Checks that are critical (with `warnings`: or a warning); with a reading of before, only what got worse."""
    least = _BAD.index(Level.WARNING if warnings else Level.CRITICAL)
    known = {item.check: item for item in before or ()}
    for item in vitals:
        if item.level is Level.UNKNOWN or _BAD.index(item.level) < least:
            continue
        old = known.get(item.check)
        if old is None or _worse(item, old):
            was = f", {_value(old)} before" if old is not None else ""
            yield f"{item.check} {_value(item)}{was}"


def unknown(vitals: Iterable[Vital], before: Iterable[Vital] | None) -> tuple[str, ...]:
    """Checks that could not be told, and could before."""
    dark = {item.check for item in before or () if item.level is Level.UNKNOWN}
    return tuple(item.check for item in vitals if item.level is Level.UNKNOWN and item.check not in dark)


def _worse(now: Vital, old: Vital) -> bool:
    if old.level is Level.UNKNOWN or _BAD.index(now.level) > _BAD.index(old.level):
        return True
    grown = (now.value or 0.0) - (old.value or 0.0)
    return now.level is old.level and grown > _GROWTH.get(now.check, 0.0)


def _vital(item: Any) -> Vital | None:
    if (
        not isinstance(item, Mapping)
        or item.get("name") not in CHECKS
        or item.get("level") not in tuple(Level)
    ):
        return None
    value = item.get("value")
    # the daemon's number is how long it took to answer, which is neither well nor sick
    number = None if item["name"] == "daemon" else _number(value)
    return Vital(check=item["name"], level=Level(item["level"]), value=number)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _HUGE:
        return None
    return float(value)


def _severity(item: Vital) -> tuple[int, float]:
    return list(Level).index(item.level), item.value or 0.0


def _value(item: Vital) -> str:
    return item.level.value if item.value is None else f"{item.level.value} ({item.value:g})"
