"""Restarts are counted over five minutes between readings, and an engine is down after thirty seconds of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.pulse import (
    ENGINE_DOWN_S,
    WINDOW_S,
    Pulse,
    Restarted,
    felt,
    restarts_between,
    restarts_lately,
)
from orchestrator.campaign.vitals import Level, Vital, engine_down, restarted_of, restarts
from tasks.result import HostResult, Outcome
from tests.orchestrator.campaign.worlds import START


def times(count: int, container: str = "a" * 12, started_at: str = "t0") -> Restarted:
    """A container that was restarted so often."""
    return Restarted(container=container, count=count, started_at=started_at)


def after(*readings: tuple[float, tuple[Restarted, ...]]) -> Pulse:
    """What is remembered after readings at these seconds."""
    pulse = None
    for seconds, told in readings:
        pulse = felt(pulse, told, down=False, now=START + timedelta(seconds=seconds), patience_s=WINDOW_S)
    assert pulse is not None
    return pulse


def lately(pulse: Pulse, seconds: float) -> float | None:
    """Restarts in the window that ends then."""
    return restarts_lately(pulse, START + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("before", "now", "restarted"),
    [
        ((), (), 0),
        ((times(2),), (times(2),), 0),
        ((times(2),), (times(5, started_at="t1"),), 3),
        ((), (times(4),), 4),
        ((times(7),), (times(2, "b" * 12),), 2),
        ((times(7),), (times(2, started_at="t1"),), 2),
        ((times(3),), (times(3, started_at="t1"),), 3),
        ((times(7),), (), 0),
    ],
    ids=["none", "same", "more", "first", "made anew", "started anew", "started anew as often", "gone"],
)
def test_restarts_are_the_difference_and_a_container_made_or_started_anew_counts_from_zero(
    before: tuple[Restarted, ...], now: tuple[Restarted, ...], restarted: int
) -> None:
    assert restarts_between(before, now) == restarted


def test_one_reading_tells_no_restarts() -> None:
    assert lately(after((0, (times(500),))), 0) is None
    assert restarts(after((0, (times(500),))), START) == ()


@pytest.mark.parametrize(
    ("count", "level"), [(3, Level.OK), (4, Level.WARNING), (10, Level.WARNING), (11, Level.CRITICAL)]
)
def test_more_than_three_are_a_warning_and_more_than_ten_critical(count: int, level: Level) -> None:
    pulse = after((0, ()), (60, (times(count),)))
    assert restarts(pulse, START + timedelta(seconds=60)) == (
        Vital(check="restarts", level=level, value=float(count)),
    )


def test_what_is_older_than_five_minutes_counts_no_more() -> None:
    pulse = after((0, ()), (60, (times(8),)), (120, (times(8),)))
    assert lately(pulse, 120) == 8
    assert lately(pulse, 359) is not None
    assert lately(pulse, 360) == 0


def test_restarts_between_readings_far_apart_count_by_their_part_of_five_minutes() -> None:
    pulse = after((0, ()), (600, (times(12),)))
    assert lately(pulse, 600) == 6


_COUNTS = st.lists(st.integers(0, 30), min_size=2, max_size=60)


@given(more=_COUNTS, every=st.sampled_from([5, 60, 299, 900]))
def test_never_more_than_all_and_never_less_than_none_and_little_is_kept(more: list[int], every: int) -> None:
    total, readings = 0, []
    for number, count in enumerate(more):
        total += count
        readings.append((float(number * every), (times(total, started_at=f"t{total}"),) if total else ()))
    pulse = after(*readings)
    told = lately(pulse, readings[-1][0])
    assert told is not None
    assert 0 <= told <= sum(more[1:])
    assert len(pulse.bouts) <= 20
    fresh = [
        count for number, count in enumerate(more) if number and (len(more) - number) * every <= WINDOW_S
    ]
    assert told >= sum(fresh)


@given(first=st.integers(0, 20), second=st.integers(0, 20))
def test_a_reading_in_between_changes_nothing(first: int, second: int) -> None:
    end = (times(first + second, started_at="t2"),) if first + second else ()
    middle = (times(first, started_at="t1"),) if first else ()
    with_middle = after((0, ()), (40, middle), (80, end))
    # a second bout of none keeps the start of the last run
    if second == 0:
        with_middle = after((0, ()), (40, middle), (80, middle))
    assert lately(with_middle, 80) == lately(after((0, ()), (80, end)), 80)


def down_after(*seconds: float, patience_s: float = WINDOW_S) -> Pulse:
    """What is remembered after readings that found the engine down."""
    pulse = None
    for at in seconds:
        pulse = felt(pulse, None, down=True, now=START + timedelta(seconds=at), patience_s=patience_s)
    assert pulse is not None
    return pulse


def test_an_engine_is_down_for_as_long_as_readings_that_follow_each_other_say_so() -> None:
    assert down_after(0).down_s == 0
    assert down_after(0, 29).down_s < ENGINE_DOWN_S
    assert down_after(0, 10, 31).down_s == 31
    assert down_after(0, WINDOW_S + 1).down_s == 0, "nobody looked for too long"


def test_one_answer_ends_it_and_a_reading_that_could_not_tell_does_not() -> None:
    now = START + timedelta(seconds=40)
    assert felt(down_after(0, 35), (), down=False, now=now, patience_s=WINDOW_S).down_s == 0
    assert felt(down_after(0, 35), None, down=None, now=now, patience_s=WINDOW_S).down_s == 35


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), min_size=1, max_size=30))
def test_down_is_never_longer_than_since_it_last_answered(steps: list[tuple[bool, int]]) -> None:
    pulse, at, answered = None, 0, 0
    for down, seconds in steps:
        at += seconds
        pulse = felt(pulse, (), down=down, now=START + timedelta(seconds=at), patience_s=WINDOW_S)
        answered = answered if down else at
        assert 0 <= pulse.down_s <= at - answered
        assert down or pulse.down_s == 0


@pytest.mark.parametrize(
    ("service", "daemon", "down"),
    [
        ("OK", "OK", False),
        ("WARNING", "OK", False),
        ("CRITICAL", "CRITICAL", True),
        ("OK", "CRITICAL", True),
        ("CRITICAL", "UNKNOWN", True),
        ("OK", "UNKNOWN", None),
    ],
)
def test_service_and_daemon_tell_whether_the_engine_answers(
    service: str, daemon: str, down: bool | None
) -> None:
    vitals = (Vital(check="service", level=Level(service)), Vital(check="daemon", level=Level(daemon)))
    assert engine_down(vitals) is down
    assert engine_down(()) is None


@pytest.mark.parametrize(
    "told",
    [
        None,
        "many",
        [{"id": "a" * 64, "count": 3}],
        [{"id": "../etc", "count": 3, "started_at": "t"}],
        [{"id": "a" * 64, "count": True, "started_at": "t"}],
        [{"id": "a" * 64, "count": -1, "started_at": "t"}],
        [{"id": "a" * 64, "count": 1e300, "started_at": "t"}],
        ["x"],
    ],
)
def test_nonsense_of_a_host_is_not_told(told: object) -> None:
    assert restarted_of(HostResult(outcome=Outcome.OK, data={"restarts": told})) is None


def test_what_a_host_tells_is_taken_short() -> None:
    told = [{"id": "a" * 64, "name": "web", "count": 3, "started_at": "2026-03-01T12:00:00Z" + "x" * 99}]
    (found,) = restarted_of(HostResult(outcome=Outcome.OK, data={"restarts": told})) or ()
    assert (found.container, found.count, len(found.started_at)) == ("a" * 12, 3, 40)
