"""One schedule from beginning to rest: processes die, messages get lost, people interfere, and every save is judged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import GateAnswered
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.loop.planning import NewPlan
from orchestrator.simulate.laws.judge import Judge
from orchestrator.simulate.laws.law import FINAL_HOSTS, Law, Violation, is_over
from orchestrator.simulate.schedules.approvers import Approvers
from orchestrator.simulate.schedules.fleet import fleet_of, listed, name_of
from orchestrator.simulate.schedules.gatekeeper import Gatekeeper
from orchestrator.simulate.schedules.mishaps import Mishaps
from orchestrator.simulate.schedules.people import AUTHOR, OPERATORS, People
from orchestrator.simulate.schedules.processes import Processes
from orchestrator.simulate.schedules.schedule import TROUBLE_S, Schedule, Wanted
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.hosts import PROTECT
from orchestrator.simulate.stage.memory import MemoryStore
from orchestrator.simulate.stage.plane import Killed, Plane
from orchestrator.simulate.stage.post import Post
from orchestrator.simulate.stage.readings import Readings
from orchestrator.simulate.stage.told import Told
from orchestrator.store.errors import Deposed
from tasks.errors import DockwaveError

#: after this nobody waits for a campaign any more
_MOST_S = 20_000.0
#: longest rest between two looks of the loop when nothing comes in
_IDLE_S = 16.0
#: seconds after which people who do not wait look again
_HASTE_S = 8.0


class World:
    """Everything a schedule needs, and what was found."""

    def __init__(self, schedule: Schedule) -> None:
        """Prepare; `run` runs it."""
        self.schedule = schedule
        self.clock = Clock()
        self._dice = Dice(f"world {schedule.seed}")
        self.hosts = fleet_of(schedule)
        self.post = Post(self.clock, Dice(f"post {schedule.seed}"), self.hosts, replace(schedule.weather))
        self.store = MemoryStore()
        self.told = Told()
        self.judge = Judge(self.clock, self.store, self.hosts, self.told)
        self.campaigns = self.judge.campaigns
        self.post.began = self.judge.began
        self._backup: sqlite3.Connection | None = None
        self.people = People(
            self.clock,
            Dice(f"people {schedule.seed}"),
            told=self.told,
            service=lambda: self.plane.service,
            store=self.store,
            campaigns=self.campaigns,
            hosts=self.hosts,
            apply=self._apply,
        )
        self.approvers = Approvers(
            self.clock,
            Dice(f"approvers {schedule.seed}"),
            told=self.told,
            service=lambda: self.plane.service,
            campaigns=self.campaigns,
            find=self.judge.find,
        )
        self.post.steps = schedule.asks
        if schedule.asks:
            dice = Dice(f"readings {schedule.seed}")
            self.post.readings = Readings(self.clock, dice, schedule.moods, self.told.heard, self.post.send)
        gates = Gatekeeper(
            self.clock,
            Dice(f"gates {schedule.seed}"),
            schedule.verdicts,
            self.told,
            self._answered,
        )
        self._more = Dice(f"more of world {schedule.seed}")
        self.processes = Processes(
            self.clock,
            self._dice,
            store=self.store,
            post=self.post,
            judge=self.judge,
            ask=gates.ask,
        )
        self.mishaps = Mishaps(
            self.clock,
            self._dice,
            self._more,
            Dice(f"worst of world {schedule.seed}"),
            hosts=self.hosts,
            post=self.post,
            processes=self.processes,
            people=self.people,
        )

    def _answered(self, campaign_id: str, event: GateAnswered) -> None:
        self.processes.answered(campaign_id, event)

    @property
    def plane(self) -> Plane:
        """The process that leads or is about to."""
        return self.processes.plane

    # -- the loop --------------------------------------------------------------------------------------------

    def run(self) -> list[Violation]:
        """Run it until everything rests; gives what was found."""
        for wanted in self.schedule.campaigns:
            self.clock.after(wanted.begins_s, lambda wanted=wanted: self._begin(wanted))  # type: ignore[misc]  # a lambda's default
        for due, what in self.schedule.events:
            self.clock.after(due, lambda what=what: self._happen(what))  # type: ignore[misc]  # the same
        if self.schedule.hasty:
            self.clock.after(_HASTE_S, self._resume)
        if self.schedule.asks:
            self.approvers.look()
        self._until(lambda: self.clock.true_s > TROUBLE_S)
        self.mishaps.end()
        self.clock.after(1.0, self._clear_up)
        self._until(self._rests)
        self._end()
        return self.judge.found

    def _resume(self) -> None:
        """Resume everything again and again, as long as things go wrong."""
        if self.clock.true_s < TROUBLE_S:
            self.clock.after(_HASTE_S, self._resume)
            self.people.resume_all()

    def _until(self, over: Callable[[], bool]) -> None:
        idle = 1.0
        while not over() and self.clock.true_s < _MOST_S and not self.judge.found:
            busy = self.processes.tick()
            idle = 2.0 if busy else min(idle * 2, _IDLE_S)
            due = self.clock.next_s
            latest = self.clock.true_s + idle
            step = latest if due is None else min(max(due, self.clock.true_s) + 2.0, latest)
            try:
                self.clock.go(step)
            except Killed:
                # while it served somebody's request
                self.processes.replace()

    def _rests(self) -> bool:
        if len(self.campaigns) < len(self.schedule.campaigns) and not self.judge.restored:
            return False
        return all(_at_rest(item, self.mishaps.gone) for item in self.campaigns.values())

    # -- campaigns and people --------------------------------------------------------------------------------

    def _begin(self, wanted: Wanted) -> None:
        names = [name_of(number) for number in wanted.hosts]
        request = NewPlan(
            procedure=wanted.procedure,
            params={},
            hosts=tuple(listed(name) for name in names),
            policy=wanted.policy,
            protect=PROTECT,
            author=AUTHOR,
        )
        if self.schedule.again:
            self._ask_for_nothing(request)
        try:
            campaign_id = self.plane.service.plan(request)
        except Deposed:
            self.clock.after(2.0, lambda: self._begin(wanted))
            return
        except Killed:
            # perhaps it was committed all the same; whoever asked has no id, and asks again
            self.clock.after(2.0, lambda: self._begin(wanted))
            raise
        self.clock.after(2.0, lambda: self._apply(campaign_id))

    def _ask_for_nothing(self, request: NewPlan) -> None:
        """A selection that came out empty means nothing, never everything, and is refused."""
        try:
            self.plane.service.plan(replace(request, hosts=()))
        except DockwaveError:
            return
        self.judge.find([Violation(law=Law.PLAN, detail="a plan was made of no host at all")])

    def _apply(self, campaign_id: str) -> None:
        campaign = self.campaigns.get(campaign_id)
        if campaign is None:
            return
        if campaign.state is not CampaignState.PLANNED:
            if campaign.state is CampaignState.PLANNING:
                self.clock.after(2.0, lambda: self._apply(campaign_id))
            return
        try:
            document, _ = self.plane.service.document(campaign_id)
            self.plane.service.apply(document, AUTHOR)
            self.people.approve_soon(campaign)
        except Deposed:
            self.clock.after(2.0, lambda: self._apply(campaign_id))
        except Killed:
            self.clock.after(2.0, lambda: self._apply(campaign_id))
            raise

    # -- what goes wrong -------------------------------------------------------------------------------------

    def _happen(self, what: str) -> None:
        if what in OPERATORS:
            self.people.operate(what, self._dice)
            return
        known = {
            "kill": self.processes.replace,
            "kill-in-save": self.processes.die_in_save,
            "kill-after-save": self.processes.die_after_save,
            "overtake": self.processes.overtake,
            "redis": self.post.lose_everything,
            "restore": self._restore,
        }.get(what)
        if known is not None:
            known()
        elif not self.mishaps.happen(what):
            self.people.happen(what)

    def _restore(self) -> None:
        """SQL is put back to an earlier moment; hosts and their journals are not."""
        if self._backup is None:
            self._backup = self.store.backup()
            self.clock.after(self._dice.between(5.0, 40.0), self._restore)
            return
        self.judge.restored = True
        self.told.forget()
        self.store.restore(self._backup)
        self.store.newest_lead = 0
        with self.store.read() as reader:
            ids = [head.id for head in reader.heads(final=True)]
            found = {own: reader.load(own) for own in ids}
        self.campaigns.clear()
        self.campaigns.update({own: item for own, item in found.items() if item is not None})
        self.processes.replace()
        for campaign in tuple(self.campaigns.values()):
            self._apply(campaign.id)
        if self.schedule.again:
            again = self._more.among(self.schedule.campaigns)
            self.clock.after(self._more.between(1.0, 30.0), lambda: self._begin(again))

    # -- the end ---------------------------------------------------------------------------------------------

    def _clear_up(self) -> None:
        """Look again every minute whether people have something to do."""
        self.clock.after(60.0, self._clear_up)
        self.people.clear_up()
        if self.schedule.asks:
            self.approvers.clear_up()

    def _end(self) -> None:
        if self.judge.found:
            return
        if not self._rests():
            states = {
                own: str(item.state)
                for own, item in self.campaigns.items()
                if not _at_rest(item, self.mishaps.gone)
            }
            self.judge.find([Violation(law=Law.END, detail=f"never at rest: {states}")])
            return
        self.judge.at_rest()


def _at_rest(campaign: Campaign, gone: AbstractSet[str]) -> bool:
    if is_over(campaign) or campaign.state is CampaignState.PLANNED:
        # a plan whose person never heard of it expires
        return True
    idle = FINAL_HOSTS | {HostState.PENDING}
    return campaign.state is CampaignState.PAUSED and all(
        run.state in idle or (run.state is HostState.UNKNOWN and run.host.name in gone)
        for run in campaign.runs
    )
