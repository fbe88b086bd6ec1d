"""Which hosts may start now, and which are asked first: gates of moment host, for as many hosts as there are slots.

A host that a gate keeps waiting does not stand in the way of those behind it; so many as there are slots, and at
least ten, are let by before nobody else is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.events import AskGate
from orchestrator.campaign.gate import Gate, GateState
from orchestrator.campaign.needed_gates import at_host, gates_at_hosts

#: hosts kept waiting by gates that are let by at least
_ASIDE = 10


class _Stand(Enum):
    """How a host stands before its gates."""

    OPEN = auto()
    #: questions are due or under way
    ASKED = auto()
    #: a gate has said no, and it is too early to ask again
    CLOSED = auto()


@dataclass(slots=True, kw_only=True)
class Start:
    """Hosts that may start, and questions to gates of others that could."""

    hosts: list[HostRun] = field(default_factory=list)
    asks: list[AskGate] = field(default_factory=list)


def choose(
    campaign: Campaign,
    ready: Iterable[HostRun],
    room: int,
    now: datetime,
    take: Callable[[HostRun], bool],
    *,
    slots: int,
) -> Start:
    """So many of these, in their order, as there is room for; `take` says whether budgets allow one more."""
    start, taken, closed = Start(), 0, 0
    states = {(item.gate, item.wave, item.host): item for item in campaign.gates if item.host}
    for run in ready:
        if taken >= room:
            break
        gates = gates_at_hosts(campaign, run.wave)
        stand, asks = _stand(campaign, run, gates, states, now)
        if stand is _Stand.CLOSED:
            closed += 1
            taken += closed > max(slots, _ASIDE)
        elif take(run):
            taken += 1
            start.asks += asks
            if stand is _Stand.OPEN:
                start.hosts.append(run)
    return start


def _stand(
    campaign: Campaign,
    run: HostRun,
    gates: tuple[Gate, ...],
    states: dict[tuple[str, int, str], GateState],
    now: datetime,
) -> tuple[_Stand, list[AskGate]]:
    """How this host stands before its gates, and which of them are to be asked for it now."""
    asks: list[AskGate] = []
    stand = _Stand.OPEN
    for gate in gates:
        state = states.get((gate.name, run.wave, run.host.name))
        item = at_host(campaign, gate, run.wave, run.host.name, state)
        if item.is_open(now):
            continue
        due = item.due(now)
        waits = state is not None and state.answered_at is None
        if not waits and due is not None and due > now:
            return _Stand.CLOSED, []
        stand = _Stand.ASKED
        # hosts that do not answer are judged, not asked again at once
        if due is not None and due <= now and not item.awaits_hosts:
            asks.append(AskGate(gate=gate.name, wave=run.wave, host=run.host.name))
    return stand, asks
