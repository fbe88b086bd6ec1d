"""How a campaign stood at an instant: what its log says happened until then is done again by the very same core.

The plan says how it began; every line after that is an event that was observed or an action that was committed, so
nothing is guessed. Whether the log leads to how the campaign stands now is checked, and told when it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, get_args

from pydantic import TypeAdapter

from orchestrator.campaign.actions import Action, Resend
from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.events import Event
from orchestrator.campaign.observe import observe_all
from orchestrator.campaign.record import record
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.loop.turn import kind_of
from orchestrator.store.records import LoggedEvent
from tasks.errors import BadInput

#: what a line of these kinds says makes a plan out of answers, or says that there is none
_PLANNED, _VOID = "planned", "void"


def _kinds(union: Any) -> dict[str, TypeAdapter[Any]]:
    # kind_of looks at the class of a record only
    return {kind_of(member.__new__(member)): TypeAdapter(member) for member in _members(union)}


def _members(union: Any) -> Iterable[Any]:
    for member in get_args(union):
        yield from _members(member) if get_args(member) else (member,)


_EVENTS, _ACTIONS = _kinds(Event), _kinds(Action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A campaign as it was."""

    campaign: Campaign
    at: datetime
    #: whether the whole log leads to how it stands now
    sure: bool


def as_it_was(
    campaign: Campaign,
    document: Mapping[str, Any] | None,
    lines: Sequence[LoggedEvent],
    at: datetime,
    now: datetime,
) -> Past:
    """Give the campaign at that instant; `document` is its plan, None when none was made; BadInput for other times."""
    if at > now:
        raise BadInput(
            f"{_words(at)} has not come yet: it is {_words(now)}",
            code="E_TIME",
            hint=f"`dockwave show {campaign.id}` shows how it stands now",
        )
    if at < campaign.created_at:
        raise BadInput(
            f"Campaign {campaign.id} did not exist at {_words(at)}: it was asked for at {_words(campaign.created_at)}",
            code="E_TIME",
            hint="Give a later time.",
        )
    planned_at = next((line.at for line in lines if line.kind in {_PLANNED, _VOID}), None)
    if document is None or planned_at is None or at < planned_at:
        over = planned_at is not None and at >= planned_at
        return Past(campaign=campaign if over or planned_at is None else _asked(campaign), at=at, sure=True)
    begun = _begun(campaign, document)
    end = _after(begun, lines)
    then = _after(begun, [line for line in lines if line.at <= at])
    return Past(campaign=then, at=at, sure=_standing(end) == _standing(campaign))


def _asked(campaign: Campaign) -> Campaign:
    """While hosts were asked for their dry runs nothing else was known of them."""
    runs = tuple(HostRun(host=run.host, wave=0, state=HostState.PENDING) for run in campaign.runs)
    return replace(_bare(campaign, CampaignState.PLANNING), runs=runs, waves=0, plan_hash="")


def _begun(campaign: Campaign, document: Mapping[str, Any]) -> Campaign:
    """The campaign as its plan was frozen."""
    frozen = {str(item["host"]["name"]): item for item in document["hosts"]}
    runs = tuple(_frozen(run, frozen[run.host.name]) for run in campaign.runs)
    return replace(_bare(campaign, CampaignState.PLANNED), runs=runs)


def _frozen(run: HostRun, planned: Mapping[str, Any]) -> HostRun:
    return HostRun(
        host=run.host,
        wave=run.wave,
        state=HostState(planned["state"]),
        approved=run.approved,
        digest=run.digest,
        machine_id=run.machine_id,
        undo_of=run.undo_of,
        snapshot_sha256=run.snapshot_sha256,
        undo=run.undo,
        plan=run.plan,
        error=run.error if run.wave == 0 else None,
        reason=str(planned["reason"]),
    )


def _bare(campaign: Campaign, state: CampaignState) -> Campaign:
    """What was asked for, and nothing of what happened."""
    return Campaign(
        id=campaign.id,
        state=state,
        procedure=campaign.procedure,
        kind=campaign.kind,
        params=campaign.params,
        policy=campaign.policy,
        runs=(),
        waves=campaign.waves,
        created_at=campaign.created_at,
        plan_hash=campaign.plan_hash,
        plan_expires_at=campaign.plan_expires_at,
        usual=campaign.usual,
        timeout_s=campaign.timeout_s,
        protect=campaign.protect,
        author=campaign.author,
        reason=campaign.reason,
        undoes=campaign.undoes,
    )


def _after(campaign: Campaign, lines: Sequence[LoggedEvent]) -> Campaign:
    """The campaign after these lines: those of one instant and kind were one step."""
    for (at, kind), group in groupby(lines, key=lambda line: (line.at, line.kind)):
        if kind in _EVENTS:
            events = [_EVENTS[kind].validate_python(dict(line.data)) for line in group]
            campaign = observe_all(campaign, events, at)
        elif kind in _ACTIONS:
            campaign = _recorded(campaign, kind, list(group), at)
    return campaign


def _recorded(campaign: Campaign, kind: str, lines: Sequence[LoggedEvent], at: datetime) -> Campaign:
    epochs = {line.host: int(line.data["epoch"]) for line in lines if line.host and "epoch" in line.data}
    actions = [_action(kind, line) for line in lines]
    return record(campaign, actions, at, epochs)


def _action(kind: str, line: LoggedEvent) -> Any:
    if kind == "resend" and "attempt_id" not in line.data:
        # after a restart every open order is published again; the line says why instead
        return Resend(host=line.host or "", attempt_id=line.attempt_id or "")
    extra = {"epoch", "expires_at"} if kind == "dispatch" else set()
    return _ACTIONS[kind].validate_python({key: item for key, item in line.data.items() if key not in extra})


def _standing(campaign: Campaign) -> tuple[Any, ...]:
    """What must be the same for the log to have told everything."""
    hosts = tuple((run.host.name, run.state, run.changed, len(run.attempts)) for run in campaign.runs)
    return campaign.state, campaign.wave, len(campaign.stops), hosts


def _words(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} {instant:%Z}".rstrip()
