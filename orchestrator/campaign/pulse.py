"""What several readings of one host say together: restarts of its containers, and since when its engine is down.

The runbook's figures (8.3): more than 3 restarts in 5 minutes are a warning, more than 10 critical; an engine that has
not answered for 30 seconds is down. One reading tells neither; it does tell which containers were restarting already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
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
class Restarting:
    """A container that was restarting when one reading saw it: its last start was within the window."""

    container: str
    name: str
    #: so often it had been restarted: in the window of that reading it was not more
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bout:
    """Restarts between two readings."""

    since: datetime
    at: datetime
    restarts: int
    #: those of them of each container that is counted apart
    apart: tuple[tuple[str, int], ...] = ()


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


def restarts_between(before: Iterable[Restarted], now: Iterable[Restarted]) -> dict[str, int]:
    """Restarts of each container from one reading to the next; one made or started anew counts from zero."""
    known = {item.container: item for item in before}
    found: dict[str, int] = {}
    for item in now:
        old = known.get(item.container)
        if old is None:
            again = item.count
        elif item.started_at != old.started_at:
            again = item.count - old.count if item.count > old.count else item.count
        else:
            continue
        found[item.container] = found.get(item.container, 0) + again
    return found


def felt(
    pulse: Pulse | None,
    restarted: tuple[Restarted, ...] | None,
    *,
    down: bool | None,
    now: datetime,
    patience_s: float,
    apart: Collection[str] = (),
) -> Pulse:
    """What is remembered after a reading; None = it did not tell. Longer apart, readings do not follow each other.

    Restarts of the containers in `apart` can be told from the others' later.
    """
    old = pulse or Pulse()
    after = old if restarted is None else _counted(old, restarted, now, apart)
    if down is None:
        return after
    if not down:
        return replace(after, down_since=None, down_until=None)
    follows = old.down_until is not None and now - old.down_until <= timedelta(seconds=patience_s)
    return replace(after, down_since=old.down_since if follows else now, down_until=now)


def restarts_lately(pulse: Pulse, now: datetime, before: Iterable[Restarting] = ()) -> float | None:
    """Restarts in the window that ends now; of a bout, its part within. None = one reading.

    Those of a container that was restarting `before` count only above what may have been as many then.
    """
    if pulse.at is None or not pulse.bouts:
        return None
    begin = now - timedelta(seconds=WINDOW_S)
    count = sum(bout.restarts * _part(bout, begin) for bout in pulse.bouts)
    apart = _apart(pulse, begin)
    as_before = sum(min(apart.get(item.container, 0.0), item.count) for item in before)
    return max(round(count - as_before, 6), 0.0)


def still_restarting(pulse: Pulse, now: datetime, before: Iterable[Restarting]) -> tuple[str, ...]:
    """The names of those that were restarting before and were restarted lately too."""
    apart = _apart(pulse, now - timedelta(seconds=WINDOW_S))
    return tuple(item.name for item in before if apart.get(item.container))


def _apart(pulse: Pulse, begin: datetime) -> dict[str, float]:
    """Restarts from this instant on of each container that is counted apart."""
    found: dict[str, float] = {}
    for bout in pulse.bouts:
        part = _part(bout, begin)
        for container, restarts in bout.apart:
            found[container] = found.get(container, 0.0) + restarts * part
    return found


def _part(bout: Bout, begin: datetime) -> float:
    """How much of a bout lies after this instant, as a part of one."""
    if bout.at <= begin:
        return 0.0
    if bout.since >= begin or bout.at <= bout.since:
        return 1.0
    return (bout.at - begin) / (bout.at - bout.since)


def _counted(old: Pulse, restarted: tuple[Restarted, ...], now: datetime, apart: Collection[str]) -> Pulse:
    if old.at is None:
        return replace(old, at=now, counts=restarted)
    begin = now - timedelta(seconds=WINDOW_S)
    each = restarts_between(old.counts, restarted)
    new = Bout(
        since=old.at,
        at=now,
        restarts=sum(each.values()),
        apart=tuple((name, count) for name, count in each.items() if name in apart and count),
    )
    kept = [bout for bout in old.bouts if bout.at > begin and bout.restarts]
    return replace(old, at=now, counts=restarted, bouts=_few([*kept, new]))


def _few(bouts: list[Bout]) -> tuple[Bout, ...]:
    """So many as are kept: the two oldest become one."""
    while len(bouts) > _BOUTS:
        first, second, *rest = bouts
        apart = Counter(dict(first.apart)) + Counter(dict(second.apart))
        one = Bout(
            since=first.since,
            at=second.at,
            restarts=first.restarts + second.restarts,
            apart=tuple(apart.items()),
        )
        bouts = [one, *rest]
    return tuple(bouts)
