"""One schedule from beginning to rest: processes die, messages get lost, people interfere, and every save is judged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import PauseAsked, ResumeAsked, RollbackAsked, SkipAsked
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.loop.orders import Sending
from orchestrator.loop.planning import NewPlan
from orchestrator.simulate import laws
from orchestrator.simulate.clock import Clock
from orchestrator.simulate.dice import Dice
from orchestrator.simulate.hosts import Entry, How, SimHost
from orchestrator.simulate.laws import Law, Violation
from orchestrator.simulate.memory import MemoryStore, Saved
from orchestrator.simulate.plane import Killed, Plane
from orchestrator.simulate.post import Post
from orchestrator.simulate.schedule import TROUBLE_S, Schedule, Wanted
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
        self.campaigns: dict[str, Campaign] = {}
        self._aborted: dict[str, datetime] = {}
        self._names = count(1)
        self._ids = count(1)
        self._restored = False
        self._backup: sqlite3.Connection | None = None
        self._armed: Callable[[], None] | None = None
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
        )

    # -- what is judged --------------------------------------------------------------------------------------

    def _find(self, found: Iterable[Violation]) -> None:
        self.found += found

    def _committed(self, saves: list[Saved]) -> None:
        for saved in saves:
            before, after = saved.before, saved.after
            self.campaigns[after.id] = after
            if before is not None and before.plan_hash:
                self._find(laws.on_save(before, after, self.clock()))
                self._find(self._started(before, after))

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
        self.post.publish(sendings)

    def _began(self, host: SimHost, entry: Entry) -> None:
        epochs = [item.order.epoch for item in host.journal.values()]
        if epochs != sorted(set(epochs)) and not self._restored:
            self._find([Violation(law=Law.EPOCHS, detail=f"{host.name} began epochs {epochs}")])
        self._find(laws.on_abort(host, self._aborted, self._ttl(entry.order.campaign_id)))

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
        plane = self.plane
        plane.say(reports)
        versions = {own: item.version for own, item in self.campaigns.items()}
        try:
            plane.reconciler.tick()
        except Killed:
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
            author="simulator",
        )
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
            self.plane.service.apply(document, "simulator")
        except Deposed:
            self.clock.after(2.0, lambda: self._apply(campaign_id))
        except Killed:
            self.clock.after(2.0, lambda: self._apply(campaign_id))
            raise

    def _ask(self, what: str, campaign: Campaign) -> None:
        own = campaign.id
        try:
            service = self.plane.service
            if what == "abort":
                service.abort(own, "simulator")
                # acknowledged now: it returned
                self._aborted.setdefault(own, self.clock.true)
            elif what == "skip":
                pending = [run.host.name for run in campaign.runs if run.state is HostState.PENDING]
                if pending:
                    service.operate(own, SkipAsked(host=self._dice.among(pending), by="simulator"))
            elif what == "pause":
                service.operate(own, PauseAsked(by="simulator"))
            elif what == "resume":
                service.operate(own, ResumeAsked(by="simulator", silence=self._dice.chance(0.3)))
            else:
                service.operate(own, RollbackAsked(by="simulator"))
        except DockwaveError:
            # refused, and the campaign is as before: the judge saw that nothing was saved
            return

    # -- what goes wrong -------------------------------------------------------------------------------------

    def _happen(self, what: str) -> None:
        started = [item for item in self.campaigns.values() if item.started_at]
        if what in {"pause", "resume", "abort", "skip", "rollback"}:
            if started:
                self._ask(what, self._dice.among(started))
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
        }[what]()

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
        self._aborted.clear()
        dead = self.plane
        self.store.restore(self._backup)
        with self.store.read() as reader:
            ids = [head.id for head in reader.heads(final=True)]
            found = {own: reader.load(own) for own in ids}
        self.campaigns = {own: item for own, item in found.items() if item is not None}
        self._replace(dead)
        for campaign in self.campaigns.values():
            self._apply(campaign.id)

    # -- the end ---------------------------------------------------------------------------------------------

    def _fair_weather(self) -> None:
        """From now on messages arrive and workers live."""
        self.post.weather.lost = self.post.weather.killed = self.post.weather.late = 0.0
        self.clock.wrong_s = max(self.clock.wrong_s, 0.0)
        for host in self.hosts.values():
            host.dark = False
        self.clock.after(1.0, self._clear_up)

    def _clear_up(self) -> None:
        """A person looks at hosts that finished campaigns left, and lets others change them."""
        self.clock.after(60.0, self._clear_up)
        with self.store.read() as reader:
            leases = reader.leases()
            left = [item.host for item in reader.quarantines()]
        free = [host for host in left if self.hosts[host].running() is None]
        for lease in leases:
            owner = self.campaigns.get(lease.campaign_id)
            if (owner is None or laws.is_over(owner)) and self.hosts[lease.host].running() is None:
                free.append(lease.host)
        for host in dict.fromkeys(free):
            try:
                self.plane.service.release_host(host, "simulator", "looked at it", budget=True)
            except Deposed:
                break

    def _judge_the_end(self) -> None:
        if self.found:
            return
        if not self._rests():
            states = {own: str(item.state) for own, item in self.campaigns.items() if not _at_rest(item)}
            self._find([Violation(law=Law.END, detail=f"never at rest: {states}")])
            return
        for host in self.hosts.values():
            self._find(laws.on_host(host))
        if self._restored:
            # what a lost day did to hosts is told to people as it is; only effects and epochs are promised
            return
        for campaign in self.campaigns.values():
            self._find(laws.at_the_end(campaign, self.hosts))
        self._find(self._unlogged())

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
    return Host(name=name, transport=Transport.SSH, ssh=SshHop(address=name))
