"""The hosts of a page: one row each, and below it what every attempt did and said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element

from orchestrator.campaign.states import HostState
from orchestrator.reporting.marks import badge
from orchestrator.reporting.markup import node
from orchestrator.screens.glyphs import HOST_MARKS
from orchestrator.screens.report import clock, seconds_of, short, what_of
from orchestrator.screens.views import AttemptView, CampaignView, HostView

#: hosts up to which every host's steps are on the page; of more, only those that did not end well
STEPS_OF = 1000

_WELL = frozenset({HostState.SUCCEEDED, HostState.ALREADY_RIGHT, HostState.CANCELLED, HostState.PENDING})


def hosts_section(view: CampaignView) -> Iterator[Element]:
    """All hosts, in the order of the plan."""
    if not view.totals.hosts:
        yield node("p", {}, "It has no host.")
        return
    every = view.totals.hosts <= STEPS_OF
    if not every:
        yield node(
            "p", {}, f"Steps are shown of hosts that did not end well; more than {STEPS_OF} hosts took part."
        )
    head = node(
        "tr",
        {},
        *(
            _heading(name, number=name in {"Wave", "Time"})
            for name in ("Wave", "Host", "State", "Time", "Result")
        ),
    )
    rows = [
        _row(wave.short, host, steps=every or host.state not in _WELL)
        for wave in view.waves
        for host in wave.hosts
    ]
    yield node("table", {}, node("thead", {}, head), node("tbody", {}, *rows))


def _heading(name: str, *, number: bool) -> Element:
    return node("th", {"scope": "col"} | ({"class": "number"} if number else {}), name)


def _row(wave: str, host: HostView, *, steps: bool) -> Element:
    more = list(_details(host)) if steps else []
    what = what_of(host).plain or "nothing to tell"
    told = node("details", {}, node("summary", {}, what), *more) if more else what
    return node(
        "tr",
        {},
        node("td", {"class": "number"}, wave),
        node("th", {"scope": "row"}, host.host),
        node("td", {}, badge(HOST_MARKS[host.state])),
        node("td", {"class": "number"}, clock(seconds_of(host))),
        node("td", {}, told),
    )


def _details(host: HostView) -> Iterator[Element]:
    if host.error is not None and host.error.hint:
        yield node("p", {}, f"next: {host.error.hint}")
    for attempt in host.attempts:
        yield from _attempt(attempt)


def _attempt(attempt: AttemptView) -> Iterator[Element]:
    kind = "undo" if attempt.undo else "apply"
    outcome = f": {attempt.outcome}" if attempt.outcome else ""
    worker = attempt.worker or "nobody yet"
    yield node("h3", {}, f"attempt {attempt.number} ({kind}, epoch {attempt.epoch}) by {worker}{outcome}")
    answer = attempt.result or {}
    steps = [_step(step) for step in answer.get("steps") or ()]
    if steps:
        yield node("ol", {}, *steps)
    error = answer.get("error")
    if error:
        yield node("p", {}, f"{error.get('code', '')}: {error.get('message', '')}")
    notes = [
        f"{item.get('severity', '')}: {item.get('code', '')} {item.get('object', '')} {item.get('detail', '')}"
        for item in answer.get("findings") or ()
    ]
    notes += [f"{key}: {short(value)}" for key, value in (answer.get("data") or {}).items()]
    if notes:
        yield node("ul", {}, *(node("li", {}, note) for note in notes))


def _step(step: Mapping[str, Any]) -> Element:
    detail = f" ({step['detail']})" if step.get("detail") else ""
    words = f"{step.get('state', '')}: {step.get('title', '')}{detail}, {step.get('duration_s', 0):.1f} s"
    output = step.get("output")
    return node("li", {}, words, *([node("pre", {}, output)] if output else []))
