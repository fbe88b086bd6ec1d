"""What proves a change and a way back: the host's own comparison, with the very snapshot its change had taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.origin import Origin, going_back, origin_of
from orchestrator.campaign.proof import FINGERPRINT, another_snapshot, equal_to_snapshot, promised
from orchestrator.campaign.states import HostState
from tasks.result import HostResult, Outcome
from tests.orchestrator.campaign.worlds import CHANGED, OK, UNDONE, World, failed, planned
from tests.support.started import BEFORE, attempt


def run(taken: Any) -> HostRun:
    """A host on its way back from a change that took this snapshot."""
    change = attempt("web-1", result=replace(CHANGED, data={FINGERPRINT: taken}))
    back = attempt("web-1", 2, undo=True, undo_of=change.id)
    return replace(BEFORE.runs[0], attempts=(change, back))


def back(used: Any) -> HostResult:
    """A way back to this snapshot."""
    return replace(UNDONE, data={**UNDONE.data, FINGERPRINT: used})


@pytest.mark.parametrize(
    ("taken", "used", "strange"),
    [
        ("a", "a", False),
        ("a", "b", True),
        ("", "b", False),
        ("a", "", True),
        ("a", None, False),
        (None, "b", False),
        (7, "b", True),
        ("a", 7, True),
    ],
)
def test_a_way_back_to_another_snapshot_than_was_taken_is_no_proof(
    taken: Any, used: Any, strange: bool
) -> None:
    found = another_snapshot(run(taken), back(used))
    assert (found is not None and found.code == "E_SNAPSHOT_CHANGED") is strange


def test_without_a_change_of_its_own_campaign_there_is_nothing_to_compare() -> None:
    alone = replace(BEFORE.runs[0], attempts=(attempt("web-1", undo_of="c0/web-1/1"),))
    assert another_snapshot(alone, back("b")) is None
    assert another_snapshot(replace(alone, attempts=()), back("b")) is None


@pytest.mark.parametrize(("used", "state"), [("a", HostState.ROLLED_BACK), ("b", HostState.NEEDS_HUMAN)])
def test_a_host_that_came_back_to_something_else_is_left_to_a_person(used: str, state: HostState) -> None:
    world = World(planned(1))
    world.run()
    world.accept("h1")
    world.end("h1", replace(failed(changed=True), data={FINGERPRINT: "a"}))
    world.run()
    world.end("h1", back(used))
    assert world.host("h1").state is state


def test_a_rollback_is_compared_with_the_same_snapshot_again_after_its_soak() -> None:
    world = World(planned(1, rollback_monitor_s=60.0))
    world.run()
    world.accept("h1")
    world.end("h1", replace(failed(changed=True), data={FINGERPRINT: "a"}))
    world.run()
    world.end("h1", back("a"))
    assert world.host("h1").state is HostState.SOAKING
    world.run(seconds=60)
    world.recheck("h1", back("b"))
    _left_to_a_person(world)
    assert world.host("h1").changed


def _taking_back(taken: str, **policy: Any) -> Campaign:
    """An undo campaign of one host; the attempt it takes back told this fingerprint."""
    told = {"h1": taken} if taken else {}
    origin = Origin(campaign="c0", attempts={"h1": "c0/h1/1"}, machines={}, fingerprints=told)
    campaign = planned(1, rollback_failed=False, **policy)
    runs = tuple(going_back(run, origin) for run in campaign.runs)
    return replace(campaign, runs=runs, undoes="c0")


def _left_to_a_person(world: World) -> None:
    run = world.host("h1")
    assert run.state is HostState.NEEDS_HUMAN
    assert run.error is not None
    assert run.error.code == "E_SNAPSHOT_CHANGED"


@pytest.mark.parametrize(
    ("taken", "used", "proven"),
    [("a", "a", True), ("a", "b", False), ("a", "", False), ("a", None, True), ("", "b", True)],
)
def test_an_undo_campaign_is_proven_by_the_snapshot_the_campaign_it_takes_back_had_taken(
    taken: str, used: Any, proven: bool
) -> None:
    world = World(_taking_back(taken))
    world.run()
    world.accept("h1")
    world.end("h1", back(used))
    if proven:
        assert world.host("h1").state is HostState.SUCCEEDED
        return
    _left_to_a_person(world)
    assert "c0/h1/1" in str(world.host("h1").error)
    assert "`dockwave logs c0 h1`" in str(world.host("h1").error)


def test_a_host_equal_to_another_snapshot_is_not_already_right() -> None:
    world = World(_taking_back("a"))
    world.run()
    world.accept("h1")
    world.end("h1", replace(back("b"), changed=False))
    _left_to_a_person(world)


def test_an_undo_campaign_is_compared_with_the_same_snapshot_again_after_its_soak() -> None:
    world = World(_taking_back("a", monitor_s=60.0))
    world.run()
    world.accept("h1")
    world.end("h1", back("a"))
    assert world.host("h1").state is HostState.SOAKING
    world.run(seconds=120)
    world.recheck("h1", back("b"))
    _left_to_a_person(world)


def test_a_retry_of_an_undo_expects_the_same_snapshots() -> None:
    origin = origin_of(_taking_back("a"))
    assert origin is not None
    assert origin.fingerprints == {"h1": "a"}


def test_only_a_comparison_without_differences_is_equal() -> None:
    assert equal_to_snapshot(UNDONE)
    assert not equal_to_snapshot(replace(UNDONE, data={}))
    assert not equal_to_snapshot(replace(UNDONE, data={"differences": ["a file"]}))
    assert not equal_to_snapshot(replace(UNDONE, outcome=Outcome.OK))


def test_an_undo_is_not_proven_by_what_proves_a_change() -> None:
    forward, undo = attempt("web-1"), attempt("web-1", undo_of="c0/web-1/1")
    assert [promised(forward, result) for result in (OK, CHANGED, UNDONE)] == [True, True, False]
    assert [promised(undo, result) for result in (OK, CHANGED, UNDONE)] == [False, False, True]
