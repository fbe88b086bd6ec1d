"""The live picture of a campaign: waves, host cells, budget, slowest host, ETA, and how old all of it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from orchestrator.campaign.states import FINAL_HOST, HostState
from orchestrator.screens.glyphs import HOST_MARKS
from orchestrator.screens.report import clock, counts, headline
from orchestrator.screens.sanitize import clean, plain
from orchestrator.screens.views import CampaignView, HostView, WaveView

#: hosts up to which a wave shows one line per host; above it one cell per host
LINES = 8
#: rows of cells at most; what is beyond them is counted, not drawn
CELL_ROWS = 4
_BAR = 30

_WAVE_GLYPHS = {"done": ("✔", "#009e73"), "running": ("●", "#56b4e9"), "waiting": ("○", "dim")}
_WENT_WELL = frozenset({HostState.SUCCEEDED, HostState.ALREADY_RIGHT, HostState.SKIPPED, HostState.SOAKING})


def picture(
    view: CampaignView, now: datetime, *, width: int, stale_since: datetime | None = None, hint: str = ""
) -> RenderableType:
    """The campaign as it is now, or as it was when it was last heard of."""
    parts: list[RenderableType] = []
    if stale_since is not None:
        parts.append(
            Text(
                f" stale since {stale_since:%H:%M:%S} UTC: the control plane does not answer; the campaign goes on "
                "as far as it can, asking again ",
                style="bold black on #f0e442",
            )
        )
    parts.append(_head(view, now))
    waves = [wave for wave in view.waves if wave.number]
    for wave in waves:
        parts += _wave(view, wave, now, width=width, last=wave is waves[-1])
    left_out = [host for wave in view.waves if wave.number == 0 for host in wave.hosts]
    if left_out:
        parts.append(Text.assemble("   no change: ", counts(host.state for host in left_out)))
    for stop in view.stops:
        parts.append(Text.assemble(("   stopped by ", "bold"), plain(stop.rule), ": ", plain(stop.observed)))
    parts += [Text.assemble(("   waits ", "bold"), plain(line)) for line in view.brakes]
    parts += [Text.assemble(("   warned ", "bold"), plain(line)) for line in view.notices]
    if hint:
        parts.append(Text(hint, style="dim"))
    return Group(*parts)


def _head(view: CampaignView, now: datetime) -> Text:
    line = headline(view, now)
    if view.progress is not None and not view.final:
        eta = view.progress.eta_s
        worst = f" (at worst {clock(view.progress.eta_worst_s)})"
        line.append("   no history yet for an estimate" if eta is None else f"   ~{clock(eta)} left{worst}")
    if view.abort_requested and not view.final:
        running = "stop between two steps" if view.abort_hard else "finish"
        line.append(f"   abort asked: running hosts {running}", style="bold")
    return line


def _wave_mark(wave: WaveView) -> tuple[str, str]:
    """A tick only for a wave that went well: one that was never started, or has exceptions, is not "done"."""
    states = {HostState(host.state) for host in wave.hosts}
    if wave.state == "done" and states <= {HostState.CANCELLED, HostState.SKIPPED}:
        return "·", "dim"
    if wave.state == "done" and not states <= _WENT_WELL:
        return "▲", "#d55e00"
    return _WAVE_GLYPHS.get(wave.state, ("?", ""))


def _wave(
    view: CampaignView, wave: WaveView, now: datetime, *, width: int, last: bool
) -> list[RenderableType]:
    glyph, style = _wave_mark(wave)
    settled = sum(host.state in FINAL_HOST for host in wave.hosts)
    line = Text("└─ " if last else "├─ ")
    line.append(f"{glyph} wave {clean(wave.short)}", style=style)
    line.append(f"   {settled}/{len(wave.hosts)}")
    if wave.state == "running":
        full = round(_BAR * settled / max(1, len(wave.hosts)))
        line.append(f"  {'▓' * full}{'░' * (_BAR - full)}")
    line.append("  ")
    line.append_text(counts(host.state for host in wave.hosts))
    parts: list[RenderableType] = [line]
    if wave.state == "waiting":
        return parts
    stem = "     " if last else "│    "
    if wave.state == "running" and view.progress is not None:
        parts += [
            Text.assemble(stem, plain(budget.text))
            for budget in view.progress.budgets
            if budget.wave in {0, wave.number}
        ]
    if len(wave.hosts) <= LINES:
        return parts + [_host(stem, host, now) for host in wave.hosts]
    parts += _cells(stem, wave.hosts, width=width)
    return parts + (_notes(stem, view) if wave.state == "running" else [])


def _host(stem: str, host: HostView, now: datetime) -> Text:
    mark = HOST_MARKS[host.state]
    line = Text(stem)
    line.append(f"{mark.glyph} {clean(host.host):20} ", style=mark.style)
    line.append(f"{mark.word:24}", style=mark.style)
    if host.state in FINAL_HOST:
        said = host.error.message if host.error else (host.result or {}).get("summary") or host.reason
        line.append(clean(said, limit=120))
    elif host.state is HostState.SOAKING and host.soak_until is not None:
        line.append(f"watched for {clock((host.soak_until - now).total_seconds())} more")
    elif host.started_at is not None:
        line.append(f"{clock((now - host.started_at).total_seconds()):>7}  ")
        progress = f" {host.done}/{host.total}" if host.total else ""
        line.append(clean(host.step, limit=80) + progress)
    return line


def _cells(stem: str, hosts: Sequence[HostView], *, width: int) -> list[Text]:
    """One cell per host, in the order of the plan; worst ones are in the counts above whatever is cut here."""
    row = max(10, width - len(stem) - 2)
    shown = hosts[: row * CELL_ROWS]
    lines: list[Text] = []
    for start in range(0, len(shown), row):
        line = Text(stem)
        for host in shown[start : start + row]:
            mark = HOST_MARKS[host.state]
            line.append(mark.glyph, style=mark.style)
        lines.append(line)
    if len(shown) < len(hosts):
        lines.append(Text(f"{stem}… and {len(hosts) - len(shown)} more"))
    return lines


def _notes(stem: str, view: CampaignView) -> list[RenderableType]:
    notes: list[RenderableType] = []
    if view.progress is None:
        return notes
    slow = view.progress.slowest
    if slow is not None:
        median = f" (median {clock(slow.median_s)})" if slow.median_s is not None else ""
        notes.append(
            Text(
                f"{stem}slowest  {clean(slow.host)}  {clean(slow.step, limit=60)} {clock(slow.seconds)}{median}"
            )
        )
    if view.progress.last_bad:
        notes.append(Text(f"{stem}last bad {clean(view.progress.last_bad, limit=200)}"))
    return notes


def changes(before: CampaignView | None, after: CampaignView, now: datetime) -> list[str]:
    """One plain line per state that changed, for logs and pipes."""
    old = {host.host: host.state for wave in before.waves for host in wave.hosts} if before else {}
    lines: list[str] = []
    stamp = f"{now:%H:%M:%S} {after.id}"
    for wave in after.waves:
        for host in wave.hosts:
            was = old.get(host.host, HostState.PENDING)
            if host.state is not was:
                lines.append(
                    f"{stamp} wave {wave.number} {clean(host.host)} {was} -> {host.state}{_why(host)}"
                )
    told = (*before.brakes, *before.notices) if before else ()
    lines += [f"{stamp} waits: {clean(line)}" for line in after.brakes if line not in told]
    lines += [f"{stamp} warned: {clean(line)}" for line in after.notices if line not in told]
    if before is None or before.state != after.state:
        reason = (
            f" by {clean(after.stops[-1].rule)}: {clean(after.stops[-1].observed)}" if after.stops else ""
        )
        lines.append(f"{stamp} campaign {before.state if before else 'seen'} -> {after.state}{reason}")
    return lines


def _why(host: HostView) -> str:
    if host.error is not None:
        return f": {clean(host.error.code)} {clean(host.error.message)}"
    if host.state in FINAL_HOST:
        said = clean((host.result or {}).get("summary") or host.reason)
        return f": {said}" if said else ""
    return f": {clean(host.step)}" if host.step else ""
