"""Each law of orders is broken by hand once."""

from __future__ import annotations

from orchestrator.simulate import order_laws
from orchestrator.simulate.laws import Law
from tasks.model import Mode
from tests.orchestrator.simulate.test_turn_laws import BEFORE, started


def test_an_order_nobody_committed_is_seen() -> None:
    once = started(BEFORE)
    own = once.runs[0].attempts[0].id
    assert not list(order_laws.on_order(once, own, "web-1", 1, Mode.APPLY))
    assert [item.law for item in order_laws.on_order(BEFORE, own, "web-1", 1, Mode.APPLY)] == [Law.RECORD]
    assert [item.law for item in order_laws.on_order(once, own, "web-1", 2, Mode.APPLY)] == [Law.RECORD]
