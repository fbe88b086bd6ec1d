"""A campaign that takes a finished one back: which hosts it changed, in which order they return, and what stays out.

Nothing is guessed here: whether a host can return to its snapshot is asked of the host itself when the plan is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from orchestrator.campaign.campaign import Attempt, Campaign, HostRun
from orchestrator.campaign.origin import Origin
from orchestrator.campaign.policy import check_policy, make_policy
from orchestrator.campaign.proof import taken_by
from orchestrator.campaign.quarantine import Quarantine
from orchestrator.campaign.rollout import Approval, RolloutPolicy, Share
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState, HostState
from orchestrator.loop.planning import NewPlan
from orchestrator.store.records import Lease
from tasks.errors import BadInput, Refused
from tasks.model import Kind

#: campaigns that hold no host: a plan nobody applied, and what is over
_IDLE = FINAL_CAMPAIGN | {CampaignState.PLANNING, CampaignState.PLANNED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """What to take back, how fast, and who wants it."""

    #: only these hosts; None = all the campaign changed
    hosts: tuple[str, ...] | None = None
    #: only hosts of this wave; None = all waves
    wave: int | None = None
    #: hosts going back at the same time; None = as the campaign's own rollback
    parallelism: int | None = None
    #: seconds between waves
    delay_s: float = 0.0
    #: seconds each host is watched before it is compared with its snapshot again
    monitor_s: float = 0.0
    #: failures tolerated; None = a host that cannot go back keeps no other from it
    max_failures: str | None = None
    #: who must agree first; None = nobody, whoever approved what is taken back: an emergency does not wait
    approval: Approval | None = None
    #: plan although hosts do not answer
    allow_unreachable: bool = False
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """The request for the new plan, and the hosts that stay as they are, each with its reason."""

    request: NewPlan
    left_out: Mapping[str, str]


def way_back(
    campaign: Campaign,
    wish: Undo,
    *,
    leases: Iterable[Lease] = (),
    quarantines: Iterable[Quarantine] = (),
    others: Iterable[Campaign] = (),
) -> WayBack:
    """Give the request that takes this campaign back: last wave first, each host to its own snapshot."""
    _refuse_campaign(campaign, others)
    kept = {lease.host: _kept_by(lease) for lease in leases} | {
        item.host: f"{item.text}: look at it, then `{item.release}`" for item in quarantines if item.holds
    }
    against = {run.host.name: _objection(run, kept.get(run.host.name, "")) for run in campaign.runs}
    runs = _chosen(campaign, wish, against)
    if not runs:
        raise Refused(
            f"Campaign {campaign.id} left no host that could be brought back: {_reasons(against)}",
            code="E_NOTHING_LEFT",
            hint=f"`dockwave show {campaign.id}` shows how each host ended",
        )
    runs = sorted(runs, key=lambda run: -run.wave)
    request = NewPlan(
        procedure=campaign.procedure,
        params=campaign.params,
        hosts=tuple(run.host for run in runs),
        policy=_policy(campaign, wish, runs),
        protect=campaign.protect,
        author=wish.by,
        reason=wish.reason or f"undo of {campaign.id}",
        allow_unreachable=wish.allow_unreachable,
        timeout_s=campaign.timeout_s,
        origin=Origin(
            campaign=campaign.id,
            attempts={run.host.name: _last_change(run).id for run in runs},
            machines={run.host.name: run.machine_id for run in runs},
            fingerprints={run.host.name: taken for run in runs if (taken := taken_by(_last_change(run)))},
        ),
    )
    names = {run.host.name for run in runs}
    stays = {name: why for name, why in against.items() if why and name not in names}
    return WayBack(request=request, left_out=stays)


def _refuse_campaign(campaign: Campaign, others: Iterable[Campaign]) -> None:
    if campaign.undoes:
        raise Refused(
            f"Campaign {campaign.id} is itself the undo of {campaign.undoes}: an undo is not undone",
            code="E_UNDO_OF_UNDO",
            hint=f"To have the change again, plan it again: `dockwave show {campaign.undoes}` says what it was",
        )
    if campaign.state not in FINAL_CAMPAIGN:
        raise Refused(
            f"Campaign {campaign.id} is not over ({campaign.state}): what it will have changed is not known yet",
            code="E_NOT_NOW",
            hint=f"Turn it with `dockwave rollback {campaign.id} --reason …`, or wait for its end",
        )
    if campaign.kind is Kind.READ_ONLY:
        raise Refused(
            f"Campaign {campaign.id} only read: there is nothing to take back",
            code="E_NOTHING_LEFT",
            hint=f"`dockwave show {campaign.id}` shows what it read",
        )
    at_work = next((other for other in others if other.state not in _IDLE), None)
    if at_work is not None:
        raise Refused(
            f"Campaign {at_work.id} is taking {campaign.id} back already ({at_work.state})",
            code="E_NOT_NOW",
            hint=_instead_of(at_work),
        )


def _instead_of(at_work: Campaign) -> str:
    """What to do with the undo that is there already."""
    if at_work.state is not CampaignState.AWAITING_APPROVAL:
        return f"Follow it with `dockwave watch {at_work.id}`"
    return (
        f"It waits for an approval: `dockwave approve {at_work.id}`, or end it with "
        f"`dockwave deny {at_work.id} --reason …`"
    )


def _kept_by(lease: Lease) -> str:
    return (
        f"kept by campaign {lease.campaign_id} ({lease.reason}): look at it, then "
        f"`dockwave hosts release {lease.host} --reason …`"
    )


def _objection(run: HostRun, kept: str) -> str:
    """Why this host is not brought back; "" when it may be asked."""
    if run.state is HostState.ROLLED_BACK:
        return "brought back already"
    if not any(not attempt.undo for attempt in run.attempts) or not (
        run.changed or run.state is HostState.UNKNOWN
    ):
        return f"not changed ({run.state})"
    return kept


def _chosen(campaign: Campaign, wish: Undo, against: Mapping[str, str]) -> list[HostRun]:
    """Hosts that were asked for by name must all be possible; those nobody named are simply left out."""
    runs = [run for run in campaign.runs if wish.wave is None or run.wave == wish.wave]
    if wish.wave is not None and not 1 <= wish.wave <= campaign.waves:
        raise BadInput(
            f"Campaign {campaign.id} has no wave {wish.wave}", hint=f"It has waves 1 to {campaign.waves}"
        )
    if wish.hosts is None:
        return [run for run in runs if not against[run.host.name]]
    if not wish.hosts:
        raise BadInput(
            "No host was named, so there is nothing to take back",
            code="E_NO_HOSTS",
            hint="Name hosts, or leave the list out to take back all of them",
        )
    known = {run.host.name: run for run in runs}
    for name in wish.hosts:
        if name not in known:
            where = f"wave {wish.wave} of campaign" if wish.wave is not None else "campaign"
            raise BadInput(
                f"Host {name[:253]!r} is not in {where} {campaign.id}",
                hint=f"`dockwave show {campaign.id}` lists its hosts",
            )
        if against[name]:
            raise Refused(
                f"Host {name} cannot be brought back: {against[name]}",
                code="E_NOTHING_LEFT",
                hint=f"`dockwave logs {campaign.id} {name}` shows what was done on it",
            )
    return [run for run in runs if run.host.name in frozenset(wish.hosts)]


def _last_change(run: HostRun) -> Attempt:
    return [attempt for attempt in run.attempts if not attempt.undo][-1]


def _policy(campaign: Campaign, wish: Undo, runs: list[HostRun]) -> RolloutPolicy:
    """The campaign's waves in reverse; a host that fails on its way back is a person's, and is not turned again."""
    sizes: dict[int, int] = {}
    for run in runs:
        sizes[run.wave] = sizes.get(run.wave, 0) + 1
    try:
        policy = make_policy(
            campaign.kind,
            waves=tuple(Share(value=size) for size in sizes.values()),
            parallelism=wish.parallelism or campaign.policy.rollback_parallelism,
            delay_s=wish.delay_s,
            monitor_s=wish.monitor_s,
            max_failures=wish.max_failures,
            stop_rules=None if wish.max_failures is not None else (),
            rollback_failed=False,
        )
        policy = replace(policy, approval=wish.approval)
        check_policy(policy)
    except ValueError as error:
        raise BadInput(str(error), code="E_POLICY", hint="Mend the option that is named") from None
    old = campaign.policy
    return replace(
        policy,
        heartbeat_timeout_s=old.heartbeat_timeout_s,
        order_ttl_s=old.order_ttl_s,
        max_orders=old.max_orders,
        ask_every_s=old.ask_every_s,
        unknown_wait_s=old.unknown_wait_s,
        unknown_grace_s=old.unknown_grace_s,
        resend_after_s=old.resend_after_s,
        max_attempts=old.max_attempts,
        budgets=old.budgets,
        quorum=old.quorum,
        notify=old.notify,
    )


def _reasons(against: Mapping[str, str]) -> str:
    counts: dict[str, int] = {}
    for why in against.values():
        if why:
            counts[why] = counts.get(why, 0) + 1
    found = [f"{count} {why}" for why, count in counts.items()]
    return "; ".join(found[:5]) or "none is in that wave"
