"""A control plane on a clock the test turns, with scripted hosts in place of broker and workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.gate import Gate
from orchestrator.campaign.occasion import Notify
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import Approval, Budgets
from orchestrator.campaign.states import FINAL_CAMPAIGN
from orchestrator.loop.bulletin import Bulletin
from orchestrator.loop.gate_questions import GateQuestion
from orchestrator.loop.inbox import Delivery, Item
from orchestrator.loop.leading import Lead
from orchestrator.loop.orders import Sending
from orchestrator.loop.planning import NewPlan
from orchestrator.loop.received import Received
from orchestrator.loop.reconcile import Reconciler
from orchestrator.service.service import Service
from orchestrator.store.store import Store
from tasks.model import Kind
from tasks.wire import Order
from tests.support.campaigns import NOON, plain_host
from tests.support.hosts import ScriptedHosts


@dataclass
class Clock:
    """A clock that stands still until it is turned."""

    instant: datetime = NOON

    def __call__(self) -> datetime:
        """Give the moment."""
        return self.instant

    def turn(self, seconds: float) -> None:
        """Go on by so many seconds."""
        self.instant += timedelta(seconds=seconds)


@dataclass
class Outbox:
    """Keeps what was published; messages may be lost before the hosts get them."""

    waiting: list[Order] = field(default_factory=list)
    sent: list[Order] = field(default_factory=list)

    def send(self, sendings: Sequence[Sending]) -> None:
        """Take these."""
        self.waiting += [sending.order for sending in sendings]
        self.sent += [sending.order for sending in sendings]

    def clear(self) -> None:
        """Lose what waits."""
        self.waiting.clear()


def over(campaign: Campaign) -> bool:
    """Whether it has ended."""
    return campaign.state in FINAL_CAMPAIGN


class Control:
    """One orchestrator process; `restart` kills it and starts another one on the same store."""

    def __init__(
        self,
        store: Store,
        *,
        hosts: ScriptedHosts | None = None,
        clock: Clock | None = None,
        channels: tuple[str, ...] = (),
        fleet_budget: int | None = None,
    ) -> None:
        """Begin to lead."""
        self.store = store
        self.channels = channels
        self.fleet_budget = fleet_budget
        self.hosts = hosts or ScriptedHosts()
        self.clock = clock or Clock()
        self._names = count(1)
        self.restart()

    def restart(self, dead_s: float = 20) -> None:
        """Forget everything that is not in SQL, messages under way included; start again so many seconds later."""
        self.outbox = self._outbox()
        self.lead = Lead(self.store, owner=self._owner(next(self._names)), now=self.clock)
        self.clock.turn(dead_s)
        bulletin = Bulletin()
        #: gates that were to be asked
        self.questions: list[GateQuestion] = []
        self.reconciler = Reconciler(
            self.store,
            self.lead,
            self.outbox,
            now=self.clock,
            bulletin=bulletin,
            ask=self.questions.extend,
            fleet_budget=self.fleet_budget,
        )
        assert self.lead.ensure()
        ids = (f"ctest{number:04}" for number in self._names)
        self.service = Service(
            self.store,
            self.lead,
            now=self.clock,
            bulletin=bulletin,
            wake=self.reconciler.wake,
            cached=self.reconciler.cached,
            adopt=self.reconciler.adopt,
            new_id=lambda: next(ids),
            channels=self.channels,
            fleet_budget=self.fleet_budget,
        )

    def _outbox(self) -> Outbox:
        return Outbox()

    def _owner(self, number: int) -> str:
        return f"test{number}"

    def say(self, *received: Received) -> Delivery:
        """Put these in the inbox without waiting for them."""
        delivery = Delivery(open=len(received))
        self.reconciler.inbox.put_back([Item(item, delivery) for item in received])
        return delivery

    def tick(self, times: int = 1) -> None:
        """Let the loop look."""
        for _ in range(times):
            self.reconciler.tick()

    def work(self, lose: Callable[[Order], bool] = lambda _order: False) -> None:
        """Let the hosts answer everything that was published and is not lost."""
        orders, self.outbox.waiting = self.outbox.waiting, []
        for order in orders:
            if not lose(order):
                self.say(*self.hosts.answer(order))

    def run(
        self,
        campaign_id: str,
        until: Callable[[Campaign], bool],
        *,
        lose: Callable[[Order], bool] = lambda _order: False,
        ticks: int = 400,
        seconds: float = 1.0,
    ) -> Campaign:
        """Go on, so many seconds a tick, until the campaign passes the test."""
        for _ in range(ticks):
            campaign = self.service.campaign(campaign_id)
            if until(campaign):
                return campaign
            self.tick()
            self.work(lose)
            self.clock.turn(seconds)
        raise AssertionError(f"{campaign_id} stays {self.states(campaign_id)}")

    def plan(
        self,
        names: Sequence[str],
        *,
        procedure: str = "engine.restart",
        gates: tuple[Gate, ...] = (),
        notify: tuple[Notify, ...] = (),
        budgets: Budgets | None = None,
        approval: Approval | None = None,
        **policy: object,
    ) -> str:
        """Plan on these hosts and give the id; the plan is made."""
        kind = Kind.READ_ONLY if procedure == "engine.info" else Kind.CHANGING
        wanted = NewPlan(
            procedure=procedure,
            params={},
            hosts=tuple(plain_host(name) for name in names),
            policy=replace(
                make_policy(kind, **policy),  # type: ignore[arg-type] # the test says what it means
                gates=gates,
                notify=notify,
                budgets=budgets,
                approval=approval,
            ),
            author="tester",
        )
        campaign_id = self.service.plan(wanted)
        self.run(campaign_id, lambda campaign: campaign.state != "PLANNING")
        return campaign_id

    def apply(self, names: Sequence[str], *, procedure: str = "engine.restart", **policy: Any) -> str:
        """Plan on these hosts, apply it, and give the id."""
        campaign_id = self.plan(names, procedure=procedure, **policy)
        document, _ = self.service.document(campaign_id)
        return self.service.apply(document, "tester")

    def states(self, campaign_id: str) -> dict[str, str]:
        """Give the state of every host, and of the campaign under ""."""
        campaign = self.service.campaign(campaign_id)
        return {"": str(campaign.state)} | {run.host.name: str(run.state) for run in campaign.runs}

    def run_of(self, campaign_id: str, host: str) -> HostRun:
        """Give a host of a campaign."""
        run = self.service.campaign(campaign_id).run_of(host)
        assert run is not None
        return run

    def kinds(self, campaign_id: str, host: str | None = None) -> list[str]:
        """Give the log of a campaign, kinds only."""
        return [line.kind for line in self.service.events(campaign_id, 0, host=host)]
