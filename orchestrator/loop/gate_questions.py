"""Questions to gates that were committed, and answers to them that were not yet taken in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from orchestrator.campaign.actions import Action, AskGate
from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.events import GateAnswered
from orchestrator.campaign.gate import HOST_KINDS, Gate, GateKind
from tasks.model import Host

_ELSEWHERE = HOST_KINDS | {GateKind.HUMAN}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateQuestion:
    """One question, to be asked now."""

    campaign_id: str
    gate: Gate
    wave: int
    asked_at: datetime
    #: of moment host: the host it is about
    host: Host | None = None


class GateAnswers:
    """Answers on their way to the loop; one that is lost is asked for again."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """Ring `wake` when one comes."""
        self._wake = wake
        self._guard = threading.Lock()
        self._found: dict[str, list[GateAnswered]] = {}

    def put(self, campaign_id: str, event: GateAnswered) -> None:
        """Keep an answer for the campaign's next turn."""
        with self._guard:
            self._found.setdefault(campaign_id, []).append(event)
        self._wake()

    def of(self, campaign_id: str) -> tuple[GateAnswered, ...]:
        """What came for this campaign; it stays until it was taken in."""
        with self._guard:
            return tuple(self._found.get(campaign_id, ()))

    def taken(self, campaign_id: str, events: Iterable[GateAnswered]) -> None:
        """Forget these: they are committed, or change nothing."""
        gone = set(events)
        with self._guard:
            left = [event for event in self._found.pop(campaign_id, []) if event not in gone]
            if left:
                self._found[campaign_id] = left


def questions_of(
    campaign: Campaign, actions: Iterable[Action], hosts: Mapping[str, HostRun], now: datetime
) -> list[GateQuestion]:
    """The questions these actions ask here; people are told by the screens, hosts by orders."""
    gates = {gate.name: gate for gate in campaign.policy.gates}
    return [
        GateQuestion(
            campaign_id=campaign.id,
            gate=gates[action.gate],
            wave=action.wave,
            asked_at=now,
            host=hosts[action.host].host if action.host else None,
        )
        for action in actions
        if isinstance(action, AskGate) and gates[action.gate].kind not in _ELSEWHERE
    ]
