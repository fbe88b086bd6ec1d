"""The windows of a campaign file as the pure core takes them: weekly spans and intervals, every zone filled in."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.campaign.windows import Interval, Windows
from orchestrator.campaignfile.calendar import read_calendar
from orchestrator.campaignfile.limits import WindowsEntry
from orchestrator.campaignfile.timetable import CalendarFile, Dates
from orchestrator.documents.problems import Flaw, Problems


def windows_of(entry: WindowsEntry, problems: Problems) -> Windows:
    """Give the windows; a calendar that cannot be read is added to `problems` with the place that names it."""
    zone = entry.zone or "UTC"  # an entry without any is refused when it is read
    allow = None if entry.allow is None else tuple(span.window(zone) for span in entry.allow)
    blackouts = tuple(item for freeze in entry.blackout or () for item in _intervals(freeze, zone, problems))
    return Windows(allow=allow, blackouts=blackouts)


def _intervals(freeze: Dates | CalendarFile, zone: str, problems: Problems) -> Iterator[Interval]:
    if isinstance(freeze, Dates):
        yield freeze.interval(zone)
        return
    try:
        yield from read_calendar(freeze.path, zone)
    except Flaw as flaw:
        problems.add(freeze.place, flaw.what, flaw.fix)
