"""Quarantine: no campaign changes a host before a person has looked at it and released it.

A person sets it, or a campaign that left the host to a person. Reading goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.campaign.campaign import Campaign, runs_of
from orchestrator.campaign.hold import Hold
from tasks.result import HostError

#: characters of a reason that are kept
_MOST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine(Hold):
    """One host that is left alone: since when, who wants it and why, and who released it."""

    host: str
    #: the person; "" when a campaign left it
    by: str = ""
    #: the campaign that left it; "" when a person set it
    campaign: str = ""
    #: as last known: it uses the budgets of its groups
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Which host, since when, by whom and why."""
        who = (
            f"left to a person by campaign {self.campaign}"
            if self.campaign
            else f"by {self.by or 'somebody'}"
        )
        return f"{self.host} is quarantined since {self.since}, {who}: {self.reason}"

    @property
    def release(self) -> str:
        """The command that releases it."""
        return f"dockwave hosts release {self.host} --reason TEXT"

    @property
    def error(self) -> HostError:
        """Why no plan has the host."""
        hint = f"Look at it, then release it with `{self.release}` and plan again"
        return HostError(code="E_QUARANTINED", message=self.text, hint=hint)


def concerning(quarantines: Iterable[Quarantine], campaign: Campaign) -> tuple[Quarantine, ...]:
    """Those on hosts of this campaign that hold, or did since it was started."""
    known = tuple(quarantines)
    mine = runs_of(campaign, {item.host for item in known})
    since = campaign.started_at
    return tuple(item for item in known if item.host in mine and item.held_after(since))


def one_line(text: str) -> str:
    """What hosts or people said as one bounded line: it goes into columns, logs and screens."""
    return "".join(char if char.isprintable() else " " for char in text)[:_MOST].strip()
