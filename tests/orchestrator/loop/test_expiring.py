"""A lock nobody needs any more runs out; what the host uses of budgets does not, until it is proven well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.events import PauseAsked
from orchestrator.campaign.lease import LEASE_FOR_S
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import Budgets, LabelBudget, Share
from orchestrator.campaign.states import CampaignState
from orchestrator.loop import expiring
from orchestrator.loop.planning import NewPlan
from orchestrator.simulate.stage.memory import MemoryStore
from orchestrator.store.records import Lease
from orchestrator.store.store import Store
from tasks.model import Kind, Mode
from tasks.wire import Order, ReportKind
from tests.support.campaigns import NOON, plain_host
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts, ok, report

ONE_A_RACK = Budgets(labels=(LabelBudget(label="rack", most=Share(value=1)),))
#: of engine.restart
TIMEOUT_S = 180.0


def _apply(control: Control, *names: str) -> str:
    policy = make_policy(Kind.CHANGING, waves="all", parallelism=5, max_failures="100%")
    wanted = NewPlan(
        procedure="engine.restart",
        params={},
        hosts=tuple(replace(plain_host(name), labels={"rack": "a"}) for name in names),
        policy=replace(policy, budgets=ONE_A_RACK),
    )
    own = control.service.plan(wanted)
    control.run(own, lambda campaign: campaign.state is not CampaignState.PLANNING)
    return control.service.apply(control.service.document(own)[0], "tester")


def _given_up(store: Store) -> tuple[Control, str]:
    """A control plane whose first campaign gave up on web-1: nobody knows what became of it."""
    control = Control(store, hosts=ScriptedHosts(silent=frozenset({"web-1"})))
    own = _apply(control, "web-1")
    control.run(own, over, ticks=2000, seconds=20)
    assert control.run_of(own, "web-1").state == "UNKNOWN"
    return control, own


def _order(control: Control, own: str) -> Order:
    mine = (order for order in control.hosts.orders if order.mode is Mode.APPLY)
    return next(order for order in mine if order.attempt_id.startswith(own))


def _wait(control: Control, ticks: int = 5) -> None:
    for _ in range(ticks):
        control.tick()
        control.work()
        control.clock.turn(2)


def _run_out(control: Control) -> None:
    control.clock.turn(LEASE_FOR_S + TIMEOUT_S + 120)
    control.tick()


def test_a_host_nobody_hears_of_is_free_for_others_in_time_and_uses_its_budget_until_it_is_proven_well(
    store: Store,
) -> None:
    control, first = _given_up(store)
    (lease,) = control.service.leases()
    assert lease.expires_at is not None
    second = _apply(control, "web-1")
    third = _apply(control, "web-2")
    _wait(control)
    assert control.run_of(second, "web-1").state == "PENDING"
    (kept,) = [line for line in control.service.why(first).left if line.startswith("locked")]
    assert "web-1" in kept
    _run_out(control)
    control.restart()
    control.hosts = ScriptedHosts(silent=frozenset({"web-1"}))
    _wait(control, 2)
    assert [item.campaign_id for item in control.service.leases()] == [second], "its next order took it"
    (line,) = [item for item in control.service.events(first, 0) if item.kind == expiring.EXPIRED]
    assert (line.host, line.attempt_id, line.data["epoch"]) == ("web-1", lease.attempt_id, lease.epoch)
    assert any(said.startswith("free for other campaigns") for said in control.service.why(first).left)
    assert control.run_of(third, "web-2").state == "PENDING", "the rack's budget is in use"
    assert {use.campaign_id for use in control.service.budget_uses()} == {first, second}
    control.say(report(_order(control, second), ReportKind.RESULT, ok()))
    control.run(third, over)
    assert control.states(third)["web-2"] == "SUCCEEDED"
    assert control.service.budget_uses() == ()


def test_a_campaign_at_work_keeps_its_hosts_however_long_it_waits(sqlite_store: Store) -> None:
    control = Control(sqlite_store, hosts=ScriptedHosts(silent=frozenset({"web-1"})))
    own = _apply(control, "web-1")
    control.tick()
    control.service.operate(own, PauseAsked(by="anna", reason="lunch"))
    for _ in range(3):
        control.clock.turn(86_400)
        control.tick()
        (lease,) = control.service.leases()
        assert lease.expires_at is not None
        assert lease.expires_at > control.clock()
    assert expiring.EXPIRED not in control.kinds(own)


def test_a_late_receipt_of_an_attempt_whose_lock_ran_out_leaves_the_new_owner_alone(store: Store) -> None:
    control, first = _given_up(store)
    second = _apply(control, "web-1")
    _run_out(control)
    _wait(control, 2)
    late = _order(control, first)
    control.say(report(late, ReportKind.RESULT, ok()))
    control.tick()
    (lease,) = control.service.leases()
    assert (lease.campaign_id, lease.epoch) == (second, late.epoch + 1)
    assert [use.campaign_id for use in control.service.budget_uses()] == [second]
    assert control.run_of(second, "web-1").state == "ORDERED"


def test_a_late_receipt_says_nothing_of_what_was_ordered_after_it(store: Store) -> None:
    control, first = _given_up(store)
    second = _apply(control, "web-1")
    _run_out(control)
    control.run(second, over, ticks=2000, seconds=20)
    assert control.run_of(second, "web-1").state == "UNKNOWN"
    _run_out(control)
    assert control.service.leases() == ()
    control.say(report(_order(control, first), ReportKind.RESULT, ok()))
    control.tick()
    assert [use.campaign_id for use in control.service.budget_uses()] == [second]
    control.say(report(_order(control, second), ReportKind.RESULT, ok()))
    control.tick()
    assert control.service.budget_uses() == ()


def test_a_lease_of_before_gets_an_end_when_it_is_seen_and_one_of_a_lost_campaign_ends(
    sqlite_store: Store,
) -> None:
    control, own = _given_up(sqlite_store)
    (lease,) = control.service.leases()
    lost = Lease(host="web-9", campaign_id="gone", attempt_id="gone/web-9/1", epoch=1, since=NOON)
    with sqlite_store.write(control.lead.epoch) as writer:
        writer.renew_leases([replace(lease, expires_at=None)])
        writer.take_leases([lost, replace(lost, host="web-8", campaign_id=own)])
    assert None in {item.expires_at for item in control.service.leases()}
    control.tick()
    assert [(item.host, item.expires_at) for item in control.service.leases()] == [
        ("web-1", _end(control, own))
    ]
    (line,) = [item for item in control.service.events("gone", 0) if item.kind == expiring.EXPIRED]
    assert line.host == "web-9"
    (line,) = [item for item in control.service.events(own, 0) if item.kind == expiring.EXPIRED]
    assert line.host == "web-8", "the campaign never had it"


def _end(control: Control, own: str) -> datetime:
    campaign = control.service.campaign(own)
    assert campaign.ended_at is not None
    return campaign.ended_at + timedelta(seconds=LEASE_FOR_S + campaign.timeout_s)


def test_leases_that_cannot_be_judged_hold_up_no_campaign(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    control, _ = _given_up(sqlite_store)
    control.clock.turn(LEASE_FOR_S + TIMEOUT_S + 120)
    monkeypatch.setattr(expiring, "kept_until", _break)
    control.hosts = ScriptedHosts()
    second = control.apply(("web-7",))
    control.run(second, over)
    assert control.states(second)["web-7"] == "SUCCEEDED"
    assert len(control.service.leases()) == 1


def _break(*_given: object) -> None:
    raise ValueError("a defect")


_STEPS: dict[str, Callable[[Control], None]] = {
    "tick": lambda control: control.tick(),
    "a minute": lambda control: control.clock.turn(60),
    "an hour": lambda control: control.clock.turn(3600),
    "restart": lambda control: control.restart(),
}


@settings(max_examples=12, deadline=None)
@given(steps=st.lists(st.sampled_from(sorted(_STEPS)), max_size=25))
def test_whenever_it_is_looked_at_a_lock_is_gone_exactly_from_its_end_on_and_the_budget_never(
    steps: list[str],
) -> None:
    control, own = _given_up(MemoryStore())
    end = _end(control, own)
    for step in steps:
        _STEPS[step](control)
        control.tick()
        over = control.clock() >= end
        assert len(control.service.leases()) == (0 if over else 1)
        assert control.kinds(own).count(expiring.EXPIRED) == (1 if over else 0)
        assert [use.host for use in control.service.budget_uses()] == ["web-1"]
