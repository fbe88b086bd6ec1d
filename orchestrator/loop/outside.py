"""What SQL says about the world outside a campaign: whom others work on, who is away, and what people stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.decide import WORKING
from orchestrator.campaign.kill_switch import Switch, applying
from orchestrator.campaign.states import FINAL_CAMPAIGN, FINAL_HOST
from orchestrator.campaign.surroundings import CALM, Surroundings
from orchestrator.loop.turn import Turn
from orchestrator.store.errors import Conflict
from orchestrator.store.records import Lease
from orchestrator.store.store import Reader
from tasks.model import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What all campaigns share, read at one moment."""

    leases: tuple[Lease, ...] = ()
    switches: tuple[Switch, ...] = ()

    @classmethod
    def read(cls, reader: Reader) -> Outside:
        """Read it."""
        return cls(leases=reader.leases(), switches=reader.switches())

    def check(self, reader: Reader) -> None:
        """Refuse to commit what was decided before somebody threw a kill switch, or released one.

        Called under the lock of the writer: what is committed after a switch was acknowledged knows of it.
        """
        if reader.switches() != self.switches:
            raise Conflict("A kill switch was thrown or released meanwhile; it is decided again")


def surroundings_of(reader: Reader, campaign: Campaign) -> Surroundings:
    """Give what the campaign must know to decide; a campaign that is over needs to know nothing."""
    if campaign.state in FINAL_CAMPAIGN:
        return CALM
    switches = applying(reader.switches(), campaign)
    if campaign.kind is Kind.READ_ONLY:
        return Surroundings(switches=switches)
    open_hosts = {run.host.name for run in campaign.runs if run.state not in FINAL_HOST}
    others = {lease.host for lease in reader.leases() if lease.campaign_id != campaign.id}
    return Surroundings(
        blocked=frozenset(open_hosts & others),
        away=reader.away() if campaign.policy.budgets is not None else (),
        switches=switches,
    )


def note_switches(turn: Turn, before: Sequence[Switch], thrown: Sequence[Switch]) -> None:
    """Say in the log of a campaign at work from when on a kill switch holds it, and when one lets go of it."""
    if turn.after.state not in WORKING:
        return
    for kind, some, others in (("held", thrown, before), ("let-go", before, thrown)):
        for switch in some:
            if switch not in others:
                turn.note(kind, {"target": switch.target.value, "name": switch.name, "why": switch.reason})
