"""How scripted hosts answer gates that have them read: well, sick, blind, late, with old news, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final

from orchestrator.campaign import running_set
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.hosts import SimHost
from orchestrator.simulate.stage.vital_signs import running, vitals
from tasks.result import HostError, HostResult, Outcome
from tasks.wire import Order, Report, ReportKind

#: what a host says of containers that should run and do not
MISSING: Final = "MISSING"
_BROKEN = HostResult(outcome=Outcome.FAILED, error=HostError(code="E_STEP_FAILED", message="no answer"))
_CUT = HostResult(outcome=Outcome.UNREACHABLE, error=HostError(code="E_UNREACHABLE", message="no route"))


class Mood(StrEnum):
    """How a host answers one question."""

    #: as it is
    TRUE = "true"
    FULL = "its disk is almost full"
    SICK = "a container is unhealthy, or missing"
    BLIND = "it cannot tell how full its disk is"
    DOWN = "its engine does not answer"
    BROKEN = "its reading fails"
    CUT = "it cannot be reached"
    SILENT = "it says nothing"
    LATE = "it answers when nobody waits any more"
    STALE = "it says once more what it said before"


_LEVELS: Final[Mapping[Mood, Mapping[str, str]]] = {
    Mood.FULL: {"disk": "WARNING"},
    Mood.SICK: {"unhealthy": "CRITICAL"},
    Mood.BLIND: {"disk": "UNKNOWN"},
    Mood.DOWN: {"service": "CRITICAL", "daemon": "CRITICAL"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a host told: the checks that are not well; of a running set what is missing."""

    levels: Mapping[str, str]
    #: it was compared on the host with what ran before its change
    compared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of a gate, and the hosts that must be well."""

    campaign: str
    gate: str
    wave: int
    host: str
    number: int
    asked_at: datetime
    hosts: frozenset[str]


@dataclass(slots=True)
class Heard:
    """What was asked of hosts, and what they told; a host that told nothing of use is in none of it."""

    questions: list[Question] = field(default_factory=list)
    #: by campaign, number of the question, and host
    said: dict[tuple[str, int, str], list[Said]] = field(default_factory=dict)


class Readings:
    """Answers for all hosts of a schedule."""

    def __init__(
        self,
        clock: Clock,
        dice: Dice,
        moods: Sequence[Mood],
        heard: Heard,
        send: Callable[[Report], None],
    ) -> None:
        """Answer by these weights, and hand reports to `send`."""
        self._clock = clock
        self._dice = dice
        self._moods = moods
        self._heard = heard
        self._send = send
        self._before: dict[tuple[str, str], tuple[Report, Said]] = {}
        self._always: dict[str, Mapping[str, str]] = {}
        #: nothing goes wrong any more
        self.calm = False

    def ask(self, host: SimHost, order: Order) -> None:
        """Answer this order, now or later, or never."""
        mood = Mood.TRUE if self.calm else self._dice.among(self._moods)
        if mood is Mood.SILENT:
            return
        if mood in {Mood.BROKEN, Mood.CUT}:
            self._send(host.say(order, ReportKind.RESULT, _CUT if mood is Mood.CUT else _BROKEN))
            return
        key = order.campaign_id, host.name
        report, said = self._answer(host, order, mood)
        if mood is Mood.STALE:
            if key in self._before:
                self._say(*self._before[key])
            return
        self._before[key] = report, said
        if mood is Mood.LATE:
            late_s = order.timeout_s + self._dice.between(0.0, 20.0)
            self._clock.after(late_s, partial(self._say, report, said))
            return
        self._say(report, said)

    def _answer(self, host: SimHost, order: Order, mood: Mood) -> tuple[Report, Said]:
        if order.procedure == running_set.PROCEDURE:
            there = host.sound and mood is not Mood.SICK
            result = running(order.undo_of, there=there)
            said = Said(levels={} if there else {"web": MISSING}, compared=bool(order.undo_of))
        else:
            broken = {} if host.sound else _LEVELS[Mood.SICK]
            levels = {**self._chronic(host), **_LEVELS.get(mood, {}), **broken}
            result, said = vitals(levels), Said(levels=levels)
        return host.say(order, ReportKind.RESULT, result), said

    def _chronic(self, host: SimHost) -> Mapping[str, str]:
        """What is the matter with it whenever it is asked."""
        if host.name not in self._always:
            level = self._dice.among(("WARNING", "WARNING", "CRITICAL"))
            self._always[host.name] = {"dead": level} if self._dice.chance(0.1) else {}
        return self._always[host.name]

    def _say(self, report: Report, said: Said) -> None:
        campaign = report.attempt_id.split("/", 1)[0]
        # an order that came twice is answered twice, and nobody here knows which answer comes first
        self._heard.said.setdefault((campaign, report.epoch, report.host), []).append(said)
        self._send(report)
