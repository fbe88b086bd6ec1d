"""When a campaign waited for the release of a quarantined host: nothing of it was at work meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.quarantine import Quarantine
from orchestrator.campaign.states import HostState
from orchestrator.campaign.surroundings import Surroundings

_Span: TypeAlias = tuple[datetime, datetime]


def waits_for_release(campaign: Campaign, around: Surroundings, now: datetime) -> Iterator[_Span]:
    """Spans in which a host whose turn had come was quarantined, and no host of the campaign was at work."""
    if not around.quarantines:
        return
    busy = sorted(span for run in campaign.runs for span in _at_work(run, now))
    for item in around.quarantines:
        run = campaign.run_of(item.host)
        if run is not None and 0 < run.wave <= max(campaign.wave, 1):
            yield from _without(_held(run, item, now), busy)


def waiting_hosts(campaign: Campaign, around: Surroundings) -> tuple[Quarantine, ...]:
    """The quarantines that keep a host from an order now: its turn has come, or it is to be brought back."""
    holding = {item.host: item for item in around.quarantines if item.holds}
    if not holding:
        return ()
    return tuple(
        holding[run.host.name]
        for run in campaign.runs
        if run.host.name in holding and its_turn(run, campaign)
    )


def its_turn(run: HostRun, campaign: Campaign) -> bool:
    """Whether the host would get an order now if nobody kept it from one."""
    if run.state is HostState.PENDING:
        return run.wave <= max(campaign.wave, 1)
    return run.state is HostState.ROLLING_BACK and (run.attempt is None or run.attempt.ended_at is not None)


def _held(run: HostRun, item: Quarantine, now: datetime) -> _Span:
    ends = (instant for instant in (item.released_at, run.ended_at, now) if instant is not None)
    return item.at, min(ends)


def _at_work(run: HostRun, now: datetime) -> Iterator[_Span]:
    for attempt in run.attempts:
        yield attempt.ordered_at, attempt.ended_at or now
    last = run.attempt
    if run.soak_until is not None and last is not None and last.ended_at is not None:
        yield last.ended_at, run.ended_at or now


def _without(span: _Span, busy: list[_Span]) -> Iterator[_Span]:
    """The parts of a span outside all of these, which are in order."""
    start, end = span
    for begins, ends in busy:
        if begins >= end:
            break
        if begins > start:
            yield start, begins
        start = max(start, ends)
    if start < end:
        yield start, end
