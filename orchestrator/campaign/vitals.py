"""How well a host is, as its health check said it: one level and number per check, and what of it is bad news.

What a host says is data of strangers: whatever is not of this form counts as not said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from orchestrator.campaign.pulse import (
    RESTARTS_CRIT,
    RESTARTS_WARN,
    WINDOW_S,
    Pulse,
    Restarted,
    Restarting,
    restarts_lately,
)
from tasks.result import HostResult, Outcome

#: procedure that reads a host, and those of its checks that tell of trouble (the runbook's alerts)
PROCEDURE: Final = "health.check"
CHECKS: Final = ("service", "start_limit", "daemon", "disk", "unhealthy", "restarting", "dead")

#: those that tell whether the engine answers
ENGINE: Final = frozenset({"service", "daemon"})
#: judged over several readings
RESTARTS: Final = "restarts"

_CONTAINER = re.compile(r"[0-9a-f]{12,64}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)
#: restarted containers taken from one reading, and how many of them are remembered as restarting then
_MOST = 1000
_MOST_RESTARTING = 100

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
    if restarted_of(result) is None:
        found[RESTARTS] = Vital(check=RESTARTS, level=Level.UNKNOWN)
    return tuple(found.values()), ""


def bad_news(
    vitals: Iterable[Vital],
    before: Iterable[Vital] | None,
    *,
    warnings: bool,
    leave_out: frozenset[str] = frozenset(),
) -> Iterator[str]:
    """Checks that are critical (with `warnings`: or a warning); with a reading of before, only what got worse."""
    least = _BAD.index(Level.WARNING if warnings else Level.CRITICAL)
    known = {item.check: item for item in before or ()}
    for item in vitals:
        if item.check in leave_out or item.level is Level.UNKNOWN or _BAD.index(item.level) < least:
            continue
        old = known.get(item.check)
        if old is None or _worse(item, old):
            was = f", {_value(old)} before" if old is not None else ""
            yield f"{item.check} {_value(item)}{was}"


def unknown(vitals: Iterable[Vital], before: Iterable[Vital] | None) -> tuple[str, ...]:
    """Checks that could not be told, and could before."""
    dark = {item.check for item in before or () if item.level is Level.UNKNOWN}
    return tuple(item.check for item in vitals if item.level is Level.UNKNOWN and item.check not in dark)


def engine_down(vitals: Iterable[Vital]) -> bool | None:
    """Whether the engine does not answer; None when it could not be told."""
    levels = {item.level for item in vitals if item.check in ENGINE}
    if Level.CRITICAL in levels:
        return True
    return None if Level.UNKNOWN in levels or not levels else False


def restarts(pulse: Pulse, now: datetime, before: Iterable[Restarting] = ()) -> tuple[Vital, ...]:
    """How often containers were restarted lately, judged by the runbook; () after one reading.

    Those that were restarting `before` are judged by their change.
    """
    count = restarts_lately(pulse, now, before)
    if count is None:
        return ()
    level = Level.CRITICAL if count > RESTARTS_CRIT else Level.WARNING if count > RESTARTS_WARN else Level.OK
    return (Vital(check=RESTARTS, level=level, value=count),)


def restarted_of(result: HostResult) -> tuple[Restarted, ...] | None:
    """Containers this reading says were restarted; None when it does not tell, or tells nonsense."""
    told = result.data.get("restarts")
    if not isinstance(told, list):
        return None
    found = tuple(_restarted(item) for item in told[:_MOST])
    return None if None in found else tuple(item for item in found if item is not None)


def restarting_of(result: HostResult) -> tuple[Restarting, ...]:
    """Containers this reading says were restarted within the window, or are about to be; () when it does not tell."""
    if restarted_of(result) is None:
        return ()
    told = (_restarting(item) for item in result.data["restarts"][:_MOST])
    found = {item.container: item for item in told if item is not None}
    return tuple(found.values())[:_MOST_RESTARTING]


def _restarting(item: Mapping[str, Any]) -> Restarting | None:
    known, ago, name = _restarted(item), _number(item.get("started_ago_s")), item.get("name")
    if known is None or ago is None or not 0 <= ago <= WINDOW_S:
        return None
    named = isinstance(name, str) and _NAME.fullmatch(name)
    return Restarting(
        container=known.container, name=str(name) if named else known.container, count=known.count
    )


def _restarted(item: Any) -> Restarted | None:
    if not isinstance(item, Mapping):
        return None
    container, started_at = item.get("id"), item.get("started_at")
    count = _number(item.get("count"))
    if not isinstance(container, str) or not _CONTAINER.fullmatch(container):
        return None
    if not isinstance(started_at, str) or count is None or count < 1:
        return None
    return Restarted(container=container[:12], count=int(count), started_at=started_at[:40])


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
