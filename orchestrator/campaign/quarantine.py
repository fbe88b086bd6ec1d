"""Quarantine: no campaign changes a host before a person has looked at it and released it.

A person sets it, or a campaign that left the host to a person. Reading goes on. One that was released is kept: the
time it took counts for no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.campaign.campaign import Campaign
from tasks.result import HostError

#: characters of a reason that are kept
_MOST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """One host that is left alone: since when, who wants it and why, and who released it."""

    host: str
    #: the person; "" when a campaign left it
    by: str = ""
    #: the campaign that left it; "" when a person set it
    campaign: str = ""
    reason: str
    at: datetime
    #: as last known: it uses the budgets of its groups
    labels: Mapping[str, str] = field(default_factory=dict)
    #: None while it holds
    released_at: datetime | None = None
    released_by: str = ""
    release_reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether nobody has released it."""
        return self.released_at is None

    @property
    def text(self) -> str:
        """Which host, since when, by whom and why."""
        who = (
            f"left to a person by campaign {self.campaign}"
            if self.campaign
            else f"by {self.by or 'somebody'}"
        )
        instant = f"{self.at:%Y-%m-%d %H:%M:%S} {self.at.tzname()}"
        return f"{self.host} is quarantined since {instant}, {who}: {self.reason}"

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
    names = {run.host.name for run in campaign.runs}
    since = campaign.started_at
    return tuple(
        item
        for item in quarantines
        if item.host in names
        and (item.released_at is None or (since is not None and item.released_at > since))
    )


def one_line(text: str) -> str:
    """What hosts or people said as one bounded line: it goes into columns, logs and screens."""
    return "".join(char if char.isprintable() else " " for char in text)[:_MOST].strip()
