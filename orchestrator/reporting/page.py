"""The report as one self-contained HTML file: it fetches nothing, runs nothing, and reads without colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from xml.etree.ElementTree import Element

from orchestrator.reporting.hosts import hosts_section
from orchestrator.reporting.marks import badge
from orchestrator.reporting.markup import as_html, node, verbatim
from orchestrator.reporting.record import Record
from orchestrator.reporting.style import content_policy, style_sheet
from orchestrator.reporting.timeline import timeline
from orchestrator.screens.explain import render
from orchestrator.screens.glyphs import COUNT_ORDER, HOST_MARKS, campaign_mark
from orchestrator.screens.report import clock, elapsed, plain_text
from orchestrator.screens.views import CampaignView

#: columns of the text of `why`: its lines are broken by the page
_UNBROKEN = 2000


def page(record: Record) -> str:
    """The whole file."""
    view = record.view
    return as_html(node("html", {"lang": "en"}, _head(view), node("body", {}, *_body(record))))


def _head(view: CampaignView) -> Element:
    metas: tuple[dict[str, str], ...] = (
        {"charset": "utf-8"},
        {"http-equiv": "Content-Security-Policy", "content": content_policy()},
        {"name": "referrer", "content": "no-referrer"},
        {"name": "color-scheme", "content": "light dark"},
        {"name": "viewport", "content": "width=device-width, initial-scale=1"},
    )
    title = node("title", {}, f"{view.id} {view.procedure}: {campaign_mark(view.state).word}")
    return node("head", {}, *(node("meta", meta) for meta in metas), title, verbatim("style", style_sheet()))


def _body(record: Record) -> Iterator[Element]:
    view = record.view
    yield node("h1", {}, f"{view.procedure} ", node("code", {}, view.id))
    yield node("p", {}, badge(campaign_mark(view.state)), _standing(record))
    yield _counts(view)
    yield from _section("What it was", _facts(record))
    picture = timeline(view, record.written_at)
    yield from _section("Waves over time", [picture or node("p", {}, "No host was started.")])
    yield from _section(
        "Why", [node("pre", {}, plain_text(render(view, record.why), width=_UNBROKEN).rstrip())]
    )
    yield from _section("Hosts", hosts_section(view))
    yield from _section("Gates", _list(view.gates))
    yield from _section("Planned and left alone", _list(view.drift))
    yield from _section("The plan in words", _list(view.words))
    yield from _section("Audit", _audit(record))


def _standing(record: Record) -> str:
    view = record.view
    seconds = elapsed(view, record.written_at)
    took = "" if seconds is None else f", {clock(seconds)} {'in all' if view.final else 'so far'}"
    goes_on = "" if view.final else f"; it goes on, this is how it was at {_instant(record.written_at)}"
    return f" {view.totals.finished} of {view.totals.hosts} hosts finished{took}{goes_on}"


def _counts(view: CampaignView) -> Element:
    states = [(state, view.totals.states[state]) for state in COUNT_ORDER if state in view.totals.states]
    items = [
        node("li", {}, badge(HOST_MARKS[state], f"{count} {HOST_MARKS[state].word}"))
        for state, count in states
    ]
    return node("ul", {"class": "counts"}, *items)


def _facts(record: Record) -> Iterator[Element]:
    view = record.view
    pairs = {
        "author": view.author,
        "reason": view.reason,
        "undoes": view.undoes,
        "undone by": ", ".join(item.id for item in view.undone_by),
        "planned": _instant(view.created_at),
        "started": _instant(view.started_at),
        "ended": _instant(view.ended_at),
        "plan hash": view.plan_hash,
        "exit code": "" if view.exit_code is None else str(view.exit_code),
        "written": _instant(record.written_at),
    }
    yield node(
        "dl",
        {},
        *(
            part
            for name, value in pairs.items()
            if value
            for part in (node("dt", {}, name), node("dd", {}, value))
        ),
    )


def _audit(record: Record) -> Iterator[Element]:
    yield node(
        "p",
        {},
        f"{len(record.events)} lines of the event log are about this campaign. The log's head was then ",
        node("code", {}, record.head),
        "; later, this checks that nothing before it was changed:",
    )
    yield node("pre", {}, f"dockwave audit verify --head {record.head}")


def _section(title: str, parts: Iterable[Element]) -> Iterator[Element]:
    """A heading with what is below it; nothing where there is nothing."""
    found = list(parts)
    if found:
        yield node("section", {}, node("h2", {}, title), *found)


def _list(lines: Iterable[str]) -> Iterator[Element]:
    items = [node("li", {}, line) for line in lines]
    if items:
        yield node("ul", {}, *items)


def _instant(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d %H:%M:%S} UTC"
