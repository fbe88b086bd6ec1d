"""Laws of the way back within one campaign: how long hosts are watched, and whom a failed rollback holds."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import HostState
from orchestrator.simulate.laws.law import Found, Law, Violation

#: as the engine names the stop of hosts that fail together, and that of a person who wants everything back
SHARED, PERSON = "shared-cause check", "operator rollback"


def on_save(before: Campaign, after: Campaign) -> Found:
    """Judge what one saved turn did about hosts that go back."""
    moved = [(was, run) for was, run in zip(before.runs, after.runs, strict=True) if was is not run]
    for was, run in moved:
        if run.state is HostState.ROLLED_BACK and was.state is not run.state:
            yield from _watched(after, run)
    undone = new_undos(before, after)
    if undone:
        yield from _held(before, undone)
        yield from _looked(after, undone)
        yield from _one_by_one(before, after, undone)


def new_undos(before: Campaign, after: Campaign) -> list[HostRun]:
    """Give the hosts whose way back this turn ordered."""
    pairs = zip(before.runs, after.runs, strict=True)
    return [run for was, run in pairs if len(run.attempts) > len(was.attempts) and run.attempts[-1].undo]


def overruled(campaign: Campaign) -> bool:
    """Whether a person wants hosts back whatever others say."""
    return any(stop.rule == PERSON or (stop.rule == SHARED and stop.silenced) for stop in campaign.stops)


def _watched(campaign: Campaign, run: HostRun) -> Found:
    done = run.attempt.ended_at if run.attempt is not None else None
    soak = timedelta(seconds=campaign.policy.rollback_monitor_s)
    if done is None or run.ended_at is None or run.ended_at < done + soak:
        yield Violation(law=Law.WATCHED, detail=f"{run.host.name} ended {done}, is back since {run.ended_at}")


def _held(before: Campaign, undone: list[HostRun]) -> Found:
    if before.policy.rollback_on_failure is StopAction.CONTINUE:
        return
    failed = [
        run.host.name
        for run in before.runs
        if run.state is HostState.NEEDS_HUMAN
        and run.attempt is not None
        and run.attempt.undo
        and run.host.name not in before.acknowledged
    ]
    if failed:
        detail = f"{undone[0].host.name} is brought back although that of {failed[0]} failed"
        yield Violation(law=Law.HELD, detail=detail)


def _looked(after: Campaign, undone: list[HostRun]) -> Found:
    asking = bool(after.looks) and after.looks[-1].ended_at is None
    standing = any(stop.rule == SHARED and stop.lifted_at is None for stop in after.stops)
    if (asking or standing) and not overruled(after):
        why = "untouched hosts are asked" if asking else "untouched hosts fail too"
        yield Violation(law=Law.LOOK, detail=f"{undone[0].host.name} is brought back although {why}")


def _one_by_one(before: Campaign, after: Campaign, undone: list[HostRun]) -> Found:
    delay = timedelta(seconds=after.policy.rollback_delay_s)
    if not delay:
        return
    earlier = [item.ended_at or item.ordered_at for run in before.runs for item in run.attempts if item.undo]
    begins = min(run.attempts[-1].ordered_at for run in undone)
    if len(undone) > 1 or any(begins < at + delay for at in earlier):
        names = [run.host.name for run in undone]
        yield Violation(law=Law.DELAY, detail=f"{names} at {begins}, after {max(earlier, default=None)}")
