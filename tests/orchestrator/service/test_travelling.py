"""A campaign is shown as it was at any instant: what its log says until then is done again by the same core."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import PauseAsked, ResumeAsked
from orchestrator.campaign.plan_document import plan_document
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import FINAL_CAMPAIGN
from orchestrator.service.travelling import as_it_was
from orchestrator.store.records import LoggedEvent
from orchestrator.store.store import Store
from tasks.errors import BadInput
from tests.golden.recording import FOLDER, load
from tests.support.control import Control
from tests.support.hosts import ScriptedHosts, failed

FIVE = ("web-1", "web-2", "web-3", "web-4", "web-5")


def _standing(campaign: Campaign) -> tuple[object, ...]:
    hosts = tuple((run.host.name, str(run.state), run.changed, run.attempts) for run in campaign.runs)
    return str(campaign.state), campaign.wave, campaign.stops, campaign.started_at, campaign.ended_at, hosts


@pytest.fixture
def control(store: Store) -> Control:
    """A control plane on each kind of database; the fourth host fails, changed."""
    return Control(store, hosts=ScriptedHosts(script={"web-4": failed(changed=True)}))


def _watched(control: Control) -> tuple[str, list[tuple[datetime, tuple[object, ...]]]]:
    """A campaign with a pause, a restart, a failure and a rollback in it, and how it stood after each second."""
    own = control.apply(
        FIVE, waves="1,2,rest", parallelism=2, max_failures="0", on_breach=StopAction.ROLLBACK_CAMPAIGN
    )
    seen: list[tuple[datetime, tuple[object, ...]]] = []
    for second in range(60):
        if second == 2:
            control.service.operate(own, PauseAsked(by="anna", reason="a look"))
        if second == 5:
            control.restart()
            control.service.operate(own, ResumeAsked(by="anna"))
        control.tick(2)
        campaign = control.service.campaign(own)
        seen.append((control.clock(), _standing(campaign)))
        if campaign.state in FINAL_CAMPAIGN:
            return own, seen
        control.work()
        control.clock.turn(1)
    raise AssertionError(control.states(own))


def test_it_is_shown_as_it_was_after_each_second(control: Control) -> None:
    own, seen = _watched(control)
    assert seen[-1][1][0] == "ROLLED_BACK"
    for at, standing in seen:
        past = control.service.at(own, at)
        assert _standing(past.campaign) == standing, at
        assert past.sure
    control.clock.turn(60)
    for later in (0.5, 60):
        past = control.service.at(own, seen[-1][0] + timedelta(seconds=later))
        assert _standing(past.campaign) == seen[-1][1]


def test_before_its_plan_was_made_nothing_was_known_of_its_hosts(control: Control) -> None:
    own, _ = _watched(control)
    campaign = control.service.campaign(own)
    then = control.service.at(own, campaign.created_at).campaign
    assert then.state == "PLANNING"
    assert {(run.wave, str(run.state)) for run in then.runs} == {(0, "PENDING")}
    assert (then.plan_hash, then.started_at, then.stops) == ("", None, ())


def test_a_time_before_it_or_after_now_is_refused(control: Control) -> None:
    own = control.plan(FIVE)
    campaign = control.service.campaign(own)
    with pytest.raises(BadInput, match="did not exist at"):
        control.service.at(own, campaign.created_at - timedelta(seconds=1))
    with pytest.raises(BadInput, match="has not come yet"):
        control.service.at(own, control.clock() + timedelta(seconds=1))


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_the_logs_of_recorded_campaigns_lead_to_how_they_ended(name: str) -> None:
    recording = load(name)
    planned = recording.planned
    begin = LoggedEvent(
        seq=1,
        campaign_id=planned.id,
        at=planned.created_at,
        kind="planned",
        data={},
    )
    lines = [
        LoggedEvent(
            seq=number,
            campaign_id=planned.id,
            host=line.host,
            at=line.at,
            kind=line.kind,
            data=line.data,
        )
        for number, line in enumerate(recording.lines, start=2)
    ]
    end = lines[-1].at
    past = as_it_was(planned, plan_document(planned), [begin, *lines], end, end).campaign
    states = {"": str(past.state)} | {run.host.name: str(run.state) for run in past.runs}
    assert states == dict(recording.ended)


def test_a_log_that_does_not_lead_to_how_it_stands_is_told(control: Control) -> None:
    own, seen = _watched(control)
    campaign = control.service.campaign(own)
    lines = control.service.events(own, 0, limit=10_000)
    kept = [line for line in lines if line.kind != "ended"]
    document = plan_document(replace(campaign, runs=control.service.at(own, seen[0][0]).campaign.runs))
    assert not as_it_was(campaign, document, kept, seen[-1][0], seen[-1][0]).sure
