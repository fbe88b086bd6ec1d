"""Each law of the clock over steps is broken by hand once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.campaign.campaign import Campaign, Notice, Stop
from orchestrator.campaign.rollout import Clock, Clocks, StopAction
from orchestrator.campaign.states import HostState
from orchestrator.simulate.laws import steps
from orchestrator.simulate.laws.law import Law
from orchestrator.simulate.stage.beats import Beats
from orchestrator.simulate.stage.hosts import Entry, SimHost
from tasks.wire import ReportKind
from tests.support.campaigns import NOON
from tests.support.simulated import ORDER, begun, host
from tests.support.started import BEFORE, attempt, with_run

TIMED = replace(
    BEFORE,
    policy=replace(BEFORE.policy, clocks=Clocks(step=Clock(warn_s=10.0, stop_s=60.0))),
    started_at=NOON,
)
ATTEMPT = attempt("web-1", accepted_at=NOON, step="restart", seq=2, step_since=NOON)
AT_WORK = with_run(TIMED, 0, state=HostState.RUNNING, attempts=(ATTEMPT,))
KEY = f"{ATTEMPT.id}/restart"


def heard(*said: tuple[str, float], seq: int = 2) -> Beats:
    """Heartbeats that named these steps so many seconds after noon."""
    beats, at = Beats(), host()
    for number, (step, seconds) in enumerate(said):
        beat = at.say(ORDER, ReportKind.HEARTBEAT, seq=seq + number).model_copy(update={"step": step})
        beats.hear([beat], NOON + timedelta(seconds=seconds))
    return beats


def fleet(run: int = 1) -> dict[str, SimHost]:
    """The host, whose attempt is run by its first worker, or a later one."""
    at = host()
    entry: Entry = begun(at)
    entry.run = run
    return {at.name: at}


def broken(after: Campaign, seconds: float, beats: Beats, run: int = 1) -> set[Law]:
    """The laws this turn breaks, so many seconds after noon."""
    now = NOON + timedelta(seconds=seconds)
    return {item.law for item in steps.on_turn(AT_WORK, after, now, beats, fleet(run))}


def warned(campaign: Campaign, seconds: float, key: str = KEY) -> Campaign:
    """The campaign whose people were told then."""
    at = NOON + timedelta(seconds=seconds)
    told = Notice(rule="clock step", limit="l", observed="o", hosts=("web-1",), at=at, keys=(key,))
    return replace(campaign, notices=(*campaign.notices, told))


def stopped(campaign: Campaign, seconds: float, rule: str = "clock step") -> Campaign:
    """The campaign that was stopped then."""
    at = NOON + timedelta(seconds=seconds)
    stop = Stop(rule=rule, limit="l", observed="o", hosts=(), at=at, action=StopAction.HALT)
    return replace(campaign, stops=(stop,))


def test_a_step_that_takes_too_long_and_warns_nobody_is_seen() -> None:
    beats = heard(("restart", 1), ("restart", 6))
    taken = with_run(AT_WORK, 0, attempts=(replace(ATTEMPT, seq=3),))
    assert broken(taken, 10, beats) == set()
    assert broken(taken, 11, beats) == {Law.STEP}
    assert broken(warned(taken, 11), 11, beats) == set()


def test_a_step_that_takes_too_long_and_stops_nothing_is_seen() -> None:
    beats, told = heard(("restart", 0)), warned(AT_WORK, 10)
    assert broken(told, 59, beats) == set()
    assert broken(told, 60, beats) == {Law.STEP}
    assert broken(stopped(told, 60), 60, beats) == set()
    assert broken(replace(told, abort_requested=True), 60, beats) == set()


def test_the_time_of_a_step_begins_with_the_first_heartbeat_that_names_it() -> None:
    beats = heard(("stop", 0), ("restart", 9), ("restart", 14), seq=1)
    later = with_run(AT_WORK, 0, attempts=(replace(ATTEMPT, seq=3),))
    assert broken(later, 18, beats) == set()
    assert broken(later, 19, beats) == {Law.STEP}


@pytest.mark.parametrize(("seq", "step", "run"), [(1, "restart", 1), (2, "verify", 1), (2, "restart", 2)])
def test_what_was_not_taken_in_came_late_or_is_of_a_second_worker_is_not_held_against_it(
    seq: int, step: str, run: int
) -> None:
    after = with_run(AT_WORK, 0, attempts=(replace(ATTEMPT, seq=seq, step=step),))
    assert broken(after, 99, heard(("restart", 0)), run) == set()


def test_a_warning_that_comes_too_early_or_twice_is_seen() -> None:
    beats = heard(("restart", 5))
    assert broken(warned(AT_WORK, 14), 14, beats) == {Law.STEP}
    assert broken(warned(AT_WORK, 15), 15, beats) == set()
    again = warned(warned(AT_WORK, 15), 16)
    now = NOON + timedelta(seconds=16)
    found = steps.on_turn(warned(AT_WORK, 15), again, now, beats, fleet())
    assert {item.law for item in found} == {Law.STEP}


def test_a_warning_of_a_step_no_heartbeat_named_is_seen() -> None:
    told = warned(AT_WORK, 50, f"{ATTEMPT.id}/verify")
    assert broken(told, 12, heard(("restart", 5))) == {Law.STEP}


@pytest.mark.parametrize("rule", ["clock step", "clock step; clock host"])
def test_a_stop_that_comes_before_a_step_has_taken_so_long_is_seen(rule: str) -> None:
    beats = heard(("stop", 0), ("restart", 5), seq=1)
    assert broken(stopped(AT_WORK, 64, rule), 64, beats) == {Law.STEP}
    assert broken(stopped(AT_WORK, 65, rule), 65, beats) == set()
    assert broken(stopped(AT_WORK, 64, "clock host"), 64, beats) == set()
