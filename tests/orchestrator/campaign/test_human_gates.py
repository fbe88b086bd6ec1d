"""A wave begins when enough persons opened its gate; a denial, and silence where that is a fail, act at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.actions import AskGate, Dispatch
from orchestrator.campaign.brakes import brakes
from orchestrator.campaign.events import (
    AbortAsked,
    ApproveAsked,
    DenyAsked,
    OverrideAsked,
    PauseAsked,
    ResumeAsked,
)
from orchestrator.campaign.explaining.telling import told
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.gate import Gate, GateAction, GateKind, Moment
from orchestrator.campaign.occasion import Notify, Occasion
from orchestrator.campaign.operators import objection
from orchestrator.campaign.plan_document import seal
from orchestrator.campaign.rollout import Clock, Clocks, StopAction
from orchestrator.campaign.states import CampaignState
from tests.orchestrator.campaign.worlds import CHANGED, World, draft, host, planned

GATE = "human-1"


def asking(count: int = 2, *, tune: dict[str, Any] | None = None, **more: Any) -> World:
    """A campaign by ann whose waves of one host people open."""
    gate = Gate(name=GATE, kind=GateKind.HUMAN, group="sre", **more)
    plan = planned(count, waves="1", tune={"gates": (gate,)} | (tune or {}))
    return World(seal(replace(plan, author="ann@desk")))


def yes(world: World, by: str, wave: int = 1) -> ApproveAsked:
    """A person opens the gate of this wave."""
    return ApproveAsked(by=by, plan_hash=world.campaign.plan_hash, gate=GATE, wave=wave)


def no(by: str = "bert", wave: int = 1) -> DenyAsked:
    """A person keeps it closed."""
    return DenyAsked(by=by, reason="not on a Friday", gate=GATE, wave=wave)


def test_each_wave_waits_for_its_own_approval_and_says_for_whom() -> None:
    world = asking()
    assert world.run() == (AskGate(gate=GATE, wave=1),)
    assert world.run(seconds=7200) == (), "people are asked once"
    (brake,) = brakes(world.campaign, world.now).items
    assert brake.text == "gate human-1 before wave 1 waits for 1 of group sre: nobody so far, 1 missing"
    assert f"dockwave approve {world.campaign.id} --gate human-1" in brake.hint
    world.see(yes(world, "bert"))
    world.run()
    assert world.ordered() == ["h1"]
    world.change("h1")
    world.see(yes(world, "bert"))
    world.run(seconds=60)
    assert world.ordered() == ["h1"], "repeated for the first wave, it opens no other"
    world.see(yes(world, "bert", 2))
    world.run()
    assert world.ordered() == ["h1", "h2"]
    assert "gate human-1 of wave 2 approved by bert" in explain(world.campaign, world.now).done


def test_only_the_waves_that_are_named_are_asked_for() -> None:
    world = asking(3, waves=(3,))
    world.run()
    world.change("h1")
    world.change("h2")
    assert world.ordered() == ["h1", "h2"]
    assert any("before wave 3" in brake.text for brake in brakes(world.campaign, world.now).items)
    assert any("gate human-1 before wave 3: waits for" in line for line in words(world.campaign))


def test_the_plan_says_of_a_gate_for_waves_it_does_not_have_that_nobody_is_asked() -> None:
    def line(*waves: int) -> str:
        (said,) = (text for text in words(asking(waves=waves).campaign) if text.startswith("gate human-1"))
        return said

    assert line(3, 9).endswith("; never asked: this plan has 2 waves")
    for waves in ((), (2,), (2, 9)):
        assert "never asked" not in line(*waves)


def test_where_two_are_asked_nobody_counts_twice_and_the_author_not_at_all() -> None:
    """I14: approver differs from author where two persons are asked."""
    world = asking(required=2, among=3)
    world.run()
    for by in ("ann@desk", "Ann@laptop", "bert@desk", "BERT@laptop"):
        world.see(yes(world, by))
    world.run()
    assert world.ordered() == []
    against = objection(world.campaign, yes(world, "ann"), world.now)
    assert against is not None
    assert "its author does not count" in against.reason
    assert "bert@desk so far, 1 missing" in brakes(world.campaign, world.now).items[0].text
    world.see(yes(world, "carl"))
    world.run()
    assert world.ordered() == ["h1"]


def test_an_approval_of_another_plan_gate_or_wave_is_refused() -> None:
    world = asking()
    world.run()
    before = world.campaign
    for event in (
        ApproveAsked(by="bert", plan_hash="0" * 64, gate=GATE, wave=1),
        yes(world, "bert", 2),
        ApproveAsked(by="bert", plan_hash=before.plan_hash, gate="human-9", wave=1),
        ApproveAsked(by=" @desk", plan_hash=before.plan_hash, gate=GATE, wave=1),
        ApproveAsked(by="bert", plan_hash=before.plan_hash),
        OverrideAsked(gate=GATE, wave=1, by="bert", reason="I know better"),
        no(wave=2),
    ):
        against = objection(before, event, world.now)
        assert against is not None
        assert before.id in against.reason
        assert against.hint
        world.see(event)
        assert world.campaign is before


def test_what_is_said_again_without_a_wave_is_about_the_last_one_people_were_asked_for() -> None:
    world = asking(required=2)
    world.run()
    for name in ("bert", "carl"):
        world.see(yes(world, name))
    world.run()
    world.change("h1")
    opened = world.campaign
    again = yes(world, "carl", 0)
    assert objection(opened, again, world.now) is not None, (
        "wave 2 is asked for now, and carl said nothing about it"
    )
    world.see(no(wave=2))
    denied = world.campaign
    assert objection(denied, no(wave=0), world.now) is None
    world.see(no(wave=0))
    assert world.campaign is denied


def test_an_approval_said_again_after_its_gate_opened_changes_nothing() -> None:
    world = asking()
    world.run()
    world.see(yes(world, "bert"))
    opened = world.campaign
    assert objection(opened, yes(world, "bert", 0), world.now) is None
    assert objection(opened, yes(world, "carl", 0), world.now) is not None
    world.see(yes(world, "bert", 0))
    assert world.campaign is opened


@pytest.mark.parametrize("action", GateAction)
@pytest.mark.parametrize("paused", [False, True])
def test_a_denial_does_at_once_what_the_gate_says(action: GateAction, paused: bool) -> None:
    world = asking(action=action)
    world.run()
    world.see(yes(world, "bert"))
    world.run()
    world.change("h1")
    if paused:
        world.see(PauseAsked(by="carl"))
    world.see(no(wave=2))
    once = world.campaign
    world.see(no(wave=2))
    assert world.campaign is once, "asked twice is asked once"
    stop = once.stops[-1]
    assert (stop.rule, stop.observed) == ("gate human-1 before wave 2: denied", "not on a Friday")
    assert (stop.by, stop.action) == ("bert", StopAction(action.value))
    world.run(seconds=60)
    back = action in {GateAction.ROLLBACK_WAVE, GateAction.ROLLBACK_CAMPAIGN}
    assert world.undos() == (["h1"] if back else [])
    assert world.ordered() == ["h1"]
    if action is GateAction.PAUSE:
        world.see(ResumeAsked(by="carl"))
        world.run()
        assert world.state() is CampaignState.RUNNING
        assert brakes(world.campaign, world.now).items, "it asks again"


def test_silence_is_a_fail_where_it_was_said_so_and_goes_on_waiting_elsewhere() -> None:
    late = asking(expires_s=3600.0, fail_on_timeout=True)
    patient = asking(expires_s=3600.0)
    for world in (late, patient):
        world.run()
        world.run(seconds=3599)
        assert world.state() is CampaignState.RUNNING
        world.run(seconds=1)
    assert late.state() is CampaignState.HALTED
    assert late.campaign.stops[-1].observed == "0 agreed in time, 1 missing"
    assert patient.state() is CampaignState.RUNNING
    patient.see(yes(patient, "bert"))
    patient.run()
    assert patient.ordered() == ["h1"]


def test_what_people_agreed_to_survives_a_pause_and_an_expired_question_is_put_anew() -> None:
    world = asking(expires_s=3600.0, fail_on_timeout=True, action=GateAction.PAUSE, at=Moment.CAMPAIGN)
    world.run()
    world.run(seconds=3600)
    assert world.state() is CampaignState.PAUSED
    world.see(ResumeAsked(by="bert"))
    assert world.run() == (AskGate(gate=GATE, wave=0),)
    world.see(yes(world, "bert", 0))
    world.see(PauseAsked(by="bert"))
    world.see(ResumeAsked(by="bert"))
    world.run()
    assert world.ordered() == ["h1"]


def test_waiting_for_people_trips_no_clock() -> None:
    clocks = Clocks(campaign=Clock(stop_s=600.0), progress=Clock(stop_s=300.0))
    world = asking(tune={"clocks": clocks})
    world.run()
    world.run(seconds=86_400)
    assert world.state() is CampaignState.RUNNING
    world.see(yes(world, "bert"))
    world.run()
    world.change("h1")
    world.run(seconds=86_400)
    assert world.state() is CampaignState.RUNNING
    world.see(yes(world, "bert", 2))
    world.run()
    assert world.ordered() == ["h1", "h2"]
    world.accept("h2")
    world.beat("h2", 1)
    world.run(seconds=301)
    assert world.state() is not CampaignState.RUNNING, "work counts"


def test_a_campaign_is_not_complete_before_people_agreed_after_its_last_wave() -> None:
    world = asking(1, at=Moment.AFTER_WAVE)
    world.run()
    world.change("h1")
    world.run(seconds=3600)
    assert world.state() is CampaignState.RUNNING
    world.see(yes(world, "bert"))
    world.run()
    assert world.state() is CampaignState.COMPLETE


def test_people_are_told_once_that_they_are_waited_for() -> None:
    world = asking(tune={"notify": (Notify(to="ops", on=(Occasion.APPROVAL,)),)})
    before = world.campaign
    world.run()
    assert told(before, world.campaign) == (("ops", Occasion.APPROVAL),)
    before = world.campaign
    world.see(yes(world, "bert"))
    world.run()
    assert told(before, world.campaign) == ()


@settings(max_examples=100, deadline=None)
@given(
    required=st.integers(1, 3),
    said=st.lists(
        st.tuples(st.sampled_from(["ann", "ann@x", "bert", "bert@x", "carl", "dora"]), st.integers(1, 3)),
        max_size=25,
    ),
)
def test_no_wave_begins_before_enough_persons_opened_it(required: int, said: list[tuple[str, int]]) -> None:
    """I7 and I14, whoever says yes to whichever wave, however often."""
    world = asking(3, required=required)
    agreed: dict[int, set[str]] = {1: set(), 2: set(), 3: set()}
    for by, wave in said:
        world.run(seconds=1)
        waits = [item.wave for item in world.campaign.gates if item.answered_at is None]
        world.see(yes(world, by, wave))
        who = by.partition("@")[0]
        if wave in waits and not (required > 1 and who == "ann"):
            agreed[wave].add(who)
        for action in world.run():
            if isinstance(action, Dispatch):
                world.accept(action.host)
                world.end(action.host, CHANGED)
        for wave_at_work in range(1, world.campaign.wave + 1):
            assert len(agreed[wave_at_work]) >= required


def _losing(count: int, *, author: str = "ann@desk", **tune: Any) -> World:
    names = [host(f"h{number}") for number in range(1, count + 1)]
    answers = {item.name: draft("volume:data", undo="one-way") for item in names}
    plan = planned(names, waves="all", answers=answers, tune=tune)
    return World(seal(replace(plan, author=author)))


@pytest.mark.parametrize(
    ("hosts", "limit", "waits"), [(2, 2, False), (3, 2, True), (1, 0, True), (20, 20, False)]
)
def test_what_cannot_be_taken_back_on_many_hosts_needs_somebody_who_is_not_the_author(
    hosts: int, limit: int, waits: bool
) -> None:
    world = _losing(hosts, one_way_hosts=limit)
    assert any("cannot be taken back, and more than" in line for line in words(world.campaign)) is waits
    assert (world.state() is CampaignState.AWAITING_APPROVAL) is waits
    if not waits:
        return
    world.see(ApproveAsked(by="ann@laptop", plan_hash=world.campaign.plan_hash))
    world.run(seconds=60)
    assert world.ordered() == []
    world.see(ApproveAsked(by="bert", plan_hash=world.campaign.plan_hash))
    world.run()
    assert world.ordered() == ["h1"]


def test_steps_that_can_be_taken_back_need_nobody_else() -> None:
    world = World(planned(3, waves="all", tune={"one_way_hosts": 0}))
    assert world.state() is CampaignState.RUNNING


def test_an_abort_ends_the_question() -> None:
    world = asking()
    world.run()
    world.see(AbortAsked(by="ann"))
    world.run()
    assert world.state() is CampaignState.ABORTED
    against = objection(world.campaign, yes(world, "bert"), world.now + timedelta(seconds=1))
    assert against is not None
