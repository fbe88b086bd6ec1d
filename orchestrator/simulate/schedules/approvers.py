"""People who answer gates that wait for them: they approve, deny, approve twice or too soon, or say nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import ApproveAsked, DenyAsked
from orchestrator.campaign.gate import Gate, GateKind, GateState
from orchestrator.service.service import Service
from orchestrator.simulate.laws import human_gates
from orchestrator.simulate.laws.law import Violation, is_over
from orchestrator.simulate.schedules.people import AUTHOR
from orchestrator.simulate.schedules.schedule import TROUBLE_S
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.told import Told
from orchestrator.store.errors import Deposed
from tasks.errors import DockwaveError

#: seconds between two looks at what waits
_LOOK_S = 4.0
#: names people answer under, and which person that is
_NAMES = (
    (AUTHOR, AUTHOR), (f"{AUTHOR}@desk", AUTHOR), ("ann", "ann"), ("ann@desk", "ann"), ("Ann", "ann"), ("bob", "bob"),
)  # fmt: skip
_DENIERS = ("bob", "carl", AUTHOR)


class Approvers:
    """Everybody who is asked by a gate."""

    def __init__(
        self,
        clock: Clock,
        dice: Dice,
        *,
        told: Told,
        service: Callable[[], Service],
        campaigns: Mapping[str, Campaign],
        find: Callable[[Iterable[Violation]], None],
    ) -> None:
        """Answer whoever leads; what an acknowledged denial did not do is handed to `find`."""
        self._clock = clock
        self._dice = dice
        self._told = told
        self._service = service
        self._campaigns = campaigns
        self._find = find
        self._seen: set[tuple[str, str, int, datetime]] = set()

    def look(self) -> None:
        """Look again and again whether a gate waits, as long as things go wrong."""
        if self._clock.true_s > TROUBLE_S:
            return
        self._clock.after(_LOOK_S, self.look)
        for campaign in tuple(self._campaigns.values()):
            for gate, state in _open(campaign):
                question = (campaign.id, gate.name, state.wave, state.asked_at)
                if question not in self._seen:
                    self._seen.add(question)
                    self._answer(campaign.id, gate, state.wave)

    def clear_up(self) -> None:
        """Approve whatever waits, by enough people."""
        for campaign in tuple(self._campaigns.values()):
            for gate, state in _open(campaign):
                for who in ("ann", "bob"):
                    self._approve(campaign.id, gate, state.wave, who, who)

    def _answer(self, own: str, gate: Gate, wave: int) -> None:
        """Everybody says something in some order, also those whose yes may not count; or nobody does."""
        dice = self._dice
        if dice.chance(0.2):
            return
        for by, who in _NAMES:
            if dice.chance(0.5):
                self._later(lambda by=by, who=who: self._approve(own, gate, wave, by, who))  # type: ignore[misc]  # a lambda's defaults
        if dice.chance(0.3):
            self._later(lambda: self._approve(own, gate, wave, "carl", "", "0" * 64))
        if dice.chance(0.3):
            # for a wave nobody was asked about yet
            self._later(lambda: self._approve(own, gate, wave + 1, "dora", "dora"))
        if dice.chance(0.2):
            by = dice.among(_DENIERS)
            self._later(lambda: self._deny(own, gate, wave, by))

    def _later(self, what: Callable[[], None]) -> None:
        self._clock.after(self._dice.between(1.0, 40.0), what)

    def _approve(self, own: str, gate: Gate, wave: int, by: str, who: str, plan_hash: str = "") -> None:
        campaign = self._campaigns.get(own)
        if campaign is None:
            return
        event = ApproveAsked(
            by=by, plan_hash=plan_hash or campaign.plan_hash, gate=gate.name, wave=wave, reason="looks well"
        )
        key = (own, gate.name, wave)
        agreed = self._told.opened.setdefault(key, set())
        # a yes to what was never asked is none
        fresh = bool(who) and who not in agreed and _asked(campaign, gate, wave)
        if fresh:
            # before it returns: the last one opens the gate
            agreed.add(who)
        done = self._try(lambda: self._service().operate(own, event))
        if fresh and not done:
            agreed.discard(who)

    def _deny(self, own: str, gate: Gate, wave: int, by: str) -> None:
        key = (own, gate.name, wave)
        denied = self._told.denied.setdefault(key, set())
        fresh = by not in denied
        denied.add(by)
        event = DenyAsked(by=by, gate=gate.name, wave=wave, reason="not now")
        if self._try(lambda: self._service().operate(own, event)):
            self._find(human_gates.on_denied(self._campaigns[own], gate, denied))
        elif fresh:
            denied.discard(by)

    @staticmethod
    def _try(what: Callable[[], object]) -> bool:
        """Whether it was done; refused, everything is as before."""
        try:
            what()
        except (Deposed, DockwaveError):
            return False
        return True


def _open(campaign: Campaign) -> Iterator[tuple[Gate, GateState]]:
    """Questions to people that have no answer yet."""
    gates = {gate.name: gate for gate in campaign.policy.gates if gate.kind is GateKind.HUMAN}
    for state in campaign.gates if not is_over(campaign) else ():
        if state.gate in gates and state.answered_at is None:
            yield gates[state.gate], state


def _asked(campaign: Campaign, gate: Gate, wave: int) -> bool:
    return any((state.gate, state.wave) == (gate.name, wave) for state in campaign.gates)
