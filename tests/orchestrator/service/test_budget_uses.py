"""I2 over several campaigns: taking a lease away frees the host, never the budget, until the host is proven well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import Budgets, LabelBudget, Share
from orchestrator.loop.planning import NewPlan
from orchestrator.store.store import Store
from tasks.errors import BadInput
from tasks.model import Kind
from tests.support.campaigns import plain_host
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts

ONE_A_RACK = Budgets(labels=(LabelBudget(label="rack", most=Share(value=1)),))


def _apply(control: Control, *names: str) -> str:
    policy = replace(
        make_policy(Kind.CHANGING, waves="all", parallelism=5, max_failures="100%"), budgets=ONE_A_RACK
    )
    wanted = NewPlan(
        procedure="engine.restart",
        params={},
        hosts=tuple(replace(plain_host(name), labels={"rack": "a"}) for name in names),
        policy=policy,
    )
    own = control.service.plan(wanted)
    control.run(own, lambda campaign: campaign.state != "PLANNING")
    return control.service.apply(control.service.document(own)[0], "tester")


def _wait(control: Control) -> None:
    for _ in range(5):
        control.tick()
        control.work()
        control.clock.turn(5)


@pytest.fixture
def control(sqlite_store: Store) -> Control:
    """A control plane whose first campaign gave up on web-1: nobody knows what became of it."""
    control = Control(sqlite_store, hosts=ScriptedHosts(silent=frozenset({"web-1"})))
    own = _apply(control, "web-1")
    control.run(own, over, ticks=2000, seconds=20)
    assert control.run_of(own, "web-1").state == "UNKNOWN"
    return control


def test_a_lease_that_is_taken_away_leaves_the_budget_used_also_over_a_restart(control: Control) -> None:
    second = _apply(control, "web-2")
    answer = control.service.release_host("web-1", "anna", "it hangs")
    assert (answer.lease is not None, len(answer.uses)) == (True, 1)
    assert control.service.leases() == ()
    control.restart()
    _wait(control)
    assert control.states(second)["web-2"] == "PENDING"
    assert any("rack=a" in line and "(web-1)" in line for line in control.service.why(second).brakes)


def test_a_person_who_knows_that_it_is_well_frees_the_budget_by_name(control: Control) -> None:
    second = _apply(control, "web-2")
    control.service.release_host("web-1", "anna", "it hangs")
    with pytest.raises(BadInput, match="web-1 is free; it only uses budgets still") as caught:
        control.service.release_host("web-1", "anna", "again")
    assert "--budget" in caught.value.hint
    answer = control.service.release_host("web-1", "anna", "it is well", budget=True)
    assert answer.uses == ()
    control.run(second, over)
    assert control.states(second)["web-2"] == "SUCCEEDED"
    newest = control.service.audit_newest(campaign_id=None, people=True, limit=9)
    assert any(line.kind == "released" and line.data["budget"] for line, _ in newest)


def test_a_later_success_on_the_host_frees_the_budget_the_first_campaign_left_used(control: Control) -> None:
    control.service.release_host("web-1", "anna", "it hangs")
    control.hosts.silent = frozenset()
    second, third = _apply(control, "web-2"), _apply(control, "web-1")
    _wait(control)
    assert control.states(third)["web-1"] == "SUCCEEDED", "it is away already, so it costs nothing"
    control.run(second, over)
    assert control.states(second)["web-2"] == "SUCCEEDED"
    assert control.service.budget_uses() == ()


def test_what_a_campaign_at_work_uses_is_not_freed_by_anybody_else(sqlite_store: Store) -> None:
    control = Control(sqlite_store, hosts=ScriptedHosts(silent=frozenset({"web-1"})))
    own = _apply(control, "web-1")
    control.tick()
    answer = control.service.release_host("web-1", "anna", "in a hurry", budget=True)
    assert answer.uses == (own,)
    assert [use.host for use in control.service.budget_uses()] == ["web-1"]
