"""The rollback's own policy: how many at a time and how soon after each other, and what a failing one does.

A rollback is never rolled back: its host is left to a person. What that means for the others is said by
`rollback_on_failure`: nothing, wait until a person resumes it, or leave them to a person too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from orchestrator.campaign.actions import Dispatch
from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.census import Census, open_undo
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import HostState


def failed_undos(campaign: Campaign) -> tuple[str, ...]:
    """Hosts whose undo failed, but for those a person knows of."""
    return tuple(
        run.host.name
        for run in campaign.runs
        if run.state is HostState.NEEDS_HUMAN
        and run.attempt is not None
        and run.attempt.undo
        and run.host.name not in campaign.acknowledged
    )


def held_by(campaign: Campaign) -> tuple[str, ...]:
    """Hosts whose failed undo makes all others wait for a person."""
    return failed_undos(campaign) if campaign.policy.rollback_on_failure is StopAction.PAUSE else ()


def ended_by(campaign: Campaign) -> tuple[str, ...]:
    """Hosts whose failed undo leaves all others to a person."""
    return failed_undos(campaign) if campaign.policy.rollback_on_failure is StopAction.HALT else ()


def undo_room(campaign: Campaign, census: Census, now: datetime) -> tuple[int, datetime | None]:
    """How many undos may be started now, and when the pause between two of them is over."""
    policy = campaign.policy
    # one that fell silent on its way back is on it still
    undoing = sum(open_undo(run) is not None for run in census.flying)
    room = min(campaign.slots - len(census.flying), policy.rollback_parallelism - undoing)
    if not policy.rollback_delay_s:
        return max(room, 0), None
    last = max((attempt.ended_at or attempt.ordered_at for attempt in _undos(campaign)), default=None)
    due = None if last is None else last + timedelta(seconds=policy.rollback_delay_s)
    if due is not None and due > now:
        return 0, due
    # one by one: what starts together has no pause between
    return max(min(room, 1), 0), None


def _undos(campaign: Campaign) -> Iterator[Attempt]:
    return (attempt for run in campaign.runs for attempt in run.attempts if attempt.undo)


def undo_of(run: HostRun) -> Dispatch:
    """The order that brings the host back to what it was before its last change."""
    forward = [attempt.id for attempt in run.attempts if not attempt.undo]
    return Dispatch(
        host=run.host.name, number=next_number(run), undo=True, undo_of=forward[-1] if forward else None
    )


def next_number(run: HostRun) -> int:
    """The number of the next attempt on this host."""
    return run.attempts[-1].number + 1 if run.attempts else 1
