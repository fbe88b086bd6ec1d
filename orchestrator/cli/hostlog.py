"""What one host did and said: the event log beside the steps and their output; hostile text, shown literally."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from orchestrator.screens.glyphs import HOST_MARKS
from orchestrator.screens.sanitize import clean, clean_lines, plain
from orchestrator.screens.views import AttemptView, HostView


def render(host: HostView, events: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Attempts first, then the log."""
    mark = HOST_MARKS[host.state]
    parts: list[RenderableType] = [
        Text.assemble(plain(host.host, "bold"), "  ", (f"{mark.glyph} {mark.word}", mark.style))
    ]
    if host.error is not None:
        parts.append(Text(f"{clean(host.error.code)}: {clean(host.error.message)}"))
        parts.append(Text(f"next: {clean(host.error.hint)}"))
    for attempt in host.attempts:
        parts += _attempt(attempt)
    if events:
        parts.append(Text("events", style="bold"))
    for event in events:
        data = json.dumps(event.get("data") or {}, ensure_ascii=True)
        parts.append(Text(f"  {clean(event['at'])}  {clean(event['kind']):16} {clean(data, limit=400)}"))
    return Group(*parts)


def _attempt(attempt: AttemptView) -> list[RenderableType]:
    kind = "undo" if attempt.undo else "apply"
    head = (
        f"attempt {attempt.number} ({kind}, epoch {attempt.epoch}) by {clean(attempt.worker) or 'nobody yet'}"
    )
    outcome = f": {attempt.outcome}" if attempt.outcome else ""
    lines: list[RenderableType] = [Text(head + outcome, style="bold")]
    for step in (attempt.result or {}).get("steps") or ():
        lines.append(
            Text(
                f"  {clean(step.get('state', '')):8} {clean(step.get('title', ''))} "
                f"{clean(step.get('detail', ''))}  {step.get('duration_s', 0):.1f} s"
            )
        )
        lines += [Text(f"      | {line}") for line in clean_lines(step.get("output") or "").splitlines()]
    return lines
