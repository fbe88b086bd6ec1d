"""What people were told is done: the judge holds the engine to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.kill_switch import Target
from orchestrator.simulate.stage.overrides import Opened
from orchestrator.simulate.stage.readings import Heard

#: a kill switch by what it stops
Stopped: TypeAlias = tuple[Target, str]
#: a gate that people open by campaign, name and wave
Asked: TypeAlias = tuple[str, str, int]


@dataclass(slots=True)
class Told:
    """Everything acknowledged so far, at instants of true time."""

    aborted: dict[str, datetime] = field(default_factory=dict)
    #: kill switches that hold
    thrown: dict[Stopped, datetime] = field(default_factory=dict)
    #: hosts that are quarantined
    apart: set[str] = field(default_factory=set)
    #: persons who were asked and agreed, by campaign; the author is never one of them
    agreed: dict[str, set[str]] = field(default_factory=dict)
    #: instants at which questions were asked that were answered well, by campaign, gate and wave
    passes: dict[tuple[str, str, int], list[datetime]] = field(default_factory=dict)
    #: likewise of gates before hosts, by campaign, gate and host
    host_passes: dict[tuple[str, str, str], list[datetime]] = field(default_factory=dict)
    #: gates a person let pass
    overridden: set[Opened] = field(default_factory=set)
    #: persons who approved a gate since it was asked, the author too, and names that denied it, by campaign, gate, wave
    opened: dict[Asked, set[str]] = field(default_factory=dict)
    denied: dict[Asked, set[str]] = field(default_factory=dict)
    #: what gates asked of hosts, and what these told
    heard: Heard = field(default_factory=Heard)

    def forget(self) -> None:
        """The database was put back: nothing of it may be known any more."""
        for kept in (self.aborted, self.thrown, self.agreed, self.passes, self.host_passes):
            kept.clear()
        self.opened.clear()
        self.denied.clear()
        self.apart.clear()
        self.overridden.clear()

    def stopped_since(self, campaign: Campaign) -> datetime | None:
        """Since when a kill switch holds this campaign."""
        own = (
            (Target.EVERYTHING, ""),
            (Target.PROCEDURE, campaign.procedure),
            (Target.CAMPAIGN, campaign.id),
        )
        return min((self.thrown[key] for key in own if key in self.thrown), default=None)
