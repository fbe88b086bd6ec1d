"""What a procedure took before is read from the hosts it succeeded on, and from no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.states import HostState
from orchestrator.campaign.usual import Past
from orchestrator.store.store import Store
from tasks.result import HostResult, Outcome, StepResult, StepState
from tests.support.campaigns import NOON, plain_campaign
from tests.support.control import Control

TTL = timedelta(seconds=15)


def _step(key: str, seconds: float, state: StepState = StepState.DONE) -> StepResult:
    return StepResult(key=key, title=key, state=state, duration_s=seconds)


def _run(run: HostRun, campaign_id: str, seconds: float, state: HostState, *, undo: bool = False) -> HostRun:
    steps = (_step("image:a", 2), _step("image:b", 3), _step("verify", 1), _step("x", 9, StepState.SKIPPED))
    attempt = Attempt(
        id=f"{campaign_id}/{run.host.name}/1",
        number=1,
        epoch=1,
        undo=undo,
        undo_of=None,
        ordered_at=NOON,
        expires_at=NOON + timedelta(hours=1),
        ended_at=NOON + timedelta(seconds=seconds),
        result=HostResult(outcome=Outcome.CHANGED, changed=True, steps=steps),
    )
    return replace(run, state=state, attempts=(attempt,))


def _kept(store: Store, campaign: Campaign) -> None:
    epoch = store.take_lead("test", NOON, TTL)
    assert epoch is not None
    with store.write(epoch) as writer:
        writer.save(None, campaign)


def test_only_hosts_that_succeeded_tell_how_long_it_takes(store: Store) -> None:
    campaign = plain_campaign(names=("a", "b", "c", "d"))
    ends = [
        (40.0, HostState.SUCCEEDED, False),
        (50.0, HostState.SUCCEEDED, True),
        (60.0, HostState.ROLLED_BACK, False),
        (70.0, HostState.SUCCEEDED, False),
    ]
    runs = tuple(
        _run(run, campaign.id, seconds, state, undo=undo)
        for run, (seconds, state, undo) in zip(campaign.runs, ends, strict=True)
    )
    _kept(store, replace(campaign, runs=runs))
    with store.read() as reader:
        steps = {"image": 5.0, "verify": 1.0}
        assert reader.past(campaign.procedure) == (
            Past(seconds=70.0, steps=steps),
            Past(seconds=40.0, steps=steps),
        )
        assert reader.past("engine.upgrade") == ()


def test_a_plan_knows_what_its_procedure_took_before(store: Store) -> None:
    control = Control(store)
    first = control.apply(["web-1", "web-2"], waves="all", parallelism=2)
    assert any("no history yet" in line for line in _words(control, first))
    control.run(first, lambda campaign: campaign.ended_at is not None)
    control.clock.turn(60)
    second = control.plan(["web-1", "web-2"])
    usual = control.service.campaign(second).usual
    assert usual is not None
    assert usual.host.count == 2
    assert any("(of 2 hosts before)" in line for line in _words(control, second))


def _words(control: Control, campaign_id: str) -> tuple[str, ...]:
    return words(control.service.campaign(campaign_id))
