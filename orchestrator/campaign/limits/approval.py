"""Whether enough persons agreed to a plan: each counts once, its author never, and only for the very plan they saw.

Who somebody is, the API says: by a token of their own where the settings name people, else as the request has it.
Two names are one person when they are the same before the @, so nobody becomes two by changing machines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Approved, Campaign, Stop
from orchestrator.campaign.durations import words
from orchestrator.campaign.events import ApproveAsked, DenyAsked
from orchestrator.campaign.rollout import Approval
from orchestrator.campaign.states import CampaignState
from orchestrator.campaign.window_words import instant_words
from orchestrator.campaign.wording import names
from tasks.model import UndoClass

DENIED = "approval denied"
NOT_GIVEN = "approval not given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why something cannot be done now, and what can."""

    reason: str
    hint: str


def person(by: str) -> str:
    """Who that is, whatever machine they sit at."""
    return by.partition("@")[0].strip().casefold()


def approvers(campaign: Campaign) -> tuple[str, ...]:
    """The persons whose approval counts: of this very plan, none of them its author, each once."""
    found = {
        person(item.by): item.by
        for item in campaign.approvals
        if not item.gate and item.plan_hash == campaign.plan_hash
    }
    return tuple(by for who, by in found.items() if who and who != person(campaign.author))


def approval_of(campaign: Campaign) -> Approval | None:
    """Who must agree to this plan: those its policy asks for, or somebody else where too much cannot be taken back.

    A way back is not held up: what it cannot bring back was lost before.
    """
    asked = campaign.policy.approval
    if asked is not None or campaign.undoes or one_way_hosts(campaign) <= campaign.policy.one_way_hosts:
        return asked
    return Approval(required=1, group="")


def group_asked(campaign: Campaign, gate: str = "") -> str:
    """Whose members are asked to agree to the plan, or to open this gate; "" when anybody else will do."""
    if gate:
        return next((item.group for item in campaign.policy.gates if item.name == gate), "")
    asked = approval_of(campaign)
    return "" if asked is None else asked.group


def one_way_hosts(campaign: Campaign) -> int:
    """On how many hosts it does what cannot be taken back."""
    return sum(run.wave > 0 and run.undo is UndoClass.ONE_WAY for run in campaign.runs)


def missing(campaign: Campaign) -> int:
    """How many more must agree before it may start."""
    asked = approval_of(campaign)
    return 0 if asked is None else max(asked.required - len(approvers(campaign)), 0)


def applied(campaign: Campaign, now: datetime) -> Campaign:
    """The campaign once its plan was applied: at work, or waiting for those who must agree."""
    asked = approval_of(campaign)
    if asked is None or not campaign.waves:
        # no host is touched without a wave: there is nothing to agree to
        return replace(campaign, state=CampaignState.RUNNING, started_at=now)
    until = None if asked.expires_s is None else now + timedelta(seconds=asked.expires_s)
    return replace(campaign, state=CampaignState.AWAITING_APPROVAL, approval_until=until)


def approve(campaign: Campaign, event: ApproveAsked, now: datetime) -> Campaign:
    """The campaign with one more approval; it starts with the last that was missing."""
    given = Approved(by=event.by, reason=event.reason, plan_hash=event.plan_hash, at=now)
    after = replace(campaign, approvals=(*campaign.approvals, given))
    return after if missing(after) else replace(after, state=CampaignState.RUNNING, started_at=now)


def deny(campaign: Campaign, event: DenyAsked, now: datetime) -> Campaign:
    """The campaign that one person said no to: it ends before it began."""
    stop = Stop(
        rule=DENIED,
        limit="one denial ends it",
        observed=event.reason or "no reason given",
        hosts=(),
        at=now,
        by=event.by,
    )
    return replace(campaign, abort_requested=True, stops=(*campaign.stops, stop))


def timed_out(campaign: Campaign, now: datetime) -> Stop | None:
    """The stop of a campaign whose question stayed unanswered, when that ends it."""
    asked, until = approval_of(campaign), campaign.approval_until
    if asked is None or until is None or now < until or not asked.abort_on_timeout:
        return None
    return Stop(
        rule=NOT_GIVEN,
        limit=f"{asked_words(asked)}, until {instant_words(until)}",
        observed=f"{missing(campaign)} missing then",
        hosts=(),
        at=now,
    )


def done_before(campaign: Campaign, event: ApproveAsked | DenyAsked) -> bool:
    """Whether this person approved this plan before, or it was denied."""
    if isinstance(event, DenyAsked):
        return any(stop.rule == DENIED for stop in campaign.stops)
    return event.plan_hash == campaign.plan_hash and person(event.by) in map(person, approvers(campaign))


def objection(campaign: Campaign, event: ApproveAsked | DenyAsked, now: datetime) -> Objection | None:
    """Why this person cannot approve or deny it now; None when they can."""
    show = f"`dockwave show {campaign.id}` shows how it stands"
    if campaign.state is not CampaignState.AWAITING_APPROVAL or campaign.abort_requested:
        return Objection(
            reason=f"Campaign {campaign.id} does not wait for an approval ({campaign.state})", hint=show
        )
    if not person(event.by):
        return Objection(
            reason=f"Nobody is named who decides about campaign {campaign.id}", hint="Say who, in `by`"
        )
    if isinstance(event, DenyAsked):
        return None
    if event.plan_hash != campaign.plan_hash:
        return Objection(
            reason=f"The plan of campaign {campaign.id} is not the one that was looked at",
            hint=f"Look at it with `dockwave show {campaign.id} --plan`, and approve it then",
        )
    if person(event.by) == person(campaign.author):
        return Objection(
            reason=f"{event.by} planned campaign {campaign.id}: its author's approval does not count",
            hint="Ask somebody else",
        )
    ends = [campaign.plan_expires_at] + ([campaign.approval_until] if _ends(campaign) else [])
    if any(end is not None and now >= end for end in ends):
        return Objection(reason=f"The time to approve campaign {campaign.id} is over", hint="Plan it again")
    return None


def _ends(campaign: Campaign) -> bool:
    asked = approval_of(campaign)
    return asked is not None and asked.abort_on_timeout


def asked_words(asked: Approval) -> str:
    """Who must agree, in words."""
    if not asked.group:
        return "one person who is not its author"
    among = f" of {asked.among}" if asked.among is not None else ""
    return f"{asked.required}{among} of group {asked.group}, its author not among them"


def approval_words(campaign: Campaign, undone: Campaign | None = None) -> Iterator[str]:
    """What the plan says about it; of a way back also who had approved the campaign it takes back."""
    asked = approval_of(campaign)
    if not campaign.waves:
        return
    if asked is None:
        yield from _nobody_is_asked(undone)
        return
    if not asked.group:
        yield (
            f"approval: nothing starts before one person who is not its author agrees: what it does on "
            f"{one_way_hosts(campaign)} hosts cannot be taken back, and more than {campaign.policy.one_way_hosts} "
            "ask for that"
        )
        return
    line = f"approval: nothing starts before these agree: {asked_words(asked)}"
    if asked.expires_s is not None:
        then = "it is aborted" if asked.abort_on_timeout else "it goes on waiting, until the plan expires"
        line += f"; without an answer within {words(asked.expires_s)} {then}"
    yield line


def _nobody_is_asked(undone: Campaign | None) -> Iterator[str]:
    """That a campaign others approved is taken back without them, and what would ask them."""
    had = () if undone is None else approvers(undone)
    if undone is None or not had:
        return
    asked = approval_of(undone)
    flag = f"{asked.required}:{asked.group}" if asked is not None and asked.group else "1:GROUP"
    yield (
        f"approval: {undone.id} was approved by {names(had)}; this undo asks for nobody's approval "
        f"(--approval {flag} would)"
    )


def waiting_lines(campaign: Campaign, now: datetime) -> Iterator[str]:
    """Who approved, who is missing, until when, and what to type; nothing when nobody is waited for."""
    asked = approval_of(campaign)
    if asked is None or campaign.state is not CampaignState.AWAITING_APPROVAL:
        return
    have = ", ".join(approvers(campaign)) or "nobody"
    yield (
        f"approval by {asked_words(asked)}: {have} so far, {missing(campaign)} missing{_until(campaign, now)}. "
        f"dockwave approve {campaign.id}, or dockwave deny {campaign.id} --reason TEXT"
    )


def _until(campaign: Campaign, now: datetime) -> str:
    until = campaign.approval_until
    if until is not None and now < until:
        then = "aborts it then" if _ends(campaign) else "goes on waiting then"
        return f", until {instant_words(until)} ({then})"
    if campaign.plan_expires_at is None:
        return ""
    late = "; overdue" if until is not None else ""
    return f"{late}, until the plan expires at {instant_words(campaign.plan_expires_at)}"
