"""One schedule from beginning to rest: processes die, messages get lost, people interfere, and every save is judged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import GateAnswered
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.loop.orders import Sending
from orchestrator.loop.planning import NewPlan
from orchestrator.simulate import laws, outside_laws
from orchestrator.simulate.clock import Clock
from orchestrator.simulate.dice import Dice
from orchestrator.simulate.gatekeeper import Gatekeeper
from orchestrator.simulate.hosts import Entry, How, SimHost
from orchestrator.simulate.laws import Law, Violation
from orchestrator.simulate.memory import MemoryStore, Saved
from orchestrator.simulate.people import AUTHOR, OPERATORS, People
from orchestrator.simulate.plane import Killed, Plane
from orchestrator.simulate.post import Post
from orchestrator.simulate.schedule import TROUBLE_S, Schedule, Wanted
from orchestrator.simulate.told import Told
from orchestrator.store.chain import Verifier
from orchestrator.store.errors import Deposed
from tasks.errors import DockwaveError
from tasks.model import Host, Kind, SshHop, Transport

#: after this nobody waits for a campaign any more
_MOST_S = 20_000.0
#: longest rest between two looks of the loop when nothing comes in
_IDLE_S = 16.0


class World:
    """Everything a schedule needs, and what was found."""

    def __init__(self, schedule: Schedule) -> None:
        """Prepare; `run` runs it."""
        self.schedule = schedule
        self.found: list[Violation] = []
        self.clock = Clock()
        self._dice = Dice(f"world {schedule.seed}")
        self.hosts = {f"h{number:03}": self._host(number) for number in range(schedule.hosts)}
        self.post = Post(self.clock, Dice(f"post {schedule.seed}"), self.hosts, replace(schedule.weather))
        self.post.began = self._began
        self.store = MemoryStore()
        self.store.committed = self._committed
        self.store.wrote = self._wrote
        self.campaigns: dict[str, Campaign] = {}
        self._names = count(1)
        self._ids = count(1)
        self._restored = False
        self._commits = 0
        self._backup: sqlite3.Connection | None = None
        self.told = Told()
        self.people = People(
            self.clock,
            Dice(f"people {schedule.seed}"),
            told=self.told,
            service=lambda: self.plane.service,
            store=self.store,
            campaigns=self.campaigns,
            hosts=self.hosts,
        )
        self._gates = Gatekeeper(
            self.clock,
            Dice(f"gates {schedule.seed}"),
            schedule.verdicts,
            self.told,
            self._answered,
        )
        self._more = Dice(f"more of world {schedule.seed}")
        self.plane = self._start()

    def _host(self, number: int) -> SimHost:
        seed = self.schedule.seed
        name = f"h{number:03}"

        def fate(campaign_id: str) -> How:
            return Dice(f"fate {seed} {name} {campaign_id}").among(self.schedule.fates)

        def works(campaign_id: str) -> bool:
            return not Dice(f"undo {seed} {name} {campaign_id}").chance(self.schedule.bad_undo)

        return SimHost(name=name, machine_id=f"{number + 1:032x}", fate=fate, undo_works=works)

    def _start(self) -> Plane:
        return Plane(
            f"sim{next(self._names)}",
            self.store,
            self.clock,
            self._publish,
            lambda: f"csim{next(self._ids):05}",
            ask=self._gates.ask,
        )

    def _answered(self, campaign_id: str, event: GateAnswered) -> None:
        """An answer comes to whoever leads by then; one to a dead process is lost."""
        self.plane.reconciler.gate_answers.put(campaign_id, event)

    # -- what is judged --------------------------------------------------------------------------------------

    def _find(self, found: Iterable[Violation]) -> None:
        self.found += found

    def _wrote(self, epoch: int) -> None:
        self._commits += 1
        if epoch != self.store.newest_lead:
            detail = f"written by the lead number {epoch}, the newest is {self.store.newest_lead}"
            self._find([Violation(law=Law.LEAD, detail=detail)])

    def _committed(self, saves: list[Saved]) -> None:
        for saved in saves:
            before, after = saved.before, saved.after
            known = self.campaigns.get(after.id)
            if known is not None and (before is None or before.version != known.version):
                detail = f"{after.id} was written over version {known.version}, which was not read"
                self._find([Violation(law=Law.LEAD, detail=detail)])
            self.campaigns[after.id] = after
            if before is not None and before.plan_hash:
                self._find(laws.on_save(before, after, self.clock()))
                self._find(self._started(before, after))
                if not self._restored:
                    self._find(outside_laws.on_save(before, after, self.told, self.campaigns))
            if before is not None:
                self._left_to_people(before, after)

    def _left_to_people(self, before: Campaign, after: Campaign) -> None:
        human = HostState.NEEDS_HUMAN
        for was, run in zip(before.runs, after.runs, strict=True):
            if run.state is human and was.state is not human:
                self.told.apart.add(run.host.name)

    def _started(self, before: Campaign, after: Campaign) -> Iterable[Violation]:
        if after.kind is Kind.READ_ONLY or self._restored:
            return
        for was, run in zip(before.runs, after.runs, strict=True):
            if len(run.attempts) > len(was.attempts):
                host = self.hosts[run.host.name]
                yield from laws.on_start(host, run.attempts[-1].id, after.id, self.campaigns)

    def _publish(self, sendings: Sequence[Sending]) -> None:
        for sending in sendings:
            order = sending.order
            known = self.campaigns.get(order.campaign_id)
            self._find(laws.on_order(known, order.attempt_id, order.host.name, order.epoch, order.mode))
            if known is not None:
                self._find(outside_laws.on_order(known, order, self.told, self.clock()))
        self.post.publish(sendings)

    def _began(self, host: SimHost, entry: Entry) -> None:
        epochs = [item.order.epoch for item in host.journal.values()]
        if epochs != sorted(set(epochs)) and not self._restored:
            self._find([Violation(law=Law.EPOCHS, detail=f"{host.name} began epochs {epochs}")])
        self._find(laws.on_abort(host, self.told.aborted, self._ttl(entry.order.campaign_id)))
        known = self.campaigns.get(entry.order.campaign_id)
        if known is not None:
            self._find(outside_laws.on_began(known, entry, self.told))

    def _ttl(self, campaign_id: str) -> float:
        # none: the database was put back to before it
        known = self.campaigns.get(campaign_id)
        return known.policy.order_ttl_s if known is not None else 0.0

    # -- the loop --------------------------------------------------------------------------------------------

    def run(self) -> list[Violation]:
        """Run it until everything rests; gives what was found."""
        for wanted in self.schedule.campaigns:
            self.clock.after(wanted.begins_s, lambda wanted=wanted: self._begin(wanted))  # type: ignore[misc]  # a lambda's default
        for due, what in self.schedule.events:
            self.clock.after(due, lambda what=what: self._happen(what))  # type: ignore[misc]  # the same
        self._until(lambda: self.clock.true_s > TROUBLE_S)
        self._fair_weather()
        self._until(self._rests)
        self._judge_the_end()
        return self.found

    def _until(self, over: Callable[[], bool]) -> None:
        idle = 1.0
        while not over() and self.clock.true_s < _MOST_S and not self.found:
            busy = self._tick()
            idle = 2.0 if busy else min(idle * 2, _IDLE_S)
            due = self.clock.next_s
            latest = self.clock.true_s + idle
            step = latest if due is None else min(max(due, self.clock.true_s) + 2.0, latest)
            try:
                self.clock.go(step)
            except Killed:
                # while it served somebody's request
                self._replace(self.plane)

    def _tick(self) -> bool:
        """Let the loop look; whether it had something to do."""
        reports, self.post.arrived = self.post.arrived, []
        plane, commits = self.plane, self._commits
        plane.say(reports)
        versions = {own: item.version for own, item in self.campaigns.items()}
        try:
            plane.reconciler.tick()
        except Killed:
            if plane.settled() and commits == self._commits:
                detail = (
                    f"{len(plane.settled())} reports were acknowledged by a process that died before it wrote"
                )
                self._find([Violation(law=Law.RECORD, detail=detail)])
            self._replace(plane)
            return True
        self.post.arrived += plane.returned()
        return bool(reports) or versions != {own: item.version for own, item in self.campaigns.items()}

    def _replace(self, dead: Plane) -> None:
        """Another process takes over; what the dead one did not commit comes again."""
        self.store.before_begin = self.store.before_commit = _nothing
        self.store.committed = self._committed
        self.post.arrived += dead.unsettled()
        dead.up = False
        if self._dice.chance(0.5):
            # its lease is still fresh: nobody leads for a while
            self.clock.go(self.clock.true_s + 10.0)
        self.plane = self._start()

    def _rests(self) -> bool:
        if len(self.campaigns) < len(self.schedule.campaigns) and not self._restored:
            return False
        return all(_at_rest(item) for item in self.campaigns.values())

    # -- campaigns and people --------------------------------------------------------------------------------

    def _begin(self, wanted: Wanted) -> None:
        names = [f"h{number:03}" for number in wanted.hosts]
        request = NewPlan(
            procedure=wanted.procedure,
            params={},
            hosts=tuple(_host(name) for name in names),
            policy=wanted.policy,
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
        self._find([Violation(law=Law.PLAN, detail="a plan was made of no host at all")])

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
        {
            "kill": lambda: self._replace(self.plane),
            "kill-in-save": lambda: self._arm("before_commit"),
            "kill-after-save": self._arm_after,
            "overtake": self._overtake,
            "redis": self.post.lose_everything,
            "partition": self._partition,
            "clock": self._jump,
            "restore": self._restore,
            "race": self._race,
            "busy": self._busy,
        }.get(what, lambda: self.people.happen(what))()

    def _arm(self, moment: str) -> None:
        def die() -> None:
            raise Killed

        setattr(self.store, moment, die)

    def _arm_after(self) -> None:
        """The process dies when its next turn is committed and nothing of it was sent."""

        def die(saves: list[Saved]) -> None:
            self.store.committed = self._committed
            self._committed(saves)
            raise Killed

        self.store.committed = die

    def _overtake(self) -> None:
        """The process stands still just before it writes; another one takes the lead; then it goes on."""

        def stand_still() -> None:
            self.store.before_begin = _nothing
            self.clock.true_s += 10.0
            other = self._start()
            other.reconciler.tick()
            self._successor(other)

        self.store.before_begin = stand_still

    def _race(self) -> None:
        """A person is served just before the next write: what was decided before that is out of date."""

        def serve() -> None:
            self.store.before_begin = _nothing
            self.people.meddle()

        self.store.before_begin = serve

    def _busy(self) -> None:
        """Somebody else works on some hosts for a while."""
        some = [host for host in self.hosts.values() if self._more.chance(0.4)]
        for host in some:
            host.busy = True

        def done() -> None:
            for host in some:
                host.busy = False

        self.clock.after(self._more.between(3.0, 25.0), done)

    def _successor(self, other: Plane) -> None:
        old = self.plane

        def swap() -> None:
            if self.plane is old:
                self.post.arrived += old.unsettled()
                self.plane = other

        self.clock.after(0.5, swap)

    def _partition(self) -> None:
        some = [host for host in self.hosts.values() if self._dice.chance(0.4)]
        for host in some:
            host.dark = True

        def heal() -> None:
            for host in some:
                host.dark = False

        self.clock.after(self._dice.between(5.0, 90.0), heal)

    def _jump(self) -> None:
        self.clock.wrong_s = self._dice.between(-laws.SKEW_S, laws.SKEW_S)

    def _restore(self) -> None:
        """SQL is put back to an earlier moment; hosts and their journals are not."""
        if self._backup is None:
            self._backup = self.store.backup()
            self.clock.after(self._dice.between(5.0, 40.0), self._restore)
            return
        self._restored = True
        self.told.forget()
        dead = self.plane
        self.store.restore(self._backup)
        self.store.newest_lead = 0
        with self.store.read() as reader:
            ids = [head.id for head in reader.heads(final=True)]
            found = {own: reader.load(own) for own in ids}
        self.campaigns.clear()
        self.campaigns.update({own: item for own, item in found.items() if item is not None})
        self._replace(dead)
        for campaign in tuple(self.campaigns.values()):
            self._apply(campaign.id)
        if self.schedule.again:
            again = self._more.among(self.schedule.campaigns)
            self.clock.after(self._more.between(1.0, 30.0), lambda: self._begin(again))

    # -- the end ---------------------------------------------------------------------------------------------

    def _fair_weather(self) -> None:
        """From now on messages arrive and workers live."""
        self.post.weather.lost = self.post.weather.killed = self.post.weather.late = 0.0
        self.clock.wrong_s = max(self.clock.wrong_s, 0.0)
        for host in self.hosts.values():
            host.dark = False
        self.clock.after(1.0, self._clear_up)

    def _clear_up(self) -> None:
        """Look again every minute whether people have something to do."""
        self.clock.after(60.0, self._clear_up)
        self.people.clear_up()

    def _judge_the_end(self) -> None:
        if self.found:
            return
        if not self._rests():
            states = {own: str(item.state) for own, item in self.campaigns.items() if not _at_rest(item)}
            self._find([Violation(law=Law.END, detail=f"never at rest: {states}")])
            return
        for host in self.hosts.values():
            self._find(laws.on_host(host))
        self._find(self._chain())
        if self._restored:
            # what a lost day did to hosts is told to people as it is; only effects and epochs are promised
            return
        for campaign in self.campaigns.values():
            self._find(laws.at_the_end(campaign, self.hosts))
        self._find(self._unlogged())

    def _chain(self) -> Iterable[Violation]:
        verifier = Verifier()
        with self.store.read() as reader:
            verifier.follow(reader.lines_after(0, limit=1_000_000))
        return (Violation(law=Law.CHAIN, detail=problem) for problem in verifier.problems())

    def _unlogged(self) -> Iterable[Violation]:
        with self.store.read() as reader:
            lines = reader.events_after(0, limit=1_000_000)
        logged = {(line.attempt_id, line.data.get("epoch")) for line in lines if line.kind == "dispatch"}
        for host in self.hosts.values():
            for entry in host.journal.values():
                if (entry.order.attempt_id, entry.order.epoch) not in logged:
                    detail = f"{entry.order.attempt_id} took place and is not in the log"
                    yield Violation(law=Law.RECORD, detail=detail)


def _nothing() -> None:
    return None


def _at_rest(campaign: Campaign) -> bool:
    if laws.is_over(campaign) or campaign.state is CampaignState.PLANNED:
        # a plan whose person never heard of it expires
        return True
    idle = {HostState.PENDING, *(state for state in HostState if state in laws.FINAL_HOSTS)}
    return campaign.state is CampaignState.PAUSED and all(run.state in idle for run in campaign.runs)


def _host(name: str) -> Host:
    # by its number, so that every campaign finds a host in the same rack
    labels = {"rack": f"r{int(name[1:]) % 3}"}
    return Host(name=name, transport=Transport.SSH, ssh=SshHop(address=name), labels=labels)
