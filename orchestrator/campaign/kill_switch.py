"""Kill switches: a person stops everything, one procedure or one campaign, until somebody releases it.

Nothing is started meanwhile, not even an undo, and no order is published again; what hosts accepted goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.hold import Hold


class Target(StrEnum):
    """What a switch stops."""

    EVERYTHING = "everything"
    PROCEDURE = "procedure"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(Hold):
    """One kill switch that was thrown: by whom, when and why, and who released it."""

    target: Target
    #: of the procedure or campaign; "" for everything
    name: str = ""
    by: str

    @property
    def what(self) -> str:
        """What it stops, in words."""
        return " ".join(filter(None, (self.target.value, self.name)))

    @property
    def text(self) -> str:
        """What is stopped, by whom, since when and why."""
        by = self.by or "somebody"
        return f"the kill switch for {self.what} was thrown by {by} at {self.since}: {self.reason}"

    @property
    def release(self) -> str:
        """The command that releases it."""
        scope = "" if self.target is Target.EVERYTHING else f" --{self.target.value} {self.name}"
        return f"dockwave stop-all --release{scope} --reason TEXT"

    def applies_to(self, campaign: Campaign) -> bool:
        """Whether it stops this campaign."""
        own = {Target.PROCEDURE: campaign.procedure, Target.CAMPAIGN: campaign.id}
        return self.name == own.get(self.target, "")


def applying(switches: Iterable[Switch], campaign: Campaign) -> tuple[Switch, ...]:
    """The switches that stop this campaign, or did since it was started."""
    since = campaign.started_at
    return tuple(switch for switch in switches if switch.applies_to(campaign) and switch.held_after(since))


def holding(switches: Iterable[Switch]) -> tuple[Switch, ...]:
    """Those of them nobody has released."""
    return tuple(switch for switch in switches if switch.holds)
