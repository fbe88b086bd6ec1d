"""Why a campaign is where it is: rule, limit, observed; causes with what their hosts share; done, left, next.

The same explanation is shown by command line, API and page. Messages may quote hostile text: sinks escape it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from orchestrator.campaign.brakes import Reach, brakes
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.census import open_attempt, take_census
from orchestrator.campaign.explaining.causes import HEALTHY, Cause, causes_of
from orchestrator.campaign.explaining.contrast import in_words
from orchestrator.campaign.explaining.drift import left_alone
from orchestrator.campaign.explaining.locks import lock_lines
from orchestrator.campaign.explaining.remarks import brake_lines, notice_lines
from orchestrator.campaign.limits.approval import approvers
from orchestrator.campaign.limits.quarantine_waits import waiting_hosts
from orchestrator.campaign.limits.shared_cause import look_words, standing_stop
from orchestrator.campaign.limits.stop_rules import judge, stopped
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState, HostState
from orchestrator.campaign.surroundings import CALM, Surroundings
from orchestrator.campaign.wording import names, plural
from tasks.model import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything a person needs to know about a campaign that stopped, ended, or goes on."""

    campaign: str
    state: str
    headline: str
    #: what keeps hosts from being started now although no rule stopped it, with what to do about it
    brakes: tuple[str, ...]
    #: what takes longer than it should, the latest last
    notices: tuple[str, ...]
    #: "" while no rule and no person stopped it
    rule: str
    limit: str
    observed: str
    by: str
    at: datetime | None
    groups: tuple[Cause, ...]
    #: what was done automatically
    done: tuple[str, ...]
    #: what was left as it is
    left: tuple[str, ...]
    #: commands to type next
    next: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The explanation as plain text."""
        return tuple(_lines(self))


def explain(campaign: Campaign, now: datetime, around: Surroundings = CALM) -> Explanation:
    """Why the campaign is where it is, in these surroundings."""
    # what a person lifted stops nothing any more
    stops = tuple(stop for stop in campaign.stops if stop.lifted_at is None)
    found = causes_of(campaign)
    return Explanation(
        campaign=campaign.id,
        state=campaign.state.value,
        headline=_headline(campaign, now, around),
        brakes=brake_lines(campaign, now, around),
        notices=notice_lines(campaign),
        rule="; ".join(stop.rule for stop in stops),
        limit="; ".join(stop.limit for stop in stops if stop.limit),
        observed="; ".join(stop.observed for stop in stops if stop.observed),
        by=", ".join(dict.fromkeys(stop.by for stop in stops)),
        at=stops[0].at if stops else None,
        groups=found,
        done=tuple(_done(campaign)),
        left=(*_left(campaign), *lock_lines(campaign, around)),
        next=tuple(_next(campaign, found, around)),
    )


# -- headline, done, left, next ------------------------------------------------------------------------------

_HEADLINES = {
    CampaignState.PLANNING: "hosts are being asked for their dry runs",
    CampaignState.PLANNED: "the plan is ready and nothing was touched",
    CampaignState.AWAITING_APPROVAL: "it waits for an approver; nothing was touched",
    CampaignState.PAUSED: "it is paused: nothing new starts, and it stays so until a person acts, over restarts too",
    CampaignState.ROLLING_BACK: "nothing new starts; touched hosts are being brought back, running ones settle",
    CampaignState.COMPLETE: "every host is as wanted",
    CampaignState.COMPLETE_WITH_EXCEPTIONS: "it went over all hosts, and some are not as wanted",
    CampaignState.INCOMPLETE: "it ended with hosts nobody could reach or tell the fate of",
    CampaignState.HALTED: "a stop rule ended it; no host had to be rolled back",
    CampaignState.ABORTED: "an operator ended it",
    CampaignState.ROLLED_BACK: "a stop rule ended it; every host that had to come back is proven equal to its snapshot",
    CampaignState.ROLLBACK_INCOMPLETE: "a stop rule ended it, and not every host could be brought back",
    CampaignState.VOID: "the plan expired or could not be made; nothing was touched",
}


def _headline(campaign: Campaign, now: datetime, around: Surroundings) -> str:
    if around.thrown and campaign.state in {CampaignState.RUNNING, CampaignState.ROLLING_BACK}:
        return f"nothing is started, undos included: {'; '.join(switch.text for switch in around.thrown)}"
    shared = standing_stop(campaign)
    if shared is not None and campaign.state is CampaignState.ROLLING_BACK:
        return f"nobody is brought back until a person acts, over restarts too: {shared.observed}"
    if campaign.state is CampaignState.PAUSED:
        return f"{_HEADLINES[campaign.state]}{_pause_age(campaign, now)}"
    if campaign.state is not CampaignState.RUNNING:
        return _HEADLINES[campaign.state]
    if campaign.abort_requested:
        running = "stop between two steps" if campaign.abort_hard else "finish"
        return f"an operator aborts it: nothing new starts, running hosts {running}"
    census = take_census(campaign, now)
    if judge(campaign, census, now).hold:
        silent = [run.host.name for run in census.flying if run.state is HostState.UNKNOWN]
        return f"it starts nothing new while nobody knows what became of {names(silent)}"
    waiting = [run.host.name for run in (*census.pending, *census.waiting) if run.host.name in around.blocked]
    if waiting and not census.flying and not census.soaking:
        owners = dict.fromkeys(around.owners[host] for host in waiting if host in around.owners)
        who = f" (campaign {names(owners)})" if owners else ""
        return f"it waits for hosts another campaign holds: {names(waiting)}{who}"
    kept = [item.host for item in waiting_hosts(campaign, around)]
    if kept and not census.flying and not census.soaking:
        return f"it waits for a person to release quarantined hosts: {names(kept)}"
    held = [brake for brake in brakes(campaign, now, around).items if brake.reach is not Reach.HOST]
    if held:
        return f"no new host is started: {'; '.join(brake.text for brake in held)}"
    return f"it is going on: {campaign.policy.called(campaign.wave)} of {campaign.waves}"


def _pause_age(campaign: Campaign, now: datetime) -> str:
    since = [stop.at for stop in campaign.stops if stop.action is StopAction.PAUSE and stop.lifted_at is None]
    if not since:
        return ""
    minutes = int(max((now - min(since)).total_seconds(), 0.0) // 60)
    return f"; so far for {plural(minutes, 'minute')}" if minutes else "; just now"


def _hosts_in(campaign: Campaign, *states: HostState) -> list[str]:
    return [run.host.name for run in campaign.runs if run.state in states]


def _done(campaign: Campaign) -> Iterator[str]:
    for state, text in (
        (HostState.ROLLED_BACK, "rolled back and proven equal to the snapshot"),
        (HostState.ROLLING_BACK, "being rolled back"),
        (HostState.CANCELLED, "not started"),
    ):
        hosts = _hosts_in(campaign, state)
        if hosts:
            yield f"{text}: {plural(len(hosts), 'host')} ({names(hosts)})"
    yield from _told_to_stop(campaign)
    for stop in campaign.stops:
        if stop.lifted_at is not None:
            speaks = "its rules stay silent" if stop.silenced else "its rules speak again at the next trouble"
            yield f"resumed by {stop.lifted_by} after {stop.rule} ({stop.observed}); {speaks}"
    yield from (look_words(look) for look in campaign.looks if look.found is not None)
    if agreed := approvers(campaign):
        yield f"approved by {', '.join(agreed)}"
    for given in campaign.approvals:
        if given.gate:
            yield f"gate {given.gate}{f' of wave {given.wave}' if given.wave else ''} approved by {given.by}"
    for item in campaign.overrides:
        yield f"gate {item.gate}{f' before {item.host}' if item.host else ''} overridden by {item.by}: {item.reason}"
    asked = [run.host.name for run in campaign.runs if run.state is HostState.UNKNOWN and run.attempts]
    if asked and campaign.state not in FINAL_CAMPAIGN:
        yield f"the journals of {names(asked)} are being asked what became of the attempt"


def _told_to_stop(campaign: Campaign) -> Iterator[str]:
    attempts = ((run.host.name, run.attempt) for run in campaign.runs)
    told = [host for host, attempt in attempts if attempt is not None and attempt.stop_heard_at is not None]
    if told:
        yield f"told to stop between two steps: {plural(len(told), 'host')} ({names(told)})"


def _left(campaign: Campaign) -> Iterator[str]:
    changed = [run.host.name for run in campaign.runs if run.state in HEALTHY and run.changed]
    if changed:
        yield f"changed, and left so: {plural(len(changed), 'host')} ({names(changed)})"
    drift = left_alone(campaign)
    if drift.changes:
        yield f"planned objects, because their hosts had changed: {drift.headline}"
    for state, text in (
        (HostState.NEEDS_HUMAN, "needs a person; no campaign changes it before its release"),
        (HostState.UNKNOWN, "fate unknown; only its journal or a person can tell"),
        (HostState.FAILED_CLEAN, "failed, or stopped by a person, with nothing changed"),
        (HostState.UNREACHABLE, "not reached, so not touched"),
        (HostState.SKIPPED, "left out"),
        (HostState.PENDING, "not started yet"),
    ):
        hosts = _hosts_in(campaign, state)
        if hosts:
            yield f"{text}: {plural(len(hosts), 'host')} ({names(hosts)})"


_BEFORE = frozenset({CampaignState.PLANNING, CampaignState.PLANNED, CampaignState.AWAITING_APPROVAL})


def _next_before(campaign: Campaign) -> Iterator[str]:
    if campaign.state is not CampaignState.AWAITING_APPROVAL:
        yield f"dockwave show {campaign.id}"
        return
    yield f"dockwave show {campaign.id} --plan"
    yield f"dockwave approve {campaign.id}"
    yield f"dockwave deny {campaign.id} --reason TEXT"


def _next(campaign: Campaign, causes: Iterable[Cause], around: Surroundings) -> Iterator[str]:
    if campaign.state in _BEFORE:
        yield from _next_before(campaign)
        return
    for cause in causes:
        if cause.kind != "left out":
            yield f"dockwave logs {campaign.id} {cause.hosts[0]}"
    dark = _hosts_in(campaign, HostState.UNKNOWN, HostState.UNREACHABLE)
    if dark:
        yield f"dockwave hosts check -i INVENTORY -l '{':'.join(dark[:20])}'"
    if _hosts_in(campaign, HostState.NEEDS_HUMAN):
        yield "dockwave hosts quarantined"
    if campaign.state not in FINAL_CAMPAIGN:
        yield from _next_at_work(campaign, around)
        return
    redo = [run.host.name for run in campaign.runs if run.state not in HEALTHY]
    if redo and campaign.state is not CampaignState.VOID:
        yield f"dockwave plan {campaign.procedure} -i INVENTORY --on '{':'.join(redo[:20])}'  # once it is fixed"
    yield f"dockwave show {campaign.id}"


def _next_at_work(campaign: Campaign, around: Surroundings) -> Iterator[str]:
    yield from (item.release for item in waiting_hosts(campaign, around)[:1])
    paused = campaign.state is CampaignState.PAUSED and not stopped(campaign)
    if paused or standing_stop(campaign) is not None:
        yield f"dockwave resume {campaign.id}"
    yield f"dockwave watch {campaign.id}"
    if not campaign.abort_requested:
        yield f"dockwave abort {campaign.id}"
    elif not campaign.abort_hard and _may_stop(campaign):
        yield f"dockwave abort {campaign.id} --hard  # hosts at work stop between two steps"
    if any(run.changed for run in campaign.runs) and campaign.state is not CampaignState.ROLLING_BACK:
        yield f"dockwave rollback {campaign.id}"


def _may_stop(campaign: Campaign) -> bool:
    """Whether hosts are at work that a hard abort would stop."""
    attempts = (open_attempt(run) for run in campaign.runs)
    changing = campaign.kind is not Kind.READ_ONLY
    return changing and any(attempt is not None and not attempt.undo for attempt in attempts)


# -- as text -------------------------------------------------------------------------------------------------


def _lines(why: Explanation) -> Iterator[str]:
    yield f"{why.campaign} is {why.state}: {why.headline}"
    if why.rule:
        at = f" at {why.at:%Y-%m-%d %H:%M:%S %Z}" if why.at else ""
        yield f"stopped{at} by {why.by}: {why.rule}"
        if why.limit:
            yield f"limit: {why.limit}"
        if why.observed:
            yield f"observed: {why.observed}"
    yield from (
        f"{title}: {item}"
        for title, items in (("waits", why.brakes), ("warned", why.notices))
        for item in items
    )
    for number, cause in enumerate(why.groups, start=1):
        yield f"cause {number}: {cause.code} {cause.message}".rstrip()
        yield f"  {cause.kind}: {plural(len(cause.hosts), 'host')} ({names(cause.hosts)})"
        if cause.common:
            yield f"  in common, and on none of {plural(cause.healthy, 'healthy host')}: {', '.join(cause.common)}"
        yield from (f"  {in_words(item, cause.kind)}" for item in cause.contrast)
        if cause.hint:
            yield f"  hint: {cause.hint}"
    for title, items in (("done automatically", why.done), ("left as it is", why.left), ("next", why.next)):
        for item in items:
            yield f"{title}: {item}"
