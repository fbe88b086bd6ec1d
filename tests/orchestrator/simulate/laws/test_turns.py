"""Each law is broken by hand once: a judge that never objects would prove nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.states import HostState
from orchestrator.simulate.laws import turns
from orchestrator.simulate.laws.law import Law
from tests.support.campaigns import NOON
from tests.support.started import BEFORE, attempt, started, with_run


def broken(before: Campaign, after: Campaign) -> set[Law]:
    """The laws that this save breaks."""
    return {item.law for item in turns.on_save(before, after, NOON)}


def test_an_ordinary_start_breaks_no_law() -> None:
    assert broken(BEFORE, started(BEFORE)) == set()


def test_more_open_attempts_than_slots_are_seen() -> None:
    narrow = replace(BEFORE, policy=replace(BEFORE.policy, parallelism=1))
    assert broken(narrow, started(started(narrow), 1)) == {Law.SLOTS}


def test_a_start_in_a_later_wave_is_seen() -> None:
    waves = with_run(replace(BEFORE, waves=2), 0, wave=2)
    assert Law.WAVES in broken(waves, started(waves))


@pytest.mark.parametrize(
    ("twice", "law"),
    [
        ((), {Law.WAVES}),
        (((NOON + timedelta(seconds=5), NOON + timedelta(seconds=6)),), set()),
        (((NOON, NOON + timedelta(seconds=4)),), {Law.WAVES}),
    ],
)
def test_an_end_of_before_the_clock_was_set_back_makes_no_delay_longer(
    twice: tuple[turns.Span, ...], law: set[Law]
) -> None:
    waves = replace(BEFORE, waves=2, wave=1, policy=replace(BEFORE.policy, delay_s=8.0))
    for place in range(len(waves.runs)):
        end = NOON + timedelta(seconds=5 if place else 0)
        done = attempt(waves.runs[place].host.name, ended_at=end)
        waves = with_run(waves, place, wave=1, state=HostState.SUCCEEDED, ended_at=end, attempts=(done,))
    now = NOON + timedelta(seconds=9)
    found = turns.on_save(waves, replace(waves, wave=2), now, twice)
    assert {item.law for item in found} == law


def test_a_wave_opened_before_the_one_before_it_is_over_is_seen() -> None:
    waves = with_run(replace(BEFORE, waves=2), 1, wave=2)
    assert broken(waves, replace(waves, wave=2)) == {Law.WAVES}


def test_a_second_attempt_beside_an_open_one_is_seen() -> None:
    once = started(BEFORE)
    both = (*once.runs[0].attempts, attempt("web-1", 2))
    assert Law.ALONE in broken(once, with_run(once, 0, attempts=both))


def test_an_epoch_that_does_not_grow_is_seen() -> None:
    once = with_run(started(BEFORE), 0, attempts=(attempt("web-1", epoch=5, ended_at=NOON),))
    again = (*once.runs[0].attempts, attempt("web-1", 2, epoch=5))
    assert Law.EPOCHS in broken(once, with_run(once, 0, attempts=again))


def test_an_undo_of_an_undo_is_seen() -> None:
    first = attempt("web-1", undo=True, undo_of="x", ended_at=NOON)
    once = with_run(BEFORE, 0, state=HostState.ROLLING_BACK, attempts=(first,))
    again = (first, attempt("web-1", 2, undo=True, undo_of=first.id))
    assert Law.BACK in broken(once, with_run(once, 0, attempts=again))


@pytest.mark.parametrize("state", [HostState.PENDING, HostState.RUNNING, HostState.SUCCEEDED])
def test_a_final_state_that_is_left_is_seen(state: HostState) -> None:
    final = with_run(BEFORE, 0, state=HostState.FAILED_CLEAN)
    assert broken(final, with_run(final, 0, state=state)) == {Law.FORWARD}


def test_a_host_that_is_lost_is_seen() -> None:
    assert broken(BEFORE, replace(BEFORE, runs=BEFORE.runs[:1])) == {Law.SUM}
