"""What proves a change and a way back: the host's own comparison, with the very snapshot its change had taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.campaign.campaign import HostRun
from orchestrator.campaign.proof import FINGERPRINT, another_snapshot, equal_to_snapshot, promised
from orchestrator.campaign.states import HostState
from tasks.result import HostResult, Outcome
from tests.orchestrator.campaign.worlds import CHANGED, OK, UNDONE, World, failed, planned
from tests.orchestrator.simulate.test_turn_laws import BEFORE, attempt


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
        ("a", "", False),
        (None, "b", False),
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


def test_only_a_comparison_without_differences_is_equal() -> None:
    assert equal_to_snapshot(UNDONE)
    assert not equal_to_snapshot(replace(UNDONE, data={}))
    assert not equal_to_snapshot(replace(UNDONE, data={"differences": ["a file"]}))
    assert not equal_to_snapshot(replace(UNDONE, outcome=Outcome.OK))


def test_an_undo_is_not_proven_by_what_proves_a_change() -> None:
    forward, undo = attempt("web-1"), attempt("web-1", undo_of="c0/web-1/1")
    assert [promised(forward, result) for result in (OK, CHANGED, UNDONE)] == [True, True, False]
    assert [promised(undo, result) for result in (OK, CHANGED, UNDONE)] == [False, False, True]
