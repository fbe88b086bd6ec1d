"""Each law of orders is broken by hand once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from orchestrator.simulate.laws import orders
from orchestrator.simulate.laws.law import Law
from orchestrator.simulate.stage.clock import BEGIN
from orchestrator.simulate.stage.hosts import PROTECT, How, SimHost
from tasks.model import Mode, Protect
from tests.support.campaigns import NOON
from tests.support.simulated import ORDER, begun
from tests.support.started import BEFORE, attempt, started


def test_an_order_nobody_committed_is_seen() -> None:
    once = started(BEFORE)
    own = once.runs[0].attempts[0].id
    assert not list(orders.on_order(once, own, "web-1", 1, Mode.APPLY))
    assert [item.law for item in orders.on_order(BEFORE, own, "web-1", 1, Mode.APPLY)] == [Law.RECORD]
    assert [item.law for item in orders.on_order(once, own, "web-1", 2, Mode.APPLY)] == [Law.RECORD]


def test_an_order_to_a_host_another_campaign_is_at_work_on_is_seen() -> None:
    host = SimHost(name="web-1", machine_id="1", fate=lambda _own: How.OK, undo_works=lambda _own: True)
    other = started(BEFORE)
    order = begun(host).order
    other = replace(other, id=order.campaign_id)
    mine = attempt("web-1")
    seen = [item.law for item in orders.on_start(host, mine, "c2", {other.id: other})]
    assert seen == [Law.ALONE]
    assert not list(orders.on_start(host, mine, other.id, {other.id: other}))
    # its lock ran out, an hour after all that is known of it
    late = replace(mine, ordered_at=NOON + timedelta(hours=2))
    over = replace(other, ended_at=NOON)
    assert not list(orders.on_start(host, late, "c2", {other.id: over}))
    assert list(orders.on_start(host, mine, "c2", {other.id: over}))


def test_an_order_for_something_the_host_did_not_tell_is_seen() -> None:
    host = SimHost(
        name="web-1", machine_id="1", fate=lambda _own: How.OK, undo_works=lambda _own: True, drifts=True
    )
    plan = ORDER.model_copy(update={"mode": Mode.PLAN})
    first = host.take(plan, BEGIN)[0]
    assert first is not None
    assert first.result is not None
    assert first.result.plan is not None
    keys = tuple(step["key"] for step in first.result.plan["steps"])
    right = ORDER.model_copy(update={"approved": keys, "protect": PROTECT})
    assert not list(orders.on_content(host, right))
    for wrong in (None, (), (*keys, "image:other"), keys[:1]):
        told = orders.on_content(host, right.model_copy(update={"approved": wrong}))
        assert [item.law for item in told] == [Law.OBJECTS]
    bare = orders.on_content(host, right.model_copy(update={"protect": Protect()}))
    assert [item.law for item in bare] == [Law.OBJECTS]
    # what it would do after that is something else
    begun(host, right)
    host.take(plan, BEGIN)
    assert len(set(host.told[ORDER.campaign_id])) == 2
