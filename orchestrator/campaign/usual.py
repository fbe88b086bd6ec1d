"""How long a procedure usually takes on a host, from the hosts it succeeded on before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

#: fewer hosts than this are an anecdote when there is a history to go by
FEW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One host on which the procedure succeeded."""

    #: from its order to its result
    seconds: float
    #: kind of step -> seconds spent on steps of that kind
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long something takes: half of the times less than `p50_s`, nine in ten less than `p90_s`."""

    #: how many times it was seen
    count: int
    p50_s: float
    p90_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """How long a procedure usually takes on a host, and each kind of its steps."""

    host: Pace
    steps: Mapping[str, Pace] = field(default_factory=dict)

    @property
    def slowest_step(self) -> tuple[str, Pace] | None:
        """The kind of step that takes the longest, when more than one is known."""
        if len(self.steps) < 2:
            return None
        return max(self.steps.items(), key=lambda item: (item[1].p50_s, item[0]))


def usual_of(past: Sequence[Past]) -> Usual | None:
    """What is usual after these; None when there is no history yet."""
    whole = pace_of(item.seconds for item in past)
    if whole is None:
        return None
    steps: dict[str, list[float]] = {}
    for item in past:
        for kind, seconds in item.steps.items():
            steps.setdefault(kind, []).append(seconds)
    paces = {kind: pace for kind, seconds in sorted(steps.items()) if (pace := pace_of(seconds)) is not None}
    return Usual(host=whole, steps=paces)


def pace_of(seconds: Iterable[float]) -> Pace | None:
    """The pace of these times; None when there are none."""
    ordered = sorted(seconds)
    if not ordered:
        return None
    return Pace(count=len(ordered), p50_s=_percentile(ordered, 50), p90_s=_percentile(ordered, 90))


def _percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest of them that so many percent do not exceed."""
    return ordered[max(ceil(len(ordered) * percent / 100), 1) - 1]
