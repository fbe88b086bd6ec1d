"""The judge: looks at every save, every order that leaves, every attempt a host begins, and at the end, by the laws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.states import HostState
from orchestrator.loop.orders import Sending
from orchestrator.simulate.laws import (
    clocks,
    endings,
    host_gates,
    human_gates,
    orders,
    outside,
    steps,
    stops,
    turns,
)
from orchestrator.simulate.laws.law import Law, Violation
from orchestrator.simulate.stage.beats import Beats
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.hosts import Entry, SimHost
from orchestrator.simulate.stage.memory import MemoryStore, Saved
from orchestrator.simulate.stage.told import Told
from orchestrator.store.chain import Verifier
from tasks.model import Kind
from tasks.wire import Report


class Judge:
    """What was found so far, and the campaigns as they were last committed."""

    def __init__(self, clock: Clock, store: MemoryStore, hosts: Mapping[str, SimHost], told: Told) -> None:
        """Judge what is done with this store to these hosts, against what people were told."""
        self.found: list[Violation] = []
        self.campaigns: dict[str, Campaign] = {}
        #: the database was put back: only effects, epochs, the chain and single saves and orders are judged
        self.restored = False
        #: transactions committed so far
        self.commits = 0
        self._clock = clock
        self._store = store
        self._hosts = hosts
        self._told = told
        self._beats = Beats()
        self._now = clock()
        #: how long the process has stood still since the turn it is in read the clock
        self.stood_s = 0.0
        #: readings of the orchestrator's clock that it showed, and was set back to before
        self._twice: list[turns.Span] = []

    def heard(self, reports: Iterable[Report]) -> None:
        """Know what is handed to whoever leads or is about to."""
        self._beats.hear(reports, self._clock())

    def find(self, found: Iterable[Violation]) -> None:
        """Keep what was found elsewhere."""
        self.found += found

    def wrote(self, epoch: int) -> None:
        """Judge who committed a transaction."""
        self.commits += 1
        if epoch != self._store.newest_lead:
            detail = f"written by the lead number {epoch}, the newest is {self._store.newest_lead}"
            self.find([Violation(law=Law.LEAD, detail=detail)])

    def committed(self, saves: Sequence[Saved]) -> None:
        """Judge what a transaction saved."""
        self._look_at_the_clock()
        if not saves:
            # no turn of a campaign: the next one reads the clock anew
            self.stood_s = 0.0
        for saved in saves:
            before, after = saved.before, saved.after
            known = self.campaigns.get(after.id)
            if known is not None and (before is None or before.version != known.version):
                detail = f"{after.id} was written over version {known.version}, which was not read"
                self.find([Violation(law=Law.LEAD, detail=detail)])
            self.campaigns[after.id] = after
            if before is not None:
                host_gates.note(before, after, self._told.heard)
            if before is not None and before.plan_hash:
                self.find(turns.on_save(before, after, self._clock(), self._twice))
                if not saved.asked:
                    self.find(stops.told_to_stop(before, after))
                    self.find(clocks.on_turn(before, after, self._read()))
                    self.find(human_gates.on_turn(after, self._read()))
                self.find(self._started(before, after))
                if not (saved.asked or self.restored):
                    # a database that was put back knows nothing of the heartbeats before
                    self.find(steps.on_turn(before, after, self._read(), self._beats, self._hosts))
                if not self.restored:
                    self.find(outside.on_save(before, after, self._told, self.campaigns))
                    self.find(human_gates.on_save(before, after, self._told))
            if before is not None:
                self._left_to_people(before, after)

    def _look_at_the_clock(self) -> None:
        now = self._clock()
        if now < self._now:
            self._twice.append((now, self._now))
        self._now = now

    def _left_to_people(self, before: Campaign, after: Campaign) -> None:
        human = HostState.NEEDS_HUMAN
        for was, run in zip(before.runs, after.runs, strict=True):
            if run.state is human and was.state is not human:
                self._told.apart.add(run.host.name)

    def _started(self, before: Campaign, after: Campaign) -> Iterable[Violation]:
        if after.kind is Kind.READ_ONLY or self.restored:
            return
        for was, run in zip(before.runs, after.runs, strict=True):
            if len(run.attempts) > len(was.attempts):
                host = self._hosts[run.host.name]
                yield from orders.on_start(host, run.attempts[-1], after.id, self.campaigns)

    def _read(self) -> datetime:
        """When the turn that is judged has read the orchestrator's clock."""
        return self._clock() - timedelta(seconds=self.stood_s)

    def published(self, sendings: Sequence[Sending]) -> None:
        """Judge orders that leave when a turn has been committed."""
        now = self._read()
        self.stood_s = 0.0
        for sending in sendings:
            order = sending.order
            known = self.campaigns.get(order.campaign_id)
            self.find(orders.on_order(known, order.attempt_id, order.host.name, order.epoch, order.mode))
            if known is not None:
                self.find(outside.on_order(known, order, self._told, now))
                if not self.restored:
                    self.find(outside.on_published(known, order, self._told, now))

    def began(self, host: SimHost, entry: Entry) -> None:
        """Judge an attempt that a host begins now."""
        epochs = [item.order.epoch for item in host.journal.values()]
        if epochs != sorted(set(epochs)) and not self.restored:
            self.find([Violation(law=Law.EPOCHS, detail=f"{host.name} began epochs {epochs}")])
        known = self.campaigns.get(entry.order.campaign_id)
        # none: the database was put back to before it
        ttl_s = known.policy.order_ttl_s if known is not None else 0.0
        self.find(orders.on_content(host, entry.order))
        self.find(orders.on_abort(host, self._told.aborted, ttl_s))
        if known is not None:
            self.find(outside.on_began(known, entry, self._told))

    def died(self, settled: Sequence[Report], commits: int) -> None:
        """Judge what a process acknowledged that died when so many transactions had been committed."""
        if settled and commits == self.commits:
            detail = f"{len(settled)} reports were acknowledged by a process that died before it wrote"
            self.find([Violation(law=Law.RECORD, detail=detail)])

    def at_rest(self) -> None:
        """Judge everything when nothing moves any more."""
        for host in self._hosts.values():
            self.find(endings.on_host(host))
        self.find(self._chain())
        if self.restored:
            # what a lost day did to hosts is told to people as it is; only effects and epochs are promised
            return
        for campaign in self.campaigns.values():
            self.find(endings.at_the_end(campaign, self._hosts))
        self.find(self._unlogged())

    def _chain(self) -> Iterable[Violation]:
        verifier = Verifier()
        with self._store.read() as reader:
            verifier.follow(reader.lines_after(0, limit=1_000_000))
        return (Violation(law=Law.CHAIN, detail=problem) for problem in verifier.problems())

    def _unlogged(self) -> Iterable[Violation]:
        with self._store.read() as reader:
            lines = reader.events_after(0, limit=1_000_000)
        logged = {(line.attempt_id, line.data.get("epoch")) for line in lines if line.kind == "dispatch"}
        for host in self._hosts.values():
            for entry in host.journal.values():
                if (entry.order.attempt_id, entry.order.epoch) not in logged:
                    detail = f"{entry.order.attempt_id} took place and is not in the log"
                    yield Violation(law=Law.RECORD, detail=detail)
