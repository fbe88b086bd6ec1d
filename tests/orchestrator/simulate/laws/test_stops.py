"""Each law of stops is broken by hand once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from orchestrator.campaign.campaign import Stop
from orchestrator.campaign.rollout import FailureKind, Scope, Share, StopAction, StopRule
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.simulate.laws import stops
from orchestrator.simulate.laws.law import Law
from tasks.result import HostError, HostResult, Outcome
from tests.orchestrator.simulate.laws.test_turns import broken
from tests.support.campaigns import NOON
from tests.support.started import BEFORE, attempt, started, with_run


def stop(action: StopAction | None) -> Stop:
    """A stop of some kind."""
    return Stop(rule="r", limit="l", observed="o", hosts=(), at=NOON, action=action)


@pytest.mark.parametrize("action", [StopAction.HALT, StopAction.ROLLBACK_CAMPAIGN, None])
def test_a_start_past_a_stop_is_seen(action: StopAction | None) -> None:
    stopped = replace(BEFORE, stops=(stop(action),))
    assert Law.STOP in broken(stopped, started(stopped))


def test_a_start_while_paused_is_seen() -> None:
    paused = replace(BEFORE, state=CampaignState.PAUSED)
    assert Law.STOP in broken(paused, started(paused))


@pytest.mark.parametrize(("sample", "law"), [(0, {Law.STOP}), (1, {Law.STOP}), (2, set())])
def test_a_start_past_a_rule_that_speaks_is_seen(sample: int, law: set[Law]) -> None:
    rule = StopRule(scope=Scope.WAVE, min_sample=sample)
    two = with_run(BEFORE, 1, state=HostState.FAILED_CLEAN, failed_as=FailureKind.FAILED)
    before = replace(two, policy=replace(two.policy, stop_rules=(rule,)))
    assert broken(before, started(before)) == law


@pytest.mark.parametrize(("racks", "law"), [(("a", "a"), {Law.STOP}), (("a", "b"), set())])
def test_a_rule_over_a_label_counts_each_value_by_itself(racks: tuple[str, str], law: set[Law]) -> None:
    rule = StopRule(scope=Scope.LABEL, label="rack", tolerate=Share(value=1))
    placed = (("web-1", racks[0]), ("web-2", racks[0]), ("web-3", racks[1]))
    runs = tuple(
        replace(BEFORE.runs[0], host=replace(BEFORE.runs[0].host, name=name, labels={"rack": rack}))
        for name, rack in placed
    )
    failed = {"state": HostState.FAILED_CLEAN, "failed_as": FailureKind.FAILED}
    before = replace(BEFORE, runs=runs, policy=replace(BEFORE.policy, stop_rules=(rule,), parallelism=3))
    before = with_run(with_run(before, 1, **failed), 2, **failed)
    assert broken(before, started(before)) == law


def test_a_host_a_person_stopped_is_no_failure() -> None:
    rule = StopRule(scope=Scope.WAVE)
    error = HostError(code="E_STOPPED", message="stopped")
    result = HostResult(outcome=Outcome.FAILED, changed=False, error=error)
    halted = with_run(
        BEFORE, 1, state=HostState.FAILED_CLEAN, attempts=(attempt("web-2", ended_at=NOON, result=result),)
    )
    before = replace(halted, policy=replace(halted.policy, stop_rules=(rule,)))
    assert broken(before, started(before)) == set()


@pytest.mark.parametrize(("told", "law"), [(None, {Law.HARD}), (NOON, set())])
def test_a_host_at_work_that_never_hears_of_a_hard_abort_is_seen(
    told: datetime | None, law: set[Law]
) -> None:
    before = replace(started(BEFORE), abort_requested=True, abort_hard=True)
    one = before.runs[0].attempts[0]
    after = with_run(before, 0, attempts=(replace(one, stop_asked_at=told, seq=1),))
    assert {item.law for item in stops.told_to_stop(before, after)} == law


@pytest.mark.parametrize(("ended", "law"), [(NOON, set()), (None, {Law.EARLY})])
def test_a_host_that_goes_back_in_the_turn_that_stops_was_settled_when_its_way_forward_ended(
    ended: datetime | None, law: set[Law]
) -> None:
    rule = StopRule(scope=Scope.WAVE, min_sample=2, action=StopAction.ROLLBACK_WAVE)
    failed = with_run(BEFORE, 1, state=HostState.FAILED_CLEAN, failed_as=FailureKind.FAILED)
    before = replace(failed, policy=replace(failed.policy, stop_rules=(rule,)), runs=failed.runs[:2])
    said = replace(stop(StopAction.ROLLBACK_WAVE), rule="stop rule failed > 0 in wave 1")
    both = (attempt("web-1", ended_at=ended), attempt("web-1", 2, undo=True, undo_of=f"{BEFORE.id}/web-1/1"))
    after = with_run(replace(before, stops=(said,)), 0, state=HostState.ROLLING_BACK, attempts=both)
    assert {item.law for item in stops.stopped_for_a_reason(before, after)} == law
