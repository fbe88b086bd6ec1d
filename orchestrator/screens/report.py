"""A campaign for people: result and list as rich tables that read as plain text too, and as SVG.

Everything in a view that came from a host is hostile and goes through `orchestrator.screens.sanitize`.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.campaign.states import HostState
from orchestrator.screens.glyphs import COUNT_ORDER, HOST_MARKS, campaign_mark
from orchestrator.screens.sanitize import clean, plain
from orchestrator.screens.table import empty
from orchestrator.screens.views import CampaignLine, CampaignView, HostView

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
        name = next((wave.name for wave in view.waves if wave.number == view.wave), "")
        line.append(f"   wave {view.wave}/{highest}{f' ({clean(name)})' if name else ''}")
    line.append(f"   {view.totals.finished}/{view.totals.hosts} hosts")
    seconds = elapsed(view, now)
    if seconds is not None:
        line.append(f"   {clock(seconds)} {'in all' if view.final else 'elapsed'}")
    return line


def result(view: CampaignView, now: datetime, *, details: bool = False) -> RenderableType:
    """What came of it: one line per host (or per group of like hosts), why it stopped, the totals last."""
    parts: list[RenderableType] = [_table(view), *undo_lines(view)]
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
    parts += [Text.assemble(("waits   ", "bold"), plain(line)) for line in view.brakes]
    parts += [Text.assemble(("warned  ", "bold"), plain(line)) for line in view.notices]
    parts += [Text.assemble(("asked   ", "bold"), plain(line)) for line in view.gates]
    parts += [Text.assemble(("drifted ", "bold"), plain(line)) for line in view.drift]
    parts.append(totals(view, now))
    return Group(*parts)


def undo_lines(view: CampaignView) -> list[Text]:
    """Which campaign it takes back, and which ones take it back."""
    lines = [Text(f"undoes {view.undoes}: `dockwave show {view.undoes}`")] if view.undoes else []
    return lines + [Text(f"undone by {item.id} ({item.state.replace('_', ' ')})") for item in view.undone_by]


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
    table = empty("WAVE", "HOST", "STATE", "RESULT", "TIME", right={"WAVE", "TIME"})
    hosts = [(wave.number, host) for wave in view.waves for host in wave.hosts]
    shorts = {wave.number: wave.short for wave in view.waves}
    if len(hosts) <= LINES:
        for number, host in hosts:
            table.add_row(
                plain(shorts[number]),
                plain(host.host),
                state_of(host),
                what_of(host),
                clock(seconds_of(host)),
            )
        return table
    for number, names, example in _groups(hosts):
        shown = ", ".join(names[:4]) + (f" … ({len(names)} hosts)" if len(names) > 4 else "")
        table.add_row(plain(shorts[number]), plain(shown), state_of(example), what_of(example), "")
    return table


def _groups(hosts: Sequence[tuple[int, HostView]]) -> list[tuple[int, list[str], HostView]]:
    """Like hosts together, anomalies first: "1,187 hosts: the same line"."""
    found: dict[tuple[int, str, str], tuple[list[str], HostView]] = {}
    for number, host in hosts:
        key = (number, host.state, what_of(host).plain)
        found.setdefault(key, ([], host))[0].append(host.host)
    ordered = sorted(found.items(), key=lambda item: (len(item[1][0]), item[0]))
    return [(key[0], names, example) for key, (names, example) in ordered]


def state_of(host: HostView) -> Text:
    """Its state as glyph and word."""
    mark = HOST_MARKS[host.state]
    return Text(f"{mark.glyph} {mark.word}", style=mark.style)


def what_of(host: HostView) -> Text:
    """What became of it, in one sentence: its error, its result, the reason it was left out, or its plan."""
    if host.error is not None:
        return plain(f"{host.error.code}: {host.error.message}")
    summary = (host.result or {}).get("summary") or host.reason or (host.plan or {}).get("summary") or ""
    return plain(summary)


def seconds_of(host: HostView) -> float | None:
    """How long this campaign was at work on it; None while it is, and where it was not."""
    if host.started_at is None or host.ended_at is None:
        return None
    return (host.ended_at - host.started_at).total_seconds()


def _steps(host: HostView) -> Group:
    answer = host.result or {}
    lines: list[RenderableType] = [plain(host.host, "bold")]
    lines += [
        line_of(step.get("state"), step.get("title"), step.get("detail"))
        for step in answer.get("steps") or ()
    ]
    lines += [
        line_of(
            finding.get("severity"),
            f"{finding.get('code', '')} {finding.get('object', '')}",
            finding.get("detail"),
        )
        for finding in answer.get("findings") or ()
    ]
    lines += [
        line_of("fact", f"{key}: {short(value)}", "") for key, value in (answer.get("data") or {}).items()
    ]
    if host.error is not None and host.error.hint:
        lines.append(line_of("next", host.error.hint, ""))
    return Group(*lines)


def line_of(word: object, title: object, more: object) -> Text:
    """One line of a list: a word that classes it, what it is about, and more."""
    return Text(f"  {clean(word or ''):12} {clean(title or '')}{f' ({clean(more)})' if more else ''}")


def short(value: object) -> str:
    """A value of a result on one line; text as it is, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return clean(text, limit=160)


def campaigns(lines: Sequence[CampaignLine], now: datetime) -> RenderableType:
    """Campaigns, newest first."""
    if not lines:
        return Text("No campaign yet. `dockwave plan PROCEDURE --on PATTERN -i FILE` makes one.")
    table = empty("ID", "PROCEDURE", "STATE", "WAVE", "HOSTS", "FAILED", "TIME", "AUTHOR", "CREATED (UTC)")
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


_WEB_FONT = re.compile(r"\s*@font-face \{[^}]*\}")


def svg(what: RenderableType, *, title: str, width: int = 120) -> str:
    """A picture of the screen, for documents."""
    console = Console(
        record=True, file=io.StringIO(), width=width, force_terminal=True, color_system="truecolor"
    )
    console.print(what, highlight=False)
    # rich names a web font; a document that is opened on an operator's machine fetches nothing
    return _WEB_FONT.sub("", console.export_svg(title=clean(title)))
