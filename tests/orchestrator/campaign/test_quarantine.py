"""A quarantined host gets no order, forward or back, until a person releases it; the campaign says so and waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.actions import Action, AskJournal, Dispatch, Resend, StopNow
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.limits.disruption import budget_lines
from orchestrator.campaign.limits.quarantine_waits import waits_for_release
from orchestrator.campaign.quarantine import Quarantine, concerning, one_line
from orchestrator.campaign.rollout import Budgets, Clock, Clocks, LabelBudget, Share
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.surroundings import Away, Surroundings
from orchestrator.screens.viewing import campaign_view
from tasks.result import ALLOWED_SKEW_S
from tests.orchestrator.campaign.worlds import CHANGED, START, UNDONE, World, failed, host, planned

CLICKS = Quarantine(host="h1", by="anna", reason="its disk clicks", at=START)


def _around(*items: Quarantine) -> Surroundings:
    return Surroundings(quarantines=items)


def _world(count: int = 2, *items: Quarantine, **policy: Any) -> World:
    chosen: dict[str, Any] = {"waves": "all", "parallelism": 2} | policy
    world = World(planned(count, **chosen))
    world.around = _around(*(items or (CLICKS,)))
    return world


def _orders(actions: tuple[Action, ...]) -> list[str]:
    return [action.host for action in actions if isinstance(action, Dispatch | Resend)]


def test_the_others_go_on_and_the_host_goes_when_it_is_released() -> None:
    world = _world()
    assert _orders(world.run()) == ["h2"]
    world.change("h2")
    assert world.run(seconds=7 * 86_400) == ()
    assert (world.state(), world.host("h1").state) == (CampaignState.RUNNING, HostState.PENDING)
    world.around = _around(replace(CLICKS, released_at=world.now))
    assert _orders(world.run()) == ["h1"]
    world.change("h1")
    assert world.state() is CampaignState.COMPLETE


def test_later_waves_wait_with_it_and_a_person_may_leave_it_out() -> None:
    world = _world(2, waves="1,rest")
    world.run()
    assert (world.campaign.wave, world.ordered()) == (1, [])
    why = explain(world.campaign, world.now, world.around)
    assert why.headline == "it waits for a person to release quarantined hosts: h1"
    (line,) = why.brakes
    assert line.startswith("h1 is quarantined since 2026-03-01 12:00:00 UTC, by anna: its disk clicks")
    assert "`dockwave hosts release h1 --reason TEXT`" in line
    assert "`dockwave skip c1 h1 --reason TEXT`" in line
    assert why.next[0] == CLICKS.release
    assert campaign_view(world.campaign, world.now, around=world.around).brakes == [line]


def test_a_host_of_a_later_wave_is_no_matter_yet() -> None:
    world = _world(2, replace(CLICKS, host="h2"), waves="1,rest")
    assert _orders(world.run()) == ["h1"]
    assert explain(world.campaign, world.now, world.around).brakes == ()


def test_what_the_host_accepted_goes_on_and_its_way_back_waits() -> None:
    world = _world(1, replace(CLICKS, host="h9"))
    world.run()
    world.accept("h1")
    world.around = _around(CLICKS)
    world.end("h1", failed(changed=True))
    assert _orders(world.run(seconds=86_400)) == []
    assert world.host("h1").state is HostState.ROLLING_BACK
    (line,) = explain(world.campaign, world.now, world.around).brakes
    assert "dockwave skip" not in line, "it was started"
    world.around = _around(replace(CLICKS, released_at=world.now))
    world.run()
    assert world.undos() == ["h1"]
    world.accept("h1")
    world.end("h1", UNDONE)
    world.run()
    assert world.state() is CampaignState.ROLLED_BACK


def test_an_order_nobody_accepted_is_not_sent_again_and_its_journal_is_asked() -> None:
    world = _world(1, replace(CLICKS, host="h9"))
    world.run()
    before, policy = world.campaign, world.campaign.policy
    assert any(isinstance(action, Resend) for action in world.run(seconds=policy.resend_after_s + 1))
    world.campaign = before
    world.around = _around(CLICKS)
    assert not [action for action in world.run() if isinstance(action, Resend)]
    assert any(
        isinstance(action, AskJournal) for action in world.run(seconds=policy.order_ttl_s + ALLOWED_SKEW_S)
    )


def test_silent_hosts_do_not_end_a_campaign_with_a_host_that_waits_for_its_release() -> None:
    world = _world(2, max_failures="100%")
    world.run()
    for _ in range(5):
        world.run(seconds=world.campaign.policy.unknown_wait_s)
    assert world.host("h2").state is HostState.UNKNOWN
    assert (world.state(), world.host("h1").state) == (CampaignState.RUNNING, HostState.PENDING)


def test_an_abort_is_not_held_up() -> None:
    world = _world(1)
    world.abort()
    world.run()
    assert world.state() is CampaignState.ABORTED


def test_it_uses_the_budget_of_its_group_as_the_plan_has_it() -> None:
    budgets = Budgets(labels=(LabelBudget(label="rack", most=Share(value=1)),))
    campaign = planned((host("h1", rack="a"), host("h2", rack="a")), waves="all", parallelism=2)
    world = World(replace(campaign, policy=replace(campaign.policy, budgets=budgets)))
    # nobody knew its labels when a person set it apart
    world.around = _around(CLICKS)
    away = (Away(host="h1", campaign=""),)
    assert _orders(world.tick(away=away)) == []
    assert "(h1)" in budget_lines(world.campaign, replace(world.around, away=away))[0]


@pytest.mark.parametrize(
    ("change", "concerns"),
    [
        ({}, True),
        ({"host": "h9"}, False),
        ({"released_at": START}, False),
        ({"released_at": START + timedelta(seconds=1)}, True),
    ],
)
def test_it_concerns_campaigns_that_have_the_host_and_began_before_its_release(
    change: dict[str, Any], concerns: bool
) -> None:
    assert bool(concerning((replace(CLICKS, **change),), World(planned(1)).campaign)) == concerns


def test_a_campaign_that_left_it_is_named() -> None:
    left = replace(CLICKS, by="", campaign="c7", reason="E_X: no way back")
    assert left.text.endswith("left to a person by campaign c7: E_X: no way back")
    assert left.error.code == "E_QUARANTINED"
    assert "dockwave hosts release h1" in left.error.hint


@given(text=st.text(st.characters(codec=None), max_size=400))
def test_what_a_host_says_is_one_bounded_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 300
    line.encode()


def _on_the_clock() -> Campaign:
    clocks = Clocks(progress=Clock(stop_s=600.0))
    return planned(2, waves="all", parallelism=2, tune={"clocks": clocks})


def test_the_time_it_is_waited_for_is_on_no_clock_not_even_after_its_release() -> None:
    world = World(_on_the_clock())
    world.around = _around(CLICKS)
    world.run()
    world.change("h2")
    world.run(seconds=7200)
    assert not world.campaign.stops
    world.around = _around(replace(CLICKS, released_at=world.now))
    world.run()
    assert not world.campaign.stops
    assert world.host("h1").state is HostState.ORDERED
    world.accept("h1")
    world.beat("h1", 1)
    assert any(isinstance(action, StopNow) for action in world.run(seconds=601)), "it counts again"


def test_time_in_which_other_hosts_are_at_work_counts_as_always() -> None:
    world = World(_on_the_clock())
    world.around = _around(CLICKS)
    world.run()
    world.accept("h2")
    assert any(isinstance(action, StopNow) for action in world.run(seconds=601))


@given(
    at=st.integers(0, 100),
    held=st.none() | st.integers(1, 100),
    begins=st.integers(0, 100),
    takes=st.integers(1, 100),
)
def test_a_wait_lies_in_the_quarantine_and_outside_all_work(
    at: int, held: int | None, begins: int, takes: int
) -> None:
    world = World(planned(2, waves="all", parallelism=2))
    world.around = _around(CLICKS)
    world.now = START + timedelta(seconds=begins)
    world.run()
    world.accept("h2")
    world.now += timedelta(seconds=takes)
    world.end("h2", CHANGED)
    now = START + timedelta(seconds=300)
    item = replace(CLICKS, at=START + timedelta(seconds=at))
    if held is not None:
        item = replace(item, released_at=item.at + timedelta(seconds=held))
    spans = list(waits_for_release(world.campaign, _around(item), now))
    work = (START + timedelta(seconds=begins), START + timedelta(seconds=begins + takes))
    waited = sum((end - start for start, end in spans), start=timedelta())
    until = item.released_at or now
    overlap = max(min(work[1], until) - max(work[0], item.at), timedelta())
    assert waited == until - item.at - overlap
    for start, end in spans:
        assert item.at <= start < end <= until
        assert end <= work[0] or start >= work[1]
