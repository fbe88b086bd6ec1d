"""Laws of the clock over steps: it warns and stops when a step has taken that long by the heartbeats, not before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Attempt, Campaign, Notice, Stop
from orchestrator.campaign.states import HostState
from orchestrator.simulate.laws.law import Found, Law, Violation, is_open
from orchestrator.simulate.stage.beats import Beat, Beats
from orchestrator.simulate.stage.hosts import SimHost

_S = HostState
_AT_WORK = frozenset({_S.RUNNING, _S.VERIFYING, _S.ROLLING_BACK})
_RULE = "clock step"


def on_turn(
    before: Campaign, after: Campaign, now: datetime, beats: Beats, hosts: Mapping[str, SimHost]
) -> Found:
    """Judge one turn of the loop."""
    known = {key for notice in before.notices if notice.rule == _RULE for key in notice.keys}
    for notice in after.notices[len(before.notices) :]:
        if notice.rule == _RULE:
            yield from _warned(after, notice, known, beats)
    new = after.stops[len(before.stops) :]
    for stop in new:
        if _RULE in stop.rule.split("; "):
            yield from _stopped(after, stop, beats)
    if not new:
        yield from _in_time(before, after, now, beats, hosts)


def _warned(campaign: Campaign, notice: Notice, known: Collection[str], beats: Beats) -> Found:
    """What people are told of has gone on for so long, and they were not told of it before."""
    limit_s = campaign.policy.clocks.step.warn_s
    for key in notice.keys:
        attempt_id, step = _parts(key)
        first = beats.first(attempt_id, step)
        if limit_s is None or first is None or notice.at < first + timedelta(seconds=limit_s):
            detail = f"a warning of {key} at {notice.at}, said first at {first}, limit {limit_s} s"
            yield Violation(law=Law.STEP, detail=detail)
        if key in known:
            yield Violation(law=Law.STEP, detail=f"people are told of {key} twice")


def _stopped(campaign: Campaign, stop: Stop, beats: Beats) -> Found:
    """A step that is under way has taken so long."""
    limit_s = campaign.policy.clocks.step.stop_s
    # one that fell silent in this very turn was under way when it stopped
    attempts = (run.attempt for run in campaign.runs if is_open(run.attempt))
    begun = [beats.first(item.id, item.step) for item in attempts if item is not None]
    first = min((at for at in begun if at is not None), default=None)
    if limit_s is None or first is None or stop.at < first + timedelta(seconds=limit_s):
        detail = f"{campaign.id} was stopped at {stop.at} by a step said first at {first}, limit {limit_s} s"
        yield Violation(law=Law.STEP, detail=detail)


def _in_time(
    before: Campaign, after: Campaign, now: datetime, beats: Beats, hosts: Mapping[str, SimHost]
) -> Found:
    """A step that takes longer than it may was told, and has stopped its campaign if nothing else did."""
    clock = after.policy.clocks.step
    told = {key for notice in after.notices for key in notice.keys}
    still = {attempt.id for attempt in _working(before)}
    for attempt in _working(after):
        beat = _once(attempt, beats, hosts) if attempt.id in still else None
        if beat is None:
            continue
        took_s = (now - beat.at).total_seconds()
        quiet = f"{attempt.id}/{beat.step}" not in told
        if clock.warn_s is not None and took_s >= clock.warn_s and quiet:
            yield Violation(law=Law.STEP, detail=f"{attempt.id} is on {beat.step} for {took_s} s, not told")
        stands = after.stops or after.abort_requested
        if clock.stop_s is not None and took_s >= clock.stop_s and not stands:
            yield Violation(
                law=Law.STEP, detail=f"{attempt.id} is on {beat.step} for {took_s} s, not stopped"
            )


def _once(attempt: Attempt, beats: Beats, hosts: Mapping[str, SimHost]) -> Beat | None:
    """The step it is on by its heartbeats; None where a second worker may have begun to count them anew."""
    entry = hosts[attempt.id.split("/")[1]].journal.get(attempt.id)
    beat = beats.last(attempt.id) if entry is not None and entry.run == 1 else None
    # a heartbeat that died with its process comes again; one that came too late says nothing new
    known = beat is not None and beat.seq <= attempt.seq and beat.step == attempt.step
    return beat if known else None


def _working(campaign: Campaign) -> Iterator[Attempt]:
    for run in campaign.runs:
        if run.state in _AT_WORK and run.attempt is not None and is_open(run.attempt):
            yield run.attempt


def _parts(key: str) -> tuple[str, str]:
    """Attempt and step of what a warning names."""
    parts = key.split("/", 3)
    return "/".join(parts[:3]), "".join(parts[3:])
