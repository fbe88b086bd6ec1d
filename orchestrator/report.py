"""A campaign for people: plan, result and list as rich tables that read as plain text too, and as SVG.

Everything in a view that came from a host is hostile and goes through `orchestrator.sanitize`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.campaign.states import HostState
from orchestrator.glyphs import COUNT_ORDER, HOST_MARKS, campaign_mark
from orchestrator.sanitize import clean, plain
from orchestrator.views import CampaignLine, CampaignView, HostView

#: hosts up to which every host gets a line of its own; more are grouped by what happened to them
LINES = 40


def size(count: float | None) -> str:
    """Bytes as people read them: 1.9 GB."""
    if count is None:
        return "?"
    import humanize  # noqa: PLC0415 - only where something is shown

    return humanize.naturalsize(count, format="%.1f")


def clock(seconds: float | None) -> str:
    """A duration as minutes and seconds: 18:42, or 1:02:03."""
    if seconds is None:
        return "-"
    total = max(0, round(seconds))
    hours, rest = divmod(total, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def elapsed(view: CampaignView | CampaignLine, now: datetime) -> float | None:
    """Seconds since it was applied, or the seconds it took."""
    return None if view.started_at is None else ((view.ended_at or now) - view.started_at).total_seconds()


def counts(states: Iterable[HostState]) -> Text:
    """How many hosts are in which state, worst first: ↩1 ●9 ✔29."""
    found = list(states)
    line = Text()
    for state in COUNT_ORDER:
        if number := found.count(state):
            mark = HOST_MARKS[state]
            line.append(f"{mark.glyph}{number} ", style=mark.style)
    line.rstrip()
    return line


def headline(view: CampaignView, now: datetime) -> Text:
    """Who it is and how it stands, in one line."""
    mark = campaign_mark(view.state)
    line = Text.assemble(
        (view.id, "bold"),
        "  ",
        plain(view.procedure, "bold"),
        "   ",
        (f"{mark.glyph} {view.state.replace('_', ' ')}", mark.style),
    )
    highest = max((wave.number for wave in view.waves), default=0)
    if highest and not view.final and view.wave:
        line.append(f"   wave {view.wave}/{highest}")
    line.append(f"   {view.totals.finished}/{view.totals.hosts} hosts")
    seconds = elapsed(view, now)
    if seconds is not None:
        line.append(f"   {clock(seconds)} {'in all' if view.final else 'elapsed'}")
    return line


def result(view: CampaignView, now: datetime, *, details: bool = False) -> RenderableType:
    """What came of it: one line per host (or per group of like hosts), why it stopped, the totals last."""
    parts: list[RenderableType] = [_table(view)]
    if details:
        parts += [_steps(host) for wave in view.waves for host in wave.hosts]
    for stop in view.stops:
        parts.append(
            Text.assemble(
                ("stopped ", "bold"),
                f"at {stop.at:%H:%M:%S} by ",
                plain(stop.rule, "bold"),
                " (limit ",
                plain(stop.limit),
                ", observed ",
                plain(stop.observed),
                ")",
            )
        )
    parts.append(totals(view, now))
    return Group(*parts)


def totals(view: CampaignView, now: datetime) -> Text:
    """The last line: counts by state, in glyphs and words."""
    line = headline(view, now)
    line.append("   ")
    words = [
        f"{view.totals.states[state]} {HOST_MARKS[state].word}"
        for state in COUNT_ORDER
        if state in view.totals.states
    ]
    line.append(", ".join(words))
    return line


def _table(view: CampaignView) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("WAVE", "HOST", "STATE", "RESULT", "TIME"):
        table.add_column(name, justify="right" if name in {"WAVE", "TIME"} else "left", overflow="fold")
    hosts = [(wave.number, host) for wave in view.waves for host in wave.hosts]
    if len(hosts) <= LINES:
        for number, host in hosts:
            table.add_row(
                str(number or "-"), plain(host.host), _state(host), _what(host), clock(_seconds(host))
            )
        return table
    for number, names, example in _groups(hosts):
        shown = ", ".join(names[:4]) + (f" … ({len(names)} hosts)" if len(names) > 4 else "")
        table.add_row(str(number or "-"), plain(shown), _state(example), _what(example), "")
    return table


def _groups(hosts: Sequence[tuple[int, HostView]]) -> list[tuple[int, list[str], HostView]]:
    """Like hosts together, anomalies first: "1,187 hosts: the same line"."""
    found: dict[tuple[int, str, str], tuple[list[str], HostView]] = {}
    for number, host in hosts:
        key = (number, host.state, _what(host).plain)
        found.setdefault(key, ([], host))[0].append(host.host)
    ordered = sorted(found.items(), key=lambda item: (len(item[1][0]), item[0]))
    return [(key[0], names, example) for key, (names, example) in ordered]


def _state(host: HostView) -> Text:
    mark = HOST_MARKS[host.state]
    return Text(f"{mark.glyph} {mark.word}", style=mark.style)


def _what(host: HostView) -> Text:
    if host.error is not None:
        return plain(f"{host.error.code}: {host.error.message}")
    summary = (host.result or {}).get("summary") or host.reason or (host.plan or {}).get("summary") or ""
    return plain(summary)


def _seconds(host: HostView) -> float | None:
    if host.started_at is None or host.ended_at is None:
        return None
    return (host.ended_at - host.started_at).total_seconds()


def _steps(host: HostView) -> Group:
    answer = host.result or {}
    lines: list[RenderableType] = [plain(host.host, "bold")]
    lines += [
        _line(step.get("state"), step.get("title"), step.get("detail")) for step in answer.get("steps") or ()
    ]
    lines += [
        _line(
            finding.get("severity"),
            f"{finding.get('code', '')} {finding.get('object', '')}",
            finding.get("detail"),
        )
        for finding in answer.get("findings") or ()
    ]
    lines += [
        _line("fact", f"{key}: {_short(value)}", "") for key, value in (answer.get("data") or {}).items()
    ]
    if host.error is not None and host.error.hint:
        lines.append(_line("next", host.error.hint, ""))
    return Group(*lines)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return clean(text, limit=160)


def plan(view: CampaignView, *, details: bool = False) -> RenderableType:
    """The plan before anything happens: waves, actions, containers at risk, bytes, undo class, in numbers and words."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("WAVE", "HOSTS", "PAR", "ACTION", "CONTAINERS AT RISK", "RECLAIM", "UNDO"):
        table.add_column(name, justify="right" if name in {"WAVE", "HOSTS", "PAR"} else "left")
    for wave in view.waves:
        if wave.number:
            table.add_row(
                str(wave.number),
                str(len(wave.hosts)),
                str(min(view.policy.parallelism, len(wave.hosts))),
                _actions(wave.hosts),
                str(sum(len(_draft(host).get("containers_at_risk") or ()) for host in wave.hosts)),
                _reclaim(wave.hosts),
                _undo(wave.hosts),
            )
    head = Text.assemble(("PLAN ", "bold"), (view.id, "bold"), "  ", plain(view.procedure, "bold"))
    head.append(f"   {view.totals.hosts} hosts   sha256 {view.plan_hash[:12]}…")
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
    return Text.assemble("  ", _state(host), "  ", plain(host.host), "  ", _what(host))


def _draft_lines(host: HostView) -> Group:
    draft = _draft(host)
    lines: list[RenderableType] = [
        Text.assemble(plain(host.host, "bold"), "  ", plain(draft.get("summary", "")))
    ]
    lines += [
        _line(step.get("undo"), _step_title(step), step.get("key")) for step in draft.get("steps") or ()
    ]
    lines += [_line("kept", kept.get("title"), kept.get("reason")) for kept in draft.get("kept") or ()]
    lines += [
        _line(finding.get("severity"), finding.get("code"), finding.get("detail"))
        for finding in draft.get("findings") or ()
    ]
    return Group(*lines)


def _line(word: object, title: object, more: object) -> Text:
    return Text(f"  {clean(word or ''):12} {clean(title or '')}{f' ({clean(more)})' if more else ''}")


def _step_title(step: Mapping[str, Any]) -> str:
    count = step.get("size_bytes")
    return f"{step.get('title', '')}{f', {size(count)}' if isinstance(count, int) else ''}"


def campaigns(lines: Sequence[CampaignLine], now: datetime) -> RenderableType:
    """Campaigns, newest first."""
    if not lines:
        return Text("No campaign yet. `dockwave plan PROCEDURE --on PATTERN -i FILE` makes one.")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("ID", "PROCEDURE", "STATE", "WAVE", "HOSTS", "FAILED", "TIME", "AUTHOR", "CREATED (UTC)"):
        table.add_column(name, overflow="fold")
    for line in lines:
        mark = campaign_mark(line.state)
        table.add_row(
            line.id,
            plain(line.procedure),
            Text(f"{mark.glyph} {mark.word}", style=mark.style),
            f"{line.wave}/{line.waves}",
            f"{line.totals.finished}/{line.totals.hosts}",
            str(line.totals.failed or ""),
            clock(elapsed(line, now)),
            plain(line.author),
            f"{line.created_at:%Y-%m-%d %H:%M}",
        )
    return table


def plain_text(what: RenderableType, *, width: int = 160) -> str:
    """The same, as text without any escape sequence."""
    console = Console(
        file=io.StringIO(), width=width, color_system=None, force_terminal=False, highlight=False
    )
    with console.capture() as captured:
        console.print(what)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def svg(what: RenderableType, *, title: str, width: int = 120) -> str:
    """A picture of the screen, for documents."""
    console = Console(
        record=True, file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor"
    )
    console.print(what, highlight=False)
    return console.export_svg(title=clean(title))
