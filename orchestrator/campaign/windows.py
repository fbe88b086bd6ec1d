"""When hosts may be started: weekly windows of a wall clock, minus blackouts; crossing midnight, week and DST.

A window is open at an instant exactly when the clock on the wall of its zone shows a time within it. So a night whose
clock jumps over a window has no such window, and one whose clock goes back shows it twice. Nothing here reads a clock:
instants come in, aware of their zone, and go out in UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

DAY_MIN = 24 * 60
_WEEK_MIN = 7 * DAY_MIN
_DAY = timedelta(days=1)

#: days looked ahead; what has not changed by then has no end worth telling
HORIZON_DAYS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A span of wall-clock time on some days of the week."""

    #: days on which it begins, Monday is 0
    days: frozenset[int]
    #: minutes after midnight: first minute inside
    opens: int
    #: minutes after midnight: first minute outside; above 1440 = on the next day
    closes: int
    #: IANA name
    zone: str

    def __post_init__(self) -> None:
        """Refuse what is no span."""
        if not self.days or not self.days <= frozenset(range(7)):
            raise ValueError(f"days are {sorted(self.days)}; they must be some of 0 (Monday) to 6 (Sunday)")
        if not 0 <= self.opens < DAY_MIN or not self.opens < self.closes <= self.opens + DAY_MIN:
            raise ValueError(
                f"a window from minute {self.opens} to {self.closes} is none; it is at most one day long"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A span between two instants: the first is inside, the last is not."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse instants without a zone and spans that end before they begin."""
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise ValueError(f"the interval {self.start} to {self.end} has no time zone")
        if self.end <= self.start:
            raise ValueError(f"the interval {self.start} to {self.end} ends before it begins")


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """When hosts may be started."""

    #: None = at any time; any of them is enough; () would mean never
    allow: tuple[Window, ...] | None = None
    #: wins over every window
    blackouts: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Hosts may be started now."""

    #: first instant at which they may not; None = none within the horizon
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """No host may be started now."""

    #: first instant at which they may; None = none within the horizon
    next_open: datetime | None


Answer: TypeAlias = Open | Closed


def open_at(windows: Windows, now: datetime) -> Answer:
    """Whether hosts may be started at this instant, and when that changes."""
    if now.utcoffset() is None:
        raise ValueError(f"{now} has no time zone, so no window can be judged by it")
    instant = now.astimezone(UTC)
    if _is_open(windows, instant):
        return Open(until=_closing(windows, instant))
    return Closed(next_open=_opening(windows, instant))


def fits(windows: Windows, now: datetime, seconds: float) -> bool:
    """Whether a step of that many seconds, begun now, ends before the window does."""
    answer = open_at(windows, now)
    if isinstance(answer, Closed):
        return False
    # in UTC: adding to a local time moves the hands of the clock, not time
    return answer.until is None or now.astimezone(UTC) + timedelta(seconds=seconds) <= answer.until


def _is_open(windows: Windows, instant: datetime) -> bool:
    return _allowed(windows, instant) and _blackout(windows, instant) is None


def _allowed(windows: Windows, instant: datetime) -> bool:
    return windows.allow is None or any(_shows(window, instant) for window in windows.allow)


def _shows(window: Window, instant: datetime) -> bool:
    """Whether the wall clock shows a time within the window."""
    wall = instant.astimezone(ZoneInfo(window.zone))
    minute = wall.hour * 60 + wall.minute
    if wall.weekday() in window.days and window.opens <= minute < window.closes:
        return True
    return (wall.weekday() - 1) % 7 in window.days and minute < window.closes - DAY_MIN


def _blackout(windows: Windows, instant: datetime) -> Interval | None:
    """The blackout that ends last among those that hold at this instant."""
    holding = [blackout for blackout in windows.blackouts if blackout.start <= instant < blackout.end]
    return max(holding, key=lambda blackout: blackout.end, default=None)


def _closing(windows: Windows, instant: datetime) -> datetime | None:
    """The first instant after an open one that is not open."""
    starts = [start for item in windows.blackouts if (start := item.start.astimezone(UTC)) > instant]
    black = min(starts, default=None)
    if _never_closes(windows):
        return black
    for change in _changes(windows, instant):
        if black is not None and black <= change:
            return black
        if not _allowed(windows, change):
            return change
    return black


def _opening(windows: Windows, instant: datetime) -> datetime | None:
    """The first open instant after a closed one."""
    while (blackout := _blackout(windows, instant)) is not None:
        instant = blackout.end.astimezone(UTC)
    if _allowed(windows, instant):
        return instant
    for change in _changes(windows, instant):
        if not _allowed(windows, change):
            continue
        if _blackout(windows, change) is None:
            return change
        # what comes after a blackout may lie before the next change, so the search begins anew behind it
        return _opening(windows, change)
    return None


def _never_closes(windows: Windows) -> bool:
    """Whether the windows of one zone cover the whole week: then no jump of a clock can close them."""
    if windows.allow is None:
        return True
    return any(
        _covers_week([window for window in windows.allow if window.zone == zone])
        for zone in {window.zone for window in windows.allow}
    )


def _covers_week(windows: list[Window]) -> bool:
    shown = bytearray(_WEEK_MIN)
    for window in windows:
        for day in window.days:
            for minute in range(day * DAY_MIN + window.opens, day * DAY_MIN + window.closes):
                shown[minute % _WEEK_MIN] = 1
    return all(shown)


def _changes(windows: Windows, after: datetime) -> Iterator[datetime]:
    """Instants after that one at which a window may open or close, in order, up to the horizon."""
    allow = windows.allow or ()
    zones = {window.zone: ZoneInfo(window.zone) for window in allow}
    minutes: dict[str, set[int]] = {zone: set() for zone in zones}
    for window in allow:
        minutes[window.zone] |= {window.opens, window.closes % DAY_MIN}
    midnight = after.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (midnight + _DAY * number for number in range(HORIZON_DAYS)):
        found = {instant for zone, info in zones.items() for instant in _instants(day, info, minutes[zone])}
        yield from sorted(instant for instant in found if instant > after)


def _instants(day: datetime, zone: ZoneInfo, minutes: set[int]) -> Iterator[datetime]:
    """Instants of a UTC day at which the zone's clock shows one of the minutes, or jumps."""
    end = day + _DAY
    for date in (day.date() - _DAY, day.date(), day.date() + _DAY):
        for minute in minutes:
            wall = datetime(date.year, date.month, date.day, minute // 60, minute % 60, tzinfo=zone)
            for fold in (0, 1):
                instant = wall.replace(fold=fold).astimezone(UTC)
                if day <= instant < end:
                    yield instant
    if day.astimezone(zone).utcoffset() != end.astimezone(zone).utcoffset():
        yield _jump(day, end, zone)


def _jump(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The first second at which the zone's offset is the later one."""
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high
