"""What the log of a campaign at work says about what holds it back: kill switches, and hosts it must leave alone."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.campaign.decide import WORKING
from orchestrator.campaign.kill_switch import Switch
from orchestrator.campaign.states import FINAL_HOST
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.loop.outside import Outside
from orchestrator.loop.turn import Turn


def note_switches(turn: Turn, before: Sequence[Switch], thrown: Sequence[Switch]) -> None:
    """Say in the log of a campaign at work from when on a kill switch holds it, and when one lets go of it."""
    if turn.after.state not in WORKING:
        return
    for kind, some, others in (("held", thrown, before), ("let-go", before, thrown)):
        for switch in some:
            if switch not in others:
                turn.note(kind, {"target": switch.target.value, "name": switch.name, "why": switch.reason})


def note_blocked(turn: Turn, before: frozenset[str], around: Surroundings, outside: Outside) -> None:
    """Say once in the log of a campaign at work which hosts it must leave alone, and who keeps them."""
    new = around.left_alone - before
    if turn.after.state not in WORKING or not new:
        return
    owners = {lease.host: lease for lease in outside.leases}
    held = {item.host: item for item in around.quarantines if item.holds}
    for run in turn.after.runs:
        host = run.host.name
        if host not in new or run.state in FINAL_HOST:
            continue
        if host in around.blocked:
            owner = owners[host]
            data = {"campaign": owner.campaign_id, "attempt": owner.attempt_id, "reason": owner.reason}
            until = owner.expires_at.isoformat() if owner.expires_at is not None else ""
            turn.note("blocked", data | {"since": owner.since.isoformat(), "until": until}, host=host)
        else:
            turn.note("blocked", {"quarantine": held[host].text}, host=host)
