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
    Restarting,
    felt,
    restarts_between,
    restarts_lately,
    still_restarting,
)
from orchestrator.campaign.vitals import Level, Vital, engine_down, restarted_of, restarting_of, restarts
from tasks.result import HostResult, Outcome
from tests.orchestrator.campaign.worlds import START


def times(count: int, container: str = "a" * 12, started_at: str = "t0") -> Restarted:
    """A container that was restarted so often."""
    return Restarted(container=container, count=count, started_at=started_at)


def after(*readings: tuple[float, tuple[Restarted, ...]], apart: str = "") -> Pulse:
    """What is remembered after readings at these seconds; restarts of these containers are told from the others'."""
    pulse, names = None, {letter * 12 for letter in apart}
    for seconds, told in readings:
        now = START + timedelta(seconds=seconds)
        pulse = felt(pulse, told, down=False, now=now, patience_s=WINDOW_S, apart=names)
    assert pulse is not None
    return pulse


def was(letter: str, count: int) -> Restarting:
    """A container that was restarting before, restarted so often by then."""
    return Restarting(container=letter * 12, name=f"app-{letter}", count=count)


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
    assert sum(restarts_between(before, now).values()) == restarted


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


def test_a_container_that_was_restarting_before_counts_only_above_what_it_did_then() -> None:
    pulse = after((0, (times(40),)), (60, (times(25, started_at="t1"), times(2, "b" * 12))), apart="a")
    now = START + timedelta(seconds=60)
    assert lately(pulse, 60) == 27
    assert restarts_lately(pulse, now, (was("a", 40),)) == 2
    assert restarts_lately(pulse, now, (was("a", 20),)) == 7
    assert restarts_lately(pulse, now, (was("c", 40),)) == 27, "another one's past is no excuse"
    assert restarts(pulse, now, (was("a", 40),)) == (Vital(check="restarts", level=Level.OK, value=2.0),)
    assert still_restarting(pulse, now, (was("a", 40), was("c", 9))) == ("app-a",)
    later = now + timedelta(seconds=WINDOW_S)
    assert still_restarting(pulse, later, (was("a", 40),)) == ()


#: how often each of three containers is restarted up to the next reading, and the seconds until then
_STEPS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.sampled_from([20, 100, 700])),
    min_size=1,
    max_size=14,
)


@given(steps=_STEPS, first=st.integers(1, 60), second=st.integers(1, 60))
def test_each_container_is_judged_by_its_own_past_and_one_without_counts_in_full(
    steps: list[tuple[int, int, int, int]], first: int, second: int
) -> None:
    at, counts = 0.0, {"a": first, "b": second, "c": 0}
    readings: list[tuple[float, dict[str, Restarted]]] = []
    for *more, seconds in [(0, 0, 0, 0), *steps]:
        at += seconds
        counts = {letter: count + new for (letter, count), new in zip(counts.items(), more, strict=True)}
        told = {letter: times(count, letter * 12, f"t{count}") for letter, count in counts.items() if count}
        readings.append((at, told))
    now = START + timedelta(seconds=at)
    alone = {
        letter: lately(after(*((s, (told[letter],) if letter in told else ()) for s, told in readings)), at)
        for letter in counts
    }
    pulse = after(*((seconds, tuple(told.values())) for seconds, told in readings), apart="ab")
    found = restarts_lately(pulse, now, (was("a", first), was("b", second)))
    assert found == pytest.approx(
        max((alone["a"] or 0) - first, 0) + max((alone["b"] or 0) - second, 0) + (alone["c"] or 0), abs=1e-5
    )
    assert restarts_lately(pulse, now) == pytest.approx(sum(count or 0 for count in alone.values()), abs=1e-5)


@given(rate=st.integers(1, 9), every=st.sampled_from([30, 60, 300]), older=st.integers(0, 500))
def test_a_loop_of_before_that_goes_on_as_fast_as_it_did_is_no_news(
    rate: int, every: int, older: int
) -> None:
    """It had been restarted in the five minutes before its first reading as often as in any later ones."""
    begun = rate * -(-int(WINDOW_S) // every) + older
    readings = [
        (float(number * every), (times(begun + number * rate, started_at=f"t{number}"),))
        for number in range(1 + 3 * int(WINDOW_S) // every)
    ]
    for last in range(2, len(readings) + 1):
        pulse, now = after(*readings[:last], apart="a"), START + timedelta(seconds=readings[last - 1][0])
        assert restarts_lately(pulse, now, (was("a", begun),)) == 0


@given(more=st.lists(st.integers(1, 9), min_size=25, max_size=60))
def test_what_is_counted_apart_stays_so_when_old_bouts_are_put_together(more: list[int]) -> None:
    total, readings = 5, [(0.0, (times(5),))]
    for number, count in enumerate(more, start=1):
        total += count
        readings.append((float(number), (times(total, started_at=f"t{number}"),)))
    pulse = after(*readings, apart="a")
    assert len(pulse.bouts) <= 20
    assert [dict(bout.apart) for bout in pulse.bouts] == [{"a" * 12: bout.restarts} for bout in pulse.bouts]


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


def told_of(**fields: object) -> HostResult:
    """A host that tells of one container with these fields."""
    plain = {"id": "a" * 64, "name": "web", "count": 7, "started_at": "2026-03-01T12:00:00Z"}
    return HostResult(outcome=Outcome.OK, data={"restarts": [plain | fields]})


@pytest.mark.parametrize("ago_s", [0, 0.5, 300, 300.0])
def test_a_container_started_within_five_minutes_was_restarting(ago_s: float) -> None:
    assert restarting_of(told_of(started_ago_s=ago_s)) == (
        Restarting(container="a" * 12, name="web", count=7),
    )


@pytest.mark.parametrize(
    "ago_s", [None, "5", True, -1, -0.001, 300.001, 1e300, float("nan"), float("inf"), [], {}]
)
def test_a_container_of_which_that_is_not_told_was_not_restarting(ago_s: object) -> None:
    assert restarting_of(told_of(started_ago_s=ago_s)) == ()
    assert restarting_of(told_of()) == (), "an older worker does not tell"
    assert restarted_of(told_of(started_ago_s=ago_s)) is not None, "its restarts count as ever"


@pytest.mark.parametrize("name", [None, "", 5, "-web", "we b", "web\n", "ẃeb", "w" * 129, "\x1b[31mweb"])
def test_a_container_without_a_plain_name_is_called_by_its_id(name: object) -> None:
    (found,) = restarting_of(told_of(started_ago_s=1, name=name))
    assert found.name == "a" * 12


def test_one_nonsense_among_them_is_as_if_nothing_were_told() -> None:
    rows = [*told_of(started_ago_s=1).data["restarts"], {"id": "x"}]
    assert restarting_of(HostResult(outcome=Outcome.OK, data={"restarts": rows})) == ()


def test_a_container_told_twice_is_one_and_few_are_kept() -> None:
    (row,) = told_of(started_ago_s=1).data["restarts"]
    assert len(restarting_of(HostResult(outcome=Outcome.OK, data={"restarts": [row, row]}))) == 1
    many = [row | {"id": f"{number:064x}"[::-1]} for number in range(1, 900)]
    assert len(restarting_of(HostResult(outcome=Outcome.OK, data={"restarts": many}))) == 100


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.just("a" * 64),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "name", "count", "started_at", "started_ago_s"]), inner)
    ),
    max_leaves=12,
)


@given(told=_JSON)
def test_whatever_a_host_tells_of_restarts_makes_no_trouble(told: object) -> None:
    result = HostResult(outcome=Outcome.OK, data={"restarts": told})
    known = {item.container for item in restarted_of(result) or ()}
    assert {item.container for item in restarting_of(result)} <= known
