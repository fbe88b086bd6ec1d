"""Two campaigns side by side: what was asked differently, which hosts ended differently, and what differs first.

How long something took is shown and never counts as a difference: no two runs take the same time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.campaign.explaining.causes import signature
from orchestrator.campaign.states import HostState
from orchestrator.screens.glyphs import HOST_MARKS
from orchestrator.screens.report import seconds_of, short, what_of
from orchestrator.screens.views import CampaignView, HostView


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Something asked differently; "" where one of them has nothing of the kind."""

    #: "procedure", "parameter targets", "plan"
    name: str
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How one campaign left a host."""

    wave: int
    #: a HostState
    state: str
    seconds: float | None
    #: code of its error; "" without one
    error: str
    #: what became of it, in one sentence
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherStep:
    """The first step that ended differently; "" where one of them does not have it."""

    title: str
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPair:
    """One host in both campaigns, or in one of them."""

    host: str
    a: Side | None
    b: Side | None
    #: presence, state, error, steps: what is not the same
    differs: tuple[str, ...]
    step: OtherStep | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Everything that is not the same in two campaigns, and their hosts side by side."""

    a: str
    b: str
    settings: tuple[Setting, ...]
    #: in the order of the plan of A, then those only B has
    hosts: tuple[HostPair, ...]
    #: in words; "" when nothing differs
    first: str

    @property
    def different(self) -> tuple[HostPair, ...]:
        """Hosts that did not end the same way."""
        return tuple(pair for pair in self.hosts if pair.differs)


def compare(a: CampaignView, b: CampaignView) -> Difference:
    """Look at the full views of two campaigns."""
    settings = tuple(_settings(a, b))
    hosts = tuple(_pairs(_hosts(a), _hosts(b)))
    different = [pair for pair in hosts if pair.differs]
    if settings:
        first = f"{settings[0].name}: {settings[0].a or 'nothing'} / {settings[0].b or 'nothing'}"
    else:
        first = f"{different[0].host}: {in_words(different[0])}" if different else ""
    return Difference(a=a.id, b=b.id, settings=settings, hosts=hosts, first=first)


def in_words(pair: HostPair) -> str:
    """What differs on a host; "" when nothing does."""
    if pair.a is None or pair.b is None:
        return "only in A" if pair.b is None else "only in B"
    told = []
    if "state" in pair.differs:
        told.append(f"{_word(pair.a)} / {_word(pair.b)}")
    if "error" in pair.differs:
        told.append(f"error {_error(pair.a)} / {_error(pair.b)}")
    if pair.step is not None:
        told.append(
            f"first other step: {pair.step.title} ({pair.step.a or 'absent'} / {pair.step.b or 'absent'})"
        )
    return "; ".join(told)


def _word(side: Side) -> str:
    return HOST_MARKS[HostState(side.state)].word


def _error(side: Side) -> str:
    return f"{side.error}: {side.what}" if side.error else "none"


def _settings(a: CampaignView, b: CampaignView) -> Iterator[Setting]:
    if a.procedure != b.procedure:
        yield Setting(name="procedure", a=a.procedure, b=b.procedure)
    for key in sorted({*a.params, *b.params}):
        if (key in a.params, a.params.get(key)) != (key in b.params, b.params.get(key)):
            yield Setting(name=f"parameter {key}", a=_value(a.params, key), b=_value(b.params, key))
    # the plan in words has the whole policy in numbers; sentences both have are no difference, wherever they stand
    yield from (Setting(name="plan", a=line, b="") for line in a.words if line not in b.words)
    yield from (Setting(name="plan", a="", b=line) for line in b.words if line not in a.words)


def _value(params: Mapping[str, Any], key: str) -> str:
    return short(params[key]) if key in params else ""


def _hosts(view: CampaignView) -> Mapping[str, tuple[int, HostView]]:
    return {host.host: (wave.number, host) for wave in view.waves for host in wave.hosts}


def _pairs(
    a: Mapping[str, tuple[int, HostView]], b: Mapping[str, tuple[int, HostView]]
) -> Iterator[HostPair]:
    for name in (*a, *(name for name in b if name not in a)):
        one, other = a.get(name), b.get(name)
        sides = [None if found is None else _side(*found) for found in (one, other)]
        step = None if one is None or other is None else _other_step(one[1], other[1])
        yield HostPair(
            host=name, a=sides[0], b=sides[1], differs=tuple(_differs(one, other, step)), step=step
        )


def _side(wave: int, host: HostView) -> Side:
    return Side(
        wave=wave,
        state=host.state.value,
        seconds=seconds_of(host),
        error=host.error.code if host.error else "",
        what=host.error.message if host.error else what_of(host).plain,
    )


def _differs(
    one: tuple[int, HostView] | None, other: tuple[int, HostView] | None, step: OtherStep | None
) -> Iterator[str]:
    if one is None or other is None:
        yield "presence"
        return
    if one[1].state is not other[1].state:
        yield "state"
    if _cause(one[1]) != _cause(other[1]):
        yield "error"
    if step is not None:
        yield "steps"


def _cause(host: HostView) -> tuple[str, str] | None:
    """The error without its numbers and ids, as `why` groups hosts."""
    return None if host.error is None else signature(host.error.code, host.error.message, host.host)


def _other_step(one: HostView, other: HostView) -> OtherStep | None:
    theirs = [_steps(host) for host in (one, other)]
    for key in (*theirs[0], *(key for key in theirs[1] if key not in theirs[0])):
        ends = [str(steps.get(key, {}).get("state", "")) for steps in theirs]
        if ends[0] != ends[1]:
            title = next(steps[key].get("title", key) for steps in theirs if key in steps)
            return OtherStep(title=str(title), a=ends[0], b=ends[1])
    return None


def _steps(host: HostView) -> Mapping[str, Mapping[str, Any]]:
    """Steps of its last attempt that did the work, by key; the way back of a failed host is another matter."""
    results = [attempt.result for attempt in host.attempts if attempt.result is not None and not attempt.undo]
    steps = (results[-1] if results else {}).get("steps") or ()
    return {str(step.get("key", "")): step for step in steps}
