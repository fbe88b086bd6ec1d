"""Kill switches in SQL: on both databases, over restarts, once each, in the log with who and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.campaign.kill_switch import Target
from orchestrator.loop.outside import Outside
from orchestrator.service.stopping import StopAll
from orchestrator.store.store import Store
from tasks.errors import BadInput, DockwaveError, Refused
from tasks.model import Mode
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts, failed

THREE = ("web-1", "web-2", "web-3")
SMOKE = StopAll(by="anna", reason="smoke")
CLEAR = StopAll(by="bert", reason="it was toast")


@pytest.fixture
def control(store: Store) -> Control:
    """A control plane on each kind of database."""
    return Control(store)


def _changing(control: Control) -> int:
    return sum(order.mode in {Mode.APPLY, Mode.UNDO} for order in control.outbox.sent)


def _wait(control: Control, ticks: int = 12) -> None:
    for _ in range(ticks):
        control.tick()
        control.work()
        control.clock.turn(30)


def _kill_kinds(control: Control) -> list[str]:
    lines = control.service.audit_newest(campaign_id=None, people=True, limit=50)
    return [line.kind for line, _ in lines if line.kind.startswith("stop-all")]


def test_nothing_is_sent_after_an_acknowledged_kill_over_restarts_too_until_it_is_released(
    control: Control,
) -> None:
    own = control.apply(THREE, waves="all", parallelism=2)
    control.tick()
    assert control.states(own)["web-2"] == "ORDERED"
    control.service.stop_all(SMOKE)
    # the orders are lost with the process, and not published again by the next one while they are unexpired
    control.restart()
    _wait(control)
    assert _changing(control) == 0
    control.restart()
    _wait(control)
    assert _changing(control) == 0
    assert control.states(own)[""] == "RUNNING"
    assert "thrown by anna" in control.service.why(own).headline
    control.service.release_all(CLEAR)
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"
    assert _kill_kinds(control) == ["stop-all-released", "stop-all"]
    assert control.kinds(own).count("let-go") == 1


def test_a_plan_made_and_applied_while_it_holds_waits_for_the_release(control: Control) -> None:
    control.service.stop_all(SMOKE)
    own = control.apply(("web-1",))
    _wait(control)
    assert control.states(own) == {"": "RUNNING", "web-1": "PENDING"}
    assert any("dockwave stop-all --release" in line for line in control.service.why(own).brakes)
    control.service.release_all(CLEAR)
    assert control.service.switches() == ()
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"


def test_a_switch_thrown_while_a_plan_lies_ready_is_in_its_log_once_it_begins(control: Control) -> None:
    own = control.plan(THREE)
    control.service.stop_all(SMOKE)
    control.tick(3)
    document, _ = control.service.document(own)
    control.service.apply(document, "tester")
    control.tick(3)
    lines = control.service.audit_newest(campaign_id=own, people=False, limit=50)
    assert [line.kind for line, _ in lines].count("held") == 1


def test_accepted_work_ends_and_no_undo_follows_before_the_release(store: Store) -> None:
    control = Control(store, hosts=ScriptedHosts(script={"web-1": failed(changed=True)}))
    own = control.apply(("web-1",))
    control.tick()
    control.work()
    control.service.stop_all(SMOKE)
    _wait(control)
    assert control.states(own)["web-1"] == "ROLLING_BACK"
    assert not [order for order in control.hosts.orders if order.mode is Mode.UNDO]
    control.service.release_all(CLEAR)
    control.run(own, over)
    assert [order.mode for order in control.hosts.orders if order.mode is Mode.UNDO]


def test_what_was_decided_before_a_kill_is_not_committed_after_it(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = control.apply(THREE, waves="all", parallelism=3)
    read = Outside.read
    reads: list[Outside] = []

    def kill_after_the_first_look(reader: object, fleet_budget: int | None) -> Outside:
        seen = read(reader, fleet_budget)  # type: ignore[arg-type] # the loop's own reader
        if not reads:
            # as if the API had committed between this look and the commit of the turn
            control.service.stop_all(SMOKE)
        reads.append(seen)
        return seen

    monkeypatch.setattr(Outside, "read", kill_after_the_first_look)
    control.tick()
    assert len(reads) == 2, "the turn was decided again"
    assert _changing(control) == 0
    assert set(control.states(own).values()) == {"RUNNING", "PENDING"}


def test_a_switch_stops_its_own_target_and_nothing_else(control: Control) -> None:
    first, second = control.plan(("web-1",)), control.plan(("web-2",))
    for own in (first, second):
        control.service.apply(control.service.document(own)[0], "tester")
    control.service.stop_all(replace(SMOKE, target=Target.CAMPAIGN, name=first))
    control.run(second, over)
    assert control.states(first)["web-1"] == "PENDING"
    control.service.stop_all(replace(SMOKE, target=Target.PROCEDURE, name="engine.restart"))
    control.service.release_all(replace(CLEAR, target=Target.CAMPAIGN, name=first))
    _wait(control)
    assert control.states(first)["web-1"] == "PENDING", "the other one still holds"
    control.service.release_all(replace(CLEAR, target=Target.PROCEDURE, name="engine.restart"))
    control.run(first, over)
    assert control.states(first)[""] == "COMPLETE"


def test_throwing_and_releasing_twice_change_nothing(control: Control) -> None:
    once = control.service.stop_all(SMOKE)
    control.clock.turn(5)
    assert control.service.stop_all(replace(SMOKE, by="carl", reason="me too")) == once
    assert control.service.switches() == (once,)
    released = control.service.release_all(CLEAR)
    control.clock.turn(5)
    assert control.service.release_all(replace(CLEAR, by="carl")) == released
    assert (released.released_by, released.release_reason) == ("bert", "it was toast")
    assert _kill_kinds(control) == ["stop-all-released", "stop-all"]
    again = control.service.stop_all(SMOKE)
    assert again.at > once.at
    assert control.service.switches() == (again,)


def test_what_would_stop_nothing_is_refused_with_a_way_out(control: Control) -> None:
    done = control.apply(("web-1",))
    control.run(done, over)
    bad: list[tuple[StopAll, type[DockwaveError]]] = [
        (replace(SMOKE, target=Target.PROCEDURE, name="engine.restrat"), BadInput),
        (replace(SMOKE, target=Target.CAMPAIGN, name="cnone"), BadInput),
        (replace(SMOKE, target=Target.CAMPAIGN, name=done), Refused),
        (replace(SMOKE, reason=" \u202e"), BadInput),
    ]
    for wish, kind in bad:
        with pytest.raises(kind) as caught:
            control.service.stop_all(wish)
        assert caught.value.hint
    with pytest.raises(BadInput, match="No kill switch") as caught_release:
        control.service.release_all(CLEAR)
    assert caught_release.value.code == "E_NOT_FOUND"
    assert control.service.switches() == ()
