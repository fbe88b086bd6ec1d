"""What a campaign must know of the world outside itself to decide: who else changes hosts, and what holds everybody.

The shell collects it from SQL before each decision; the core only reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.campaign.kill_switch import Switch, holding
from orchestrator.campaign.quarantine import Quarantine


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """One host that a campaign works on, or left to a person."""

    host: str
    campaign: str
    labels: Mapping[str, str] = field(default_factory=dict)
    #: services of its containers, as its newest dry run named them
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The world outside one campaign, at one instant."""

    #: hosts that somebody else is changing; they are left alone
    blocked: frozenset[str] = frozenset()
    #: campaigns that keep the blocked ones, by host
    owners: Mapping[str, str] = field(default_factory=dict)
    #: hosts this campaign keeps although it is over, with the instant at which each lock runs out (None: not known
    #: yet); None = not collected
    kept: Mapping[str, datetime | None] | None = None
    #: hosts that any campaign keeps, this one included; collected only for campaigns that keep budgets
    away: tuple[Away, ...] = ()
    #: how many hosts may be away at a time whatever a campaign says, by the control plane's settings; None = no limit
    fleet_budget: int | None = None
    #: kill switches for this campaign: those that hold, and those released since it was started
    switches: tuple[Switch, ...] = ()
    #: quarantines of this campaign's hosts: those that hold, and those released since it was started
    quarantines: tuple[Quarantine, ...] = ()

    @property
    def thrown(self) -> tuple[Switch, ...]:
        """The kill switches that hold this campaign now."""
        return holding(self.switches)

    @property
    def quarantined(self) -> frozenset[str]:
        """Hosts of this campaign that wait for a person to release them."""
        return frozenset(item.host for item in self.quarantines if item.holds)

    @property
    def left_alone(self) -> frozenset[str]:
        """Hosts that may get no order now, whoever keeps them."""
        return self.blocked | self.quarantined


#: nothing outside matters
CALM = Surroundings()
