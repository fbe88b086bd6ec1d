"""What takes longer than it may: a step, a host, the time since the last success, the whole campaign.

Clocks are instants in the record, read anew at every decision, so a restart loses none and dead time counts like any
other. Time spent waiting for a person, a window or a kill switch (see waiting.py) counts for no clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Attempt, Campaign, HostRun, Notice, Stop
from orchestrator.campaign.census import Census
from orchestrator.campaign.durations import words
from orchestrator.campaign.limits.stop_rules import SEVERITY, stopped
from orchestrator.campaign.rollout import Clock, Clocks, StopAction
from orchestrator.campaign.states import HostState
from orchestrator.campaign.surroundings import CALM, Surroundings
from orchestrator.campaign.waiting import is_waiting, waits, worked_s
from orchestrator.campaign.windows import Interval
from tasks.result import Outcome

#: hosts whose worker says what it does
_AT_WORK = frozenset({HostState.RUNNING, HostState.VERIFYING, HostState.ROLLING_BACK})
_DONE = frozenset({HostState.SUCCEEDED, HostState.ALREADY_RIGHT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """What the clocks say now."""

    #: record this stop
    stop: Stop | None = None
    #: tell people of these
    notices: tuple[Notice, ...] = ()
    #: when the next clock goes off, unless news comes
    due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hand:
    """One thing whose time runs."""

    #: tells it from all others of its clock
    key: str
    spent_s: float
    #: in words, what has been going on for so long
    text: str
    host: str = ""
    #: False while nobody can do anything about it: it waits for a person or a window
    runs: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One clock and everything whose time runs on it."""

    name: str
    clock: Clock
    hands: tuple[_Hand, ...]

    @property
    def rule(self) -> str:
        """As stops and notices name it."""
        return f"clock {self.name}"

    def over(self, limit: float | None) -> tuple[_Hand, ...]:
        """What has reached the limit."""
        return tuple(hand for hand in self.hands if limit is not None and hand.spent_s >= limit)


def read_clocks(campaign: Campaign, census: Census, now: datetime, around: Surroundings = CALM) -> Overdue:
    """What is over its time at this instant, and when to look again."""
    if campaign.policy.clocks == Clocks():
        return Overdue()
    readings = tuple(_readings(campaign, census, now, around))
    notices = tuple(notice for item in readings if (notice := _notice(campaign, item, now)) is not None)
    return Overdue(stop=_stop(campaign, readings, now), notices=notices, due=_due(readings, now))


def _readings(campaign: Campaign, census: Census, now: datetime, around: Surroundings) -> Iterator[_Reading]:
    clocks = campaign.policy.clocks
    working = [
        (run, attempt)
        for run in census.flying
        if run.state in _AT_WORK and (attempt := run.attempt) is not None and attempt.ended_at is None
    ]
    yield _Reading(name="step", clock=clocks.step, hands=tuple(_steps(working, now)))
    yield _Reading(name="host", clock=clocks.host, hands=tuple(_hosts(working, now)))
    if stopped(campaign) or campaign.started_at is None:
        # what only settles what it began is in no hurry of its own
        return
    spans = waits(campaign, campaign.started_at, now, around)
    runs = not is_waiting(campaign, now, around)
    since = _last_success(campaign, campaign.started_at)
    yield _Reading(name="progress", clock=clocks.progress, hands=(_progress(since, spans, now, runs=runs),))
    whole = _Hand(
        key="campaign",
        spent_s=worked_s(spans, campaign.started_at, now),
        text="the campaign has been at work",
        runs=runs,
    )
    yield _Reading(name="campaign", clock=clocks.campaign, hands=(whole,))


def _steps(working: Sequence[tuple[HostRun, Attempt]], now: datetime) -> Iterator[_Hand]:
    for run, attempt in working:
        if attempt.step and attempt.step_since is not None:
            yield _Hand(
                key=f"{attempt.id}/{attempt.step}",
                spent_s=(now - attempt.step_since).total_seconds(),
                text=f"{run.host.name} has been on step {attempt.step}",
                host=run.host.name,
            )


def _hosts(working: Sequence[tuple[HostRun, Attempt]], now: datetime) -> Iterator[_Hand]:
    for run, attempt in working:
        if attempt.accepted_at is not None:
            yield _Hand(
                key=attempt.id,
                spent_s=(now - attempt.accepted_at).total_seconds(),
                text=f"{run.host.name} has been at work",
                host=run.host.name,
            )


def _progress(since: datetime, spans: Sequence[Interval], now: datetime, *, runs: bool) -> _Hand:
    return _Hand(
        key=since.isoformat(),
        spent_s=worked_s(spans, since, now),
        text="no host has succeeded",
        runs=runs,
    )


def _last_success(campaign: Campaign, start: datetime) -> datetime:
    """The latest instant at which a host was proven right, or a person let the campaign go on."""
    latest = max((start, *(stop.lifted_at for stop in campaign.stops if stop.lifted_at is not None)))
    for run in campaign.runs:
        if run.state in _DONE and run.ended_at is not None:
            latest = max(latest, run.ended_at)
        elif run.state is HostState.SOAKING and (attempt := run.attempt) is not None:
            good = attempt.result is not None and attempt.result.outcome in {Outcome.OK, Outcome.CHANGED}
            latest = max(latest, attempt.ended_at) if good and attempt.ended_at is not None else latest
    return latest


def _notice(campaign: Campaign, reading: _Reading, now: datetime) -> Notice | None:
    limit = reading.clock.warn_s
    over = reading.over(limit)
    if limit is None or not over:
        return None
    told = {key for item in campaign.notices if item.rule == reading.rule for key in item.keys}
    new = [hand for hand in over if hand.key not in told]
    if not new:
        return None
    return Notice(
        rule=reading.rule,
        limit=f"warn after {words(limit)}",
        observed=_observed(new),
        hosts=tuple(hand.host for hand in new if hand.host),
        at=now,
        keys=tuple(hand.key for hand in new),
    )


def _stop(campaign: Campaign, readings: Sequence[_Reading], now: datetime) -> Stop | None:
    """The gravest of all clocks that ran out; none that only repeats what was said, or adds nothing to it."""
    over = [
        (reading, hands)
        for reading in readings
        if (hands := reading.over(reading.clock.stop_s)) and not _said(campaign, reading, hands)
    ]
    if not over:
        return None
    action = max((reading.clock.action for reading, _ in over), key=lambda item: SEVERITY[item])
    so_far = max((SEVERITY[stop.action] for stop in campaign.stops if stop.lifted_at is None), default=0)
    if stopped(campaign) or SEVERITY[action] <= so_far:
        return None
    return Stop(
        rule="; ".join(reading.rule for reading, _ in over),
        limit="; ".join(f"stop after {words(reading.clock.stop_s or 0)}" for reading, _ in over),
        observed="; ".join(_observed(hands) for _, hands in over),
        hosts=tuple(dict.fromkeys(hand.host for _, hands in over for hand in hands if hand.host)),
        at=now,
        action=action,
    )


def _said(campaign: Campaign, reading: _Reading, over: Sequence[_Hand]) -> bool:
    """Whether it speaks no more: a person who lifted its stop knows of these, and time since then is new."""
    stops = [stop for stop in campaign.stops if reading.rule in stop.rule.split("; ")]
    if any(stop.lifted_at is None or stop.silenced for stop in stops):
        return True
    if reading.name == "progress" or not stops:
        return False
    known = {host for stop in stops for host in stop.hosts}
    return all(hand.host in known or not hand.host for hand in over)


def _observed(hands: Sequence[_Hand]) -> str:
    worst = max(hands, key=lambda hand: hand.spent_s)
    more = f", and {len(hands) - 1} more are over it" if len(hands) > 1 else ""
    return f"{worst.text} for {words(worst.spent_s)}{more}"


def _due(readings: Sequence[_Reading], now: datetime) -> datetime | None:
    left = (
        limit - hand.spent_s
        for reading in readings
        for limit in (reading.clock.warn_s, reading.clock.stop_s)
        if limit is not None
        for hand in reading.hands
        if hand.runs and hand.spent_s < limit
    )
    soonest = min(left, default=None)
    return None if soonest is None else now + timedelta(seconds=soonest)


def clock_words(clocks: Clocks) -> Iterator[str]:
    """The limits in words, one line a clock that has any."""
    for name, clock, what in (
        ("step", clocks.step, "a step on a host"),
        ("host", clocks.host, "an attempt on a host"),
        ("progress", clocks.progress, "the time without a success"),
        ("campaign", clocks.campaign, "the whole campaign"),
    ):
        parts = []
        if clock.warn_s is not None:
            parts.append(f"people are warned after {words(clock.warn_s)}")
        if clock.stop_s is not None:
            does = "pauses" if clock.action is StopAction.PAUSE else "stops"
            parts.append(f"it {does} after {words(clock.stop_s)}")
        if parts:
            yield f"clock {name}: {what}: {', '.join(parts)}; waiting for people and windows is not counted"
