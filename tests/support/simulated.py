"""Scripted hosts of the simulator, and an order to begin something on one of them."""

from __future__ import annotations

from typing import Any

from orchestrator.loop.orders import order_of
from orchestrator.simulate.stage.clock import BEGIN
from orchestrator.simulate.stage.hosts import Entry, How, SimHost
from tasks.wire import Order
from tests.support.started import BEFORE, started

ONCE = started(BEFORE)
ORDER = order_of(ONCE, ONCE.runs[0], ONCE.runs[0].attempts[0]).order.model_copy(
    update={"expires_at": BEGIN.timestamp() + 60}
)


def host(number: int = 1, **fields: Any) -> SimHost:
    """A host that works unless told otherwise."""
    given = {"fate": lambda _own: How.OK, "undo_works": lambda _own: True} | fields
    return SimHost(name="web-1", machine_id=f"{number:032x}", **given)


def begun(at: SimHost, order: Order = ORDER) -> Entry:
    """The attempt as the host began it."""
    _, entry = at.take(order, BEGIN)
    assert entry is not None
    return entry
