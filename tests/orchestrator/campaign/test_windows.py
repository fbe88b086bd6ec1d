"""Windows agree with somebody who looks at the clock on the wall every minute, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.windows import Answer, Closed, Interval, Open, Window, Windows, fits, open_at

MINUTE = timedelta(minutes=1)
#: long enough for any weekly window to open and close once
LOOKED_MIN = 9 * 1440

ALL_DAYS = frozenset(range(7))
#: instants just before clocks jump: both ways, both hemispheres, by half an hour, at midnight, over a whole day
JUMPS = (
    ("Europe/Paris", datetime(2026, 3, 28, 12, tzinfo=UTC)),
    ("Europe/Paris", datetime(2026, 10, 24, 12, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 0, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 8, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 8, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 5, 12, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 29, 12, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 6, 1, tzinfo=UTC)),
)


def shows_open(windows: Windows, instant: datetime) -> bool:
    """What the wall says: written down again, minute by minute, without anything of the code under test."""
    if any(item.start <= instant < item.end for item in windows.blackouts):
        return False
    if windows.allow is None:
        return True
    for window in windows.allow:
        wall = instant.astimezone(ZoneInfo(window.zone)).replace(tzinfo=None)
        for days_ago in (0, 1):
            midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days_ago)
            if midnight.weekday() not in window.days:
                continue
            if midnight + MINUTE * window.opens <= wall < midnight + MINUTE * window.closes:
                return True
    return False


def watched(windows: Windows, now: datetime) -> Answer | None:
    """The answer of somebody who looks every minute; None when nothing changes while they look."""
    is_open = shows_open(windows, now)
    for number in range(1, LOOKED_MIN):
        instant = now + MINUTE * number
        if shows_open(windows, instant) is not is_open:
            return Open(until=instant) if is_open else Closed(next_open=instant)
    return None


@st.composite
def window(draw: st.DrawFn, zone: str) -> Window:
    opens = draw(st.one_of(st.sampled_from((0, 60, 119, 120, 121, 150, 179, 180, 181)), st.integers(0, 1439)))
    length = draw(st.one_of(st.sampled_from((1, 30, 59, 60, 61, 90, 1440)), st.integers(1, 1440)))
    days = draw(st.one_of(st.just(ALL_DAYS), st.frozensets(st.integers(0, 6), min_size=1)))
    return Window(days=days, opens=opens, closes=opens + length, zone=zone)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Windows, datetime]:
    zone, near = draw(st.sampled_from(JUMPS))
    now = near + MINUTE * draw(st.integers(-600, 2 * 1440))
    zones = st.one_of(st.just(zone), st.sampled_from([name for name, _ in JUMPS]))
    allow = draw(st.one_of(st.none(), st.lists(zones.flatmap(window), min_size=1, max_size=3).map(tuple)))
    spans = st.tuples(st.integers(-1440, 4 * 1440), st.integers(1, 3 * 1440))
    blackouts = tuple(
        Interval(start=now + MINUTE * start, end=now + MINUTE * (start + length))
        for start, length in draw(st.lists(spans, max_size=3))
    )
    return Windows(allow=allow, blackouts=blackouts), now


@settings(max_examples=60, deadline=None)
@given(scenes())
def test_the_answer_is_that_of_somebody_who_looks_every_minute(scene: tuple[Windows, datetime]) -> None:
    windows, now = scene
    seen = watched(windows, now)
    answer = open_at(windows, now)
    if seen is not None:
        assert answer == seen
        return
    assert isinstance(answer, Open) is shows_open(windows, now)
    change = answer.until if isinstance(answer, Open) else answer.next_open
    assert change is None or change >= now + MINUTE * LOOKED_MIN


@settings(max_examples=60, deadline=None)
@given(scenes(), st.integers(0, 3 * 86_400))
def test_a_step_fits_exactly_when_every_minute_of_it_is_open(
    scene: tuple[Windows, datetime], seconds: int
) -> None:
    windows, now = scene
    local = now.astimezone(ZoneInfo("Europe/Paris"))
    minutes = (MINUTE * number for number in range(-(-seconds // 60)))
    assert fits(windows, local, seconds) is (
        shows_open(windows, now) and all(shows_open(windows, now + minute) for minute in minutes)
    )


@settings(max_examples=60, deadline=None)
@given(scenes())
def test_the_zone_an_instant_is_told_in_changes_nothing(scene: tuple[Windows, datetime]) -> None:
    windows, now = scene
    assert open_at(windows, now.astimezone(ZoneInfo("Pacific/Kiritimati"))) == open_at(windows, now)


def paris(text: str, *, fold: int = 0) -> datetime:
    """An instant by the clock in Paris, in UTC: Python holds no time that is shown twice equal to one elsewhere."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Paris"), fold=fold).astimezone(UTC)


def daily(opens: int, closes: int) -> Windows:
    return Windows(allow=(Window(days=ALL_DAYS, opens=opens, closes=closes, zone="Europe/Paris"),))


WEEKDAYS = Windows(
    allow=(Window(days=frozenset(range(4)), opens=9 * 60, closes=16 * 60, zone="Europe/Paris"),)
)

STORIES: list[tuple[str, Windows, datetime, Answer]] = [
    ("a minute before", WEEKDAYS, paris("2026-11-24 08:59"), Closed(next_open=paris("2026-11-24 09:00"))),
    ("the first minute", WEEKDAYS, paris("2026-11-24 09:00"), Open(until=paris("2026-11-24 16:00"))),
    ("the last second", WEEKDAYS, paris("2026-11-24 15:59:59"), Open(until=paris("2026-11-24 16:00"))),
    ("the closing time", WEEKDAYS, paris("2026-11-24 16:00"), Closed(next_open=paris("2026-11-25 09:00"))),
    ("over the week-end", WEEKDAYS, paris("2026-11-27 12:00"), Closed(next_open=paris("2026-11-30 09:00"))),
    (
        "over midnight",
        daily(22 * 60, 26 * 60),
        paris("2026-11-25 01:30"),
        Open(until=paris("2026-11-25 02:00")),
    ),
    (
        "from Sunday into Monday",
        Windows(allow=(Window(days=frozenset({6}), opens=1320, closes=1560, zone="Europe/Paris"),)),
        paris("2026-11-30 00:30"),
        Open(until=paris("2026-11-30 02:00")),
    ),
    (
        "a night whose clock jumps over the window",
        daily(130, 170),
        paris("2026-03-29 01:00"),
        Closed(next_open=paris("2026-03-30 02:10")),
    ),
    (
        "a window whose beginning is jumped over",
        daily(150, 240),
        paris("2026-03-29 01:59"),
        Closed(next_open=paris("2026-03-29 03:00")),
    ),
    (
        "a window whose end is jumped over",
        daily(60, 150),
        paris("2026-03-29 01:59"),
        Open(until=paris("2026-03-29 03:00")),
    ),
    (
        "an hour shown twice, the first time",
        daily(120, 150),
        paris("2026-10-25 02:10"),
        Open(until=paris("2026-10-25 02:30")),
    ),
    (
        "between the two",
        daily(120, 150),
        paris("2026-10-25 02:40"),
        Closed(next_open=paris("2026-10-25 02:00", fold=1)),
    ),
    (
        "through the hour shown twice",
        daily(60, 240),
        paris("2026-10-25 01:00"),
        Open(until=paris("2026-10-25 04:00")),
    ),
    ("any time", Windows(), paris("2026-11-24 03:00"), Open(until=None)),
    ("every minute of the week", daily(0, 1440), paris("2026-11-24 03:00"), Open(until=None)),
    ("never", Windows(allow=()), paris("2026-11-24 03:00"), Closed(next_open=None)),
    (
        "a freeze that begins in the window",
        Windows(
            allow=WEEKDAYS.allow,
            blackouts=(Interval(start=paris("2026-11-24 12:00"), end=paris("2026-11-26 12:00")),),
        ),
        paris("2026-11-24 09:00"),
        Open(until=paris("2026-11-24 12:00")),
    ),
    (
        "freezes that touch",
        Windows(
            allow=WEEKDAYS.allow,
            blackouts=(
                Interval(start=paris("2026-12-31 00:00"), end=paris("2027-01-04 10:30")),
                Interval(start=paris("2026-12-21 00:00"), end=paris("2026-12-31 00:00")),
            ),
        ),
        paris("2026-12-22 12:00"),
        Closed(next_open=paris("2027-01-04 10:30")),
    ),
]


@pytest.mark.parametrize(
    ("windows", "now", "answer"), [item[1:] for item in STORIES], ids=[item[0] for item in STORIES]
)
def test_a_window_opens_and_closes_when_the_clock_on_the_wall_says_so(
    windows: Windows, now: datetime, answer: Answer
) -> None:
    assert open_at(windows, now) == answer


def test_a_freeze_longer_than_the_horizon_still_ends() -> None:
    end = paris("2036-01-01 00:00")
    freeze = Interval(start=paris("2026-01-01 00:00"), end=end)
    answer = open_at(Windows(allow=WEEKDAYS.allow, blackouts=(freeze,)), paris("2026-11-24 12:00"))
    assert answer == Closed(next_open=paris("2036-01-01 09:00"))


@pytest.mark.parametrize(("minutes", "verdict"), [(59, True), (60, True), (61, False)])
def test_a_step_that_ends_with_the_window_fits_and_one_minute_more_does_not(
    minutes: int, verdict: bool
) -> None:
    assert fits(WEEKDAYS, paris("2026-11-24 15:00"), minutes * 60) is verdict


def test_the_hour_that_is_skipped_is_no_time_to_work_in() -> None:
    # 01:30 to 03:30 on the wall is one hour, not two
    night = daily(90, 210)
    assert fits(night, paris("2026-03-29 01:30"), 3600)
    assert not fits(night, paris("2026-03-29 01:30"), 3601)
    assert fits(daily(90, 210), paris("2026-10-25 01:30"), 3 * 3600)


@pytest.mark.parametrize(
    ("days", "opens", "closes"),
    [
        ((), 0, 60),
        ((7,), 0, 60),
        ((0,), 60, 60),
        ((0,), 60, 30),
        ((0,), -1, 30),
        ((0,), 1440, 1500),
        ((0,), 0, 1441),
    ],
)
def test_what_is_no_span_of_a_day_is_refused(days: tuple[int, ...], opens: int, closes: int) -> None:
    with pytest.raises(ValueError, match=r"days are|is none"):
        Window(days=frozenset(days), opens=opens, closes=closes, zone="UTC")


def test_an_instant_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 11, 24, 12)  # noqa: DTZ001 - the point of the test
    with pytest.raises(ValueError, match="no time zone"):
        open_at(Windows(), naive)
    with pytest.raises(ValueError, match="no time zone"):
        Interval(start=naive, end=naive)
    noon = naive.replace(tzinfo=UTC)
    with pytest.raises(ValueError, match="ends before it begins"):
        Interval(start=noon, end=noon)
