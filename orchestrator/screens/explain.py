"""`why` on a screen: rule, causes and contrast, what was done, what was left, what to type next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from orchestrator.campaign.explaining.contrast import Contrast, in_words
from orchestrator.screens.glyphs import campaign_mark
from orchestrator.screens.sanitize import clean, plain
from orchestrator.screens.views import CampaignView


def render(view: CampaignView, why: Mapping[str, Any]) -> RenderableType:
    """The explanation as lines."""
    mark = campaign_mark(view.state)
    head = Text.assemble(
        (view.id, "bold"), "  ", (f"{mark.glyph} ", mark.style), plain(why["headline"], mark.style)
    )
    parts: list[RenderableType] = [head]
    if why["rule"]:
        parts += _section(
            "rule", f"{why['rule']} (limit {why['limit']}; observed {why['observed']}; by {why['by']})"
        )
    parts += _section("waits", why.get("brakes"))
    parts += _section("warned", why.get("notices"))
    for number, group in enumerate(why.get("groups") or (), start=1):
        parts += _group(number, group)
    parts += _section("done automatically", why.get("done"))
    parts += _section("left as it is", why.get("left"))
    parts += _section("next", why.get("next"))
    return Group(*parts)


def _group(number: int, group: Mapping[str, Any]) -> list[RenderableType]:
    hosts = [clean(host) for host in group.get("hosts") or ()]
    shown = " ".join(hosts[:10]) + (f" … ({len(hosts)})" if len(hosts) > 10 else "")
    line = Text.assemble(
        (f" cause {number}  ", "bold"),
        plain(group.get("code", "")),
        "  ",
        plain(group.get("message", "")),
        f"  {group['kind']} on {len(hosts)} of the hosts: {shown}",
    )
    lines: list[RenderableType] = [line]
    common = [clean(item) for item in group.get("common") or ()]
    if common:
        compared = f"none of {group['healthy']} healthy hosts has it"
        lines.append(Text(f"          in common: {', '.join(common)} ({compared})"))
    lines += [
        Text(f"          {clean(_contrast(item, group['kind']))}") for item in group.get("contrast") or ()
    ]
    if group.get("hint"):
        lines.append(Text(f"          next: {clean(group['hint'])}"))
    return lines


def _contrast(item: Mapping[str, Any], kind: str) -> str:
    numbers = {key: int(item[key]) for key in ("hosts", "of_hosts", "healthy", "of_healthy")}
    return in_words(Contrast(trait=str(item["trait"]), **numbers), kind)


def _section(title: str, lines: Iterable[str] | str | None) -> list[RenderableType]:
    items = [lines] if isinstance(lines, str) else list(lines or ())
    return [
        Text.assemble((f" {title if index == 0 else '':20}", "bold"), plain(item))
        for index, item in enumerate(items)
    ]
