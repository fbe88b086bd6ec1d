"""Whether a person may let one closed gate pass, and what becomes of the campaign then.

An override opens one gate for what it holds now: one wave, one host, or the campaign. What it said stays in
the log.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.campaign.campaign import Campaign, Notice
from orchestrator.campaign.events import OverrideAsked
from orchestrator.campaign.gate import GateKind, Override
from orchestrator.campaign.gates.needed import NeededGate, asked_of_hosts, needed, override_of
from orchestrator.campaign.limits.approval import Objection

RULE = "gate overridden"


def override(campaign: Campaign, event: OverrideAsked, now: datetime) -> Campaign:
    """The campaign for which this gate is open; everybody is told who opened it."""
    item = _holding(campaign, event)
    state = item.state if item is not None else None
    verdict = state.verdict or (state.last.verdict if state.last else None) if state else None
    said = f"{verdict.value}: {state.detail}" if state is not None and verdict is not None else ""
    given = Override(
        gate=event.gate,
        wave=event.wave,
        by=event.by,
        reason=event.reason,
        at=now,
        said=said,
        host=event.host,
    )
    notice = Notice(
        rule=RULE,
        limit=f"{item.text if item is not None else event.gate} counts as open",
        observed=f"by {event.by}: {event.reason}" + (f"; it had said {said}" if said else ""),
        hosts=(event.host,) if event.host else (),
        at=now,
    )
    return replace(campaign, overrides=(*campaign.overrides, given), notices=(*campaign.notices, notice))


def done_before(campaign: Campaign, event: OverrideAsked) -> bool:
    """Whether the gate is overridden for this wave, or this host."""
    return override_of(campaign, event.gate, event.wave, event.host) is not None


def objection(campaign: Campaign, event: OverrideAsked, now: datetime) -> Objection | None:
    """Why this gate cannot be overridden in a campaign that goes forward; None when it can."""
    names = [gate.name for gate in campaign.policy.gates]
    if event.gate not in names:
        has = f"its gates are {', '.join(names[:20])}" if names else "it has no gate"
        return Objection(
            reason=f"Campaign {campaign.id} has no gate {event.gate}",
            hint=f"`dockwave show {campaign.id}` shows how it stands; {has}",
        )
    item = _holding(campaign, event)
    if item is None or item.is_open(now):
        return Objection(
            reason=f"Gate {event.gate} holds nothing in campaign {campaign.id} now: it is open, or not asked yet",
            hint=f"`dockwave why {campaign.id}` tells which gate is closed",
        )
    if item.gate.kind is GateKind.HUMAN:
        return Objection(
            reason=f"Gate {event.gate} of campaign {campaign.id} is opened by people, not overridden",
            hint=f"Open it with `dockwave approve {campaign.id} --gate {event.gate}`",
        )
    if not event.reason:
        return Objection(
            reason=f"Nobody said why gate {event.gate} of campaign {campaign.id} may be open",
            hint="Say why, in `reason`",
        )
    return None


def _holding(campaign: Campaign, event: OverrideAsked) -> NeededGate | None:
    wanted = (event.gate, event.wave, event.host)
    items = (*needed(campaign), *asked_of_hosts(campaign))
    return next((item for item in items if (item.gate.name, item.wave, item.host) == wanted), None)
