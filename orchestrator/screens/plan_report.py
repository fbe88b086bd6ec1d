"""A plan for people, before anything happens: waves, actions, risk, bytes, undo class, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.campaign.wording import plural
from orchestrator.screens.report import LINES, line_of, size, state_of, what_of
from orchestrator.screens.sanitize import clean, plain
from orchestrator.screens.views import CampaignView, HostView


def plan(view: CampaignView, *, details: bool = False) -> RenderableType:
    """The plan before anything happens: waves, actions, containers at risk, bytes, undo class, in numbers and words."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("WAVE", "HOSTS", "PAR", "ACTION", "CONTAINERS AT RISK", "RECLAIM", "UNDO"):
        table.add_column(name, justify="right" if name in {"WAVE", "HOSTS", "PAR"} else "left")
    for wave in view.waves:
        if wave.number:
            table.add_row(
                plain(wave.short),
                str(len(wave.hosts)),
                str(min(wave.parallelism, len(wave.hosts))),
                _actions(wave.hosts),
                str(sum(len(_draft(host).get("containers_at_risk") or ()) for host in wave.hosts)),
                _reclaim(wave.hosts),
                _undo(wave.hosts),
            )
    head = Text.assemble(("PLAN ", "bold"), (view.id, "bold"), "  ", plain(view.procedure, "bold"))
    head.append(f"   {plural(view.totals.hosts, 'host')}   sha256 {view.plan_hash[:12]}…")
    if view.plan_expires_at is not None:
        head.append(f"   expires {view.plan_expires_at:%Y-%m-%d %H:%M} UTC")
    parts: list[RenderableType] = [head]
    if any(wave.number for wave in view.waves):
        parts.append(table)
    parts += [plain(line) for line in view.words]
    parts += [_left_out(host) for wave in view.waves if wave.number == 0 for host in wave.hosts][:LINES]
    if details:
        parts += [_draft_lines(host) for wave in view.waves for host in wave.hosts if host.plan]
    return Group(*parts)


def _draft(host: HostView) -> dict[str, Any]:
    return host.plan or {}


def _actions(hosts: Sequence[HostView]) -> Text:
    found = list(dict.fromkeys(clean(_draft(host).get("summary") or "read") for host in hosts))
    return Text(found[0] if len(found) == 1 else f"{found[0]} | … ({len(found)} kinds)")


def _reclaim(hosts: Sequence[HostView]) -> str:
    drafts = [_draft(host) for host in hosts]
    if all(draft.get("reclaim_high_bytes") is None for draft in drafts):
        return "-"
    low = sum(draft.get("reclaim_low_bytes") or 0 for draft in drafts)
    high = sum(draft.get("reclaim_high_bytes") or 0 for draft in drafts)
    return f"{size(low)} to {size(high)}"


def _undo(hosts: Sequence[HostView]) -> str:
    glyphs = {"exact": "↩ exact", "re-creatable": "↻ re-creatable", "one-way": "✖ one-way", "none": "-"}
    return ", ".join(sorted({glyphs.get(host.undo, host.undo) for host in hosts}))


def _left_out(host: HostView) -> Text:
    hint = f"  next: {clean(host.error.hint)}" if host.error is not None and host.error.hint else ""
    return Text.assemble("  ", state_of(host), "  ", plain(host.host), "  ", what_of(host), (hint, "dim"))


def _draft_lines(host: HostView) -> Group:
    draft = _draft(host)
    lines: list[RenderableType] = [
        Text.assemble(plain(host.host, "bold"), "  ", plain(draft.get("summary", "")))
    ]
    lines += [
        line_of(step.get("undo"), _step_title(step), step.get("key")) for step in draft.get("steps") or ()
    ]
    lines += [line_of("kept", kept.get("title"), kept.get("reason")) for kept in draft.get("kept") or ()]
    lines += [
        line_of(finding.get("severity"), finding.get("code"), finding.get("detail"))
        for finding in draft.get("findings") or ()
    ]
    return Group(*lines)


def _step_title(step: Mapping[str, Any]) -> str:
    count = step.get("size_bytes")
    return f"{step.get('title', '')}{f', {size(count)}' if isinstance(count, int) else ''}"
