"""Each law beyond one campaign is broken by hand once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.campaign.campaign import Campaign, Stop
from orchestrator.campaign.kill_switch import Target
from orchestrator.campaign.rollout import Approval, Budgets, LabelBudget, Quorum, Share, StopAction
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.loop.orders import order_of
from orchestrator.simulate.laws import outside
from orchestrator.simulate.laws.law import Law
from orchestrator.simulate.stage.told import Told
from tasks.model import Mode
from tests.support.campaigns import NOON
from tests.support.started import BEFORE, started, with_run

SECOND = timedelta(seconds=1)


def with_policy(**fields: Any) -> Campaign:
    """The campaign at work, under another policy, all its hosts in one rack."""
    policy = replace(BEFORE.policy, **fields)
    hosts = tuple(replace(run, host=replace(run.host, labels={"rack": "a"})) for run in BEFORE.runs)
    return replace(BEFORE, policy=policy, runs=hosts)


def broken(before: Campaign, after: Campaign, told: Told, *others: Campaign) -> set[Law]:
    """The laws that this save breaks."""
    campaigns = {item.id: item for item in (after, *others)}
    return {item.law for item in outside.on_save(before, after, told, campaigns)}


def test_an_ordinary_start_breaks_no_law() -> None:
    assert broken(BEFORE, started(BEFORE), Told()) == set()


@pytest.mark.parametrize(
    "key",
    [(Target.EVERYTHING, ""), (Target.PROCEDURE, BEFORE.procedure), (Target.CAMPAIGN, BEFORE.id)],
    ids=lambda key: key[0].value,
)
def test_a_start_under_a_kill_switch_is_seen(key: tuple[Target, str]) -> None:
    assert broken(BEFORE, started(BEFORE), Told(thrown={key: NOON})) == {Law.KILL}


def test_a_kill_switch_for_another_campaign_is_no_reason() -> None:
    assert broken(BEFORE, started(BEFORE), Told(thrown={(Target.CAMPAIGN, "other"): NOON})) == set()


def test_a_start_on_a_quarantined_host_is_seen() -> None:
    name = BEFORE.runs[0].host.name
    assert broken(BEFORE, started(BEFORE), Told(apart={name})) == {Law.APART}


@pytest.mark.parametrize(("who", "law"), [({"ann"}, {Law.AGREED}), ({"ann", "bob"}, set())])
def test_a_campaign_that_begins_with_too_few_approvals_is_seen(who: set[str], law: set[Law]) -> None:
    asked = replace(
        with_policy(approval=Approval(required=2, group="ops")),
        state=CampaignState.AWAITING_APPROVAL,
        started_at=None,
        waves=1,
    )
    begun = replace(asked, state=CampaignState.RUNNING, started_at=NOON)
    assert broken(asked, begun, Told(agreed={asked.id: who})) == law


@pytest.mark.parametrize(
    ("quorum", "service", "law"),
    [
        (Quorum.LABEL, "s", {Law.QUORUM}),
        (Quorum.OFF, "s", set()),
        (Quorum.COMPOSE, "shop/s", {Law.QUORUM}),
        (Quorum.LABEL, "shop/s", set()),
    ],
)
def test_a_start_while_a_replica_is_away_is_seen(quorum: Quorum, service: str, law: set[Law]) -> None:
    campaign = with_policy(quorum=quorum)
    runs = tuple(replace(run, plan={"services": (service,)}) for run in campaign.runs)
    before = replace(campaign, runs=runs)
    other = with_run(replace(before, id="other"), 1, state=HostState.SOAKING)
    assert broken(before, started(before), Told()) == set()
    assert broken(before, started(before), Told(), other) == law


def test_the_undo_of_an_undo_is_seen() -> None:
    done = with_run(replace(started(BEFORE), state=CampaignState.COMPLETE), 1, wave=0)
    plan = replace(BEFORE, id="other", undoes=done.id, state=CampaignState.PLANNED, started_at=None)
    plan = with_run(plan, 1, wave=0)
    begun = replace(plan, state=CampaignState.RUNNING, started_at=NOON)
    assert broken(plan, begun, Told(), done) == set()
    assert broken(plan, begun, Told(), replace(done, undoes="third")) == {Law.BACK}
    assert broken(plan, begun, Told(), with_run(done, 0, attempts=())) == {Law.BACK}


def test_a_start_beyond_a_budget_is_seen_whoever_uses_it() -> None:
    before = with_policy(budgets=Budgets(labels=(LabelBudget(label="rack", most=Share(value=1)),)))
    assert broken(before, started(before), Told()) == set()
    other = with_run(replace(before, id="other"), 1, state=HostState.SOAKING)
    assert broken(before, started(before), Told(), other) == {Law.BUDGET}
    assert broken(before, started(before), Told(apart={before.runs[1].host.name})) == {Law.BUDGET}


def test_a_start_on_a_host_another_campaign_is_at_is_seen() -> None:
    other = replace(started(BEFORE), id="other")
    assert broken(BEFORE, started(BEFORE), Told(), other) == {Law.ALONE}
    assert broken(BEFORE, started(BEFORE), Told(), replace(other, state=CampaignState.HALTED)) == set()


def test_an_order_that_leaves_too_late_or_past_a_stop_is_seen() -> None:
    once = started(BEFORE)
    order = order_of(once, once.runs[0], once.runs[0].attempts[0]).order
    stop = Stop(rule="r", limit="l", observed="o", hosts=(), at=NOON, action=StopAction.PAUSE)
    paused = replace(once, state=CampaignState.PAUSED, stops=(stop,))

    def laws(campaign: Campaign, told: Told, late_s: int = 0) -> set[Law]:
        now = NOON + late_s * SECOND
        return {item.law for item in outside.on_order(campaign, order, told, now)}

    assert laws(once, Told()) == set()
    assert laws(once, Told(), late_s=1) == {Law.LATE}
    assert laws(paused, Told()) == {Law.STOP}
    assert laws(replace(once, stops=(replace(stop, action=StopAction.HALT),)), Told()) == {Law.STOP}
    assert laws(once, Told(apart={order.host.name})) == {Law.APART}
    assert laws(once, Told(thrown={(Target.EVERYTHING, ""): NOON})) == {Law.KILL}


def test_an_attempt_told_to_stop_for_no_reason_is_seen() -> None:
    once = started(BEFORE)
    question = order_of(once, once.runs[0], once.runs[0].attempts[0]).order
    order = question.model_copy(update={"mode": Mode.STOP})

    def laws(campaign: Campaign) -> set[Law]:
        return {item.law for item in outside.on_order(campaign, order, Told(), NOON)}

    aborted = replace(once, abort_requested=True, abort_hard=True)
    assert laws(aborted) == set()
    assert laws(replace(aborted, abort_hard=False)) == {Law.HARD}
    back = replace(once.runs[0].attempts[0], undo=True)
    assert laws(with_run(aborted, 0, attempts=(back,))) == {Law.HARD}
