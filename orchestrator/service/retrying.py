"""A campaign over what another one left: what it did not prove is planned again, what it proved is judged again.

A host with a verified success is read once more, as that attempt's own verification did; it is planned anew only if
it is no longer right.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.origin import origin_of
from orchestrator.campaign.states import FINAL_CAMPAIGN, HostState
from orchestrator.loop.planning import NewPlan
from tasks.errors import Refused
from tasks.model import Kind


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
    #: proven right: read again, and done again only if it is no longer
    VERIFIED = "verified"


#: what is done again unless the person says otherwise; what was left out on purpose stays out
DEFAULT = (Left.FAILED, Left.UNREACHABLE, Left.NOT_STARTED, Left.VERIFIED)

_LEFT = {
    HostState.FAILED_CLEAN: Left.FAILED,
    HostState.ROLLED_BACK: Left.FAILED,
    HostState.NEEDS_HUMAN: Left.FAILED,
    HostState.UNREACHABLE: Left.UNREACHABLE,
    HostState.UNKNOWN: Left.UNREACHABLE,
    HostState.CANCELLED: Left.NOT_STARTED,
    HostState.SKIPPED: Left.SKIPPED,
    HostState.SUCCEEDED: Left.VERIFIED,
    HostState.ALREADY_RIGHT: Left.VERIFIED,
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
    runs = tuple(run for run in campaign.runs if _LEFT.get(run.state) in _wanted(campaign, wish))
    asked_for = set(wish.only) - {Left.VERIFIED} or {Left.VERIFIED}
    if not any(_LEFT.get(run.state) in asked_for for run in runs):
        kinds = ", ".join(kind for kind in wish.only if kind in asked_for)
        raise Refused(
            f"Campaign {campaign.id} left no host that is {kinds}: there is nothing to do again",
            code="E_NOTHING_LEFT",
            hint=f"`dockwave show {campaign.id}` shows how each host ended",
        )
    return NewPlan(
        procedure=campaign.procedure,
        params=campaign.params,
        hosts=tuple(run.host for run in runs),
        policy=campaign.policy,
        protect=campaign.protect,
        author=wish.by,
        reason=wish.reason or f"retry of {campaign.id}",
        allow_unreachable=wish.allow_unreachable,
        timeout_s=campaign.timeout_s,
        origin=origin_of(campaign),
        proven={run.host.name: proof for run in runs if (proof := _proof(campaign, run)) is not None},
    )


def _wanted(campaign: Campaign, wish: Retry) -> frozenset[Left]:
    """What only reads has nothing to prove: who has answered is not asked again unless that alone is wanted."""
    kinds = frozenset(wish.only)
    return kinds - {Left.VERIFIED} or kinds if campaign.kind is Kind.READ_ONLY else kinds


def _proof(campaign: Campaign, run: HostRun) -> str | None:
    """The attempt to be judged again; an undo, and a host that was right from the start, are judged by a dry run."""
    if campaign.undoes or campaign.kind is Kind.READ_ONLY or run.state is not HostState.SUCCEEDED:
        return None
    return next((attempt.id for attempt in reversed(run.attempts) if not attempt.undo), None)
