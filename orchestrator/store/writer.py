"""Everything the store writes; all of a writer's work is one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.kill_switch import Switch
from orchestrator.campaign.quarantine import Quarantine
from orchestrator.store import (
    budget_uses,
    campaigns,
    events,
    hosts,
    leases,
    notifications,
    plans,
    quarantines,
    switches,
)
from orchestrator.store.reader import Reader
from orchestrator.store.records import Lease, LogEntry, Notification


@dataclass(frozen=True, slots=True)
class Writer(Reader):
    """One transaction of the leading orchestrator: all of it is committed, or nothing."""

    def save(self, before: Campaign | None, after: Campaign, log: Sequence[LogEntry] = ()) -> Campaign:
        """Write what differs and the log lines; Conflict unless `before` is the version stored."""
        saved = campaigns.save(self.connection, before, after)
        events.append(self.connection, log)
        return saved

    def log(self, entries: Sequence[LogEntry]) -> None:
        """Write lines of the log."""
        events.append(self.connection, entries)

    def draw_epochs(self, names: Iterable[str]) -> dict[str, int]:
        """Draw the next fencing number of each host."""
        return hosts.draw_epochs(self.connection, names)

    def raise_epochs(self, seen: Mapping[str, int]) -> None:
        """Never draw a number that a host has already seen."""
        hosts.raise_epochs(self.connection, seen)

    def remember_hosts(self, machine_ids: Mapping[str, str | None], at: datetime) -> None:
        """Note that these hosts answered, and who they are."""
        hosts.remember(self.connection, machine_ids, at)

    def forget_identity(self, name: str) -> None:
        """Accept whatever machine answers to this name next."""
        hosts.forget_identity(self.connection, name)

    def take_leases(self, wanted: Sequence[Lease]) -> None:
        """Take or renew leases; LeaseHeld when another campaign has one."""
        leases.take(self.connection, wanted)

    def release_leases(self, campaign_id: str, names: Sequence[str]) -> None:
        """Give back the leases this campaign has on these hosts."""
        leases.release(self.connection, campaign_id, names)

    def renew_leases(self, lasting: Sequence[Lease]) -> None:
        """Let these leases last until the instant they name."""
        leases.renew(self.connection, lasting)

    def expire_leases(self, gone: Sequence[Lease]) -> None:
        """Take these leases away; what their hosts use of budgets stays."""
        leases.expire(self.connection, gone)

    def begin_uses(self, campaign_id: str, names: Iterable[str], now: datetime) -> None:
        """Let these hosts use budgets for this campaign."""
        budget_uses.begin(self.connection, campaign_id, names, now)

    def end_uses(self, campaign_id: str, names: Sequence[str]) -> None:
        """Let this campaign's work on these hosts use no budgets any more."""
        budget_uses.end(self.connection, campaign_id, names)

    def prove_well(self, names: Sequence[str]) -> None:
        """Let these hosts use no budgets any more, whoever worked on them."""
        budget_uses.prove(self.connection, names)

    def throw_switch(self, switch: Switch) -> None:
        """Keep a kill switch that holds from now on."""
        switches.throw(self.connection, switch)

    def release_switch(self, released: Switch) -> None:
        """Note who let go of the one that holds for the same target."""
        switches.release(self.connection, released)

    def quarantine(self, wanted: Sequence[Quarantine]) -> tuple[Quarantine, ...]:
        """Leave these hosts alone from now on; gives those that were not left alone before."""
        return quarantines.put(self.connection, wanted)

    def release_quarantine(self, released: Quarantine) -> None:
        """Note who released the quarantine that holds for this host."""
        quarantines.release(self.connection, released)

    def ask_plan(self, campaign_id: str, request: Mapping[str, Any]) -> None:
        """Keep a request whose plan is not made yet."""
        plans.ask(self.connection, campaign_id, request)

    def freeze_plan(
        self, campaign_id: str, document: bytes, plan_hash: str, expires_at: datetime | None
    ) -> None:
        """Keep the finished plan's bytes."""
        plans.freeze(self.connection, campaign_id, document, plan_hash, expires_at)

    def mark_applied(self, campaign_id: str, at: datetime, by: str) -> bool:
        """Note that the plan was applied; False when it was before."""
        return plans.mark_applied(self.connection, campaign_id, at, by)

    def put_notifications(self, new: Sequence[Notification]) -> None:
        """Keep what people are to be told."""
        notifications.put(self.connection, new)

    def postpone_notification(self, seq: int, tries: int, next_try: datetime) -> None:
        """Note that it was tried so often, and when it is tried again."""
        notifications.postpone(self.connection, seq, tries, next_try)

    def drop_notification(self, seq: int) -> None:
        """Forget what was told, or given up."""
        notifications.drop(self.connection, seq)
