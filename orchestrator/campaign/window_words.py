"""Windows and blackouts in words, as people write them in a campaign file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from orchestrator.campaign.windows import DAY_MIN, Window, Windows

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
#: blackouts told one by one; more are told as a number
_SHOWN = 3


def window_words(window: Window) -> str:
    """One window: "Mon-Thu 09:00-16:00 Europe/Paris"."""
    return f"{_days(window.days)} {_clock(window.opens)}-{_clock(window.closes)} {window.zone}"


def windows_words(windows: Windows) -> Iterator[str]:
    """When hosts are started and when not, one sentence each."""
    if windows.allow is not None:
        spans = ", ".join(window_words(window) for window in windows.allow) or "never"
        yield f"hosts are started only in the windows {spans}; what has begun is finished after their end"
    for blackout in windows.blackouts[:_SHOWN]:
        yield f"no host is started from {instant_words(blackout.start)} to {instant_words(blackout.end)}"
    if len(windows.blackouts) > _SHOWN:
        yield f"and in {len(windows.blackouts) - _SHOWN} more blackouts"


def instant_words(instant: datetime) -> str:
    """An instant to the minute, with its zone."""
    return f"{instant:%Y-%m-%d %H:%M} {instant.tzname()}"


def _days(days: frozenset[int]) -> str:
    if len(days) == len(_DAYS):
        return "daily"
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(_DAYS[run[0]] if len(run) == 1 else f"{_DAYS[run[0]]}-{_DAYS[run[-1]]}" for run in runs)


def _clock(minutes: int) -> str:
    # the end of a day is written 24:00; only what crosses midnight is counted on
    shown = minutes if minutes <= DAY_MIN else minutes - DAY_MIN
    return f"{shown // 60:02}:{shown % 60:02}"
