"""Laws beyond one campaign: what people hold back, what others are at, and what must have been answered first.

As in law.py, nothing here asks the engine for its own opinion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.rollout import Quorum, Share
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.loop.orders import reads_for_gate
from orchestrator.simulate.laws import gates, looks
from orchestrator.simulate.laws.law import SKEW_S, Found, Law, Violation, is_open, is_over
from orchestrator.simulate.laws.stops import HALTS
from orchestrator.simulate.stage.hosts import Entry
from orchestrator.simulate.stage.told import Told
from tasks.model import Kind, Mode
from tasks.result import Outcome
from tasks.wire import Order

_S = HostState
_HELD = frozenset({_S.SOAKING, _S.UNKNOWN})


def on_save(before: Campaign, after: Campaign, told: Told, campaigns: Mapping[str, Campaign]) -> Found:
    """Judge one saved turn against everything outside its campaign; `campaigns` has this turn already."""
    if before.started_at is None and after.started_at is not None:
        yield from _agreed(after, told)
        yield from _back_once(after, campaigns)
    if after.wave != before.wave:
        yield from gates.on_opening(after, told)
    if after.state is CampaignState.COMPLETE and before.state is not after.state:
        yield from gates.on_completion(after, told)
    if after.policy.control_hosts:
        yield from looks.on_save(before, after, _taken(after, told, campaigns), _let_go(after, campaigns))
    pairs = zip(before.runs, after.runs, strict=True)
    new = [run for was, run in pairs if len(run.attempts) > len(was.attempts)]
    if not new:
        return
    if told.stopped_since(after) is not None:
        yield Violation(law=Law.KILL, detail=f"{_names(new)} ordered although {list(told.thrown)} hold")
    for run in new:
        yield from gates.may_start(after, run, told, run.attempts[-1].ordered_at)
    if after.kind is Kind.READ_ONLY:
        return
    apart = [run for run in new if run.host.name in told.apart]
    if apart:
        yield Violation(law=Law.APART, detail=f"{_names(apart)} ordered although quarantined")
    yield from _alone(after, new, campaigns)
    yield from _within_budgets(after, new, told, campaigns)
    yield from _kept_apart(after, new, campaigns)


def on_order(campaign: Campaign, order: Order, told: Told, now: datetime) -> Found:
    """Judge an order that leaves."""
    host = order.host.name
    run = campaign.run_of(host)
    back = run is not None and run.attempt is not None and run.attempt.undo
    if order.mode is Mode.STOP and (back or not campaign.abort_hard):
        yield Violation(law=Law.HARD, detail=f"{order.attempt_id} is told to stop")
    if order.mode not in {Mode.APPLY, Mode.UNDO} or reads_for_gate(order.attempt_id):
        return
    if order.expires_at < now.timestamp():
        yield Violation(
            law=Law.LATE, detail=f"{order.attempt_id} left {now.timestamp() - order.expires_at} s late"
        )
    halted = campaign.abort_requested or any(stop.action in HALTS for stop in campaign.stops)
    if not back and (halted or campaign.state is CampaignState.PAUSED):
        yield Violation(law=Law.STOP, detail=f"{order.attempt_id} left although {campaign.stops[-1].rule}")
    if told.stopped_since(campaign) is not None:
        yield Violation(law=Law.KILL, detail=f"an order for {host} left although {list(told.thrown)} hold")
    if campaign.kind is not Kind.READ_ONLY and host in told.apart:
        yield Violation(law=Law.APART, detail=f"an order left for {host}, which is quarantined")


def on_published(campaign: Campaign, order: Order, told: Told, now: datetime) -> Found:
    """Judge an order to begin something that leaves for the first time or again: its host may be started now."""
    run = campaign.run_of(order.host.name)
    starts = order.mode in {Mode.APPLY, Mode.UNDO} and not reads_for_gate(order.attempt_id)
    if starts and run is not None and run.attempt is not None:
        yield from gates.may_start(campaign, run, told, now)


def on_began(campaign: Campaign, entry: Entry, told: Told) -> Found:
    """Judge the instant at which a host began an attempt (in true time)."""
    since = told.stopped_since(campaign)
    limit = timedelta(seconds=campaign.policy.order_ttl_s + 2 * SKEW_S)
    if since is not None and entry.began > since + limit:
        yield Violation(law=Law.KILL, detail=f"{entry.order.attempt_id} began {entry.began - since} after")


def _names(runs: Iterable[HostRun]) -> str:
    return ", ".join(run.host.name for run in list(runs)[:3])


def _agreed(campaign: Campaign, told: Told) -> Found:
    asked = campaign.policy.approval
    who = told.agreed.get(campaign.id, set())
    if asked is not None and campaign.waves and len(who) < asked.required:
        yield Violation(
            law=Law.AGREED, detail=f"{campaign.id} started with {sorted(who)}, {asked.required} asked for"
        )


def _back_once(campaign: Campaign, campaigns: Mapping[str, Campaign]) -> Found:
    """A campaign that takes another one back takes back a change, of hosts that were ordered one."""
    undone = campaigns.get(campaign.undoes)
    if undone is None:
        return
    if undone.undoes:
        yield Violation(law=Law.BACK, detail=f"{campaign.id} takes back {undone.id}, itself an undo")
    for run in campaign.runs:
        then = undone.run_of(run.host.name)
        if run.wave and (then is None or then.state is _S.ROLLED_BACK or not then.attempts):
            yield Violation(law=Law.BACK, detail=f"{run.host.name} has nothing of {undone.id} to take back")


def _taken(campaign: Campaign, told: Told, campaigns: Mapping[str, Campaign]) -> set[str]:
    """Hosts that are quarantined, or that another campaign has not let go of."""
    others = (
        run.host.name
        for other in campaigns.values()
        if other.id != campaign.id and other.kind is not Kind.READ_ONLY
        for run in other.runs
        if is_open(run.attempt) or run.state in _HELD | {_S.ROLLING_BACK}
    )
    return told.apart | set(others)


def _let_go(campaign: Campaign, campaigns: Mapping[str, Campaign]) -> set[str]:
    """Hosts another campaign let go of at this very instant: this turn began before it, or after it."""
    now = max((item.ordered_at for run in campaign.runs for item in run.attempts), default=None)
    if now is None:
        return set()
    others = (run for other in campaigns.values() if other.id != campaign.id for run in other.runs)
    return {run.host.name for run in others if run.ended_at is not None and run.ended_at >= now}


# -- others ------------------------------------------------------------------------------------------------


def _at_work(campaigns: Mapping[str, Campaign]) -> Iterator[tuple[Campaign, HostRun]]:
    """Hosts of changing campaigns that somebody works on, watches after a change, or has lost sight of."""
    idle = {CampaignState.PLANNING, CampaignState.PLANNED, CampaignState.AWAITING_APPROVAL}
    for campaign in campaigns.values():
        if campaign.kind is Kind.READ_ONLY or is_over(campaign) or campaign.state in idle:
            continue
        for run in campaign.runs:
            if is_open(run.attempt) or run.state in _HELD:
                yield campaign, run


def _alone(campaign: Campaign, new: Iterable[HostRun], campaigns: Mapping[str, Campaign]) -> Found:
    names = {run.host.name for run in new}
    for other, run in _at_work(campaigns):
        if other.id != campaign.id and run.host.name in names:
            yield Violation(
                law=Law.ALONE,
                detail=f"{campaign.id} ordered {run.host.name}, which is {run.state} in {other.id}",
            )


def _within_budgets(
    campaign: Campaign, new: list[HostRun], told: Told, campaigns: Mapping[str, Campaign]
) -> Found:
    budgets = campaign.policy.budgets
    if budgets is None:
        return
    away = {run.host.name for _, run in _at_work(campaigns)} | told.apart
    fresh = [run for run in new if not _was_away(run)]
    if budgets.fleet is not None and fresh:
        yield from _counted("the fleet", budgets.fleet, len(campaign.runs), away)
    racks = {run.host.name: run.host.labels for run in campaign.runs}
    for budget in budgets.labels:
        for value in {run.host.labels[budget.label] for run in fresh}:
            mine = {name for name, labels in racks.items() if labels[budget.label] == value}
            # hosts of other campaigns have their rack by their name, as all have
            others = {
                run.host.name for _, run in _at_work(campaigns) if run.host.labels[budget.label] == value
            }
            yield from _counted(value, budget.most, len(mine), (away & mine) | others)


def _was_away(run: HostRun) -> bool:
    """Whether it was away before it was ordered: one that failed, or was stopped halfway, and goes back."""
    ends = [item.result for item in run.attempts if not item.undo and item.result is not None]
    return run.failed_as is not None or any(result.outcome is Outcome.FAILED for result in ends)


def _counted(group: str, most: Share, hosts: int, away: set[str]) -> Found:
    limit = max(int(hosts * most.value // 100), 1) if most.percent else int(most.value)
    if len(away) > limit:
        yield Violation(law=Law.BUDGET, detail=f"{len(away)} of {limit} away in {group}: {sorted(away)[:6]}")


def _kept_apart(campaign: Campaign, new: list[HostRun], campaigns: Mapping[str, Campaign]) -> Found:
    """Of the hosts of each service the policy keeps apart, not one is ordered while another one is away."""
    away: dict[str, set[str]] = {}
    for _, run in _at_work(campaigns):
        for service in _services(run):
            away.setdefault(service, set()).add(run.host.name)
    for run in new if campaign.policy.quorum is not Quorum.OFF else ():
        kept = [
            item for item in _services(run) if campaign.policy.quorum is Quorum.COMPOSE or "/" not in item
        ]
        for service in () if _was_away(run) else kept:
            others = sorted(away.get(service, set()) - {run.host.name})
            if others:
                detail = f"{run.host.name} ordered while {others[:3]} of service {service} are away"
                yield Violation(law=Law.QUORUM, detail=detail)


def _services(run: HostRun) -> tuple[str, ...]:
    named = (run.plan or {}).get("services") or ()
    return tuple(str(item) for item in named)
