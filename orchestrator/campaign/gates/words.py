"""Gates in words: what the plan says of them, how each stands, and which are closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.durations import words
from orchestrator.campaign.gate import HOST_KINDS, Gate, GateKind, GateState, Moment, Override, Verdict
from orchestrator.campaign.gates.limits import limit_words, people_words
from orchestrator.campaign.gates.needed import BASELINE, NeededGate, asked_of_hosts, needed, override_of
from orchestrator.campaign.window_words import instant_words

#: hosts that wait for a gate, named one by one
SHOWN = 5

_WHEN = {
    Moment.CAMPAIGN: "before the first wave",
    Moment.WAVE: "before each wave",
    Moment.HOST: "before each host",
    Moment.BACKGROUND: "in the background",
    Moment.AFTER_WAVE: "after each wave",
}

_WHOSE = {
    Moment.CAMPAIGN: "all hosts",
    Moment.WAVE: "the hosts of the wave",
    Moment.HOST: "the host",
    Moment.BACKGROUND: "the hosts that were changed",
    Moment.AFTER_WAVE: "the hosts of the wave that were changed",
}


def gate_words(campaign: Campaign) -> Iterator[str]:
    """The gates in words, one line each."""
    for gate in campaign.policy.gates:
        if gate.kind is GateKind.HUMAN:
            yield (
                f"gate {gate.name} {_when(gate)}: waits for {people_words(gate)}; "
                f"{limit_words(gate, Verdict.FAIL)}{_never(gate, campaign)}"
            )
            continue
        row = f"{gate.passes} passes in a row open it; " if gate.passes > 1 else ""
        limits = "; ".join(
            limit_words(gate, verdict) for verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE)
        )
        asks = f"asks {_target(gate)} every {words(gate.every_s)}"
        yield f"gate {gate.name} {_when(gate)}: {asks}; {row}{limits}{_never(gate, campaign)}"


def _never(gate: Gate, campaign: Campaign) -> str:
    """What must be known of a gate for waves that the plan does not have."""
    if not gate.waves or not campaign.waves or min(gate.waves) <= campaign.waves:
        return ""
    return f"; never asked: this plan has {campaign.waves} wave{'s' if campaign.waves > 1 else ''}"


def gate_lines(campaign: Campaign, now: datetime) -> tuple[str, ...]:
    """Every gate that was asked or overridden, with its last answer and age, and the first hosts that wait."""
    at_hosts = {gate.name for gate in campaign.policy.gates if gate.at is Moment.HOST}
    lines = []
    for item in campaign.gates:
        override = override_of(campaign, item.gate, item.wave)
        if override is None and not item.host:
            counted = item.gate in at_hosts and item.wave != BASELINE
            sums = f"{_sums(item)}; the last: " if counted else ""
            lines.append(f"gate {item.gate}{_place(item.wave)}: {sums}{said(item, now)}")
    overridden = (
        f"gate {item.gate}{_place(item.wave, item.host)}: {_overridden(item, now)}"
        for item in campaign.overrides
    )
    return (*lines, *overridden, *waiting_lines(campaign, now))


def waiting_lines(campaign: Campaign, now: datetime) -> tuple[str, ...]:
    """Which hosts wait for which gate, so many as a screen takes."""
    waiting = closed_at_hosts(campaign, now)
    lines = tuple(closed_words(item, now) for item in waiting[:SHOWN])
    if len(waiting) > SHOWN:
        return (*lines, f"{len(waiting) - SHOWN} more hosts wait for gates")
    return lines


def said(state: GateState, now: datetime) -> str:
    """Its last answer with its age, also while it is asked again."""
    if state.answered_at is not None and state.verdict is not None:
        return f"{state.verdict.value}, {_age(state.answered_at, now)} ago: {state.detail}"
    if state.last is not None:
        return (
            f"being asked again; {state.last.verdict.value}, {_age(state.last.at, now)} ago: {state.detail}"
        )
    return "being asked"


def closed_words(item: NeededGate, now: datetime) -> str:
    """Why this gate is closed."""
    state = item.state
    if item.host:
        row = _in_a_row(item)
        return f"{item.host} waits for gate {item.gate.name}: {said(state, now) if state else 'being asked'}{row}"
    if item.gate.kind is GateKind.HUMAN:
        have = ", ".join(item.approvers) or "nobody"
        until = f", until {instant_words(item.expires_at)}" if item.expires_at is not None else ""
        return (
            f"{item.text} waits for {people_words(item.gate)}: {have} so far, {item.missing} missing{until}"
        )
    if state is None:
        return f"{item.text} is closed: it is being asked"
    return f"{item.text} is closed: {said(state, now)}{_in_a_row(item)}"


def closed_gates(campaign: Campaign, now: datetime) -> tuple[NeededGate, ...]:
    """The gates that hold the campaign now."""
    return tuple(item for item in needed(campaign) if not item.is_open(now))


def closed_at_hosts(campaign: Campaign, now: datetime) -> tuple[NeededGate, ...]:
    """What keeps single hosts waiting now; all other hosts of the wave may go on."""
    return tuple(item for item in asked_of_hosts(campaign) if not item.is_open(now))


def way_out(campaign: Campaign, item: NeededGate) -> str:
    """What a person can do about this closed gate."""
    name = item.gate.name
    if item.wave == BASELINE:
        return "It ends by itself when all have answered or their time is over"
    if item.gate.kind is GateKind.HUMAN:
        return (
            f"`dockwave approve {campaign.id} --gate {name}`, "
            f"or `dockwave deny {campaign.id} --gate {name} --reason TEXT`"
        )
    at = f" --host {item.host}" if item.host else ""
    return (
        f"It is asked again by itself; `dockwave override-gate {campaign.id} {name}{at} --reason TEXT` "
        "opens it for once"
    )


def _when(gate: Gate) -> str:
    if not gate.waves:
        return _WHEN[gate.at]
    if gate.at is Moment.HOST:
        return (
            f"{_WHEN[gate.at]} of wave{'s' if len(gate.waves) > 1 else ''} {', '.join(map(str, gate.waves))}"
        )
    side = "after" if gate.at is Moment.AFTER_WAVE else "before"
    return f"{side} {'waves' if len(gate.waves) > 1 else 'wave'} {', '.join(map(str, gate.waves))}"


def _overridden(item: Override, now: datetime) -> str:
    before = f"; it had said {item.said}" if item.said else ""
    return f"overridden by {item.by}, {_age(item.at, now)} ago: {item.reason}{before}"


def _target(gate: Gate) -> str:
    if gate.kind is GateKind.RUNNING_SET:
        new = " or a new one runs" if gate.warnings else ""
        return f"{_WHOSE[gate.at]} which containers run (fails when one that ran before is missing{new})"
    if gate.kind in HOST_KINDS:
        least = "warning" if gate.warnings else "critical"
        change = " and worse than before the first wave" if gate.kind is GateKind.DELTA else ""
        return f"{_WHOSE[gate.at]} how well they are (fails when one is {least}{change})"
    return (gate.url or " ".join(gate.argv))[:200]


def _in_a_row(item: NeededGate) -> str:
    passes = item.state.passes if item.state is not None else 0
    if item.gate.passes > 1 and passes < item.gate.passes:
        return f"; {passes} of {item.gate.passes} passes in a row"
    return ""


def _sums(item: GateState) -> str:
    return f"asked of hosts, {item.passes} passes, {item.fails} fails, {item.doubts} inconclusive"


def _place(wave: int, host: str = "") -> str:
    if host:
        return f" before {host}"
    if wave == BASELINE:
        return " before all"
    return f" wave {wave}" if wave else ""


def _age(at: datetime, now: datetime) -> str:
    return words(max(int((now - at).total_seconds()), 0))
