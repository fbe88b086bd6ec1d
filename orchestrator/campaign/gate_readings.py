"""Takes in what hosts said to gates that read them: news of each is good, bad, unknown, or too young to be either.

All readings of one turn are taken in together: a question to ten thousand hosts is not copied for every answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.durations import words
from orchestrator.campaign.events import HostRead
from orchestrator.campaign.gate import Gate, GateKind, GateState
from orchestrator.campaign.gates.asking import with_state
from orchestrator.campaign.gates.needed import BASELINE, PATIENCE_S, gate_deadline
from orchestrator.campaign.pulse import ENGINE_DOWN_S, WINDOW_S, Pulse, felt, still_restarting
from orchestrator.campaign.running_set import RunningSaid, changes
from orchestrator.campaign.vitals import ENGINE, Vital, bad_news, engine_down, restarts, unknown
from orchestrator.campaign.wording import names


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What one reading comes to; all empty = the host is well."""

    sick: str = ""
    unsure: str = ""
    brief: str = ""
    #: it is well, and this is worth telling
    note: str = ""


@dataclass(slots=True)
class _Question:
    """One question that waits for hosts, and what came so far."""

    gate: Gate
    state: GateState
    waiting: set[str]
    sick: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    brief: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, host: str, news: News) -> None:
        """Remember this."""
        if news.sick:
            self.sick.append(f"{host}: {news.sick}")
        elif news.unsure:
            self.unsure.append(f"{host}: {news.unsure}")
        elif news.brief:
            self.brief.append(f"{host}: {news.brief}")
        elif news.note:
            self.notes.append(f"{host}: {news.note}")

    @property
    def after(self) -> GateState:
        """How the gate stands now."""
        return replace(
            self.state,
            waiting=tuple(name for name in self.state.waiting if name in self.waiting),
            sick=(*self.state.sick, *self.sick),
            unsure=(*self.state.unsure, *self.unsure),
            brief=(*self.state.brief, *self.brief),
            notes=(*self.state.notes, *self.notes),
        )


def read_all(
    campaign: Campaign, events: Sequence[HostRead], now: datetime
) -> tuple[Campaign, tuple[bool, ...]]:
    """The campaign after these, and which of them changed it; late, repeated and unasked readings do not."""
    questions = _open_questions(campaign, events, now)
    if not questions:
        return campaign, (False,) * len(events)
    runs = {run.host.name: run for run in campaign.runs}
    changed: dict[str, HostRun] = {}
    taken: list[bool] = []
    for event in events:
        question = questions.get(event.number)
        run = changed.get(event.host) or runs.get(event.host)
        if question is None or run is None or event.host not in question.waiting:
            taken.append(False)
            continue
        question.waiting.discard(event.host)
        changed[event.host] = _take(question, run, event, now)
        taken.append(True)
    if not changed:
        return campaign, tuple(taken)
    after = replace(campaign, runs=tuple(changed.get(run.host.name, run) for run in campaign.runs))
    for question in questions.values():
        if len(question.waiting) < len(question.state.waiting):
            after = with_state(after, question.after)
    return after, tuple(taken)


def _open_questions(campaign: Campaign, events: Iterable[HostRead], now: datetime) -> dict[int, _Question]:
    gates = {gate.name: gate for gate in campaign.policy.gates}
    wanted = {event.number for event in events}
    return {
        state.number: _Question(gate=gates[state.gate], state=state, waiting=set(state.waiting))
        for state in campaign.gates
        if state.number
        and state.number in wanted
        and state.gate in gates
        and state.answered_at is None
        and now <= gate_deadline(gates[state.gate], state)
    }


def _take(question: _Question, run: HostRun, event: HostRead, now: datetime) -> HostRun:
    """The run after this reading, of which the question knows now."""
    pulse = _pulse(question.gate, run, event, now)
    after = run if pulse is None else replace(run, pulse=pulse)
    if question.state.wave != BASELINE:
        question.take(event.host, news(question.gate, after, event, now))
        return after
    if event.problem or not _told(question.gate, event):
        question.unsure.append(event.host)
        return after
    if event.running is not None:
        return replace(after, running=event.running.running)
    return replace(after, vitals=event.vitals, restarting=event.restarting)


def _told(gate: Gate, event: HostRead) -> bool:
    """Whether the host told what this gate asks for."""
    return event.running is not None if gate.kind is GateKind.RUNNING_SET else bool(event.vitals)


def _pulse(gate: Gate, run: HostRun, event: HostRead, now: datetime) -> Pulse | None:
    if event.problem or not event.vitals:
        return run.pulse
    # as long as the next question may take to be answered, readings follow each other
    patience_s = max(WINDOW_S, gate.every_s + gate.timeout_s + PATIENCE_S)
    down = engine_down(event.vitals)
    apart = frozenset(item.container for item in run.restarting)
    return felt(run.pulse, event.restarted, down=down, now=now, patience_s=patience_s, apart=apart)


def news(gate: Gate, run: HostRun, event: HostRead, now: datetime) -> News:
    """What this reading of a host comes to for this gate; `run` remembers it already."""
    if event.problem or not _told(gate, event):
        return News(unsure=event.problem or "it did not tell what was asked")
    if event.running is not None:
        return _running(gate, run, event.running)
    pulse = run.pulse or Pulse()
    before, restarting = (run.vitals, run.restarting) if gate.kind is GateKind.DELTA else (None, ())
    vitals = (*event.vitals, *restarts(pulse, now, restarting))
    down_s = pulse.down_s
    note = _as_before(still_restarting(pulse, now, restarting))
    young = engine_down(event.vitals) is True and down_s < ENGINE_DOWN_S
    bad = _bad(vitals, before, gate, leave_out=ENGINE if young else frozenset())
    if bad:
        return News(sick="; ".join(filter(None, (bad, note))))
    if young and (away := _bad(vitals, before, gate)):
        limit = words(ENGINE_DOWN_S)
        return News(brief=f"{away} for {down_s:.0f}s so far, tolerated for {limit}")
    return News(unsure=", ".join(unknown(event.vitals, before)), note=note)


def _as_before(containers: tuple[str, ...]) -> str:
    """Of which containers restarts are no news."""
    if not containers:
        return ""
    return f"{names(containers)} {'was' if len(containers) == 1 else 'were'} restarting before"


def _running(gate: Gate, run: HostRun, said: RunningSaid) -> News:
    """A container that ran before must run; a new one is told, and fails only where warnings do."""
    found = changes(said, run.running)
    if found is None:
        return News(unsure="its containers were not read before the first wave")
    missing, extra = found
    new = f"new: {names(extra)}" if extra else ""
    if missing:
        return News(sick="; ".join(filter(None, (f"missing: {names(missing)}", new))))
    return News(sick=new) if gate.warnings else News(note=new)


def _bad(
    vitals: Iterable[Vital],
    before: Iterable[Vital] | None,
    gate: Gate,
    *,
    leave_out: frozenset[str] = frozenset(),
) -> str:
    return ", ".join(bad_news(vitals, before, warnings=gate.warnings, leave_out=leave_out))
