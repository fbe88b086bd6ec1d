"""A control plane that dies at a chosen moment, with a broker, hosts and a person who outlive it.

Moments are the instants around every commit and every publish. A run that is let alone counts them; each later run
strikes at one of them, and what follows must come to the same end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import FailureKind, Scope, Share, StopAction, StopRule
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState
from orchestrator.loop.inbox import Delivery
from orchestrator.loop.leading import LEASE, own_name
from orchestrator.loop.orders import Sending
from orchestrator.loop.planning import NewPlan
from orchestrator.store.errors import Deposed
from orchestrator.store.records import Head
from orchestrator.store.store import Store
from tasks.model import Kind, Mode
from tasks.wire import Order, Report
from tests.support.campaigns import plain_host
from tests.support.control import Clock, Control, Outbox
from tests.support.hosts import ScriptedHosts, failed

#: twelve hosts in waves of 2, 4 and 6
NAMES = tuple(f"web-{number:02}" for number in range(1, 13))
#: fails in the second wave and is tolerated: it alone is brought back
TOLERATED = "web-05"
#: fails as the last of all: the campaign turns back
FATAL = NAMES[-1]


class Killed(BaseException):
    """The process is gone; no handler of the code under test may take it for an error."""


class At(StrEnum):
    """A moment of the orchestrator's life."""

    BEGIN = "before a transaction"
    COMMIT = "before its commit"
    COMMITTED = "after its commit"
    PUBLISH = "before a publish"
    PUBLISHED = "after a publish"


#: what a death can tell apart; that a transaction begins changes nothing yet
DEADLY = frozenset({At.COMMIT, At.COMMITTED, At.PUBLISH, At.PUBLISHED})
#: where a process can be stopped in its tracks while it holds no lock in SQL: whoever waits for one waits for it
IDLE = frozenset({At.BEGIN, At.PUBLISH, At.PUBLISHED})


def kill() -> None:
    """End the process."""
    raise Killed


@dataclass
class Moments:
    """Counts moments of these kinds; at the one that was chosen the blow falls, once."""

    kinds: frozenset[At] = frozenset()
    chosen: int = 0
    blow: Callable[[], None] = kill
    seen: list[At] = field(default_factory=list)

    @property
    def due(self) -> bool:
        """Whether the blow was meant to fall and has not."""
        return len(self.seen) < self.chosen

    def pass_by(self, at: At) -> None:
        """Note a moment."""
        if at not in self.kinds:
            return
        self.seen.append(at)
        if len(self.seen) == self.chosen:
            self.blow()


class MortalStore(Store):
    """The real store; its process may end around every commit."""

    def __init__(self, engine: Engine, moments: Moments) -> None:
        """Use a database that is migrated."""
        super().__init__(engine)
        self.moments = moments

    @contextmanager
    def _transaction(self) -> Any:
        self.moments.pass_by(At.BEGIN)
        with super()._transaction() as connection:
            yield from self._until_commit(connection)
        self.moments.pass_by(At.COMMITTED)

    def _until_commit(self, connection: Connection) -> Any:
        yield connection
        self.moments.pass_by(At.COMMIT)


@dataclass
class MortalOutbox(Outbox):
    """Publishes one order after the other; the broker keeps them when the process ends."""

    moments: Moments = field(default_factory=Moments)

    def send(self, sendings: Sequence[Sending]) -> None:
        """Publish these."""
        for sending in sendings:
            self.moments.pass_by(At.PUBLISH)
            super().send([sending])
            self.moments.pass_by(At.PUBLISHED)

    def clear(self) -> None:
        """Nothing waits here: what was published is the broker's."""


class MortalControl(Control):
    """An orchestrator process on a broker that outlives it."""

    def __init__(
        self, store: MortalStore, broker: list[Order], hosts: ScriptedHosts, clock: Clock, *, dead_s: float
    ) -> None:
        """Begin to lead as soon as nobody else does."""
        self._moments = store.moments
        self._broker = broker
        self._dead_s = dead_s
        super().__init__(store, hosts=hosts, clock=clock)

    def restart(self, dead_s: float | None = None) -> None:
        """Start again until the process lives: it may die at its own first commit too."""
        while True:
            try:
                super().restart(self._dead_s if dead_s is None else dead_s)
            except Killed:
                continue
            return

    def _outbox(self) -> Outbox:
        return MortalOutbox(waiting=self._broker, moments=self._moments)

    def _owner(self, number: int) -> str:
        # named as a process of this machine that has gone, it is followed at once; another one's lease is waited for
        gone = self._dead_s < LEASE.total_seconds()
        return f"{own_name().rpartition(':')[0]}:gone{number}" if gone else f"test{number}-{id(self)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What happens while the orchestrator is dead."""

    dead_s: float
    #: the broker forgets every order and every report with it
    lose: bool = False
    #: the hosts go on and answer meanwhile; otherwise orders wait until the next one is there
    answer: bool = False


@dataclass
class World:
    """A campaign with a failure and a rollback in it, and everything around it that lives longer."""

    store: MortalStore
    fate: Fate
    clock: Clock = field(default_factory=Clock)
    hosts: ScriptedHosts = field(
        default_factory=lambda: ScriptedHosts(
            script={name: failed(changed=True) for name in (TOLERATED, FATAL)}
        )
    )
    broker: list[Order] = field(default_factory=list)
    #: reports nobody has acknowledged, with the delivery under way
    reports: list[tuple[tuple[Report, ...], Delivery | None]] = field(default_factory=list)
    deaths: int = 0
    #: the orchestrator that went on after another one had taken over
    stale: Control | None = None
    stale_epoch: int = 0

    def __post_init__(self) -> None:
        """Start the first orchestrator."""
        self.control = MortalControl(self.store, self.broker, self.hosts, self.clock, dead_s=self.fate.dead_s)

    def live(self, rounds: int = 400) -> Campaign:
        """Go on until the campaign is over, whoever dies meanwhile."""
        for _ in range(rounds):
            try:
                self.round()
            except Killed:
                self.die()
            except Deposed:
                assert self.stale is not None, "nobody took over"
            head = self._head()
            if head is not None and head.state in FINAL_CAMPAIGN:
                return self.campaign()
        raise AssertionError(f"it does not end: {self.states()}")

    def round(self) -> None:
        """The person, the orchestrator and the hosts each do what is left for them to do."""
        self._person()
        self._deliver()
        self.control.tick()
        self._acknowledge()
        self.work()
        self.clock.turn(1)

    def die(self) -> None:
        """The process is gone with everything it knew; another one starts."""
        self.deaths += 1
        if self.fate.answer:
            self.work()
        if self.fate.lose:
            self.broker.clear()
            self.reports.clear()
        self.reports = [(said, None) for said, _ in self.reports]
        self.control.restart()

    def work(self) -> None:
        """The hosts answer every order there is."""
        orders, self.broker[:] = list(self.broker), []
        self.reports += [(tuple(self.hosts.answer(order)), None) for order in orders]

    def campaign(self) -> Campaign:
        """The only campaign."""
        with self.store.read() as reader:
            campaign = reader.load(reader.newest(1)[0])
        assert campaign is not None
        return campaign

    def states(self) -> dict[str, str]:
        """State of every host, and of the campaign under ""."""
        campaign = self.campaign()
        return {"": str(campaign.state)} | {run.host.name: str(run.state) for run in campaign.runs}

    def effects(self) -> Counter[tuple[str, Mode]]:
        """How often each host was changed and brought back, as its own journal says."""
        modes = {
            order.attempt_id: (order.host.name, order.mode)
            for order in self.hosts.orders
            if order.mode in {Mode.APPLY, Mode.UNDO}
        }
        counted: Counter[tuple[str, Mode]] = Counter()
        for attempt, times in self.hosts.effects.items():
            counted[modes[attempt]] += times
        return counted

    def overtaken(self, rival: MortalStore, rounds: int = 6) -> None:
        """Let another orchestrator take the lead and work, while this one is stopped in its tracks."""
        self.stale, self.stale_epoch = self.control, self.control.lead.epoch
        self.reports = [(said, None) for said, _ in self.reports]
        self.control = MortalControl(rival, self.broker, self.hosts, self.clock, dead_s=self.fate.dead_s)
        for _ in range(rounds):
            self.round()

    def _person(self) -> None:
        """Ask for the plan and apply it; after an error look first, and ask again only if it was not done."""
        head = self._head()
        if head is None:
            self.control.service.plan(_wanted())
        elif head.state == CampaignState.PLANNED:
            self.control.service.apply(self.control.service.document(head.id)[0], "tester")

    def _head(self) -> Head | None:
        with self.store.read() as reader:
            return next(iter(reader.heads(final=True)), None)

    def _deliver(self) -> None:
        self.reports = [(said, under_way or self.control.say(*said)) for said, under_way in self.reports]

    def _acknowledge(self) -> None:
        self.reports = [(said, way) for said, way in self.reports if way is None or not way.committed]


def _wanted() -> NewPlan:
    turn_back = StopRule(
        kind=FailureKind.ANY,
        tolerate=Share(value=1),
        scope=Scope.CAMPAIGN,
        action=StopAction.ROLLBACK_CAMPAIGN,
    )
    policy = make_policy(
        Kind.CHANGING,
        waves="2,4,rest",
        parallelism=3,
        monitor_s=2.0,
        stop_rules=(turn_back,),
        rollback_parallelism=3,
    )
    return NewPlan(
        procedure="engine.restart",
        params={},
        hosts=tuple(plain_host(name) for name in NAMES),
        policy=policy,
        author="tester",
    )
