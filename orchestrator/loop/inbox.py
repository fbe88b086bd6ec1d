"""Reports between their reader and the loop: the reader waits until what it handed over is committed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orchestrator.loop.received import Received


@dataclass(slots=True)
class Delivery:
    """One batch, and how many of its reports are not committed yet."""

    open: int
    committed: bool = False
    done: threading.Event = field(default_factory=threading.Event)

    def settle(self, count: int) -> None:
        """Note that so many reports of it are committed."""
        self.open -= count
        if self.open <= 0:
            self.committed = True
            self.done.set()


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One report and the batch it came in."""

    received: Received
    delivery: Delivery


class Inbox:
    """Batches handed over by the reader, taken by the loop."""

    def __init__(self, wake: Callable[[], None]) -> None:
        """Ring `wake` when something has come in."""
        self._wake = wake
        self._items: list[Item] = []
        self._guard = threading.Lock()
        self._open = True

    def deliver(self, batch: Sequence[Received]) -> bool:
        """Hand over a batch and wait; True once all of it is committed, False when it must come again."""
        if not batch:
            return True
        delivery = Delivery(open=len(batch))
        with self._guard:
            if not self._open:
                return False
            self._items.extend(Item(received, delivery) for received in batch)
        self._wake()
        delivery.done.wait()
        return delivery.committed

    def take(self) -> list[Item]:
        """Give what is there; items that cannot be committed now are put back."""
        with self._guard:
            items, self._items = self._items, []
            return items

    def put_back(self, items: Sequence[Item]) -> None:
        """Keep these for the next round, before newer ones."""
        with self._guard:
            self._items = [*items, *self._items]

    def open(self) -> None:
        """Take batches in: this orchestrator leads."""
        with self._guard:
            self._open = True

    def refuse(self) -> None:
        """Send back everything not committed, and take nothing in: this orchestrator does not lead, or stops."""
        with self._guard:
            self._open = False
            items, self._items = self._items, []
        for item in items:
            item.delivery.done.set()


def settle(items: Sequence[Item]) -> None:
    """Note that these are committed; their batches may be acknowledged when nothing else of them is open."""
    for item in items:
        item.delivery.settle(1)


def taken(items: list[Item], some: Sequence[Item]) -> None:
    """Take these out of the list in place: what is left in it when a tick breaks comes again."""
    gone = {id(item) for item in some}
    items[:] = [item for item in items if id(item) not in gone]


def done(items: list[Item], some: Sequence[Item]) -> None:
    """Settle these, and take them out of the list."""
    settle(some)
    taken(items, some)
