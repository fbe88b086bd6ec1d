"""Windows and freezes as people write them become windows and instants; calendars too, or they are refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.windows import Closed, Interval, Open, open_at
from orchestrator.campaignfile.calendar import intervals_of, read_calendar
from orchestrator.campaignfile.limits import WindowsEntry
from orchestrator.campaignfile.openings import windows_of
from orchestrator.campaignfile.timetable import CalendarFile, Dates, parse_blackout, parse_span, parse_zone
from orchestrator.documents.document import Text
from orchestrator.documents.problems import Flaw, Place, Problems
from tasks.errors import BadDocument

PARIS = ZoneInfo("Europe/Paris")


def text(value: str) -> Text:
    return Text.at(value, Place(file="folder/campaign.yaml", line=1, column=1), plain=True)


@pytest.mark.parametrize(
    ("written", "days", "opens", "closes", "zone"),
    [
        ("Mon-Thu 09:00-16:00 Europe/Paris", {0, 1, 2, 3}, 540, 960, "Europe/Paris"),
        ("Sat,Sun 00:00-24:00 UTC", {5, 6}, 0, 1440, "UTC"),
        ("Fri-Mon 22:00-02:00 UTC", {4, 5, 6, 0}, 1320, 1560, "UTC"),
        ("daily 23:59-00:00", set(range(7)), 1439, 1440, None),
        ("Wed 00:00-00:01 America/Argentina/Ushuaia", {2}, 0, 1, "America/Argentina/Ushuaia"),
    ],
)
def test_a_window_is_days_hours_and_a_zone(
    written: str, days: set[int], opens: int, closes: int, zone: str | None
) -> None:
    span = parse_span(text(written))
    assert (set(span.days), span.opens, span.closes, span.zone) == (days, opens, closes, zone)
    window = span.window("Asia/Tokyo")
    assert window.zone == (zone or "Asia/Tokyo")
    assert (window.opens, window.closes) == (opens, closes)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_window_or_refused(written: str) -> None:
    for parse in (parse_span, parse_blackout, parse_zone):
        with suppress(Flaw):
            assert parse(text(written))


def test_dates_are_whole_days_of_the_zone_also_when_a_clock_jumps() -> None:
    dates = parse_blackout(text("2026-03-28..2026-03-29"))
    assert isinstance(dates, Dates)
    span = dates.interval("Europe/Paris")
    assert span.start.astimezone(UTC) == datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert span.end.astimezone(UTC) - span.start.astimezone(UTC) == timedelta(hours=47)


def test_a_calendar_lies_beside_the_campaign_file() -> None:
    found = parse_blackout(text("freezes/winter.ics"))
    assert isinstance(found, CalendarFile)
    assert found.path == Path("folder/freezes/winter.ics")


def calendar(*events: str) -> bytes:
    body = "".join(
        f"BEGIN:VEVENT\nUID:{number}\n{event}\nEND:VEVENT\n" for number, event in enumerate(events)
    )
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//y//EN\n{body}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def span(start: datetime, end: datetime) -> Interval:
    return Interval(start=start, end=end)


EVENTS: list[tuple[str, str, Interval]] = [
    (
        "whole days",
        "DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227",
        span(datetime(2026, 12, 23, 23, tzinfo=UTC), datetime(2026, 12, 26, 23, tzinfo=UTC)),
    ),
    (
        "one whole day",
        "DTSTART;VALUE=DATE:20261224",
        span(datetime(2026, 12, 23, 23, tzinfo=UTC), datetime(2026, 12, 24, 23, tzinfo=UTC)),
    ),
    (
        "UTC",
        "DTSTART:20261224T100000Z\nDTEND:20261224T120000Z",
        span(datetime(2026, 12, 24, 10, tzinfo=UTC), datetime(2026, 12, 24, 12, tzinfo=UTC)),
    ),
    (
        "a zone of its own",
        "DTSTART;TZID=America/New_York:20260701T100000\nDTEND;TZID=America/New_York:20260701T120000",
        span(datetime(2026, 7, 1, 14, tzinfo=UTC), datetime(2026, 7, 1, 16, tzinfo=UTC)),
    ),
    (
        "no zone",
        "DTSTART:20260701T100000\nDTEND:20260701T120000",
        span(datetime(2026, 7, 1, 8, tzinfo=UTC), datetime(2026, 7, 1, 10, tzinfo=UTC)),
    ),
    (
        "a duration",
        "DTSTART:20261224T100000Z\nDURATION:P1DT2H",
        span(datetime(2026, 12, 24, 10, tzinfo=UTC), datetime(2026, 12, 25, 12, tzinfo=UTC)),
    ),
    (
        "a folded line",
        "SUMMARY:a very\n  long name\nDTSTART:20261224T100000Z\nDTEND:20261224T1\n 20000Z",
        span(datetime(2026, 12, 24, 10, tzinfo=UTC), datetime(2026, 12, 24, 12, tzinfo=UTC)),
    ),
]


@pytest.mark.parametrize(
    ("event", "expected"), [item[1:] for item in EVENTS], ids=[item[0] for item in EVENTS]
)
def test_an_event_is_the_span_its_calendar_says(event: str, expected: Interval) -> None:
    assert intervals_of(calendar(event), PARIS) == (expected,)


def test_cancelled_events_freeze_nothing() -> None:
    event = "DTSTART:20261224T100000Z\nDTEND:20261224T120000Z"
    assert intervals_of(calendar(event + "\nSTATUS:CANCELLED", event), PARIS) == intervals_of(
        calendar(event), PARIS
    )


REFUSED: list[tuple[str, bytes, str]] = [
    ("nothing", b"", "no calendar"),
    ("text", b"hello", "no calendar"),
    ("binary", b"\x00\xff\xfe", "no calendar"),
    ("an event alone", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", "no calendar but a"),
    ("no event", calendar(), "has no event"),
    ("no beginning", calendar("SUMMARY:x"), "no span of time"),
    (
        "the end first",
        calendar("DTSTART:20261224T100000Z\nDTEND:20261223T100000Z"),
        "not after its beginning",
    ),
    (
        "no time at all",
        calendar("DTSTART:20261224T100000Z\nDTEND:20261224T100000Z"),
        "not after its beginning",
    ),
    ("a mix", calendar("DTSTART;VALUE=DATE:20261224\nDTEND:20261225T100000Z"), "no span of time"),
    ("no date", calendar("DTSTART:tomorrow\nDTEND:20261225T100000Z"), "no span of time"),
    ("repeated", calendar("DTSTART:20261224T100000Z\nDTEND:20261224T120000Z\nRRULE:FREQ=YEARLY"), "RRULE"),
    ("cut short", calendar("DTSTART:20261224T100000Z")[:60], "no calendar"),
    ("too many", calendar(*["DTSTART;VALUE=DATE:20261224"] * 1001), "1001 events; the limit is 1000"),
]


@pytest.mark.parametrize(("raw", "words"), [item[1:] for item in REFUSED], ids=[item[0] for item in REFUSED])
def test_a_calendar_that_cannot_be_told_exactly_is_refused(raw: bytes, words: str) -> None:
    with pytest.raises(Flaw) as caught:
        intervals_of(raw, PARIS)
    assert words in caught.value.what
    assert caught.value.what.isprintable()


def test_a_calendar_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Flaw, match="cannot be read"):
        read_calendar(tmp_path, "UTC")
    (tmp_path / "large.ics").write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(Flaw, match="larger than 1048576 bytes"):
        read_calendar(tmp_path / "large.ics", "UTC")


def entry(**values: object) -> WindowsEntry:
    def texts(value: object) -> object:
        return [texts(item) for item in value] if isinstance(value, list) else text(str(value))

    return WindowsEntry.model_validate({key: texts(value) for key, value in values.items()})


def test_windows_reach_the_core_with_every_zone_filled_in(tmp_path: Path) -> None:
    (tmp_path / "freeze.ics").write_bytes(calendar("DTSTART;VALUE=DATE:20261224"))
    problems = Problems()
    windows = windows_of(
        entry(
            allow=["Mon-Thu 09:00-16:00", "Fri 09:00-12:00 UTC"],
            blackout=["2026-12-31", str(tmp_path / "freeze.ics")],
            time_zone="Europe/Paris",
        ),
        problems,
    )
    problems.raise_if_any()
    assert [window.zone for window in windows.allow or ()] == ["Europe/Paris", "UTC"]
    new_year, christmas = windows.blackouts
    assert new_year.start.astimezone(UTC) == datetime(2026, 12, 30, 23, tzinfo=UTC)
    assert christmas == EVENTS[1][2]
    christmas_day = datetime(2026, 12, 24, 10, tzinfo=UTC)
    assert open_at(windows, christmas_day) == Closed(next_open=datetime(2026, 12, 25, 9, tzinfo=UTC))


def test_blackouts_alone_leave_every_other_time_open() -> None:
    problems = Problems()
    windows = windows_of(entry(blackout=["2026-12-31"], time_zone="UTC"), problems)
    assert open_at(windows, datetime(2026, 12, 30, tzinfo=UTC)) == Open(
        until=datetime(2026, 12, 31, tzinfo=UTC)
    )
    assert len(problems) == 0


def test_a_calendar_nobody_can_read_is_told_at_the_place_that_names_it() -> None:
    problems = Problems()
    windows_of(entry(blackout=["nosuch.ics"], time_zone="UTC"), problems)
    with pytest.raises(BadDocument, match=r"folder/campaign.yaml:1:1: the calendar .* cannot be read"):
        problems.raise_if_any()
