"""Each law of the way back is broken by hand once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.campaign.campaign import Campaign, Stop
from orchestrator.campaign.control import Control, Found, Look
from orchestrator.campaign.rollout import FailureKind, StopAction
from orchestrator.campaign.states import HostState
from orchestrator.simulate.laws.law import Law
from orchestrator.simulate.laws.undos import PERSON, SHARED
from tests.orchestrator.simulate.laws.test_turns import broken
from tests.support.campaigns import NOON
from tests.support.started import BEFORE, attempt, with_run

SECOND = timedelta(seconds=1)
LOOK = Look(number=1, asked_at=NOON, until=NOON, controls=(Control(host="web-2"),), failed=("web-1",))


def failed(**policy: Any) -> Campaign:
    """A campaign whose first host failed when it was changed, and waits to be brought back."""
    campaign = replace(BEFORE, policy=replace(BEFORE.policy, **policy))
    first = attempt("web-1", ended_at=NOON)
    state = HostState.ROLLING_BACK
    return with_run(campaign, 0, state=state, attempts=(first,), failed_as=FailureKind.FAILED)


def undone(campaign: Campaign, ordered_at: Any = NOON) -> Campaign:
    """The campaign that has ordered the way back of its first host."""
    first = campaign.runs[0].attempts[0]
    back = attempt("web-1", 2, undo=True, undo_of=first.id, ordered_at=ordered_at, expires_at=ordered_at)
    return with_run(campaign, 0, attempts=(first, back))


def stop(rule: str, **fields: Any) -> Stop:
    """A stop by this rule."""
    return Stop(rule=rule, limit="l", observed="o", hosts=(), at=NOON, action=StopAction.PAUSE, **fields)


def other_failed(campaign: Campaign, **fields: Any) -> Campaign:
    """The campaign whose second host could not be brought back."""
    given = {"undo": True, "undo_of": f"{BEFORE.id}/web-2/1", "ended_at": NOON} | fields
    attempts = (attempt("web-2", ended_at=NOON), attempt("web-2", 2, **given))
    return with_run(campaign, 1, state=HostState.NEEDS_HUMAN, attempts=attempts)


def test_an_ordinary_way_back_breaks_no_law() -> None:
    assert broken(failed(), undone(failed())) == set()


@pytest.mark.parametrize("action", [StopAction.PAUSE, StopAction.HALT])
def test_a_way_back_after_one_that_failed_is_seen_where_the_policy_holds_it(action: StopAction) -> None:
    held = other_failed(failed(rollback_on_failure=action))
    assert broken(held, undone(held)) == {Law.HELD}
    known = replace(held, acknowledged=("web-2",))
    assert broken(known, undone(known)) == set()
    going = other_failed(failed())
    assert broken(going, undone(going)) == set()


def test_a_way_back_while_untouched_hosts_are_asked_is_seen() -> None:
    asking = replace(failed(), looks=(LOOK,))
    assert broken(asking, undone(asking)) == {Law.LOOK}
    heard = replace(failed(), looks=(replace(LOOK, ended_at=NOON, found=Found.WELL),))
    assert broken(heard, undone(heard)) == set()
    wanted = replace(asking, stops=(stop(PERSON),))
    assert broken(wanted, undone(wanted)) == set()


def test_a_way_back_while_a_cause_is_shared_is_seen() -> None:
    shared = replace(failed(), stops=(stop(SHARED),))
    assert broken(shared, undone(shared)) == {Law.LOOK}
    lifted = replace(failed(), stops=(stop(SHARED, lifted_at=NOON),))
    assert broken(lifted, undone(lifted)) == set()


@pytest.mark.parametrize(("after_s", "law"), [(4, {Law.DELAY}), (5, set())])
def test_a_way_back_too_soon_after_another_is_seen(after_s: int, law: set[Law]) -> None:
    before = other_failed(failed(rollback_delay_s=5.0))
    assert broken(before, undone(before, NOON + after_s * SECOND)) == law


@pytest.mark.parametrize(("watched_s", "law"), [(9, {Law.WATCHED}), (10, set())])
def test_a_host_that_is_back_before_it_was_watched_is_seen(watched_s: int, law: set[Law]) -> None:
    going = undone(failed(rollback_monitor_s=10.0))
    first, back = going.runs[0].attempts
    soaking = with_run(going, 0, state=HostState.SOAKING, attempts=(first, replace(back, ended_at=NOON)))
    over = with_run(soaking, 0, state=HostState.ROLLED_BACK, ended_at=NOON + watched_s * SECOND)
    assert broken(soaking, over) == law
