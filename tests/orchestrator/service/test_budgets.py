"""Budgets over several campaigns, kept by the real loop on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import Budgets, LabelBudget, Share
from orchestrator.loop.planning import NewPlan
from orchestrator.store.store import Store
from tasks.model import Kind
from tests.support.campaigns import plain_host
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts, failed


@pytest.fixture
def control(store: Store) -> Control:
    """A control plane on each kind of database."""
    return Control(store, hosts=ScriptedHosts(script={"web-1": failed(changed=True)}))


def _apply(control: Control, *names: str) -> str:
    budgets = Budgets(labels=(LabelBudget(label="rack", most=Share(value=1)),))
    policy = make_policy(
        Kind.CHANGING, waves="all", parallelism=5, max_failures="100%", rollback_failed=False
    )
    wanted = NewPlan(
        procedure="engine.restart",
        params={},
        hosts=tuple(replace(plain_host(name), labels={"rack": "a"}) for name in names),
        policy=replace(policy, budgets=budgets),
    )
    own = control.service.plan(wanted)
    control.run(own, lambda campaign: campaign.state != "PLANNING")
    return control.service.apply(control.service.document(own)[0], "tester")


def test_two_campaigns_begun_together_take_one_host_of_the_rack_between_them(control: Control) -> None:
    first, second = _apply(control, "web-2", "web-3"), _apply(control, "web-4", "web-5")
    for _ in range(12):
        control.tick()
        assert len(control.service.leases()) <= 1
        control.work()
        control.clock.turn(1)
    for own in (first, second):
        control.run(own, over)
        assert control.states(own)[""] == "COMPLETE"


def test_a_host_left_to_a_person_uses_the_budget_of_later_campaigns_until_it_is_released(
    control: Control,
) -> None:
    first = _apply(control, "web-1")
    control.run(first, over)
    assert control.states(first)["web-1"] == "NEEDS_HUMAN"
    second = _apply(control, "web-2")
    control.restart()
    control.tick(3)
    assert control.states(second)["web-2"] == "PENDING"
    assert any("(web-1)" in line for line in control.service.why(second).brakes)
    control.service.release_host("web-1", "anna", "it is well again")
    control.run(second, over)
    assert control.states(second)["web-2"] == "SUCCEEDED"


def test_campaigns_without_budgets_of_their_own_share_the_limit_of_the_settings(store: Store) -> None:
    control = Control(store, fleet_budget=1)
    first, second = control.plan(("db-1",)), control.plan(("db-2",))
    for own in (first, second):
        control.service.apply(control.service.document(own)[0], "tester")
    control.tick(2)
    assert len(control.service.leases()) == 1
    (line,) = control.service.why(second).brakes
    assert line.startswith("budget of the fleet (fleet_budget of the control plane): 1 of 1")
    assert "(db-1)" in line
    for own in (first, second):
        control.run(own, over)
        assert control.states(own)[""] == "COMPLETE"
