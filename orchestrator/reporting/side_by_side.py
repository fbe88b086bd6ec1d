"""Two campaigns on a screen: what differs first, what was asked differently, hosts side by side."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.campaign.states import HostState
from orchestrator.campaign.wording import plural
from orchestrator.reporting.difference import Difference, HostPair, Side, in_words
from orchestrator.screens.glyphs import HOST_MARKS
from orchestrator.screens.report import LINES, clock, headline
from orchestrator.screens.sanitize import plain
from orchestrator.screens.views import CampaignView


def side_by_side(a: CampaignView, b: CampaignView, found: Difference, now: datetime) -> RenderableType:
    """Both headlines, then the differences; of many hosts only those that differ."""
    parts: list[RenderableType] = [
        Text.assemble((f"{letter}  ", "bold"), headline(view, now)) for letter, view in (("A", a), ("B", b))
    ]
    parts.append(Text.assemble(("differs first  ", "bold"), plain(found.first or "nothing")))
    parts += _settings(found)
    shown = found.hosts if len(found.hosts) <= LINES else found.different
    if shown:
        parts.append(_table(shown[:LINES]))
    if len(shown) > LINES:
        parts.append(Text(f"… and {plural(len(shown) - LINES, 'host')} more: -o json has all of them"))
    same = len(found.hosts) - len(found.different)
    verb = "differs" if len(found.different) == 1 else "differ"
    parts.append(Text(f"{plural(len(found.different), 'host')} {verb}, {same} ended the same way"))
    return Group(*parts)


def _settings(found: Difference) -> Iterator[Text]:
    for setting in found.settings:
        for letter, value in (("A", setting.a), ("B", setting.b)):
            if value:
                yield Text.assemble((f"only in {letter}  ", "bold"), plain(f"{setting.name}: {value}"))


def _table(pairs: tuple[HostPair, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("HOST", "A", "TIME", "B", "TIME", "DIFFERS"):
        table.add_column(name, justify="right" if name == "TIME" else "left", overflow="fold")
    for pair in pairs:
        table.add_row(plain(pair.host), *_cells(pair.a), *_cells(pair.b), plain(in_words(pair)))
    return table


def _cells(side: Side | None) -> tuple[Text, str]:
    if side is None:
        return Text("not in it"), ""
    mark = HOST_MARKS[HostState(side.state)]
    return Text(f"{mark.glyph} {mark.word}", style=mark.style), clock(side.seconds)
