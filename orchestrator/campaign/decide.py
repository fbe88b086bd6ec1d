"""What should happen next: a pure function of the campaign and the instant; deterministic, and it never raises.

Order of duties: stop before anything else, watch what is in flight, bring back what failed, then go forward, then end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orchestrator.campaign.actions import (
    Action,
    AskControl,
    AskJournal,
    Cancel,
    Dispatch,
    JudgeGate,
    OpenWave,
    Recheck,
    StopAttempt,
    StopNow,
    WakeAt,
    Warn,
)
from orchestrator.campaign.before_work import before_work
from orchestrator.campaign.brakes import Brakes, brakes
from orchestrator.campaign.bringing_back import ended_by, next_number, undo_of, undo_room
from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.census import Census, checked_before, open_attempt, take_census
from orchestrator.campaign.clocks import read_clocks
from orchestrator.campaign.closing import Closing
from orchestrator.campaign.gates.asking import ask_gates
from orchestrator.campaign.gates.limits import gate_stop
from orchestrator.campaign.limits.disruption import Ledger, open_ledger
from orchestrator.campaign.limits.shared_cause import ask_controls, end_look
from orchestrator.campaign.limits.stop_rules import Judgement, judge, stopped
from orchestrator.campaign.starting import choose
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState, HostState
from orchestrator.campaign.surroundings import CALM, Surroundings
from orchestrator.campaign.watch import Timers, watch
from tasks.model import Kind

#: states in which hosts are worked on
WORKING = frozenset({CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.ROLLING_BACK})


def decide(campaign: Campaign, now: datetime, around: Surroundings = CALM) -> tuple[Action, ...]:
    """What should happen now, in these surroundings.

    Only WakeAt may be repeated after `record`. A finished campaign answers with nothing.
    """
    if campaign.state in FINAL_CAMPAIGN:
        return ()
    if campaign.state not in WORKING:
        return before_work(campaign, now)
    census = take_census(campaign, now)
    judgement = judge(campaign, census, now)
    if judgement.stop is not None:
        return (StopNow(stop=judgement.stop),)
    overdue = read_clocks(campaign, census, now, around)
    if overdue.stop is not None:
        return (StopNow(stop=overdue.stop),)
    closed = gate_stop(campaign, now)
    if closed is not None:
        return (StopNow(stop=closed),)
    looked = end_look(campaign, now, around.left_alone)
    if looked:
        return looked
    warnings = tuple(Warn(notice=notice) for notice in overdue.notices)
    asks, instants = ask_gates(campaign, now)
    if any(isinstance(action, JudgeGate) for action in asks):
        # the next decision, in the same turn, knows what it came to: nothing is started on an older pass
        return (*warnings, *asks)
    held = brakes(campaign, now, around)
    turn = _Turn(
        campaign=campaign,
        now=now,
        around=around,
        census=census,
        judgement=judgement,
        held=held,
        ledger=open_ledger(campaign, around),
        alone=around.left_alone,
    )
    turn.timers.at(overdue.due)
    for instant in instants:
        turn.timers.at(instant)
    return (*warnings, *asks, *turn.actions())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """One decision of a campaign at work."""

    campaign: Campaign
    now: datetime
    around: Surroundings
    census: Census
    judgement: Judgement
    held: Brakes
    #: what is used of the budgets now; it grows with what this turn starts
    ledger: Ledger | None
    #: hosts that may get no order now
    alone: frozenset[str]
    timers: Timers = field(default_factory=Timers)

    def actions(self) -> tuple[Action, ...]:
        """Everything that should happen, and when to look again."""
        campaign = self.campaign
        resend = (
            not self.around.thrown and not stopped(campaign) and campaign.state is not CampaignState.PAUSED
        )
        # what may not be ordered now is not published again either
        resend = resend and not self.held.start
        watched = self._watched(resend=resend)
        silent = self._falls_silent(watched)
        if silent and resend:
            watched = self._watched(resend=False)
        watched += self._stop_attempts()
        undo = self._undo()
        # while nobody knows whose the cause is, no other host is exposed to it; nor to what silences a host
        # just now, before the rules have seen it
        hold = any(isinstance(action, AskControl) for action in undo) or silent
        forward = () if hold else self._forward()
        ending = self._end(busy=bool(undo or forward))
        if ending:
            return (*watched, *ending)
        self.timers.at(self.judgement.due)
        for instant in self.held.due:
            self.timers.at(instant)
        wake = self.timers.first_after(self.now)
        return (*watched, *undo, *forward, *((WakeAt(at=wake),) if wake is not None else ()))

    def _watched(self, *, resend: bool) -> tuple[Action, ...]:
        return watch(
            self.campaign.policy,
            self.campaign.kind,
            (*self.census.flying, *self.census.soaking),
            self.now,
            self.timers,
            resend=resend,
            undos=not self.around.thrown,
            quarantined=self.around.quarantined,
        )

    def _falls_silent(self, watched: Iterable[Action]) -> bool:
        """Whether this very decision makes a host UNKNOWN; the next one, in the same turn, judges it."""
        asked = {action.host for action in watched if isinstance(action, AskJournal | Recheck)}
        if not asked:
            return False
        silent = (run for run in self.census.flying if run.host.name in asked)
        soaking = (run for run in self.census.soaking if run.host.name in asked)
        return any(run.state is not HostState.UNKNOWN for run in silent) or any(map(checked_before, soaking))

    def _stop_attempts(self) -> tuple[StopAttempt, ...]:
        """After a hard abort tell hosts to stop between two steps, until they have heard of it; no undo stops."""
        campaign = self.campaign
        if not campaign.abort_hard or campaign.kind is Kind.READ_ONLY:
            return ()
        found: list[StopAttempt] = []
        for run in self.census.flying:
            attempt = open_attempt(run)
            if attempt is None or attempt.undo or attempt.stop_heard_at is not None:
                continue
            asked = attempt.stop_asked_at
            due = self.now if asked is None else asked + timedelta(seconds=campaign.policy.ask_every_s)
            self.timers.at(due)
            if due <= self.now:
                found.append(StopAttempt(host=run.host.name, attempt_id=attempt.id))
        return tuple(found)

    # -- back ------------------------------------------------------------------------------------------------

    def _undo(self) -> tuple[Action, ...]:
        """Bring back touched hosts, last wave first, those that failed before those that did not."""
        if self.judgement.dark or self.held.undo or not self.census.waiting:
            return ()
        guilty = ended_by(self.campaign)
        if guilty:
            left = tuple(run.host.name for run in self.census.waiting)
            return (Cancel(hosts=left, reason=f"not started: that of {', '.join(guilty[:5])} failed"),)
        looking = ask_controls(self.campaign, self.census.waiting, self.now, self.alone)
        if looking:
            return looking
        room, due = undo_room(self.campaign, self.census, self.now)
        self.timers.at(due)
        ready = sorted(
            (run for run in self.census.waiting if run.host.name not in self.alone),
            key=lambda run: (-run.wave, run.failed_as is None),
        )
        return tuple(undo_of(run) for run in self._within_budgets(ready, room))

    # -- forward ---------------------------------------------------------------------------------------------

    def _may_start(self) -> bool:
        campaign = self.campaign
        if campaign.state is not CampaignState.RUNNING or stopped(campaign):
            return False
        return not self.judgement.hold and not self.held.start

    def _forward(self) -> tuple[Action, ...]:
        """Fill the free slots from the wave at work, or open the next wave once this one is over."""
        if not self._may_start():
            return ()
        campaign = self.campaign
        if campaign.wave == 0:
            opened = 1 if campaign.waves else 0
        elif self._wave_over() and campaign.wave < campaign.waves:
            opened = campaign.wave + 1
        else:
            return self._dispatches(self.census.pending, campaign.slots)
        if not opened or self.held.wave:
            return ()
        mine = tuple(run for run in campaign.runs if run.wave == opened and run.state is HostState.PENDING)
        return (OpenWave(number=opened), *self._dispatches(mine, campaign.policy.slots(opened)))

    def _wave_over(self) -> bool:
        """Whether every host of the wave at work is final and the delay has passed."""
        campaign = self.campaign
        count = self.census.waves.get(campaign.wave)
        if count is None or count.final < count.hosts:
            return False
        settled = campaign.wave_settled_at or campaign.wave_started_at or self.now
        opens = settled + timedelta(seconds=campaign.policy.delay_s)
        self.timers.at(opens)
        return opens <= self.now

    def _room(self, slots: int) -> int:
        taken = len(self.census.flying) + len(self.census.waiting)
        return max(slots - taken, 0)

    def _dispatches(self, pending: Iterable[HostRun], slots: int) -> tuple[Action, ...]:
        free = (run for run in pending if run.host.name not in self.alone)
        start = choose(self.campaign, free, self._room(slots), self.now, self._take, slots=slots)
        orders = (
            Dispatch(host=run.host.name, number=next_number(run), undo_of=run.undo_of) for run in start.hosts
        )
        return (*orders, *start.asks)

    def _take(self, run: HostRun) -> bool:
        """Use what budgets allow for one more host, if they do."""
        return self.ledger is None or self.ledger.take(run)

    def _within_budgets(self, ready: Iterable[HostRun], room: int) -> list[HostRun]:
        """So many of them, in their order, as slots and budgets allow."""
        chosen: list[HostRun] = []
        for run in ready:
            if len(chosen) >= room:
                break
            if self._take(run):
                chosen.append(run)
        return chosen

    # -- the end ---------------------------------------------------------------------------------------------

    def _end(self, *, busy: bool) -> tuple[Action, ...]:
        closing = Closing(
            campaign=self.campaign,
            now=self.now,
            around=self.around,
            census=self.census,
            ledger=self.ledger,
            dark=self.judgement.dark,
            may_start=self._may_start(),
            free=self._room(self.campaign.slots),
            timers=self.timers,
        )
        return closing.actions(busy=busy)
