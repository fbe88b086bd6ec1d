"""Freezes from an iCalendar file become plain intervals; what cannot be told exactly is refused, never skipped."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from orchestrator.campaign.windows import Interval
from orchestrator.documents.problems import Flaw, shown

#: a calendar of freezes is small
MAX_BYTES = 1 << 20
MAX_EVENTS = 1_000

#: parts of an event that make more of it than one span
_REPEATS = ("RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")


def read_calendar(path: Path, zone: str) -> tuple[Interval, ...]:
    """Give the span of every event of an .ics file; `zone` is that of whole days and of times without a zone."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Flaw(
            f"the calendar {shown(str(path), 200)} cannot be read: {reason}", "Check the path."
        ) from None
    if len(raw) > MAX_BYTES:
        raise Flaw(
            f"the calendar {shown(str(path), 200)} is larger than {MAX_BYTES} bytes",
            "Keep only freezes in it.",
        )
    return intervals_of(raw, ZoneInfo(zone))


def intervals_of(raw: bytes, zone: ZoneInfo) -> tuple[Interval, ...]:
    """Give the span of every event of a calendar, in order."""
    import icalendar  # noqa: PLC0415 - a quarter of a second that only calendars pay for

    try:
        found = icalendar.Calendar.from_ical(raw.decode("utf-8"), multiple=False)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise Flaw(
            f"this is no calendar: {shown(str(error), 120)}", "Export it as iCalendar (.ics)."
        ) from None
    if found.name != "VCALENDAR":
        raise Flaw(f"this is no calendar but a {shown(str(found.name))}", "Export it as iCalendar (.ics).")
    events = found.walk("VEVENT")
    if not events:
        raise Flaw("the calendar has no event, so it freezes nothing", "Name another file, or none.")
    if len(events) > MAX_EVENTS:
        raise Flaw(
            f"the calendar has {len(events)} events; the limit is {MAX_EVENTS}", "Keep only freezes in it."
        )
    spans = [_interval(event, zone) for event in events if str(event.get("STATUS", "")) != "CANCELLED"]
    return tuple(sorted(spans, key=lambda span: (span.start, span.end)))


def _interval(event: Any, zone: ZoneInfo) -> Interval:
    name = shown(str(event.get("SUMMARY", "without a name")))
    repeats = [part for part in _REPEATS if part in event]
    if repeats:
        raise Flaw(
            f"the event {name} repeats ({', '.join(repeats)}), which is not supported in this version",
            "Write each of its days as an event, or as a date in blackout.",
        )
    try:
        start, end = event.start, event.end
    except (ValueError, TypeError, AttributeError) as error:
        raise Flaw(
            f"the event {name} has no span of time: {shown(str(error), 120)}", "Give it DTSTART and DTEND."
        ) from None
    span = (_instant(start, zone), _instant(end, zone))
    if span[1] <= span[0]:
        raise Flaw(
            f"the event {name} ends at {span[1]}, not after its beginning {span[0]}", "Correct its DTEND."
        )
    return Interval(start=span[0], end=span[1])


def _instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=zone).astimezone(UTC)
    local = value if value.tzinfo is not None else value.replace(tzinfo=zone)
    return local.astimezone(UTC)
