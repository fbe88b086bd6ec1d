"""One orchestrator process: the product's own loop and service on a store in memory; it may die at any instruction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from orchestrator.loop.bulletin import Bulletin
from orchestrator.loop.gate_questions import GateQuestion
from orchestrator.loop.inbox import Delivery, Item
from orchestrator.loop.leading import Lead
from orchestrator.loop.orders import Sending
from orchestrator.loop.reconcile import Reconciler
from orchestrator.service.service import Service
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.memory import MemoryStore
from orchestrator.store.errors import Deposed
from tasks.wire import Report


class Killed(BaseException):
    """The process was killed here; no handler of errors may see it."""


class Outbox:
    """Hands orders on at once."""

    def __init__(self, publish: Callable[[Sequence[Sending]], None]) -> None:
        """Hand them to `publish`."""
        self._publish = publish

    def send(self, sendings: Sequence[Sending]) -> None:
        """Hand these on."""
        self._publish(sendings)

    def clear(self) -> None:
        """Nothing waits here."""


class Plane:
    """A process with its own memory."""

    def __init__(
        self,
        name: str,
        store: MemoryStore,
        clock: Clock,
        publish: Callable[[Sequence[Sending]], None],
        new_id: Callable[[], str],
        *,
        ask: Callable[[Sequence[GateQuestion]], None] | None = None,
        channels: Collection[str] = (),
    ) -> None:
        """Start it; it leads when it can. `ask` is told which gates are to be asked."""
        bulletin = Bulletin()
        self.name = name
        self.lead = Lead(store, owner=name, now=clock)
        self.reconciler = Reconciler(store, self.lead, Outbox(publish), now=clock, bulletin=bulletin, ask=ask)
        self.up = True
        self._service = Service(
            store,
            self.lead,
            now=clock,
            bulletin=bulletin,
            wake=self.reconciler.wake,
            cached=self.reconciler.cached,
            adopt=self.reconciler.adopt,
            new_id=new_id,
            channels=channels,
        )
        self._open: list[tuple[Report, Delivery]] = []

    @property
    def service(self) -> Service:
        """What people ask; nobody answers once it is dead."""
        if not self.up:
            raise Deposed(f"{self.name} is dead", hint="Another one takes over")
        return self._service

    def say(self, reports: Sequence[Report]) -> None:
        """Hand these to the loop."""
        new = [(report, Delivery(open=1)) for report in reports]
        self._open += new
        self.reconciler.inbox.put_back([*self.reconciler.inbox.take(), *(Item(*item) for item in new)])

    def unsettled(self) -> list[Report]:
        """Give the reports it did not commit: the broker has them still."""
        left = [report for report, delivery in self._open if not delivery.committed]
        self._open = []
        return left

    def settled(self) -> list[Report]:
        """Give the reports it has acknowledged since it was last asked what it sent back."""
        return [report for report, delivery in self._open if delivery.committed]

    def returned(self) -> list[Report]:
        """Give the reports it sent back, and forget what it committed."""
        back = [r for r, delivery in self._open if delivery.done.is_set() and not delivery.committed]
        self._open = [item for item in self._open if not item[1].done.is_set()]
        return back
