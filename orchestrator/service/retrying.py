"""A campaign over what another one left: every frozen host without a verified success, asked again from the start."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.origin import origin_of
from orchestrator.campaign.states import FINAL_CAMPAIGN, HostState
from orchestrator.loop.planning import NewPlan
from tasks.errors import Refused


class Left(StrEnum):
    """How a host was left."""

    #: failed with nothing changed, brought back, or left to a person
    FAILED = "failed"
    #: not reached, or never heard of again
    UNREACHABLE = "unreachable"
    #: the campaign ended before its turn came
    NOT_STARTED = "not-started"
    #: left out on purpose, by a person or by the plan
    SKIPPED = "skipped"


#: what is done again unless the person says otherwise; what was left out on purpose stays out
DEFAULT = (Left.FAILED, Left.UNREACHABLE, Left.NOT_STARTED)

_LEFT = {
    HostState.FAILED_CLEAN: Left.FAILED,
    HostState.ROLLED_BACK: Left.FAILED,
    HostState.NEEDS_HUMAN: Left.FAILED,
    HostState.UNREACHABLE: Left.UNREACHABLE,
    HostState.UNKNOWN: Left.UNREACHABLE,
    HostState.CANCELLED: Left.NOT_STARTED,
    HostState.SKIPPED: Left.SKIPPED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What to do again, and who wants it."""

    only: tuple[Left, ...] = DEFAULT
    by: str = ""
    reason: str = ""
    #: plan although hosts do not answer
    allow_unreachable: bool = False


def again(campaign: Campaign, wish: Retry) -> NewPlan:
    """Give the request for a new plan: same procedure, parameters, policy and protection, fewer hosts."""
    if campaign.state not in FINAL_CAMPAIGN:
        raise Refused(
            f"Campaign {campaign.id} is not over ({campaign.state}): it may still do what you want done again",
            code="E_NOT_NOW",
            hint=f"Follow it with `dockwave watch {campaign.id}`, or end it with `dockwave abort {campaign.id}`",
        )
    hosts = tuple(run.host for run in campaign.runs if _LEFT.get(run.state) in wish.only)
    if not hosts:
        kinds = ", ".join(wish.only)
        raise Refused(
            f"Campaign {campaign.id} left no host that is {kinds}: there is nothing to do again",
            code="E_NOTHING_LEFT",
            hint=f"`dockwave show {campaign.id}` shows how each host ended",
        )
    return NewPlan(
        procedure=campaign.procedure,
        params=campaign.params,
        hosts=hosts,
        policy=campaign.policy,
        protect=campaign.protect,
        author=wish.by,
        reason=wish.reason or f"retry of {campaign.id}",
        allow_unreachable=wish.allow_unreachable,
        timeout_s=campaign.timeout_s,
        origin=origin_of(campaign),
    )
