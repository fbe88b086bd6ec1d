"""Single steps from any campaign, also ones that could never come about: nothing raises, nothing is invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.actions import Dispatch, StopNow, WakeAt
from orchestrator.campaign.campaign import Attempt, Campaign, HostRun, Stop
from orchestrator.campaign.decide import decide
from orchestrator.campaign.events import Accepted, Ended, Event, Heartbeat, NotStarted, Rechecked
from orchestrator.campaign.explaining.progress import progress
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.observe import observe, observe_all
from orchestrator.campaign.record import record
from orchestrator.campaign.rollout import FailureKind, StopAction
from orchestrator.campaign.states import (
    FINAL_CAMPAIGN,
    FINAL_HOST,
    HOLDS_SLOT,
    LEGAL,
    CampaignState,
    HostState,
)
from tasks.model import Kind
from tests.orchestrator.campaign.worlds import (
    CHANGED,
    LOST,
    OK,
    START,
    UNDONE,
    UNREACHABLE,
    failed,
    host,
    planned,
    refused,
)

instants = st.integers(min_value=-100, max_value=1_000).map(lambda s: START + timedelta(seconds=s))
results = st.sampled_from(
    [
        OK,
        CHANGED,
        UNDONE,
        UNREACHABLE,
        LOST,
        failed(changed=True),
        failed(changed=False),
        refused("E_NOT_STARTED"),
    ]
)


maybe = st.none() | instants
_FLYING = [HostState.ORDERED, HostState.RUNNING, HostState.VERIFYING]


@st.composite
def attempts(draw: st.DrawFn, name: str, number: int, ended: st.SearchStrategy[datetime | None]) -> Attempt:
    """Any attempt."""
    ordered = draw(instants)
    return Attempt(
        id=f"c1/{name}/{number}",
        number=number,
        epoch=number,
        undo=draw(st.booleans()),
        undo_of=None,
        ordered_at=ordered,
        expires_at=ordered + timedelta(seconds=60),
        sent=draw(st.integers(min_value=1, max_value=4)),
        accepted_at=draw(maybe),
        asked_at=draw(maybe),
        heard_at=draw(maybe),
        ended_at=draw(ended),
        seq=draw(st.integers(min_value=0, max_value=3)),
    )


@st.composite
def runs(draw: st.DrawFn, number: int, waves: int) -> HostRun:
    """Any run; only a host at work has an attempt without an end, and only as its last."""
    name = f"h{number}"
    state = draw(st.sampled_from(HostState))
    last: st.SearchStrategy[datetime | None] = instants
    if state in _FLYING:
        last = st.none()
    elif state in {HostState.UNKNOWN, HostState.ROLLING_BACK}:
        last = maybe
    count = draw(st.integers(min_value=int(state in _FLYING), max_value=2))
    made = tuple(draw(attempts(name, n, last if n == count else instants)) for n in range(1, count + 1))
    return HostRun(
        host=host(name, side=draw(st.sampled_from("ab"))),
        wave=draw(st.integers(min_value=0, max_value=waves)),
        state=state,
        attempts=made,
        changed=draw(st.booleans()),
        failed_as=draw(st.none() | st.sampled_from([FailureKind.FAILED, FailureKind.UNREACHABLE])),
        soak_until=draw(maybe),
        unknown_since=draw(maybe),
        ended_at=draw(maybe),
    )


@st.composite
def campaigns(draw: st.DrawFn) -> Campaign:
    """Any campaign."""
    kind = draw(st.sampled_from(Kind))
    base = planned(
        0,
        kind=kind,
        parallelism=draw(st.integers(min_value=1, max_value=4)),
        max_failures=draw(st.sampled_from(["0", "1", "50%", "100%"])),
        on_breach=draw(st.sampled_from(StopAction)),
        rollback_parallelism=draw(st.integers(min_value=1, max_value=2)),
    )
    waves = draw(st.integers(min_value=0, max_value=3))
    stops = [
        Stop(rule=f"r{n}", limit="", observed="", hosts=(), at=START, action=action)
        for n, action in enumerate(draw(st.lists(st.none() | st.sampled_from(StopAction), max_size=2)))
    ]
    return replace(
        base,
        state=draw(st.sampled_from(CampaignState)),
        runs=tuple(draw(runs(n, waves)) for n in range(1, draw(st.integers(0, 4)) + 1)),
        waves=waves,
        wave=draw(st.integers(min_value=0, max_value=waves)),
        wave_settled_at=draw(maybe),
        started_at=draw(maybe),
        stops=tuple(stops),
        abort_requested=draw(st.booleans()),
    )


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Any report about any attempt."""
    name = f"h{draw(st.integers(min_value=1, max_value=6))}"
    number = draw(st.integers(min_value=1, max_value=3))
    ids: dict[str, Any] = {"host": name, "attempt_id": f"c1/{name}/{number}", "epoch": number}
    kind = draw(st.sampled_from([Accepted, Heartbeat, Ended, NotStarted, Rechecked]))
    if kind is Accepted:
        return Accepted(**ids)
    if kind is Heartbeat:
        return Heartbeat(
            **ids, seq=draw(st.integers(0, 4)), step=draw(st.sampled_from(["", "verify", "install"]))
        )
    made: Event = kind(**ids, result=draw(results))
    return made


def _epochs(campaign: Campaign) -> dict[str, int]:
    return {run.host.name: 1_000 for run in campaign.runs}


@settings(max_examples=80)
@given(campaign=campaigns(), now=instants)
def test_decide_never_raises_is_deterministic_and_leaves_its_input_alone(
    campaign: Campaign, now: datetime
) -> None:
    kept = replace(campaign)
    actions = decide(campaign, now)
    assert actions == decide(campaign, now)
    assert campaign == kept
    if campaign.state in FINAL_CAMPAIGN:
        assert actions == ()


@settings(max_examples=80)
@given(campaign=campaigns(), now=instants)
def test_after_record_nothing_is_asked_for_twice_and_slots_are_kept(
    campaign: Campaign, now: datetime
) -> None:
    actions = [action for action in decide(campaign, now) if not isinstance(action, WakeAt)]
    after = record(campaign, actions, now, _epochs(campaign))
    held = sum(run.state in HOLDS_SLOT for run in campaign.runs)
    forward = [action for action in actions if isinstance(action, Dispatch) and not action.undo]
    assert not forward or held + len(forward) <= campaign.policy.parallelism
    assert not set(actions) & set(decide(after, now))
    assert [run.host.name for run in after.runs] == [run.host.name for run in campaign.runs]
    if any(isinstance(action, StopNow) for action in actions):
        assert len(actions) == 1, "nothing starts in the tick that stops"


@settings(max_examples=80)
@given(campaign=campaigns(), event=events(), now=instants)
def test_a_report_moves_its_own_host_along_the_table_or_nothing(
    campaign: Campaign, event: Event, now: datetime
) -> None:
    after = observe(campaign, event, now)
    if campaign.state in FINAL_CAMPAIGN:
        assert after is campaign
    for was, run in zip(campaign.runs, after.runs, strict=True):
        if isinstance(event, Accepted) and event.host != run.host.name:
            assert run is was
        lost_read = (
            was.state in {HostState.RUNNING, HostState.VERIFYING} and run.state is HostState.UNREACHABLE
        )
        assert run.state is was.state or run.state in LEGAL[was.state] or lost_read
        if was.state in FINAL_HOST:
            assert run.state is was.state


@settings(max_examples=50)
@given(campaign=campaigns(), batch=st.lists(events(), max_size=6), now=instants)
def test_a_batch_of_reports_is_the_same_as_one_by_one(
    campaign: Campaign, batch: list[Event], now: datetime
) -> None:
    one_by_one = campaign
    for event in batch:
        one_by_one = observe(one_by_one, event, now)
    assert observe_all(campaign, batch, now) == one_by_one


@settings(max_examples=50)
@given(campaign=campaigns(), now=instants)
def test_every_campaign_can_be_explained_counted_and_put_in_words(campaign: Campaign, now: datetime) -> None:
    assert explain(campaign, now).lines
    numbers = progress(campaign, now)
    assert sum(wave.hosts for wave in numbers.waves) == len(campaign.runs)
    assert sum(sum(wave.counts.values()) for wave in numbers.waves) == len(campaign.runs)
    assert words(campaign)
