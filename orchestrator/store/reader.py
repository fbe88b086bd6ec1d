"""Every question the store answers; a reader answers all of them from one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.kill_switch import Switch
from orchestrator.campaign.quarantine import Quarantine
from orchestrator.campaign.surroundings import Away
from orchestrator.campaign.usual import Past
from orchestrator.store import (
    budget_uses,
    campaigns,
    durations,
    events,
    hosts,
    leases,
    notifications,
    plans,
    quarantines,
    switches,
)
from orchestrator.store.chain import Line, LogHead
from orchestrator.store.records import (
    BudgetUse,
    Head,
    KnownHost,
    Lease,
    LoggedEvent,
    Notification,
    StoredPlan,
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Questions answered from one consistent moment."""

    connection: Connection

    def load(self, campaign_id: str) -> Campaign | None:
        """Give a campaign as last saved, or None."""
        return campaigns.load(self.connection, campaign_id)

    def version_of(self, campaign_id: str) -> int | None:
        """Give the version a campaign has, or None when there is no such campaign."""
        return campaigns.version_of(self.connection, campaign_id)

    def heads(self, *, final: bool = False) -> tuple[Head, ...]:
        """Give id, state and version of the campaigns that are not final (or of all)."""
        return campaigns.heads(self.connection, final=final)

    def newest(self, limit: int) -> tuple[str, ...]:
        """Give the ids of the newest campaigns."""
        return campaigns.newest(self.connection, limit)

    def starting_with(self, prefix: str) -> tuple[str, ...]:
        """Give the campaign ids that begin so."""
        return campaigns.starting_with(self.connection, prefix)

    def last_seq(self) -> int:
        """Give the number of the newest line of the log."""
        return events.last_seq(self.connection)

    def events_after(
        self,
        seq: int,
        *,
        campaign_id: str | None = None,
        host: str | None = None,
        kind: str | None = None,
        limit: int = 1000,
    ) -> tuple[LoggedEvent, ...]:
        """Give the lines of the log above this number."""
        return events.after(self.connection, seq, campaign_id=campaign_id, host=host, kind=kind, limit=limit)

    def past(self, procedure: str) -> tuple[Past, ...]:
        """Give the hosts on which this procedure succeeded lately, with how long it took."""
        return durations.past(self.connection, procedure)

    def lines_after(self, seq: int, limit: int) -> tuple[Line, ...]:
        """Give lines of the log exactly as they are stored, with their hashes."""
        return events.lines_after(self.connection, seq, limit)

    def log_head(self) -> LogHead:
        """Give the length of the log and the hash of its last line."""
        return events.head(self.connection)

    def newest_events(
        self, *, campaign_id: str | None, people: bool, limit: int
    ) -> tuple[tuple[LoggedEvent, str], ...]:
        """Give the newest lines of the log, newest first, each with its campaign's plan hash."""
        return events.newest(self.connection, campaign_id=campaign_id, people=people, limit=limit)

    def leases(self) -> tuple[Lease, ...]:
        """Give every lease."""
        return leases.listed(self.connection)

    def away(self, own: str = "") -> tuple[Away, ...]:
        """Give every host that uses budgets or is quarantined, with labels and services but for those of `own`."""
        return (*budget_uses.away(self.connection, own), *quarantines.away(self.connection))

    def budget_uses(self) -> tuple[BudgetUse, ...]:
        """Give every host that uses budgets, by name, with the campaign it does so for."""
        return budget_uses.listed(self.connection)

    def switches(self) -> tuple[Switch, ...]:
        """Give every kill switch, also those that were released, oldest first."""
        return switches.listed(self.connection)

    def quarantines(self, since: datetime | None = None) -> tuple[Quarantine, ...]:
        """Give the quarantines that hold, and those released after `since`, oldest first."""
        return quarantines.listed(self.connection, since)

    def quarantine_of(self, host: str) -> Quarantine | None:
        """Give the newest quarantine of a host, also one that was released."""
        return quarantines.newest(self.connection, host)

    def labels_of(self, host: str) -> Mapping[str, str] | None:
        """Give the labels a host had in its newest campaign; None when no campaign ever had it."""
        return campaigns.labels_of(self.connection, host)

    def hosts(self, names: Iterable[str]) -> dict[str, KnownHost]:
        """Give what is remembered about these hosts."""
        return hosts.known(self.connection, names)

    def plan_of(self, campaign_id: str) -> StoredPlan | None:
        """Give the plan of a campaign."""
        return plans.by_campaign(self.connection, campaign_id)

    def plan_by_hash(self, plan_hash: str) -> StoredPlan | None:
        """Give the plan with this hash."""
        return plans.by_hash(self.connection, plan_hash)

    def channels_due(self, now: datetime) -> tuple[str, ...]:
        """Give the channels that have something to tell now."""
        return notifications.channels_due(self.connection, now)

    def notifications_due(self, channel: str, now: datetime, limit: int) -> tuple[Notification, ...]:
        """Give what a channel is to tell now, oldest first."""
        return notifications.due(self.connection, channel, now, limit)
