"""Each law of clocks is broken by hand once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.campaign.campaign import Campaign, Stop
from orchestrator.campaign.rollout import Clock, Clocks, StopAction
from orchestrator.campaign.states import HostState
from orchestrator.simulate.laws import clocks
from orchestrator.simulate.laws.law import Law
from tests.support.campaigns import NOON
from tests.support.started import BEFORE, attempt, with_run

MINUTE = Clock(stop_s=60.0)
TIMED = replace(
    BEFORE,
    policy=replace(BEFORE.policy, clocks=Clocks(host=MINUTE, progress=MINUTE, campaign=MINUTE)),
    started_at=NOON,
)
AT_WORK = with_run(TIMED, 0, state=HostState.RUNNING, attempts=(attempt("web-1", accepted_at=NOON),))


def broken(before: Campaign, after: Campaign, seconds: float) -> set[Law]:
    """The laws this turn breaks, so many seconds after noon."""
    return {item.law for item in clocks.on_turn(before, after, NOON + timedelta(seconds=seconds))}


def stopped(campaign: Campaign, rule: str, seconds: float) -> Campaign:
    """The campaign stopped by this rule so many seconds after noon."""
    at = NOON + timedelta(seconds=seconds)
    stop = Stop(rule=rule, limit="l", observed="o", hosts=(), at=at, action=StopAction.HALT)
    return replace(campaign, stops=(stop,))


def test_a_host_that_is_at_work_for_too_long_and_stops_nothing_is_seen() -> None:
    assert broken(AT_WORK, AT_WORK, 59) == set()
    assert broken(AT_WORK, AT_WORK, 60) == {Law.CLOCK}
    assert broken(AT_WORK, stopped(AT_WORK, "clock host", 60), 60) == set()
    assert broken(AT_WORK, replace(AT_WORK, abort_requested=True), 60) == set()


def test_a_host_that_ended_in_this_turn_is_not_at_work() -> None:
    ended = with_run(AT_WORK, 0, state=HostState.SUCCEEDED, ended_at=NOON)
    assert broken(AT_WORK, ended, 99) == set()


@pytest.mark.parametrize(
    "clock", ["clock host", "clock progress", "clock campaign", "clock host; clock campaign"]
)
def test_a_clock_that_stops_too_early_is_seen(clock: str) -> None:
    assert broken(AT_WORK, stopped(AT_WORK, clock, 59), 59) == {Law.CLOCK}
    assert broken(AT_WORK, stopped(AT_WORK, clock, 61), 61) == set()


def test_a_clock_nobody_asked_for_is_seen() -> None:
    plain = replace(AT_WORK, policy=BEFORE.policy)
    assert broken(plain, stopped(plain, "clock host", 999), 999) == {Law.CLOCK}


def test_a_success_begins_the_time_without_a_success_anew() -> None:
    good = with_run(AT_WORK, 1, state=HostState.SUCCEEDED, ended_at=NOON + timedelta(seconds=30))
    assert broken(good, stopped(good, "clock progress", 61), 61) == {Law.CLOCK}
    assert broken(good, stopped(good, "clock campaign", 61), 61) == set()
