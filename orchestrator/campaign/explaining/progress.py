"""Numbers of the live view: how far each wave is, how much budget is used, who is slowest, how long it will take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from orchestrator.campaign.answers import soak_s
from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.census import open_attempt, take_census
from orchestrator.campaign.limits.stop_rules import Reading, read_rules, stopped
from orchestrator.campaign.states import FINAL_CAMPAIGN, FINAL_HOST, CampaignState, HostState
from orchestrator.campaign.usual import FEW, Pace, pace_of
from tasks.model import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveProgress:
    """How far one wave is; number 0 holds hosts that are in no wave."""

    number: int
    #: waiting | running | done
    state: str
    hosts: int
    final: int
    counts: Mapping[HostState, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much of what a stop rule tolerates is used."""

    rule: str
    #: 0 for the campaign
    wave: int
    used: int
    tolerated: int
    #: "budget used 1 of 2: two more failures stop it"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowest:
    """The host that has been at work for the longest time."""

    host: str
    step: str
    seconds: float
    #: what hosts usually take, half of them less; None without history
    median_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Everything the live view shows beside the hosts themselves."""

    waves: tuple[WaveProgress, ...]
    budgets: tuple[Budget, ...]
    slowest: Slowest | None
    elapsed_s: float
    #: seconds left when hosts take what half of them take; None without history, and while it is paused or stopping
    eta_s: float | None
    #: the same when each takes what only one in ten exceeds
    eta_worst_s: float | None
    #: "host: what went wrong" of the latest failure; "" while there is none
    last_bad: str


def progress(campaign: Campaign, now: datetime) -> Progress:
    """How the campaign stands at this instant."""
    typical = pace(campaign)
    end = campaign.ended_at or now
    began = campaign.started_at or end
    return Progress(
        waves=_waves(campaign),
        budgets=tuple(_budget(reading) for reading in read_rules(campaign, take_census(campaign, now))),
        slowest=_slowest(campaign, now, typical.p50_s if typical else None),
        elapsed_s=max((end - began).total_seconds(), 0.0),
        eta_s=_eta(campaign, now, typical.p50_s if typical else None),
        eta_worst_s=_eta(campaign, now, typical.p90_s if typical else None),
        last_bad=_last_bad(campaign),
    )


def _waves(campaign: Campaign) -> tuple[WaveProgress, ...]:
    counts: dict[int, Counter[HostState]] = {}
    for run in campaign.runs:
        counts.setdefault(run.wave, Counter())[run.state] += 1
    return tuple(
        WaveProgress(
            number=number,
            state=_wave_state(campaign, number, final=final, hosts=mine.total()),
            hosts=mine.total(),
            final=final,
            counts=dict(mine),
        )
        for number, mine in sorted(counts.items())
        for final in (sum(count for state, count in mine.items() if state in FINAL_HOST),)
    )


def _wave_state(campaign: Campaign, number: int, *, final: int, hosts: int) -> str:
    if final == hosts:
        return "done"
    return "running" if campaign.started_at is not None and campaign.wave >= number else "waiting"


def _budget(reading: Reading) -> Budget:
    used, limit = len(reading.troubles), reading.tolerated
    place = reading.group or (f"wave {reading.wave}" if reading.wave else "campaign")
    return Budget(
        rule=reading.text,
        wave=reading.wave,
        used=used,
        tolerated=limit,
        text=f"{place}: budget used {used} of {limit}, {_room(used, limit, reading.hosts)}",
    )


def _room(used: int, limit: int, hosts: int) -> str:
    left = limit + 1 - used
    if left <= 0:
        return "exceeded"
    if limit >= hosts:
        return "no number of failures stops it"
    return "one more failure stops it" if left == 1 else f"{left} more failures stop it"


def _duration(attempt: Attempt) -> float | None:
    if attempt.undo or attempt.ended_at is None or attempt.result is None or attempt.accepted_at is None:
        return None
    return max((attempt.ended_at - attempt.ordered_at).total_seconds(), 0.0)


def pace(campaign: Campaign) -> Pace | None:
    """What hosts take from order to result: those before, until enough of this campaign have ended well."""
    good = {HostState.SUCCEEDED, HostState.SOAKING, HostState.ALREADY_RIGHT}
    found = [
        seconds
        for run in campaign.runs
        if run.state in good and run.failed_as is None
        for attempt in run.attempts
        if (seconds := _duration(attempt)) is not None
    ]
    before = campaign.usual.host if campaign.usual is not None else None
    return before if before is not None and len(found) < FEW else pace_of(found)


def whole_s(campaign: Campaign, seconds: float) -> float:
    """Seconds from start to end when every host takes so many."""
    hosts = Counter(run.wave for run in campaign.runs if run.wave)
    total = campaign.policy.delay_s * max(campaign.waves - 1, 0)
    for wave, count in hosts.items():
        total += ceil(count / campaign.policy.slots(wave)) * seconds
        total += 0.0 if campaign.kind is Kind.READ_ONLY else soak_s(campaign, wave)
    return total


def _slowest(campaign: Campaign, now: datetime, typical: float | None) -> Slowest | None:
    busy = [
        (attempt.ordered_at, run, attempt)
        for run in campaign.runs
        if (attempt := open_attempt(run)) is not None
    ]
    if not busy or campaign.state in FINAL_CAMPAIGN:
        return None
    since, run, attempt = min(busy, key=lambda item: item[0])
    return Slowest(
        host=run.host.name,
        step=attempt.step,
        seconds=max((now - since).total_seconds(), 0.0),
        median_s=typical,
    )


def _eta(campaign: Campaign, now: datetime, typical: float | None) -> float | None:
    """Rounds of as many hosts as the wave has slots, at the typical time, and the soaks and delays between them."""
    if campaign.state is not CampaignState.RUNNING or stopped(campaign) or typical is None:
        return None
    pending = Counter(run.wave for run in campaign.runs if run.state is HostState.PENDING)
    at_work = [
        run for run in campaign.runs if run.state not in FINAL_HOST and run.state is not HostState.PENDING
    ]
    left = max((_left(run, campaign, now, typical) for run in at_work), default=0.0)
    for wave in range(max(campaign.wave, 1), campaign.waves + 1):
        if pending[wave]:
            left += ceil(pending[wave] / campaign.policy.slots(wave)) * typical + soak_s(campaign, wave)
        if wave < campaign.waves:
            left += campaign.policy.delay_s
    return left


def _left(run: HostRun, campaign: Campaign, now: datetime, typical: float) -> float:
    if run.state is HostState.SOAKING and run.soak_until is not None:
        return max((run.soak_until - now).total_seconds(), 0.0)
    attempt = run.attempt
    spent = (now - attempt.ordered_at).total_seconds() if attempt else 0.0
    return max(typical - spent, 0.0) + soak_s(campaign, run.wave)


def _last_bad(campaign: Campaign) -> str:
    bad = [
        (attempt.ended_at or attempt.ordered_at, run.host.name, run.error.message)
        for run in campaign.runs
        if run.failed_as is not None and run.error is not None and (attempt := run.attempt) is not None
    ]
    if not bad:
        return ""
    _, host, message = max(bad)
    return f"{host}: {message}"
