"""Whether a campaign at work is over, or has to be given up, and what becomes of the hosts it never started."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.campaign.actions import Action, Cancel, Finish
from orchestrator.campaign.before_work import cancel
from orchestrator.campaign.bringing_back import undo_room
from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.census import Census, last_news
from orchestrator.campaign.ending import final_state
from orchestrator.campaign.gates.needed import needed
from orchestrator.campaign.limits.disruption import Ledger
from orchestrator.campaign.limits.shared_cause import standing_stop
from orchestrator.campaign.limits.stop_rules import stopped
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.campaign.watch import Timers

_OUT_OF_REACH = "hosts out of reach use up the budget, and nobody frees it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What the end of a campaign depends on, within one decision."""

    campaign: Campaign
    now: datetime
    around: Surroundings
    census: Census
    ledger: Ledger | None
    #: nothing is brought back: a whole wave is out of reach
    dark: bool
    #: whether hosts could be started now, were there room
    may_start: bool
    #: slots nobody uses
    free: int
    timers: Timers

    def actions(self, *, busy: bool) -> tuple[Action, ...]:
        """Cancel what will never start; finish when nothing is left to do or to wait for."""
        campaign, census = self.campaign, self.census
        over = stopped(campaign)
        left = census.states.get(HostState.PENDING, 0)
        going = busy or census.flying or census.soaking or census.waiting or (left and not over)
        if not (going or self._gates_closed()):
            return (*cancel(campaign, self._why_cancelled()), Finish(state=final_state(campaign)))
        if not busy and self._stalled():
            reason = "hosts stayed UNKNOWN, and their slots with them" if census.flying else _OUT_OF_REACH
            return (*cancel(campaign, reason), Finish(state=final_state(campaign)))
        if over and left:
            names = tuple(run.host.name for run in campaign.runs if run.state is HostState.PENDING)
            return (Cancel(hosts=names, reason=self._why_cancelled()),)
        return ()

    def _gates_closed(self) -> bool:
        """Whether the campaign may not be called complete: its last gates have not passed yet."""
        return any(not item.is_open(self.now) for item in needed(self.campaign))

    def _why_cancelled(self) -> str:
        stops = self.campaign.stops
        return f"not started: {stops[-1].rule}" if stops else "not started: the campaign ended"

    def _stalled(self) -> bool:
        """Whether only hosts nobody hears of or reaches stand in the way, and have for long enough."""
        campaign, census = self.campaign, self.census
        left = census.states.get(HostState.PENDING, 0)
        if campaign.state is CampaignState.PAUSED and not stopped(campaign):
            return False
        if census.waiting and standing_stop(campaign) is not None:
            return False
        if self.around.thrown and (census.waiting or (left and not stopped(campaign))):
            # a person holds them; it is not for silent hosts to give them up
            return False
        if census.soaking or any(run.state is not HostState.UNKNOWN for run in census.flying):
            return False
        back, _ = undo_room(campaign, census, self.now)
        held_up = (*(census.pending if self.may_start else ()), *(census.waiting if back else ()))
        stuck = all(self._waits_for_silence(run) for run in held_up)
        if not census.flying and not (held_up and stuck):
            return False
        if self.free and not stuck and not self.dark:
            # another campaign or a quarantine holds these hosts, and will let go of them
            return False
        gives_up = last_news(campaign) + timedelta(seconds=campaign.policy.unknown_wait_s)
        self.timers.at(gives_up)
        return gives_up <= self.now

    def _waits_for_silence(self, run: HostRun) -> bool:
        """Whether a budget keeps this host back, and only lost hosts of this campaign use that budget."""
        if self.ledger is None or run.host.name in self.around.left_alone:
            return False
        silent = {item.host.name for item in self.census.flying}
        # nobody reaches these any more in this campaign: what they use is never free again
        silent |= {item.host.name for item in self.campaign.runs if item.state is HostState.UNREACHABLE}
        full = self.ledger.full(run)
        return any(self.ledger.away[group] <= silent for group in full)
