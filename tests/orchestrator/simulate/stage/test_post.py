"""Messages in the worst of brokers: everything twice through two gateways, or nothing at all."""

from __future__ import annotations

import pytest

from orchestrator.loop.orders import Sending
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.post import Post, Weather
from tasks.model import Mode
from tasks.result import Outcome
from tests.support.simulated import ORDER, host


def posted(*, two: bool = False, silent: bool = False, mode: Mode = Mode.APPLY, epoch: int = 1) -> Post:
    """The post after it carried one order for a minute."""
    clock, at = Clock(), host()
    post = Post(clock, Dice("post"), {at.name: at}, Weather())
    post.two_gateways, post.silent = two, silent
    post.publish([Sending(order=ORDER.model_copy(update={"mode": mode, "epoch": epoch}), waves=1)])
    clock.go(60.0)
    return post


def test_an_order_that_came_twice_is_out_of_reach_for_one_gateway_and_done_through_the_other() -> None:
    said = [item.result.outcome for item in posted(two=True).arrived if item.result is not None]
    assert sorted(said) == [Outcome.CHANGED, Outcome.UNREACHABLE]


@pytest.mark.parametrize(("epoch", "arrive"), [(1, True), (2, False)])
def test_silence_swallows_everything_but_the_making_of_a_plan(epoch: int, arrive: bool) -> None:
    assert bool(posted(silent=True, mode=Mode.PLAN, epoch=epoch).arrived) is arrive
    assert not posted(silent=True).arrived
