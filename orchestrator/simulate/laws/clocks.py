"""Laws of the clocks over hosts and campaigns: they stop when their time is over, and not before.

Waiting for people and windows counts for no clock, so what the record shows is at least what a clock counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Attempt, Campaign, HostRun, Stop
from orchestrator.campaign.states import HostState
from orchestrator.simulate.laws.law import Found, Law, Violation, is_open

_S = HostState
_AT_WORK = frozenset({_S.RUNNING, _S.VERIFYING, _S.ROLLING_BACK})
#: judged by heartbeats (steps.py)
_STEP = "clock step"
_GOOD = frozenset({_S.SUCCEEDED, _S.ALREADY_RIGHT})


def on_turn(before: Campaign, after: Campaign, now: datetime) -> Found:
    """Judge one turn of the loop."""
    for stop in after.stops[len(before.stops) :]:
        if any(name.startswith("clock ") and name != _STEP for name in stop.rule.split("; ")):
            yield from _not_before(before, stop)
    yield from _in_time(before, after, now)


def _not_before(before: Campaign, stop: Stop) -> Found:
    """Of the clocks a stop names, each has gone on for at least as long as it may."""
    clocks = before.policy.clocks
    for name in stop.rule.split("; "):
        if name == _STEP:
            continue
        limit_s = {
            "clock host": clocks.host.stop_s,
            "clock progress": clocks.progress.stop_s,
            "clock campaign": clocks.campaign.stop_s,
        }.get(name)
        begun = min(_began(before, name), default=None)
        if limit_s is None or begun is None or stop.at < begun + timedelta(seconds=limit_s):
            detail = f"{name} of {limit_s} s stopped {before.id} at {stop.at}, counted from {begun}"
            yield Violation(law=Law.CLOCK, detail=detail)


def _began(campaign: Campaign, name: str) -> Iterator[datetime]:
    """Since when what a clock counts goes on."""
    if name == "clock host":
        # one that was silent until this turn is at work since it was accepted
        attempts = (run.attempt for run in campaign.runs if is_open(run.attempt))
        yield from (
            item.accepted_at for item in attempts if item is not None and item.accepted_at is not None
        )
    elif campaign.started_at is not None:
        good = [run.ended_at for run in campaign.runs if run.state in _GOOD and run.ended_at is not None]
        yield max((campaign.started_at, *good)) if name == "clock progress" else campaign.started_at


def _in_time(before: Campaign, after: Campaign, now: datetime) -> Found:
    """A host that is at work for longer than it may has stopped its campaign, if nothing else did."""
    limit_s = after.policy.clocks.host.stop_s
    if limit_s is None or after.stops or after.abort_requested:
        return
    late = now - timedelta(seconds=limit_s)
    still = {attempt.id for _, attempt in _working(after)}
    for run, attempt in _working(before):
        if attempt.id in still and attempt.accepted_at is not None and attempt.accepted_at <= late:
            detail = f"{run.host.name} is at work since {attempt.accepted_at}, and may be for {limit_s} s"
            yield Violation(law=Law.CLOCK, detail=detail)


def _working(campaign: Campaign) -> Iterator[tuple[HostRun, Attempt]]:
    for run in campaign.runs:
        if run.state in _AT_WORK and run.attempt is not None and is_open(run.attempt):
            yield run, run.attempt
