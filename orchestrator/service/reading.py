"""What people may ask: campaigns, plans, the log and who keeps which host; it works on every orchestrator."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.explaining.why import Explanation, explain
from orchestrator.campaign.kill_switch import Switch, holding
from orchestrator.campaign.limits.conflict import Rival
from orchestrator.campaign.quarantine import Quarantine
from orchestrator.campaign.states import CampaignState
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.loop.bulletin import Bulletin
from orchestrator.loop.leading import Lead
from orchestrator.loop.outside import surroundings_of
from orchestrator.service import conflicting
from orchestrator.service.shelf import Shelf
from orchestrator.service.travelling import Past, as_it_was
from orchestrator.store.chain import Line, LogHead
from orchestrator.store.reader import Reader
from orchestrator.store.records import BudgetUse, Lease, LoggedEvent
from orchestrator.store.store import Store
from tasks.errors import BadInput, Refused

#: line in the log of a campaign that somebody wants to take back; names the new campaign
UNDO_ASKED = "undo-asked"
#: seconds after which a waiting reader looks for itself: the line may come from another process
_LOOK_S = 1.0


class Reading:
    """Answers from what is stored."""

    def __init__(
        self,
        store: Store,
        lead: Lead,
        *,
        now: Callable[[], datetime],
        bulletin: Bulletin,
        cached: Callable[[str], Campaign | None] = lambda _campaign_id: None,
        health: Callable[[], Mapping[str, Any]] = dict,
        fleet_budget: int | None = None,
    ) -> None:
        """Answer from what `store` holds."""
        self._store = store
        self._lead = lead
        self._now = now
        self._bulletin = bulletin
        self._shelf = Shelf(cached)
        self._health = health
        self._fleet_budget = fleet_budget

    def campaign(self, reference: str) -> Campaign:
        """Give a campaign by id, or by a beginning of it that no other has."""
        with self._store.read() as reader:
            return self._found(reader, reference)

    def at(self, reference: str, instant: datetime) -> Past:
        """Give a campaign as it was at an instant."""
        with self._store.read() as reader:
            campaign = self._found(reader, reference)
            plan = reader.plan_of(campaign.id)
            lines: list[LoggedEvent] = []
            while more := reader.events_after(
                lines[-1].seq if lines else 0, campaign_id=campaign.id, limit=5000
            ):
                lines += more
        document = json.loads(plan.document) if plan is not None and plan.document is not None else None
        return as_it_was(campaign, document, lines, instant, self._now())

    def campaigns(self, limit: int = 50) -> tuple[Campaign, ...]:
        """Give the newest campaigns, newest first."""
        with self._store.read() as reader:
            found = (self._shelf.get(reader, campaign_id) for campaign_id in reader.newest(limit))
            return tuple(campaign for campaign in found if campaign is not None)

    def undone_by(self, campaign_id: str) -> tuple[Campaign, ...]:
        """Give the campaigns that were planned to take this one back, oldest first."""
        with self._store.read() as reader:
            lines = reader.events_after(0, campaign_id=campaign_id, kind=UNDO_ASKED)
            found = (self._shelf.get(reader, str(line.data["campaign"])) for line in lines)
            return tuple(campaign for campaign in found if campaign is not None)

    def taken_back(self, campaign: Campaign) -> Campaign | None:
        """Give the campaign this one takes back; None when it is no undo."""
        if not campaign.undoes:
            return None
        with self._store.read() as reader:
            return self._shelf.get(reader, campaign.undoes)

    def document(self, campaign_id: str) -> tuple[bytes, str]:
        """Give the plan's bytes and their SHA-256."""
        with self._store.read() as reader:
            campaign = self._found(reader, campaign_id)
            plan = reader.plan_of(campaign.id)
        if plan is not None and plan.document is not None:
            return plan.document, plan.hash
        if campaign.state is CampaignState.PLANNING:
            raise Refused(
                f"The plan {campaign.id} is not made yet: hosts are still being asked",
                code="E_NOT_READY",
                hint=f"`dockwave show {campaign.id}` shows which ones; it is ready within two minutes",
            )
        why = campaign.stops[-1].observed if campaign.stops else "it ended before"
        raise Refused(
            f"There is no plan {campaign.id}: {why}",
            code="E_NOT_READY",
            hint=campaign.stops[-1].limit if campaign.stops else "Make a new one",
        )

    def events(
        self, campaign_id: str, after_seq: int, *, host: str | None = None, limit: int = 1000
    ) -> tuple[LoggedEvent, ...]:
        """Give lines of the log after that number, oldest first."""
        if host is not None and not host.isprintable():
            return ()
        with self._store.read() as reader:
            return reader.events_after(after_seq, campaign_id=campaign_id, host=host, limit=limit)

    def audit_lines(self, after_seq: int, limit: int) -> tuple[Line, ...]:
        """Give lines of the log over all campaigns exactly as they are stored, for whoever checks their chain."""
        with self._store.read() as reader:
            return reader.lines_after(after_seq, limit)

    def audit_head(self) -> LogHead:
        """Give the length of the log and the hash of its last line."""
        with self._store.read() as reader:
            return reader.log_head()

    def audit_newest(
        self, *, campaign_id: str | None, people: bool, limit: int
    ) -> tuple[tuple[LoggedEvent, str], ...]:
        """Give the newest lines over all campaigns, newest first, each with its campaign's plan hash."""
        with self._store.read() as reader:
            return reader.newest_events(campaign_id=campaign_id, people=people, limit=limit)

    def why(self, campaign_id: str) -> Explanation:
        """Say why it stopped, or how it stands."""
        campaign = self.campaign(campaign_id)
        return explain(campaign, self._now(), self.around(campaign))

    def around(self, campaign: Campaign) -> Surroundings:
        """Give what the campaign knows of the world outside itself, as its next turn will see it."""
        with self._store.read() as reader:
            return surroundings_of(reader, campaign, self._fleet_budget)

    def wait(self, campaign_id: str, after_seq: int, timeout_s: float) -> bool:
        """Return as soon as the campaign's log has a line after that number, at the latest after that time."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self._store.read() as reader:
                newest = reader.last_seq()
                if reader.events_after(after_seq, campaign_id=campaign_id, limit=1):
                    return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._bulletin.wait(newest, min(left, _LOOK_S))

    def wait_for(self, campaign_id: str, test: Callable[[Campaign], bool], timeout_s: float) -> Campaign:
        """Give the campaign as soon as it passes the test, or as it is when the time is over."""
        deadline = time.monotonic() + timeout_s
        while True:
            with self._store.read() as reader:
                newest = reader.last_seq()
                campaign = self._found(reader, campaign_id)
            left = deadline - time.monotonic()
            if test(campaign) or left <= 0:
                return campaign
            self._bulletin.wait(newest, min(left, _LOOK_S))

    def leases(self) -> tuple[Lease, ...]:
        """Give every host a campaign keeps, with its owner, reason and age."""
        with self._store.read() as reader:
            return reader.leases()

    def budget_uses(self) -> tuple[BudgetUse, ...]:
        """Give every host that uses budgets, with the campaign it does so for."""
        with self._store.read() as reader:
            return reader.budget_uses()

    def switches(self) -> tuple[Switch, ...]:
        """Give the kill switches that hold, oldest first."""
        with self._store.read() as reader:
            return holding(reader.switches())

    def quarantines(self) -> tuple[Quarantine, ...]:
        """Give the quarantines that hold, oldest first."""
        with self._store.read() as reader:
            return reader.quarantines()

    def status(self) -> Mapping[str, Any]:
        """Say how the orchestrator is."""
        with self._store.read() as reader:
            heads = reader.heads()
            seq = reader.last_seq()
        at_work = [head.id for head in heads if head.state != CampaignState.PLANNED]
        return {"leading": self._lead.held, "campaigns": at_work, "seq": seq, **self._health()}

    def rivals(self, campaign_id: str) -> tuple[Rival, ...]:
        """Give the campaigns in the way of this one."""
        with self._store.read() as reader:
            return conflicting.rivals_of(reader, self._found(reader, campaign_id))

    def _found(self, reader: Reader, reference: str) -> Campaign:
        matches = reader.starting_with(reference) if reference.isalnum() else ()
        if len(matches) > 1:
            raise BadInput(
                f"{reference!r} is the beginning of several campaigns: {', '.join(matches[:5])}",
                code="E_CAMPAIGN_AMBIGUOUS",
                hint="Write a few more characters of its id",
            )
        campaign = self._shelf.get(reader, matches[0]) if matches else None
        if campaign is None:
            raise BadInput(
                f"There is no campaign {reference[:40]!r}",
                code="E_CAMPAIGN_UNKNOWN",
                hint="`dockwave ls` shows the campaigns there are",
            )
        return campaign
