"""Each law of gates that people open is broken by hand once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.campaign.campaign import Campaign, Stop
from orchestrator.campaign.gate import Gate, GateAction, GateKind, GateState, Moment, Verdict
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import CampaignState
from orchestrator.simulate.laws import human_gates
from orchestrator.simulate.laws.law import Law
from orchestrator.simulate.stage.told import Told
from tests.orchestrator.simulate.laws.test_outside import SECOND, broken, with_policy
from tests.support.campaigns import NOON

ASKED = GateState(gate="p", wave=1, asked_at=NOON)


def gate(**fields: Any) -> Gate:
    """A gate before each wave that two people open."""
    given: dict[str, Any] = {"name": "p", "kind": GateKind.HUMAN, "group": "ops", "required": 2} | fields
    return Gate(**given)


def waiting(asked: Gate) -> Campaign:
    """A campaign before its first wave, waiting for people."""
    return replace(
        with_policy(gates=(asked,)),
        wave=0,
        waves=2,
        gates=(ASKED,),
        state=CampaignState.RUNNING,
        author="eve",
    )


def stopped(campaign: Campaign, says: str, action: StopAction, seconds: float = 60, by: str = "") -> Campaign:
    """The campaign stopped by this gate."""
    stop = Stop(
        rule=f"gate p before wave 1: {says}",
        limit="l",
        observed="o",
        hosts=(),
        at=NOON + seconds * SECOND,
        action=action,
        by=by,
    )
    state = CampaignState.PAUSED if action is StopAction.PAUSE else CampaignState.ROLLING_BACK
    return replace(campaign, stops=(*campaign.stops, stop), state=state)


@pytest.mark.parametrize(
    ("required", "who", "law"),
    [
        (2, {"ann", "bob"}, set()),
        (2, {"ann", "eve"}, {Law.PEOPLE}),
        (2, {"ann"}, {Law.PEOPLE}),
        (1, {"eve"}, set()),
        (1, set(), {Law.PEOPLE}),
    ],
)
def test_a_wave_that_opens_with_too_few_others_is_seen(required: int, who: set[str], law: set[Law]) -> None:
    shut = waiting(gate(required=required))
    told = Told(opened={(shut.id, "p", 1): who, (shut.id, "p", 2): {"ann", "bob"}})
    assert broken(shut, replace(shut, wave=1, wave_started_at=NOON), told) == law


@pytest.mark.parametrize(("waves", "law"), [((), {Law.PEOPLE}), ((1,), {Law.PEOPLE}), ((2,), set())])
def test_people_are_asked_for_the_waves_a_gate_names(waves: tuple[int, ...], law: set[Law]) -> None:
    shut = waiting(gate(waves=waves))
    assert broken(shut, replace(shut, wave=1, wave_started_at=NOON), Told()) == law


@pytest.mark.parametrize("at", [Moment.CAMPAIGN, Moment.AFTER_WAVE])
def test_people_are_asked_at_every_moment_they_can_be(at: Moment) -> None:
    shut = replace(waiting(gate(at=at)), wave=1 if at is Moment.AFTER_WAVE else 0)
    number = 0 if at is Moment.CAMPAIGN else 1
    opened = replace(shut, wave=shut.wave + 1, wave_started_at=NOON)
    agreed = Told(opened={(shut.id, "p", number): {"ann", "bob"}})
    assert broken(shut, opened, Told()) >= {Law.PEOPLE}
    assert Law.PEOPLE not in broken(shut, opened, agreed)


def test_a_campaign_that_is_complete_although_people_were_not_asked_after_its_last_wave_is_seen() -> None:
    last = replace(waiting(gate(at=Moment.AFTER_WAVE)), wave=2)
    complete = replace(last, state=CampaignState.COMPLETE, ended_at=NOON)
    assert Law.PEOPLE in broken(last, complete, Told())
    told = Told(opened={(last.id, "p", 2): {"ann", "bob"}})
    assert Law.PEOPLE not in broken(last, complete, told)


def denied(campaign: Campaign, asked: Gate, by: set[str]) -> set[Law]:
    """The laws an acknowledged denial breaks."""
    return {item.law for item in human_gates.on_denied(campaign, asked, by)}


def test_a_denial_that_was_acknowledged_and_stops_nothing_is_seen() -> None:
    asked = gate(action=GateAction.PAUSE)
    campaign = waiting(asked)
    paused = stopped(campaign, "denied", StopAction.PAUSE, by="bob")
    assert denied(campaign, asked, {"bob"}) == {Law.DENIED}
    assert denied(paused, asked, {"bob"}) == set()
    assert denied(paused, asked, {"carl"}) == {Law.DENIED}
    lifted = replace(paused, stops=(replace(paused.stops[0], lifted_at=NOON),))
    assert denied(lifted, asked, {"bob"}) == {Law.DENIED}
    assert denied(paused, gate(action=GateAction.HALT), {"bob"}) == {Law.DENIED}


def saved(before: Campaign, after: Campaign, told: Told) -> set[Law]:
    """The laws that this save breaks."""
    return {item.law for item in human_gates.on_save(before, after, told)}


def test_a_stop_by_a_denial_nobody_gave_is_seen() -> None:
    campaign = waiting(gate())
    after = stopped(campaign, "denied", StopAction.HALT, by="bob")
    assert saved(campaign, after, Told()) == {Law.DENIED}
    assert saved(campaign, after, Told(denied={(campaign.id, "p", 1): {"bob"}})) == set()


@pytest.mark.parametrize(("action", "law"), [(StopAction.HALT, set()), (StopAction.PAUSE, {Law.DENIED})])
def test_a_denial_that_does_something_else_is_seen(action: StopAction, law: set[Law]) -> None:
    campaign = waiting(gate())
    told = Told(denied={(campaign.id, "p", 1): {"bob"}})
    assert saved(campaign, stopped(campaign, "denied", action, by="bob"), told) == law


@pytest.mark.parametrize(
    ("action", "back", "law"),
    [
        (GateAction.ROLLBACK_WAVE, (), {Law.DENIED}),
        (GateAction.ROLLBACK_WAVE, (2,), set()),
        (GateAction.ROLLBACK_CAMPAIGN, (2,), {Law.DENIED}),
        (GateAction.ROLLBACK_CAMPAIGN, (1, 2), set()),
    ],
)
def test_a_denial_that_takes_too_little_back_is_seen(
    action: GateAction, back: tuple[int, ...], law: set[Law]
) -> None:
    campaign = replace(waiting(gate(action=action)), wave=2)
    told = Told(denied={(campaign.id, "p", 1): {"bob"}})
    after = stopped(campaign, "denied", StopAction(action.value), by="bob")
    assert saved(campaign, replace(after, rollback_waves=back), told) == law


@pytest.mark.parametrize(
    ("fails", "seconds", "law"),
    [(True, 60, set()), (True, 59, {Law.DENIED}), (False, 99, {Law.DENIED})],
)
def test_a_stop_by_silence_that_is_no_fail_yet_is_seen(fails: bool, seconds: int, law: set[Law]) -> None:
    campaign = waiting(gate(expires_s=60.0, fail_on_timeout=fails))
    assert saved(campaign, stopped(campaign, "fail", StopAction.HALT, seconds), Told()) == law


def turned(after: Campaign, seconds: float) -> set[Law]:
    """The laws a turn of the loop breaks that left the campaign so."""
    return {item.law for item in human_gates.on_turn(after, NOON + timedelta(seconds=seconds))}


def test_silence_that_is_a_fail_and_is_waited_for_is_seen() -> None:
    campaign = waiting(gate(expires_s=60.0, fail_on_timeout=True))
    assert turned(campaign, 59) == set()
    assert turned(campaign, 60) == {Law.DENIED}
    assert turned(waiting(gate(expires_s=60.0)), 99) == set()
    assert turned(stopped(campaign, "fail", StopAction.HALT), 60) == set()
    answered = replace(ASKED, answered_at=NOON, verdict=Verdict.PASS)
    assert turned(replace(campaign, gates=(answered,)), 99) == set()
