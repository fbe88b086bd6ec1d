"""Kill switches as people throw and release them: once each, with who and why, refused where they stop nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.kill_switch import Switch, Target
from orchestrator.campaign.states import FINAL_CAMPAIGN
from orchestrator.store.reader import Reader
from orchestrator.store.records import LogEntry
from orchestrator.store.writer import Writer
from tasks import catalog
from tasks.errors import BadInput, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAll:
    """What a person wants stopped, or let go again."""

    target: Target = Target.EVERYTHING
    #: of the procedure, or the beginning of the campaign's id
    name: str = ""
    by: str = ""
    reason: str = ""


def throw(writer: Writer, wish: StopAll, now: datetime) -> Switch:
    """Stop it from this commit on; one that holds already stays as it is."""
    _check_reason(wish)
    switch = Switch(target=wish.target, name=wish.name, by=wish.by, reason=wish.reason, at=now)
    newest = _newest(writer, switch)
    if newest is not None and newest.holds:
        return newest
    writer.log([_line("stop-all", switch, by=wish.by, reason=wish.reason, now=now)])
    writer.throw_switch(switch)
    return switch


def release(writer: Writer, wish: StopAll, now: datetime) -> Switch:
    """Let go of what was stopped under this very target; one released before stays as it is."""
    _check_reason(wish)
    asked = Switch(target=wish.target, name=wish.name, by=wish.by, reason=wish.reason, at=now)
    newest = _newest(writer, asked)
    if newest is None:
        raise BadInput(
            f"No kill switch was ever thrown for {asked.what[:300]}",
            code="E_NOT_FOUND",
            hint="`dockwave stop-all --list` shows those that hold; each is released by itself",
        )
    if not newest.holds:
        return newest
    released = replace(newest, released_at=now, released_by=wish.by, release_reason=wish.reason)
    writer.log([_line("stop-all-released", released, by=wish.by, reason=wish.reason, now=now)])
    writer.release_switch(released)
    return released


def check_procedure(wish: StopAll) -> None:
    """Refuse a procedure nobody could run: a mistyped name would stop nothing."""
    if wish.target is Target.PROCEDURE:
        catalog.find(wish.name)


def check_campaign(campaign: Campaign) -> None:
    """Refuse a campaign that is over."""
    if campaign.state in FINAL_CAMPAIGN:
        raise Refused(
            f"Campaign {campaign.id} is over ({campaign.state}): nothing is left to stop",
            code="E_NOT_NOW",
            hint=f"`dockwave show {campaign.id}` shows what became of it",
        )


def _check_reason(wish: StopAll) -> None:
    if not wish.reason.strip():
        raise BadInput(
            "The reason is empty", code="E_PARAM", hint="Say why in a few words; it is kept in the record"
        )


def _newest(reader: Reader, switch: Switch) -> Switch | None:
    same = [item for item in reader.switches() if (item.target, item.name) == (switch.target, switch.name)]
    return same[-1] if same else None


def _line(kind: str, switch: Switch, *, by: str, reason: str, now: datetime) -> LogEntry:
    return LogEntry(
        kind=kind,
        at=now,
        campaign_id=switch.name if switch.target is Target.CAMPAIGN else "",
        data={"target": switch.target.value, "name": switch.name, "by": by, "reason": reason},
    )
