"""Campaigns for tests: arbitrary ones for hypothesis, and a plain one to start from."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from orchestrator.campaign.campaign import Attempt, Campaign, HostRun, Notice, Stop
from orchestrator.campaign.occasion import Notify, Occasion
from orchestrator.campaign.rollout import (
    Budgets,
    Clock,
    Clocks,
    FailureKind,
    LabelBudget,
    RolloutPolicy,
    Scope,
    Share,
    StopAction,
    StopRule,
)
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.usual import Pace, Usual
from orchestrator.campaign.windows import Interval, Window, Windows
from tasks.model import Host, Kind, Protect, SshHop, Transport, UndoClass
from tasks.result import Finding, HostError, HostResult, Outcome, Severity, StepResult, StepState

#: where every test's clock starts
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

#: text of hosts: anything Unicode has, control characters and NUL included
_hostile = st.text(max_size=12)
_names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
_seconds = st.floats(min_value=0, max_value=1e6, allow_nan=False)
_instants = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - the zone comes from `timezones`
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
_maybe = st.none() | _instants
_json: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _hostile,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_hostile, inner, max_size=3),
    max_leaves=6,
)
_objects = st.dictionaries(_hostile, _json, max_size=3)

_errors = st.builds(HostError, code=_names, message=_hostile, hint=_hostile, retryable=st.booleans())
_results = st.builds(
    HostResult,
    outcome=st.sampled_from(Outcome),
    changed=st.booleans(),
    summary=_hostile,
    steps=st.lists(
        st.builds(
            StepResult,
            key=_names,
            title=_hostile,
            state=st.sampled_from(StepState),
            detail=_hostile,
            freed_bytes=st.none() | st.integers(0, 2**60),
            output=_hostile,
            duration_s=_seconds,
        ),
        max_size=2,
    ).map(tuple),
    findings=st.lists(
        st.builds(Finding, code=_names, severity=st.sampled_from(Severity), object=_hostile, detail=_hostile),
        max_size=2,
    ).map(tuple),
    data=_objects,
    error=st.none() | _errors,
    plan=st.none() | _objects,
    identity=st.dictionaries(_names, _hostile, max_size=2),
    epoch_seen=st.integers(0, 2**50),
    duration_s=_seconds,
)
_hops = st.builds(SshHop, address=_names, port=st.integers(1, 65535), identity=st.none() | _hostile)


@st.composite
def _hosts(draw: st.DrawFn, name: str) -> Host:
    ssh = draw(st.none() | _hops)
    return Host(
        name=name,
        transport=Transport.LOCAL if ssh is None else Transport.SSH,
        ssh=ssh,
        jumps=() if ssh is None else draw(st.lists(_hops, max_size=1).map(tuple)),
        groups=tuple(draw(st.lists(_names, max_size=2))),
        labels=draw(st.dictionaries(_names, _hostile, max_size=2)),
    )


@st.composite
def _attempts(draw: st.DrawFn, campaign_id: str, host: str, number: int) -> Attempt:
    return Attempt(
        id=f"{campaign_id}/{host}/{number}",
        number=number,
        epoch=draw(st.integers(1, 2**50)),
        undo=draw(st.booleans()),
        undo_of=draw(st.none() | st.just(f"{campaign_id}/{host}/1")),
        ordered_at=draw(_instants),
        expires_at=draw(_instants),
        sent=draw(st.integers(0, 9)),
        sent_at=draw(_maybe),
        accepted_at=draw(_maybe),
        asked_at=draw(_maybe),
        heard_at=draw(_maybe),
        ended_at=draw(_maybe),
        seq=draw(st.integers(0, 2**70)),
        worker=draw(_hostile),
        step=draw(_hostile),
        step_since=draw(_maybe),
        done=draw(st.integers(0, 99)),
        total=draw(st.integers(0, 99)),
        result=draw(st.none() | _results),
    )


@st.composite
def _runs(draw: st.DrawFn, campaign_id: str, name: str) -> HostRun:
    count = draw(st.integers(0, 2))
    return HostRun(
        host=draw(_hosts(name)),
        wave=draw(st.integers(0, 9)),
        state=draw(st.sampled_from(HostState)),
        approved=draw(st.none() | st.lists(_hostile, max_size=2).map(tuple)),
        digest=draw(st.none() | _names),
        machine_id=draw(st.none() | _hostile),
        undo=draw(st.sampled_from(UndoClass)),
        plan=draw(st.none() | _objects),
        attempts=tuple(draw(_attempts(campaign_id, name, number + 1)) for number in range(count)),
        changed=draw(st.booleans()),
        failed_as=draw(st.none() | st.sampled_from(FailureKind)),
        soak_until=draw(_maybe),
        started_at=draw(_maybe),
        ended_at=draw(_maybe),
        error=draw(st.none() | _errors),
        reason=draw(_hostile),
    )


_shares = st.builds(Share, value=_seconds, percent=st.booleans())
_clocks = st.builds(
    Clock, warn_s=st.none() | _seconds, stop_s=st.none() | _seconds, action=st.sampled_from(StopAction)
)
_intervals = st.tuples(_instants, st.integers(1, 10**6)).map(
    lambda span: Interval(start=span[0], end=span[0] + timedelta(seconds=span[1]))
)
_windows = st.builds(
    Windows,
    allow=st.none()
    | st.lists(
        st.builds(
            Window,
            days=st.frozensets(st.integers(0, 6), min_size=1),
            opens=st.integers(0, 1439),
            closes=st.just(1440),
            zone=st.sampled_from(["UTC", "Europe/Paris"]),
        ),
        max_size=2,
    ).map(tuple),
    blackouts=st.lists(_intervals, max_size=2).map(tuple),
)
_paces = st.builds(Pace, count=st.integers(1, 99), p50_s=_seconds, p90_s=_seconds)
_usual = st.builds(Usual, host=_paces, steps=st.dictionaries(_hostile, _paces, max_size=3))
_budgets = st.builds(
    Budgets,
    labels=st.lists(st.builds(LabelBudget, label=_names, most=_shares), max_size=2).map(tuple),
    fleet=st.none() | _shares,
)
_policies = st.builds(
    RolloutPolicy,
    waves=st.lists(_shares, min_size=1, max_size=3).map(tuple),
    parallelism=st.integers(1, 99),
    delay_s=_seconds,
    windows=st.none() | _windows,
    budgets=st.none() | _budgets,
    notify=st.lists(
        st.builds(Notify, to=_names, on=st.lists(st.sampled_from(Occasion), max_size=3).map(tuple)),
        max_size=2,
    ).map(tuple),
    clocks=st.builds(Clocks, step=_clocks, progress=_clocks, campaign=_clocks),
    stop_rules=st.lists(
        st.builds(
            StopRule,
            kind=st.sampled_from(FailureKind),
            tolerate=_shares,
            scope=st.sampled_from(Scope),
            action=st.sampled_from(StopAction),
            waves=st.lists(st.integers(1, 9), max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)


@st.composite
def campaigns(draw: st.DrawFn, campaign_id: str | None = None) -> Campaign:
    """Give an arbitrary campaign: not a possible one, but every field of every kind."""
    own = campaign_id or "c" + draw(st.text(string.ascii_lowercase, min_size=8, max_size=8))
    names = draw(st.lists(_names, max_size=3, unique=True))
    return Campaign(
        id=own,
        state=draw(st.sampled_from(CampaignState)),
        procedure=draw(_names),
        kind=draw(st.sampled_from(Kind)),
        params=draw(_objects),
        policy=draw(_policies),
        runs=tuple(draw(_runs(own, name)) for name in names),
        waves=draw(st.integers(0, 9)),
        created_at=draw(_instants),
        plan_hash=draw(_names),
        plan_expires_at=draw(_maybe),
        wave=draw(st.integers(0, 9)),
        wave_started_at=draw(_maybe),
        started_at=draw(_maybe),
        ended_at=draw(_maybe),
        stops=tuple(
            draw(
                st.lists(
                    st.builds(
                        Stop,
                        rule=_hostile,
                        limit=_hostile,
                        observed=_hostile,
                        hosts=st.lists(_names, max_size=2).map(tuple),
                        at=_instants,
                        action=st.none() | st.sampled_from(StopAction),
                    ),
                    max_size=2,
                )
            )
        ),
        notices=tuple(
            draw(
                st.lists(
                    st.builds(
                        Notice,
                        rule=_hostile,
                        limit=_hostile,
                        observed=_hostile,
                        hosts=st.lists(_names, max_size=2).map(tuple),
                        at=_instants,
                        keys=st.lists(_hostile, max_size=2).map(tuple),
                    ),
                    max_size=2,
                )
            )
        ),
        usual=draw(st.none() | _usual),
        abort_requested=draw(st.booleans()),
        timeout_s=draw(_seconds),
        protect=draw(st.builds(Protect, images=st.lists(_hostile, max_size=2).map(tuple))),
        author=draw(_hostile),
        reason=draw(_hostile),
    )


def plain_host(name: str) -> Host:
    """Give a host reached over SSH through the default gateway pool."""
    return Host(name=name, transport=Transport.SSH, ssh=SshHop(address=name))


def plain_campaign(campaign_id: str = "ctest0001", names: tuple[str, ...] = ("web-1", "web-2")) -> Campaign:
    """Give a running campaign with its hosts pending in one wave."""
    return Campaign(
        id=campaign_id,
        state=CampaignState.RUNNING,
        procedure="engine.restart",
        kind=Kind.CHANGING,
        params={},
        policy=RolloutPolicy(waves=(Share(value=100, percent=True),), parallelism=len(names) or 1),
        runs=tuple(
            HostRun(host=plain_host(name), wave=1, state=HostState.PENDING, approved=("restart",))
            for name in names
        ),
        waves=1,
        wave=1,
        created_at=NOON,
        started_at=NOON,
    )
