"""Scripted hosts do as real ones: they stop between two steps, and stay as they were brought back, or do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.simulate.stage.clock import BEGIN
from orchestrator.simulate.stage.hosts import Entry, SimHost
from tasks.model import Mode
from tasks.result import Outcome
from tasks.wire import Order
from tests.support.simulated import ORDER, begun, host
from tests.support.started import BEFORE

STOP = ORDER.model_copy(update={"mode": Mode.STOP})


def code(at: SimHost, entry: Entry) -> str:
    """How the attempt ends."""
    result = at.finish(entry).result
    assert result is not None
    return result.error.code if result.error else result.outcome.value


def test_an_attempt_that_is_told_to_stop_before_it_came_never_starts() -> None:
    at = host()
    said, _ = at.take(STOP, BEGIN)
    assert said is not None
    assert (said.mode, said.result and said.result.outcome) == (Mode.STOP, Outcome.OK)
    refused, entry = at.take(ORDER, BEGIN)
    assert entry is None
    assert refused is not None
    assert refused.result is not None
    assert refused.result.error is not None
    assert (refused.result.error.code, refused.result.error.retryable) == ("E_STOPPED", False)


@pytest.mark.parametrize(
    ("number", "done", "ends", "changed"),
    [(1, False, "E_STOPPED", False), (1, True, "E_STOPPED", True), (2, True, "changed", True)],
)
def test_an_attempt_at_work_stops_between_two_steps(
    number: int, done: bool, ends: str, changed: bool
) -> None:
    at = host(number)
    entry = begun(at)
    if done:
        at.effect(entry)
    at.take(STOP, BEGIN)
    at.effect(entry)
    assert code(at, entry) == ends
    assert entry.result is not None
    assert entry.result.changed is changed
    assert bool(at.effects) is done


def refusal(at: SimHost, order: Order) -> str:
    """The code with which a host refuses an order."""
    said, entry = at.take(order, BEGIN)
    assert entry is None
    assert said is not None
    assert said.result is not None
    return said.result.error.code if said.result.error else ""


def test_what_the_database_has_forgotten_is_not_done_again() -> None:
    at, own = host(), ORDER.attempt_id.rpartition("/")[0]
    second = ORDER.model_copy(update={"attempt_id": f"{own}/2"})
    at.finish(begun(at, second))
    undo = second.model_copy(update={"mode": Mode.UNDO, "undo_of": second.attempt_id, "epoch": 9})
    assert refusal(at, ORDER.model_copy(update={"epoch": 8})) == "E_ATTEMPT_REUSED"
    assert refusal(at, undo) == "E_ATTEMPT_REUSED"
    begun(at, undo.model_copy(update={"attempt_id": f"{own}/3"}))
    assert refusal(at, undo.model_copy(update={"attempt_id": f"{own}/4", "epoch": 10})) == "E_ATTEMPT_REUSED"


@pytest.mark.parametrize("lasts", [True, False])
def test_a_host_that_was_brought_back_may_break_while_it_is_watched(lasts: bool) -> None:
    at = host(back_lasts=lambda _own: lasts)
    forward = begun(at)
    at.effect(forward)
    at.finish(forward)
    undo = ORDER.model_copy(
        update={"mode": Mode.UNDO, "attempt_id": "x/web-1/2", "epoch": 2, "undo_of": ORDER.attempt_id}
    )
    back = begun(at, undo)
    at.effect(back)
    assert code(at, back) == "undone"
    assert (at.content, at.sound) == ("", lasts)


def test_a_campaign_that_takes_another_one_back_goes_forward() -> None:
    own = Entry(order=ORDER.model_copy(update={"undo_of": f"{BEFORE.id}/web-1/1"}), began=BEGIN)
    assert own.back
    assert not replace(own, order=ORDER.model_copy(update={"undo_of": "cother/web-1/1"})).back
    assert not replace(own, order=ORDER).back


def test_what_spoils_a_dry_run_spoils_the_change_too() -> None:
    at = host(sick="E_ARCHIVE_DOWN")
    entry = begun(at)
    at.sick = ""
    at.effect(entry)
    assert code(at, entry) == "E_STEP_FAILED"
    assert entry.result is not None
    assert entry.result.changed


def test_a_sick_host_has_no_dry_run() -> None:
    at = host(sick="E_ARCHIVE_DOWN")
    said, _ = at.take(ORDER.model_copy(update={"mode": Mode.PLAN}), BEGIN)
    assert said is not None
    assert said.result is not None
    assert said.result.failed
