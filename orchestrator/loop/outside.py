"""What SQL says about the world outside a campaign: whom others work on, who is away, and what people hold back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.campaign.campaign import Campaign, runs_of
from orchestrator.campaign.kill_switch import Switch, applying
from orchestrator.campaign.limits.disruption import keeps_budgets
from orchestrator.campaign.quarantine import Quarantine, concerning
from orchestrator.campaign.rollout import Clocks
from orchestrator.campaign.states import FINAL_CAMPAIGN, FINAL_HOST
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.store.errors import Conflict
from orchestrator.store.reader import Reader
from orchestrator.store.records import Lease
from tasks.model import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What all campaigns share, read at one moment."""

    leases: tuple[Lease, ...] = ()
    switches: tuple[Switch, ...] = ()
    #: those that hold
    quarantines: tuple[Quarantine, ...] = ()
    #: hosts that may be away at a time, by the control plane's settings
    fleet_budget: int | None = None

    @classmethod
    def read(cls, reader: Reader, fleet_budget: int | None = None) -> Outside:
        """Read it."""
        return cls(
            leases=reader.leases(),
            switches=reader.switches(),
            quarantines=reader.quarantines(),
            fleet_budget=fleet_budget,
        )

    def around(self, campaign: Campaign) -> Surroundings:
        """Give the part of it that concerns a campaign; reading is held up by kill switches only."""
        if campaign.state in FINAL_CAMPAIGN:
            mine = (lease for lease in self.leases if lease.campaign_id == campaign.id)
            return Surroundings(kept={lease.host: lease.expires_at for lease in mine})
        switches = applying(self.switches, campaign)
        if campaign.kind is Kind.READ_ONLY:
            return Surroundings(switches=switches)
        others = {lease.host: lease.campaign_id for lease in self.leases if lease.campaign_id != campaign.id}
        runs = runs_of(campaign, others)
        others = {host: others[host] for host, run in runs.items() if run.state not in FINAL_HOST}
        return Surroundings(
            blocked=frozenset(others),
            owners=others,
            fleet_budget=self.fleet_budget,
            switches=switches,
            quarantines=concerning(self.quarantines, campaign),
        )

    def _left_alone(self, quarantines: tuple[Quarantine, ...], campaign: Campaign) -> tuple[Quarantine, ...]:
        """Those that matter to a campaign: of its own hosts, and of all where they use up a budget it keeps."""
        budgets = keeps_budgets(campaign, Surroundings(fleet_budget=self.fleet_budget))
        return quarantines if budgets else tuple(concerning(quarantines, campaign))

    def check(self, reader: Reader, campaign: Campaign) -> None:
        """Refuse to commit what was decided before somebody threw a kill switch or quarantined a host, or released it.

        Called under the lock of the writer: what is committed after that was acknowledged knows of it.
        """
        if reader.switches() != self.switches:
            raise Conflict("A kill switch was thrown or released meanwhile; it is decided again")
        known, now = self.quarantines, reader.quarantines()
        # mostly nothing has changed at all: then nobody has to look through the hosts of the campaign
        if now != known and self._left_alone(now, campaign) != self._left_alone(known, campaign):
            raise Conflict("A host was quarantined or released meanwhile; it is decided again")


def surroundings_of(reader: Reader, campaign: Campaign, fleet_budget: int | None) -> Surroundings:
    """Give what the campaign must know to decide; a campaign that is over needs to know nothing."""
    return with_details(reader, campaign, Outside.read(reader, fleet_budget).around(campaign))


def with_details(reader: Reader, campaign: Campaign, around: Surroundings) -> Surroundings:
    """Add what is needed only where there are budgets or clocks: who is away, and what was released meanwhile."""
    if campaign.kind is Kind.READ_ONLY or campaign.state in FINAL_CAMPAIGN:
        return around
    if keeps_budgets(campaign, around):
        around = replace(around, away=reader.away(campaign.id))
    if campaign.policy.clocks != Clocks():
        past = reader.quarantines(campaign.started_at)
        around = replace(around, quarantines=concerning(past, campaign))
    return around
