"""When a campaign stops: more hosts in trouble than its rules tolerate, or so many silent that we suspect ourselves.

A rule stops when the number exceeds what is tolerated (tolerate 2: the third stops). A host that is UNKNOWN uses
budget at once, so nothing new starts, but only after `unknown_grace_s` can it end the campaign: a worker that is
being restarted is no failed host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Campaign, HostRun, Stop
from orchestrator.campaign.census import SETTLED, Census, Trouble, WaveCount
from orchestrator.campaign.rollout import FailureKind, Scope, StopAction, StopRule
from orchestrator.campaign.states import HostState
from orchestrator.campaign.waves import resolve, share_words
from tasks.model import Kind

#: part of the hosts reachable at plan time that may go dark at once before we suspect our own network
BREAKER_PERCENT = 30
#: fewer dark hosts than this are never called a mass
BREAKER_LEAST = 3
#: hosts that became unreachable within this time count as "at once"
BREAKER_WINDOW_S = 300.0

BREAKER_RULE = "mass-unreachable breaker"

#: a person brings the campaign back: it decides how the campaign ends, whatever stopped it before
OPERATOR_ROLLBACK = "operator rollback"

#: how far each action goes; a later stop is recorded only when it goes further
SEVERITY: dict[StopAction | None, int] = {
    StopAction.CONTINUE: 0,
    StopAction.PAUSE: 1,
    StopAction.HALT: 2,
    # an operator's abort
    None: 2,
    StopAction.ROLLBACK_WAVE: 3,
    StopAction.ROLLBACK_CAMPAIGN: 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the stop rules say now."""

    #: record this stop
    stop: Stop | None = None
    #: start nothing new: the budget is used up by hosts whose fate is not known yet, or the fleet went dark
    hold: bool = False
    #: so many hosts are silent that nobody is rolled back blind
    dark: bool = False
    #: when a held decision is due
    due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One rule, applied to one wave, to the hosts of one value of a label, or to the campaign."""

    rule: StopRule
    #: 0 for the campaign and for a label
    wave: int
    #: "rack=a" for a value of a label
    group: str = ""
    #: hosts that needed change at plan time
    hosts: int
    #: how many may be in trouble
    tolerated: int
    #: all hosts in trouble, young ones included
    troubles: tuple[Trouble, ...]
    #: enough hosts settled for the rule to speak
    speaks: bool

    @property
    def held(self) -> bool:
        """Whether nothing new may start."""
        return self.speaks and len(self.troubles) > self.tolerated

    @property
    def breached(self) -> bool:
        """Whether it stops the campaign."""
        return self.speaks and sum(not trouble.young for trouble in self.troubles) > self.tolerated

    @property
    def text(self) -> str:
        """The rule in words, resolved to a number."""
        return f"stop rule {self.rule.kind.value} > {self.tolerated} in {self.place}"

    @property
    def place(self) -> str:
        """Over which hosts it counts, in words."""
        return self.group or (f"wave {self.wave}" if self.wave else "the campaign")


def stopped(campaign: Campaign) -> bool:
    """Whether nothing new may ever start."""
    return campaign.abort_requested or any(SEVERITY[stop.action] >= 2 for stop in campaign.stops)


def rule_stop(campaign: Campaign) -> Stop | None:
    """The stop that decides how the campaign ends, when a rule made it and no abort came before."""
    asked = next((stop for stop in campaign.stops if stop.rule == OPERATOR_ROLLBACK), None)
    if asked is not None:
        return asked
    first = next((stop for stop in campaign.stops if SEVERITY[stop.action] >= 2), None)
    return first if first is not None and first.action is not None else None


def read_rules(campaign: Campaign, census: Census) -> tuple[Reading, ...]:
    """Every rule, resolved for the campaign, the wave at work and every wave that has trouble."""
    return tuple(
        reading for rule in campaign.policy.stop_rules for reading in _readings(rule, campaign, census)
    )


def tolerated(rule: StopRule, hosts: int) -> int:
    """How many of so many hosts may be in trouble."""
    return resolve(rule.tolerate, hosts)


def applies(rule: StopRule, wave: int) -> bool:
    """Whether the rule speaks in this wave."""
    return wave >= rule.from_wave and (not rule.waves or wave in rule.waves)


def judge(campaign: Campaign, census: Census, now: datetime) -> Judgement:
    """What the rules say; several breaches at once are one stop with all reasons."""
    grace = timedelta(seconds=campaign.policy.unknown_grace_s)
    due = min(
        (run.unknown_since + grace for run in census.flying if run.unknown_since is not None), default=None
    )
    if due is not None and due <= now:
        due = None
    breaker = _breaker(campaign, census, now)
    if breaker is not None:
        return Judgement(stop=breaker.stop, hold=True, dark=True, due=due)
    readings = read_rules(campaign, census)
    new = [
        reading
        for reading in readings
        if not _had_its_say(campaign, reading.text, [item.host for item in reading.troubles])
    ]
    hold = any(reading.held and reading.rule.action is not StopAction.CONTINUE for reading in new)
    return Judgement(stop=_stop(campaign, [item for item in new if item.breached], now), hold=hold, due=due)


def _readings(rule: StopRule, campaign: Campaign, census: Census) -> Iterator[Reading]:
    if rule.scope is Scope.LABEL:
        yield from _label_readings(rule, campaign, census)
        return
    by_wave: dict[int, list[Trouble]] = {}
    for item in census.troubles:
        if rule.kind in {FailureKind.ANY, item.kind} and applies(rule, item.wave):
            by_wave.setdefault(item.wave, []).append(item)
    if rule.scope is Scope.WAVE:
        # a wave without trouble breaches nothing; the wave at work is read all the same, for people
        at_work = {campaign.wave} if campaign.wave and applies(rule, campaign.wave) else set()
        for wave in sorted(by_wave.keys() | at_work):
            yield _reading(rule, wave, (census.waves[wave],), tuple(by_wave.get(wave, ())))
    elif any(applies(rule, wave) for wave in range(1, campaign.wave + 1)):
        counts = [count for wave, count in census.waves.items() if wave and applies(rule, wave)]
        yield _reading(rule, 0, counts, tuple(item for items in by_wave.values() for item in items))


def _label_readings(rule: StopRule, campaign: Campaign, census: Census) -> Iterator[Reading]:
    """One for each value of the label, over all waves at once; hosts without the label count nowhere."""
    troubles = {item.host: item for item in census.troubles if rule.kind in {FailureKind.ANY, item.kind}}
    groups: dict[str, list[HostRun]] = {}
    for run in campaign.runs:
        if run.wave and applies(rule, run.wave) and rule.label in run.host.labels:
            groups.setdefault(run.host.labels[rule.label], []).append(run)
    for value, runs in sorted(groups.items()):
        count = WaveCount(hosts=len(runs), settled=sum(run.state in SETTLED for run in runs))
        mine = tuple(troubles[run.host.name] for run in runs if run.host.name in troubles)
        if campaign.wave and (mine or any(run.wave <= campaign.wave for run in runs)):
            yield replace(_reading(rule, 0, (count,), mine), group=f"{rule.label}={value}")


def _reading(
    rule: StopRule, wave: int, counts: Iterable[WaveCount], troubles: tuple[Trouble, ...]
) -> Reading:
    counts = tuple(counts)
    hosts = sum(count.hosts for count in counts)
    settled = sum(count.settled for count in counts)
    # a wave smaller than the sample speaks when all of it is settled
    return Reading(
        rule=rule,
        wave=wave,
        hosts=hosts,
        tolerated=tolerated(rule, hosts),
        troubles=troubles,
        speaks=settled >= min(rule.min_sample, hosts),
    )


def _had_its_say(campaign: Campaign, rule: str, hosts: Iterable[str]) -> bool:
    """Whether the rule stays quiet: each speaks once, and after a resume again when another host is in trouble."""
    said = [stop for stop in campaign.stops if rule in stop.rule.split("; ")]
    if any(stop.lifted_at is None or stop.silenced for stop in said):
        return True
    if not said:
        return False
    forgiven = {host for stop in said for host in stop.forgiven}
    return all(host in forgiven for host in hosts)


def _stop(campaign: Campaign, new: Sequence[Reading], now: datetime) -> Stop | None:
    if not new:
        return None
    action = max((reading.rule.action for reading in new), key=lambda item: SEVERITY[item])
    so_far = max((SEVERITY[stop.action] for stop in campaign.stops if stop.lifted_at is None), default=0)
    if campaign.abort_requested:
        so_far = max(so_far, SEVERITY[None])
    if SEVERITY[action] <= so_far and action is not StopAction.CONTINUE:
        return None
    return Stop(
        rule="; ".join(reading.text for reading in new),
        limit="; ".join(_limit(reading) for reading in new),
        observed="; ".join(_observed(reading) for reading in new),
        hosts=tuple(dict.fromkeys(item.host for reading in new for item in reading.troubles)),
        at=now,
        action=action,
    )


def _limit(reading: Reading) -> str:
    share = reading.rule.tolerate
    of = f"{share_words(share)} of {reading.hosts}, that is " if share.percent else ""
    return f"{of}{reading.tolerated} of {reading.hosts} hosts tolerated in {reading.place}"


def _observed(reading: Reading) -> str:
    counts: dict[str, int] = {}
    for item in reading.troubles:
        counts[item.kind.value] = counts.get(item.kind.value, 0) + 1
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return f"{len(reading.troubles)} of {reading.hosts} ({kinds})"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Breaker:
    stop: Stop | None


def _breaker(campaign: Campaign, census: Census, now: datetime) -> _Breaker | None:
    """The mass-unreachable breaker, when it holds now; its stop once the darkness has lasted."""
    if campaign.kind is Kind.READ_ONLY or len(census.troubles) < BREAKER_LEAST:
        return None
    window = now - timedelta(seconds=BREAKER_WINDOW_S)
    dark = [run for run in campaign.runs if run.wave and _is_dark(run, window)]
    reachable = sum(run.wave > 0 or run.state is not HostState.UNREACHABLE for run in campaign.runs)
    limit = reachable * BREAKER_PERCENT // 100
    if len(dark) < BREAKER_LEAST or len(dark) <= limit:
        return None
    old = now - timedelta(seconds=campaign.policy.unknown_grace_s)
    lasting = [run for run in dark if run.unknown_since is None or run.unknown_since <= old]
    if any(stop.rule == BREAKER_RULE and stop.silenced for stop in campaign.stops):
        return None
    known = _had_its_say(campaign, BREAKER_RULE, [run.host.name for run in dark])
    if known or len(lasting) <= limit or len(lasting) < BREAKER_LEAST or stopped(campaign):
        return _Breaker(stop=None)
    return _Breaker(
        stop=Stop(
            rule=BREAKER_RULE,
            limit=f"{BREAKER_PERCENT} % of {reachable} hosts reachable when planned, that is {limit}",
            observed=f"{len(dark)} silent at once: the cause is probably on our side, nobody is rolled back blind",
            hosts=tuple(run.host.name for run in dark),
            at=now,
            action=StopAction.PAUSE,
        )
    )


def _is_dark(run: HostRun, window: datetime) -> bool:
    if run.state is HostState.UNKNOWN:
        return True
    return run.state is HostState.UNREACHABLE and run.ended_at is not None and run.ended_at > window
