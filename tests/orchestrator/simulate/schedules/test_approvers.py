"""People who answer gates keep who agreed and who denied, and nothing that was refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.gate import Gate, GateAction, GateKind, Moment, Verdict
from orchestrator.campaign.states import CampaignState
from orchestrator.simulate.schedules.schedule import plain_schedule
from orchestrator.simulate.schedules.world import World

GATE = Gate(
    name="p", kind=GateKind.HUMAN, at=Moment.CAMPAIGN, group="ops", required=2, action=GateAction.PAUSE
)


def asked(gate: Gate = GATE) -> World:
    """A world whose only campaign waits for people before its first wave."""
    schedule = plain_schedule(0)
    first = replace(schedule.campaigns[0], begins_s=0.0)
    first = replace(first, policy=replace(first.policy, gates=(gate,)))
    world = World(replace(schedule, campaigns=(first,), events=(), asks=True))
    world.processes.tick()
    world._begin(first)
    while not any(state.gate == "p" for state in campaign_of(world).gates):
        world.clock.go(world.clock.true_s + 1.0)
        world.processes.tick()
    return world


def campaign_of(world: World) -> Campaign:
    """The campaign as it was saved last."""
    (campaign,) = world.campaigns.values()
    return campaign


def test_a_yes_counts_once_for_a_person_and_never_for_a_gate_nobody_asked_about() -> None:
    world = asked()
    own = campaign_of(world).id
    for by, who in (("ann", "ann"), ("ann@desk", "ann"), ("simulator", "simulator"), ("carl", "")):
        world.approvers._approve(own, GATE, 0, by, who)
    world.approvers._approve(own, GATE, 1, "dora", "dora")
    # refused to its author, and taken of carl, of whom nobody knows here
    assert world.told.opened[own, "p", 0] == {"ann"}
    assert world.told.opened[own, "p", 1] == set()


def test_a_yes_to_another_plan_is_refused() -> None:
    world = asked()
    own = campaign_of(world).id
    world.approvers._approve(own, GATE, 0, "carl", "carl", "0" * 64)
    assert world.told.opened[own, "p", 0] == set()


def test_a_denial_is_kept_with_who_gave_it_and_does_what_the_gate_says() -> None:
    world = asked()
    own = campaign_of(world).id
    world.approvers._deny(own, GATE, 1, "bob")
    assert world.told.denied[own, "p", 1] == set()
    world.approvers._deny(own, GATE, 0, "bob")
    assert world.told.denied[own, "p", 0] == {"bob"}
    assert campaign_of(world).state is CampaignState.PAUSED
    assert not world.judge.found


@pytest.mark.parametrize("required", [1, 2])
def test_at_the_end_enough_people_approve_whatever_waits(required: int) -> None:
    world = asked(replace(GATE, required=required))
    world.approvers.clear_up()
    assert campaign_of(world).gates[0].verdict is Verdict.PASS


def test_people_answer_a_question_once() -> None:
    world = asked()
    world.approvers.look()
    seen = set(world.approvers._seen)
    world.approvers.look()
    assert len(seen) == 1
    assert world.approvers._seen == seen
