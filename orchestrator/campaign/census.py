"""One look over all hosts of a campaign: the numbers and short lists every decision rests on; one pass, no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.rollout import FailureKind
from orchestrator.campaign.states import FINAL_HOST, HostState

_BAD_STATES = frozenset({HostState.UNKNOWN, HostState.UNREACHABLE})
_IN_FLIGHT = frozenset({HostState.ORDERED, HostState.RUNNING, HostState.VERIFYING, HostState.UNKNOWN})
#: their change is over; a soak may still go on
SETTLED = FINAL_HOST | {HostState.SOAKING}
_WAVE_AND_STATE = attrgetter("wave", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One host that counts against what is tolerated."""

    host: str
    wave: int
    kind: FailureKind
    #: UNKNOWN for a short time only: it uses budget, and cannot end the campaign yet
    young: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveCount:
    """How one wave stands."""

    #: hosts that needed change at plan time
    hosts: int = 0
    #: hosts whose change is over
    settled: int = 0
    #: hosts in a final state
    final: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """What a campaign looks like now."""

    states: Mapping[HostState, int]
    waves: Mapping[int, WaveCount]
    troubles: tuple[Trouble, ...]
    #: ordered and not answered, forward or undo
    flying: tuple[HostRun, ...]
    soaking: tuple[HostRun, ...]
    #: to be brought back, undo not ordered yet
    waiting: tuple[HostRun, ...]
    #: hosts of the wave at work that were not ordered yet
    pending: tuple[HostRun, ...]


def checked_before(run: HostRun) -> bool:
    """Whether the check at the end of its soak was asked for already."""
    asked = run.attempt.asked_at if run.attempt is not None else None
    return asked is not None and run.soak_until is not None and asked >= run.soak_until


def open_attempt(run: HostRun) -> Attempt | None:
    """The attempt that has no end yet, if there is one."""
    attempt = run.attempt
    return attempt if attempt is not None and attempt.ended_at is None else None


def open_undo(run: HostRun) -> Attempt | None:
    """The undo that has no end yet, if there is one."""
    attempt = open_attempt(run)
    return attempt if attempt is not None and attempt.undo else None


def take_census(campaign: Campaign, now: datetime) -> Census:
    """Count and sort the hosts by what may have to be done about them."""
    pairs: Counter[tuple[int, HostState]] = Counter(map(_WAVE_AND_STATE, campaign.runs))
    flying: list[HostRun] = []
    soaking: list[HostRun] = []
    waiting: list[HostRun] = []
    pending: list[HostRun] = []
    troubles: list[Trouble] = []
    old = now - timedelta(seconds=campaign.policy.unknown_grace_s)
    working = max(campaign.wave, 1)
    for run in campaign.runs:
        state = run.state
        if state is HostState.PENDING:
            if run.wave <= working:
                pending.append(run)
            continue
        if state in _IN_FLIGHT:
            flying.append(run)
        elif state is HostState.SOAKING:
            soaking.append(run)
        elif state is HostState.ROLLING_BACK:
            # whatever is open on the host must settle before an undo may be ordered
            (waiting if open_attempt(run) is None else flying).append(run)
        if run.wave and (state in _BAD_STATES or run.failed_as is not None):
            troubles.append(_trouble(run, old))
    return Census(
        states=_by_state(pairs),
        waves=_by_wave(pairs),
        troubles=tuple(troubles),
        flying=tuple(flying),
        soaking=tuple(soaking),
        waiting=tuple(waiting),
        pending=tuple(pending),
    )


def _trouble(run: HostRun, old: datetime) -> Trouble:
    young = False
    if run.failed_as is not None:
        kind = run.failed_as
    elif run.state is HostState.UNKNOWN:
        kind = FailureKind.UNKNOWN
        young = run.unknown_since is not None and run.unknown_since > old
    else:
        kind = FailureKind.UNREACHABLE
    return Trouble(host=run.host.name, wave=run.wave, kind=kind, young=young)


def _by_state(pairs: Mapping[tuple[int, HostState], int]) -> dict[HostState, int]:
    states: Counter[HostState] = Counter()
    for (_, state), count in pairs.items():
        states[state] += count
    return dict(states)


def _by_wave(pairs: Mapping[tuple[int, HostState], int]) -> dict[int, WaveCount]:
    hosts: Counter[int] = Counter()
    settled: Counter[int] = Counter()
    final: Counter[int] = Counter()
    for (wave, state), count in pairs.items():
        hosts[wave] += count
        settled[wave] += count * (state in SETTLED)
        final[wave] += count * (state in FINAL_HOST)
    return {wave: WaveCount(hosts=hosts[wave], settled=settled[wave], final=final[wave]) for wave in hosts}


def last_news(campaign: Campaign) -> datetime:
    """The latest instant at which anything became known, or a host became UNKNOWN."""
    latest = campaign.started_at or campaign.created_at
    for run in campaign.runs:
        attempt = run.attempt
        if attempt is None:
            continue
        heard = (attempt.ordered_at, attempt.heard_at, attempt.ended_at, run.unknown_since, run.ended_at)
        latest = max(latest, *(instant for instant in heard if instant is not None))
    return latest


def in_flight(campaign: Campaign) -> tuple[str, ...]:
    """Names of hosts with an order that has no end yet."""
    return tuple(run.host.name for run in campaign.runs if open_attempt(run) is not None)
