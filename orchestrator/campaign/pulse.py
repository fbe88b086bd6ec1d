"""What several readings of one host say together: restarts of its containers, and since when its engine is down.

The runbook's figures (8.3): more than 3 restarts in 5 minutes are a warning, more than 10 critical; an engine that has
not answered for 30 seconds is down. One reading tells neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

#: seconds over which restarts are counted, and how many of them are a warning, and critical, when there are more
WINDOW_S: Final = 300.0
RESTARTS_WARN, RESTARTS_CRIT = 3, 10

#: seconds an engine may be away, over readings that follow each other
ENGINE_DOWN_S: Final = 30.0

#: bouts kept apart; the oldest are put together
_BOUTS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """A container its policy has restarted, as one reading saw it; those never restarted are not told."""

    container: str
    #: since it was made, or started by hand
    count: int
    #: on the host's clock, as the engine writes it
    started_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bout:
    """Restarts between two readings."""

    since: datetime
    at: datetime
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """What is remembered of a host from reading to reading."""

    #: the last reading that told of restarts; None = none did
    at: datetime | None = None
    #: what it told
    counts: tuple[Restarted, ...] = ()
    bouts: tuple[Bout, ...] = ()
    #: between which readings, one after the other, its engine did not answer; None = it does, or nobody knows
    down_since: datetime | None = None
    down_until: datetime | None = None

    @property
    def down_s(self) -> float:
        """Seconds for which the engine is known to be down."""
        if self.down_since is None or self.down_until is None:
            return 0.0
        return (self.down_until - self.down_since).total_seconds()


def restarts_between(before: Iterable[Restarted], now: Iterable[Restarted]) -> int:
    """Restarts from one reading to the next; a container made or started anew counts from zero."""
    known = {item.container: item for item in before}
    total = 0
    for item in now:
        old = known.get(item.container)
        if old is None:
            total += item.count
        elif item.started_at != old.started_at:
            total += item.count - old.count if item.count > old.count else item.count
    return total


def felt(
    pulse: Pulse | None,
    restarted: tuple[Restarted, ...] | None,
    *,
    down: bool | None,
    now: datetime,
    patience_s: float,
) -> Pulse:
    """What is remembered after a reading; None = it did not tell. Longer apart, readings do not follow each other."""
    old = pulse or Pulse()
    after = old if restarted is None else _counted(old, restarted, now)
    if down is None:
        return after
    if not down:
        return replace(after, down_since=None, down_until=None)
    follows = old.down_until is not None and now - old.down_until <= timedelta(seconds=patience_s)
    return replace(after, down_since=old.down_since if follows else now, down_until=now)


def restarts_lately(pulse: Pulse, now: datetime) -> float | None:
    """Restarts in the window that ends now; of a bout, its part within. None = one reading."""
    if pulse.at is None or not pulse.bouts:
        return None
    begin = now - timedelta(seconds=WINDOW_S)
    return round(sum(_part(bout, begin) for bout in pulse.bouts), 6)


def _part(bout: Bout, begin: datetime) -> float:
    if bout.at <= begin:
        return 0.0
    if bout.since >= begin or bout.at <= bout.since:
        return float(bout.restarts)
    return bout.restarts * ((bout.at - begin) / (bout.at - bout.since))


def _counted(old: Pulse, restarted: tuple[Restarted, ...], now: datetime) -> Pulse:
    if old.at is None:
        return replace(old, at=now, counts=restarted)
    begin = now - timedelta(seconds=WINDOW_S)
    new = Bout(since=old.at, at=now, restarts=restarts_between(old.counts, restarted))
    kept = [bout for bout in old.bouts if bout.at > begin and bout.restarts]
    return replace(old, at=now, counts=restarted, bouts=_few([*kept, new]))


def _few(bouts: list[Bout]) -> tuple[Bout, ...]:
    """So many as are kept: the two oldest become one."""
    while len(bouts) > _BOUTS:
        first, second, *rest = bouts
        bouts = [Bout(since=first.since, at=second.at, restarts=first.restarts + second.restarts), *rest]
    return tuple(bouts)
