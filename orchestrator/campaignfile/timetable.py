"""Windows and freezes as people write them: "Mon-Thu 09:00-16:00 Europe/Paris", 2026-12-24..2027-01-02, freeze.ics."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestrator.campaign.windows import DAY_MIN, Interval, Window
from orchestrator.documents.document import Text
from orchestrator.documents.problems import Flaw, Place, shown
from orchestrator.inventory.values import text_of

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SPAN = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})", re.ASCII)
_DATES = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.\.([0-9]{4}-[0-9]{2}-[0-9]{2}))?", re.ASCII)
_EXAMPLE = 'Write for example "Mon-Thu 09:00-16:00 Europe/Paris".'

#: longest freeze somebody may write by its dates
MAX_FREEZE_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A weekly window whose zone may stand elsewhere."""

    days: frozenset[int]
    opens: int
    closes: int
    #: None = the time_zone of all windows
    zone: str | None
    place: Place

    def window(self, zone: str) -> Window:
        """Give the window, in that zone unless it names its own."""
        return Window(days=self.days, opens=self.opens, closes=self.closes, zone=self.zone or zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """Whole days, first and last included."""

    first: date
    last: date
    place: Place

    def interval(self, zone: str) -> Interval:
        """Give the span from midnight to midnight in that zone."""
        info = ZoneInfo(zone)
        after = self.last + timedelta(days=1)
        return Interval(
            start=datetime(self.first.year, self.first.month, self.first.day, tzinfo=info),
            end=datetime(after.year, after.month, after.day, tzinfo=info),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarFile:
    """Freezes in a file of their own."""

    path: Path
    place: Place


def parse_zone(value: object) -> str:
    """Give the IANA name of a time zone."""
    return _zone(text_of(value))


def _zone(text: str) -> str:
    known = re.fullmatch(r"[A-Za-z0-9_+-]{1,40}(?:/[A-Za-z0-9_+-]{1,40}){1,2}", text, re.ASCII)
    if text != "UTC" and known is None:
        raise Flaw(
            f"time zone {shown(text)} is no area and city",
            "Write an IANA name such as Europe/Paris, or UTC; abbreviations and offsets know no summer time.",
        )
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Flaw(
            f"time zone {shown(text)} is unknown", "Write an IANA name such as Europe/Paris, or UTC."
        ) from None
    return text


def parse_span(value: object) -> Span:
    """Give a weekly window: days, from-to, and perhaps a zone."""
    text = text_of(value)
    parts = text.split(" ")
    if len(parts) not in (2, 3):
        raise Flaw(f"{shown(text)} is not days, hours and a time zone", _EXAMPLE)
    days = _days(parts[0])
    opens, closes = _hours(parts[1])
    zone = _zone(parts[2]) if len(parts) == 3 else None
    return Span(days=days, opens=opens, closes=closes, zone=zone, place=text.place)


def _days(text: str) -> frozenset[int]:
    if text == "daily":
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            raise Flaw(
                f"{shown(part)} is no day of the week", "Write Mon, Mon-Thu, Sat,Sun or daily, in English."
            )
        start, end = _DAYS.index(first), _DAYS.index(last or first)
        days = {(start + number) % 7 for number in range((end - start) % 7 + 1)}
        if found & days:
            raise Flaw(f"a day is there twice in {shown(text)}", "Name each day once.")
        found |= days
    return frozenset(found)


def _hours(text: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise Flaw(f"{shown(text)} is no span of hours", "Write HH:MM-HH:MM such as 09:00-16:00.")
    hours = [int(part) for part in match.groups()]
    if hours[0] > 23 or hours[1] > 59 or hours[3] > 59 or hours[2] * 60 + hours[3] > DAY_MIN:
        raise Flaw(f"{shown(text)} is no time of day", "Times are from 00:00 to 23:59, or 24:00 at the end.")
    opens, closes = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if opens == closes:
        raise Flaw(f"{shown(text)} is either nothing or a whole day", "Write 00:00-24:00 for a whole day.")
    return opens, closes if closes > opens else closes + DAY_MIN


def parse_blackout(value: object) -> Dates | CalendarFile:
    """Give a freeze: a day, a span of days, or a file of calendar events beside the campaign file."""
    text = text_of(value)
    if text.endswith(".ics"):
        return CalendarFile(path=_beside(text), place=text.place)
    match = _DATES.fullmatch(text)
    if match is None:
        raise Flaw(
            f"blackout {shown(text)} is neither a date nor an .ics file",
            "Write 2026-12-24, 2026-12-24..2027-01-02, or freeze.ics.",
        )
    try:
        first, last = date.fromisoformat(match[1]), date.fromisoformat(match[2] or match[1])
    except ValueError:
        raise Flaw(f"blackout {shown(text)} is no date of the calendar", "Write YYYY-MM-DD.") from None
    if not 2000 <= first.year <= 2200 or not 2000 <= last.year <= 2200:
        raise Flaw(f"blackout {shown(text)} is outside the years 2000 to 2200", "Write YYYY-MM-DD.")
    if last < first:
        raise Flaw(f"blackout {shown(text)} ends before it begins", "Write the earlier date first.")
    if (last - first).days >= MAX_FREEZE_DAYS:
        raise Flaw(
            f"blackout {shown(text)} is {(last - first).days + 1} days; the limit is {MAX_FREEZE_DAYS}",
            "Write several, or none and no campaign.",
        )
    return Dates(first=first, last=last, place=text.place)


def _beside(text: Text) -> Path:
    if not text.isprintable() or len(text) > 1024 or text.startswith(("~", "$")) or "://" in text:
        raise Flaw(f"{shown(text)} is no path of a file", "Write a path; a relative one begins at this file.")
    return Path(text.place.file).parent / text
