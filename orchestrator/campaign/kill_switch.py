"""Kill switches: a person stops everything, one procedure or one campaign, until somebody releases it.

Nothing is started meanwhile, not even an undo, and no order is published again; what hosts accepted goes on. A switch
that was released is kept: the time it took counts for no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from orchestrator.campaign.campaign import Campaign


class Target(StrEnum):
    """What a switch stops."""

    EVERYTHING = "everything"
    PROCEDURE = "procedure"
    CAMPAIGN = "campaign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One kill switch that was thrown: by whom, when and why, and who released it."""

    target: Target
    #: of the procedure or campaign; "" for everything
    name: str = ""
    by: str
    reason: str
    at: datetime
    #: None while it holds
    released_at: datetime | None = None
    released_by: str = ""
    release_reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether nobody has released it."""
        return self.released_at is None

    @property
    def what(self) -> str:
        """What it stops, in words."""
        return " ".join(filter(None, (self.target.value, self.name)))

    @property
    def text(self) -> str:
        """What is stopped, by whom, since when and why."""
        by = self.by or "somebody"
        return f"the kill switch for {self.what} was thrown by {by} at {_instant(self.at)}: {self.reason}"

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
    return tuple(
        switch
        for switch in switches
        if switch.applies_to(campaign)
        and (switch.released_at is None or (since is not None and switch.released_at > since))
    )


def holding(switches: Iterable[Switch]) -> tuple[Switch, ...]:
    """Those of them nobody has released."""
    return tuple(switch for switch in switches if switch.holds)


def _instant(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} {instant.tzname()}"
