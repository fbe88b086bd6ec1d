"""Laws of gates that hosts answer: nothing goes past one unless every host concerned said that it is well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.gate import HOST_KINDS, Gate, GateKind, Moment
from orchestrator.campaign.gates.needed import BASELINE, PATIENCE_S
from orchestrator.campaign.states import HostState
from orchestrator.simulate.laws.law import Found, Law, Violation
from orchestrator.simulate.stage.readings import MISSING, Heard, Question, Said
from orchestrator.simulate.stage.told import Told

_S = HostState
_RANK = {"OK": 0, "UNKNOWN": 0, "WARNING": 1, "CRITICAL": 2, MISSING: 2}


def note(before: Campaign, after: Campaign, heard: Heard) -> None:
    """Keep the questions that were put to hosts in this save, with the hosts that have to be well."""
    gates = {gate.name: gate for gate in after.policy.gates if gate.kind in HOST_KINDS}
    known = {state.number for state in before.gates}
    for state in after.gates:
        gate = gates.get(state.gate)
        if gate is None or not state.number or state.number in known:
            continue
        hosts = [state.host] if state.host else _concerned(after, gate, state.wave)
        heard.questions.append(
            Question(
                campaign=after.id,
                gate=gate.name,
                wave=state.wave,
                host=state.host,
                number=state.number,
                asked_at=state.asked_at,
                hosts=frozenset(hosts),
            )
        )


def passed(
    campaign: Campaign,
    told: Told,
    gate: Gate,
    wave: int,
    now: datetime | None,
    *,
    host: str = "",
    since: datetime | None = None,
) -> Found:
    """All hosts of a question that is not too old were well; `since`: it was asked no sooner than that."""
    wanted = (campaign.id, gate.name, wave, host)
    if wanted in told.overridden:
        return
    # in the background a pass is good while the next one is waited for
    more_s = gate.timeout_s + PATIENCE_S if gate.at is Moment.BACKGROUND else 0.0
    good_for = timedelta(seconds=gate.every_s + more_s)
    asked = [q for q in told.heard.questions if (q.campaign, q.gate, q.wave, q.host) == wanted]
    well = [q for q in asked if _all_well(q, gate, told.heard)]
    fresh = [
        q
        for q in well
        if (now is None or now < q.asked_at + good_for) and (since is None or q.asked_at >= since)
    ]
    if not fresh or len(well) < gate.passes:
        detail = (
            f"{campaign.id} went past {gate.name} of wave {wave} {host}: {len(well)} of {len(asked)} well"
        )
        yield Violation(law=Law.READ, detail=detail)


def _concerned(campaign: Campaign, gate: Gate, wave: int) -> Iterator[str]:
    for run in campaign.runs:
        if run.wave and _is_concerned(gate, wave, run):
            yield run.host.name


def _is_concerned(gate: Gate, wave: int, run: HostRun) -> bool:
    """Hosts before their change where it is asked before, and those that were changed well where it is after."""
    if wave == BASELINE or gate.at is Moment.CAMPAIGN:
        return run.state is _S.PENDING
    if gate.at is Moment.WAVE:
        return run.wave == wave and run.state is _S.PENDING
    if gate.at is Moment.AFTER_WAVE:
        return run.wave == wave and run.state is _S.SUCCEEDED
    return run.state in {_S.SUCCEEDED, _S.SOAKING}


def _all_well(question: Question, gate: Gate, heard: Heard) -> bool:
    return all(_is_well(question, gate, host, heard) for host in question.hosts)


def _is_well(question: Question, gate: Gate, host: str, heard: Heard) -> bool:
    first = list(_before(question, host, heard))
    told = heard.said.get((question.campaign, question.number, host), ())
    return any(_is_good(said, gate, first) for said in told)


def _is_good(said: Said, gate: Gate, first: list[Said]) -> bool:
    if gate.kind is GateKind.RUNNING_SET:
        return _all_run(said, first)
    # whether what it said before arrived, nobody here knows
    bases = [{}, *(item.levels for item in first)] if gate.kind is GateKind.DELTA else [{}]
    return any(not _worse(said.levels, base, warnings=gate.warnings) for base in bases)


def _before(question: Question, host: str, heard: Heard) -> Iterator[Said]:
    """What it said before the first wave."""
    for item in heard.questions:
        if (item.campaign, item.gate, item.wave) == (question.campaign, question.gate, BASELINE):
            yield from heard.said.get((item.campaign, item.number, host), ())


def _all_run(said: Said, first: Iterable[Said]) -> bool:
    """What ran before runs; without a comparison on the host, what it said before must be known."""
    if said.compared:
        return not said.levels
    return any(not said.levels or item.levels for item in first)


def _worse(levels: Mapping[str, str], base: Mapping[str, str], *, warnings: bool) -> bool:
    """Whether a check is bad and worse than it was, or cannot be told any more."""
    least = 1 if warnings else 2
    for check, level in levels.items():
        old = base.get(check, "OK")
        if level == "UNKNOWN" and old != "UNKNOWN":
            return True
        if _RANK[level] >= least and _RANK[level] > _RANK[old]:
            return True
    return False
