"""Which hosts may start now, and which are asked first: gates of moment host, for as many hosts as there are slots.

A host whose gates are open starts before any other is asked. One that a gate keeps waiting does not stand in the way:
it is asked again when no other is left to be asked, or when so many wait as there are slots, and at least ten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from orchestrator.campaign.actions import AskGate
from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.gate import GateState, Moment, Verdict
from orchestrator.campaign.gates.needed import NeededGate, at_host, gates_at_hosts

#: hosts that gates keep waiting, at least, before no other is asked
_ASIDE = 10


class _Stand(Enum):
    """How a host stands before its gates."""

    OPEN = auto()
    #: nobody was asked about it yet, or its last answer was a pass that is asked for again
    FRESH = auto()
    #: answers are awaited
    ASKED = auto()
    #: a gate keeps it waiting, and may be asked again
    DUE = auto()
    #: a gate keeps it waiting, and it is too early to ask again
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
    gated = any(gate.at is Moment.HOST for gate in campaign.policy.gates)
    if not gated:
        return Start(hosts=_taken(ready, room, take))
    standing: dict[_Stand, list[HostRun]] = {stand: [] for stand in _Stand}
    asks: dict[str, list[AskGate]] = {}
    states = {(item.gate, item.wave, item.host): item for item in campaign.gates if item.host}
    for run in ready:
        stand, asks[run.host.name] = _stand(campaign, run, states, now)
        standing[stand].append(run)
    start = Start(hosts=_taken(standing[_Stand.OPEN], room, take))
    room -= len(start.hosts)
    # what is asked already has its slot
    asking = _taken(standing[_Stand.ASKED], room, take)
    aside = len(standing[_Stand.CLOSED]) + len(standing[_Stand.DUE])
    fresh = standing[_Stand.FRESH] if aside <= max(slots, _ASIDE) else []
    asking += _taken((*fresh, *standing[_Stand.DUE]), room - len(asking), take)
    start.asks = [ask for run in asking for ask in asks[run.host.name]]
    return start


def _taken(runs: Iterable[HostRun], room: int, take: Callable[[HostRun], bool]) -> list[HostRun]:
    """So many of these as there is room and budget for."""
    found: list[HostRun] = []
    for run in runs:
        if len(found) >= room:
            break
        if take(run):
            found.append(run)
    return found


def _stand(
    campaign: Campaign, run: HostRun, states: dict[tuple[str, int, str], GateState], now: datetime
) -> tuple[_Stand, list[AskGate]]:
    """How this host stands before its gates, and which of them can be asked for it now."""
    asks: list[AskGate] = []
    stand = _Stand.OPEN
    for gate in gates_at_hosts(campaign, run.wave):
        state = states.get((gate.name, run.wave, run.host.name))
        item = at_host(campaign, gate, run.wave, run.host.name, state)
        if item.is_open(now):
            continue
        stand = max(stand, _stand_at(item, now), key=_STRONGER.index)
        due = item.due(now)
        # hosts that do not answer are judged, not asked again at once
        if due is not None and due <= now and not item.awaits_hosts:
            asks.append(AskGate(gate=gate.name, wave=run.wave, host=run.host.name))
    return stand, asks


#: of several gates, the one that decides how the host stands comes last
_STRONGER = (_Stand.OPEN, _Stand.FRESH, _Stand.DUE, _Stand.ASKED, _Stand.CLOSED)


def _stand_at(item: NeededGate, now: datetime) -> _Stand:
    """How the host stands before this closed gate."""
    if item.state is None:
        return _Stand.FRESH
    if item.state.answered_at is None:
        return _Stand.ASKED
    due = item.due(now)
    if due is not None and due > now:
        return _Stand.CLOSED
    return _Stand.FRESH if item.state.verdict is Verdict.PASS else _Stand.DUE
