"""Waves over time as one picture: a row per wave, a bar per host, or per state where a wave has many hosts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element

from orchestrator.campaign.wording import plural
from orchestrator.reporting.marks import class_of
from orchestrator.reporting.markup import node
from orchestrator.screens.glyphs import COUNT_ORDER, HOST_MARKS, Mark
from orchestrator.screens.report import clock
from orchestrator.screens.sanitize import clean
from orchestrator.screens.views import CampaignView, HostView, WaveView

#: waves drawn at most; the table of hosts has all of them
ROWS = 60
#: hosts of a wave up to which each gets a bar of its own
BARS = 12

_WIDTH = 960
_MARGIN = 12
#: characters of a name
_NAME = 26
#: where time begins; names are left of it
_BEGIN = 212
_TEXT = 16
_BAR = 15
_GAP = 12
_TICKS = 4
_SPAN = _WIDTH - _BEGIN - _MARGIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """From when to when, and what it stands for."""

    since: datetime
    until: datetime
    mark: Mark
    #: whose it is, beside it
    name: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Where an instant is on the picture."""

    since: datetime
    seconds: float

    def x(self, instant: datetime) -> float:
        """Its place, inside the picture whatever a host's clock said."""
        share = (instant - self.since).total_seconds() / self.seconds
        return round(_BEGIN + _SPAN * min(max(share, 0.0), 1.0), 1)


def timeline(view: CampaignView, now: datetime) -> Element | None:
    """The picture; None when nothing was started."""
    if view.started_at is None:
        return None
    until = view.ended_at or now
    scale = Scale(since=view.started_at, seconds=max((until - view.started_at).total_seconds(), 1.0))
    waves = [wave for wave in view.waves if wave.hosts]
    parts: list[Element] = []
    y = float(_TEXT + 4 if view.stops else 4)
    for wave in waves[:ROWS]:
        bars = bars_of(wave, until)
        parts += _row(wave, bars, scale, y)
        y += _TEXT + len(bars) * _BAR + _GAP
    if len(waves) > ROWS:
        parts.append(_text(_MARGIN, y + 12, f"{len(waves) - ROWS} more waves: see the table of hosts"))
        y += _TEXT + _GAP
    parts += _stops(view, scale, y)
    parts += _axis(scale, y)
    words = (
        f"{plural(len(waves), 'wave')} in {clock(scale.seconds)}; the table of hosts says the same in words"
    )
    attributes = {"viewBox": f"0 0 {_WIDTH} {y + 24:.0f}", "role": "img", "aria-labelledby": "timeline-title"}
    return node("svg", attributes, node("title", {"id": "timeline-title"}, words), *parts)


def bars_of(wave: WaveView, until: datetime) -> Sequence[Bar]:
    """Its hosts that were started, one by one, or those of each state together, worst first."""
    started = [host for host in wave.hosts if host.started_at is not None]
    if len(started) <= BARS:
        return [bar for host in started for bar in _together([host], until, host.host, _told(host, until))]
    return [
        bar
        for state in COUNT_ORDER
        if (alike := [host for host in started if host.state is state])
        for bar in _together(alike, until, _number(alike), f"{_number(alike)} {HOST_MARKS[state].word}")
    ]


def _number(hosts: Sequence[HostView]) -> str:
    return plural(len(hosts), "host")


def _together(hosts: Sequence[HostView], until: datetime, name: str, title: str) -> Iterator[Bar]:
    starts = [host.started_at for host in hosts if host.started_at is not None]
    if starts:
        ends = [host.ended_at or until for host in hosts]
        mark = HOST_MARKS[hosts[0].state]
        yield Bar(since=min(starts), until=max(ends), mark=mark, name=name, title=title)


def _told(host: HostView, until: datetime) -> str:
    seconds = ((host.ended_at or until) - host.started_at).total_seconds() if host.started_at else None
    return f"{host.host}: {HOST_MARKS[host.state].word}, {clock(seconds)}"


def _row(wave: WaveView, bars: Sequence[Bar], scale: Scale, y: float) -> Iterator[Element]:
    states = [host.state for host in wave.hosts]
    counts = ", ".join(
        f"{HOST_MARKS[state].glyph} {states.count(state)} {HOST_MARKS[state].word}"
        for state in COUNT_ORDER
        if state in states
    )
    name = f"wave {clean(wave.short)}" if wave.number else "in no wave"
    yield _text(_MARGIN, y + 12, f"{name}: {counts}")
    for index, bar in enumerate(bars):
        left, top = scale.x(bar.since), y + _TEXT + index * _BAR
        yield _text(_MARGIN * 2, top + _BAR - 4, f"{bar.mark.glyph} {clean(bar.name, limit=_NAME)}")
        place = {
            "x": f"{left}",
            "y": f"{top + 1}",
            "width": f"{max(scale.x(bar.until) - left, 2.0):.1f}",
            "height": f"{_BAR - 4}",
            "class": class_of(bar.mark),
        }
        yield node("rect", place, node("title", {}, f"{bar.mark.glyph} {bar.title}"))


def _stops(view: CampaignView, scale: Scale, bottom: float) -> Iterator[Element]:
    for stop in view.stops:
        x = scale.x(stop.at)
        words = f"stopped {stop.at:%H:%M:%S}"
        place = {"x1": f"{x}", "x2": f"{x}", "y1": f"{_TEXT}", "y2": f"{bottom}", "class": "stop"}
        yield node("line", place, node("title", {}, f"{words}: {stop.rule}"))
        yield _text(x, 12, words, anchor=_anchor(x))


def _axis(scale: Scale, y: float) -> Iterator[Element]:
    yield node("line", {"x1": f"{_BEGIN}", "x2": f"{_WIDTH - _MARGIN}", "y1": f"{y}", "y2": f"{y}"})
    for tick in range(_TICKS + 1):
        x = _BEGIN + _SPAN * tick / _TICKS
        yield node("line", {"x1": f"{x}", "x2": f"{x}", "y1": f"{y}", "y2": f"{y + 5}"})
        yield _text(x, y + 18, clock(scale.seconds * tick / _TICKS), anchor=_anchor(x))


def _anchor(x: float) -> str:
    """Text near an edge grows away from it."""
    return "start" if x < _BEGIN + 40 else "end" if x > _WIDTH - _MARGIN - 40 else "middle"


def _text(x: float, y: float, words: str, *, anchor: str = "start") -> Element:
    return node("text", {"x": f"{x}", "y": f"{y}", "text-anchor": anchor}, words)
