"""One campaign's turn: what it was, what it has become so far, and what is to be written and sent about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from orchestrator.campaign.actions import Action
from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.events import Event
from orchestrator.campaign.lease import LEASE_FOR_S
from orchestrator.loop.gate_questions import GateQuestion
from orchestrator.loop.orders import Sending
from orchestrator.store.records import Lease, LogEntry
from tasks.result import HostResult

_MACHINE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass
class Turn:
    """What a turn has come to so far."""

    before: Campaign
    after: Campaign
    now: datetime
    #: hosts that may be away at a time, by the control plane's settings
    fleet_budget: int | None = None
    #: seconds beyond the longest an attempt may take after which a host nobody hears of is free, by the same settings
    lease_for_s: float = LEASE_FOR_S
    log: list[LogEntry] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    leases: list[Lease] = field(default_factory=list)
    #: gates to be asked once the turn is committed
    questions: list[GateQuestion] = field(default_factory=list)
    #: highest epoch each host says it has seen
    epochs_seen: dict[str, int] = field(default_factory=dict)
    #: machine-id of each host that answered
    identities: dict[str, str | None] = field(default_factory=dict)
    #: hosts a finished campaign is done with after all
    freed: list[str] = field(default_factory=list)
    wake_at: datetime | None = None

    @cached_property
    def hosts(self) -> Mapping[str, HostRun]:
        """The campaign's hosts by name, as they were when the turn began."""
        return by_name(self.before)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to commit."""
        return self.after is self.before and not self.log

    def note(
        self, kind: str, data: Mapping[str, Any] | None = None, *, host: str = "", attempt: str = ""
    ) -> None:
        """Add a line to the log of this turn."""
        self.log.append(
            LogEntry(
                kind=kind,
                at=self.now,
                campaign_id=self.before.id,
                host=host,
                attempt_id=attempt,
                data=data or {},
            )
        )

    def note_host(self, host: str, result: HostResult | None) -> None:
        """Remember what a host says about itself."""
        if result is None:
            return
        if result.epoch_seen > 0:
            self.epochs_seen[host] = max(self.epochs_seen.get(host, 0), result.epoch_seen)
        identity = result.identity.get("machine_id", "")
        # anything else is no machine-id, and has no business in a column
        self.identities[host] = identity if _MACHINE_ID.fullmatch(identity) else self.identities.get(host)


def moved(turn: Turn) -> list[tuple[HostRun, HostRun]]:
    """Give the hosts this turn has changed, each as it was and as it is now; the list of hosts is frozen."""
    return [(was, run) for was, run in zip(turn.before.runs, turn.after.runs, strict=True) if run is not was]


def by_name(campaign: Campaign) -> dict[str, HostRun]:
    """Give the hosts of a campaign by name."""
    return {run.host.name: run for run in campaign.runs}


def kind_of(said_by: Event | Action) -> str:
    """Give the name of an event or action as the log has it: AskJournal is ask-journal."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(said_by).__name__).lower()
