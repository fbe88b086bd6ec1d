"""Budgets: how many hosts may be away at a time, whichever campaigns they are from."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.actions import Dispatch
from orchestrator.campaign.census import open_attempt
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.limits.disruption import open_ledger
from orchestrator.campaign.policy import check_policy, make_policy
from orchestrator.campaign.rollout import Budgets, LabelBudget, Share, StopAction
from orchestrator.campaign.states import FINAL_CAMPAIGN, FINAL_HOST, CampaignState, HostState
from orchestrator.campaign.surroundings import CALM, Away, Surroundings
from tasks.model import Kind
from tests.orchestrator.campaign.worlds import (
    CHANGED,
    LOST,
    UNDONE,
    UNREACHABLE,
    World,
    failed,
    host,
    planned,
    refused,
)

ONE_A_RACK = Budgets(labels=(LabelBudget(label="rack", most=Share(value=1)),))
RACKS = tuple(host(f"h{number}", rack="ab"[number % 2]) for number in range(4))


def _world(budgets: Budgets = ONE_A_RACK, own: str = "c1", **policy: Any) -> World:
    campaign = planned(RACKS, waves="all", parallelism=4, tune={"budgets": budgets}, **policy)
    return World(replace(campaign, id=own))


def test_one_host_of_each_rack_is_away_at_a_time() -> None:
    world = _world()
    world.run()
    assert world.ordered() == ["h0", "h1"]
    world.change("h0")
    assert world.ordered() == ["h0", "h1", "h2"]


def test_a_host_another_campaign_left_to_a_person_uses_the_budget_until_it_is_released() -> None:
    world = _world()
    away = (Away(host="old", campaign="c9", labels={"rack": "a"}),)
    world.tick(away=away)
    assert world.ordered() == ["h1"]
    why = explain(world.campaign, world.now, Surroundings(away=away))
    assert any("budget of rack=a: 1 of 1" in line and "(old)" in line for line in why.lines)
    world.tick()
    assert world.ordered() == ["h1", "h0"]


def test_a_host_without_the_label_is_bound_by_the_fleet_only() -> None:
    plain = tuple(host(f"p{number}") for number in range(3))
    budgets = replace(ONE_A_RACK, fleet=Share(value=2))
    world = World(planned(plain, waves="all", parallelism=3, tune={"budgets": budgets}))
    world.run()
    assert world.ordered() == ["p0", "p1"]


@pytest.mark.parametrize(
    ("own", "for_all", "started", "said"),
    [
        (None, 1, 1, "budget of the fleet (fleet_budget of the control plane): 1 of 1"),
        (
            Budgets(fleet=Share(value=3)),
            2,
            2,
            "budget of the fleet (fleet_budget of the control plane): 2 of 2",
        ),
        (Budgets(fleet=Share(value=1)), 2, 1, "budget of the fleet: 1 of 1"),
        (Budgets(fleet=Share(value=2)), 2, 2, "budget of the fleet: 2 of 2"),
        (ONE_A_RACK, 1, 1, "budget of the fleet (fleet_budget of the control plane): 1 of 1"),
        (ONE_A_RACK, 9, 2, "budget of rack=a: 1 of 1"),
    ],
)
def test_of_two_limits_of_the_fleet_the_stricter_one_wins_and_is_named(
    own: Budgets | None, for_all: int, started: int, said: str
) -> None:
    world = World(planned(RACKS, waves="all", parallelism=4, tune={"budgets": own}))
    world.around = Surroundings(fleet_budget=for_all)
    world.run()
    assert len(world.ordered()) == started
    assert any(said in line for line in explain(world.campaign, world.now, world.around).lines)


def test_the_limit_of_the_fleet_counts_hosts_of_other_campaigns_and_holds_no_reader() -> None:
    away = (Away(host="old", campaign="c9", labels={}),)
    around = Surroundings(fleet_budget=1)
    world = World(planned(RACKS, waves="all", parallelism=4))
    world.around = around
    assert not [action for action in world.tick(away=away) if isinstance(action, Dispatch)]
    assert world.tick(), "it goes on when the other campaign's host is well again"
    reader = World(planned(RACKS, kind=Kind.READ_ONLY))
    reader.around = around
    reader.tick(away=away)
    assert len(reader.ordered()) == 4


def test_healthy_hosts_go_back_one_by_one_and_failed_ones_at_once() -> None:
    world = _world(rollback_parallelism=4, max_failures="0", on_breach=StopAction.ROLLBACK_CAMPAIGN)
    world.run()
    world.change("h0", "h1")
    world.change("h2")
    world.accept("h3")
    world.end("h3", failed(changed=True))
    world.run()
    assert world.undos() == ["h3", "h0"], "h1 is healthy and waits for h3 of its rack"
    assert any("budget of rack=b" in line for line in explain(world.campaign, world.now).lines)
    for name in ("h3", "h0", "h1", "h2"):
        world.accept(name)
        world.end(name, UNDONE)
        world.run()
    assert world.campaign.state == "ROLLED_BACK"


def test_a_healthy_host_whose_way_back_never_began_waits_for_its_budget_anew() -> None:
    """It works as before: that its undo was refused is no failure of it."""
    world = _world(max_failures="0", on_breach=StopAction.ROLLBACK_CAMPAIGN)
    world.run()
    world.change("h0")
    world.change("h2")
    world.accept("h1")
    world.end("h1", failed(changed=True))
    world.run()
    world.accept("h1")
    world.end("h1", UNDONE)
    world.run()
    assert world.undos() == ["h1", "h0"]
    world.decline("h0", refused("E_HOST_BUSY", at=world.now + timedelta(seconds=61)))
    other = (Away(host="x1", campaign="c2", labels={"rack": "a"}),)
    assert not [action for action in world.tick(away=other) if isinstance(action, Dispatch)]
    assert [action.host for action in world.tick() if isinstance(action, Dispatch)] == ["h0"]


def test_a_host_whose_first_order_never_began_is_healthy_once_a_later_one_succeeded() -> None:
    world = _world(rollback_parallelism=4, max_failures="0", on_breach=StopAction.ROLLBACK_CAMPAIGN)
    world.run()
    world.decline("h0", refused("E_NOT_STARTED", at=world.now + timedelta(seconds=61)))
    world.accept("h1")
    world.run(seconds=10)
    world.change("h0")
    assert world.ordered() == ["h0", "h1", "h0", "h2"]
    world.accept("h2")
    world.end("h1", failed(changed=True))
    world.run()
    assert world.undos() == ["h1"], "h0 works, and waits for h2 of its rack, which is away"


def test_silent_hosts_that_use_up_the_budget_end_the_campaign_like_those_that_use_up_the_slots() -> None:
    world = _world(max_failures="100%")
    world.run()
    for name in ("h0", "h1"):
        world.accept(name)
        world.end(name, LOST)
    world.run(seconds=130)
    world.run(seconds=700)
    assert world.campaign.state == "INCOMPLETE"
    assert world.ordered() == ["h0", "h1"]


@pytest.mark.parametrize(
    ("most", "hosts", "limit"),
    [
        (Share(value=1), 1, 1),
        (Share(value=7), 3, 7),
        (Share(value=100, percent=True), 3, 3),
        (Share(value=50, percent=True), 3, 1),
        (Share(value=7, percent=True), 100, 7),
        (Share(value=1, percent=True), 3, 1),
    ],
)
def test_a_share_of_a_group_becomes_a_number(most: Share, hosts: int, limit: int) -> None:
    group = tuple(host(f"h{number}", rack="a") for number in range(hosts))
    ledger = open_ledger(
        planned(group, tune={"budgets": Budgets(labels=(LabelBudget(label="rack", most=most),))}), CALM
    )
    assert ledger is not None
    assert ledger.most == {("rack", "a"): limit}


@given(hosts=st.integers(1, 300), percent=st.integers(1, 100))
def test_a_percentage_and_its_count_let_the_same_hosts_go(hosts: int, percent: int) -> None:
    group = tuple(host(f"h{number}", rack="a") for number in range(hosts))
    shares = (Share(value=percent, percent=True), Share(value=max(1, hosts * percent // 100)))
    started = []
    for share in shares:
        world = World(planned(group, waves="all", parallelism=500, tune={"budgets": Budgets(fleet=share)}))
        world.run()
        started.append(world.ordered())
    assert started[0] == started[1]


def _out_of_reach(world: World, name: str) -> None:
    """The host's only order does not reach it, and neither does any question until that order has expired."""
    world.end(name, UNREACHABLE)
    world.run(seconds=90)
    world.end(name, UNREACHABLE)
    world.run()
    assert world.host(name).state is HostState.UNREACHABLE


def test_hosts_do_not_wait_for_ever_for_a_budget_that_only_hosts_out_of_reach_use() -> None:
    world = _world(max_failures="4")
    world.run()
    world.change("h1")
    world.change("h3")
    _out_of_reach(world, "h0")
    assert world.ordered() == ["h0", "h1", "h3"]
    world.run(seconds=500)
    assert world.state() is CampaignState.RUNNING
    world.run(seconds=101)
    assert world.states()["h2"] is HostState.CANCELLED
    assert world.state() is CampaignState.INCOMPLETE


def test_hosts_that_cannot_be_brought_back_within_a_budget_are_left_to_a_person() -> None:
    world = _world(max_failures="0", on_breach=StopAction.ROLLBACK_CAMPAIGN)
    world.run()
    world.change("h0", "h1")
    world.change("h3")
    _out_of_reach(world, "h2")
    assert world.undos() == ["h1"]
    world.accept("h1")
    world.end("h1", UNDONE)
    world.run()
    world.accept("h3")
    world.end("h3", UNDONE)
    world.run()
    assert world.state() is CampaignState.ROLLING_BACK
    world.run(seconds=601)
    assert world.states()["h0"] is HostState.NEEDS_HUMAN
    assert world.state() is CampaignState.ROLLBACK_INCOMPLETE


def test_hosts_wait_for_a_budget_that_a_person_or_another_campaign_may_free() -> None:
    world = _world(max_failures="4")
    world.run()
    world.change("h1")
    world.change("h3")
    world.end("h0", UNREACHABLE)
    world.run(seconds=90)
    world.end("h0", UNREACHABLE)
    away = (Away(host="old", campaign="c9", labels={"rack": "a"}),)
    world.tick(away=away)
    world.now += timedelta(seconds=10_000)
    world.tick(away=away)
    assert world.state() is CampaignState.RUNNING


def test_no_budget_at_all_is_refused() -> None:
    policy = make_policy(Kind.CHANGING)
    for budgets in (Budgets(fleet=Share(value=0)), Budgets(fleet=Share(value=101, percent=True))):
        with pytest.raises(ValueError, match=r"budgets\.fleet"):
            check_policy(replace(policy, budgets=budgets))


def test_the_plan_says_how_many_may_be_away() -> None:
    assert "budget of rack=a: at most 1 away at a time, all campaigns together (2 in this plan)" in words(
        _world().campaign
    )


class _Fleet:
    """Campaigns over the same hosts, and the leases they would have in SQL."""

    def __init__(self, count: int, budgets: Budgets, **policy: Any) -> None:
        self.worlds = [_world(budgets, f"c{number}", **policy) for number in range(count)]
        epochs: dict[str, int] = {}
        for world in self.worlds:
            world.epochs = epochs
        self.leases: dict[str, World] = {}

    def tick(self, world: World) -> None:
        away = tuple(
            Away(host=name, campaign=owner.campaign.id, labels=owner.host(name).host.labels)
            for name, owner in self.leases.items()
        )
        blocked = frozenset(name for name, owner in self.leases.items() if owner is not world)
        world.tick(blocked=blocked, away=away)
        self.book(world)

    def book(self, world: World) -> None:
        for run in world.campaign.runs:
            name = run.host.name
            if open_attempt(run) is not None:
                assert self.leases.get(name, world) is world, "I3: never two changing attempts on one host"
                self.leases[name] = world
            elif run.state in FINAL_HOST - {HostState.NEEDS_HUMAN} and self.leases.get(name) is world:
                del self.leases[name]

    def away(self) -> Counter[str]:
        """Hosts of each rack that are away, counted without the code under test."""
        found = {
            run.host.name
            for world in self.worlds
            for run in world.campaign.runs
            if open_attempt(run) is not None
            or run.state in {HostState.UNKNOWN, HostState.SOAKING}
            or (run.state is HostState.ROLLING_BACK and run.failed_as is not None)
            or (run.state is HostState.NEEDS_HUMAN and self.leases.get(run.host.name) is world)
        }
        return Counter(item.labels["rack"] for item in RACKS if item.name in found)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 3),
    most=st.integers(1, 2),
    monitor_s=st.sampled_from([0.0, 5.0]),
    rollback_failed=st.booleans(),
    on_breach=st.sampled_from([StopAction.HALT, StopAction.ROLLBACK_CAMPAIGN]),
    script=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 6)), max_size=60),
)
def test_i2_no_group_ever_has_more_hosts_away_than_its_budget_over_all_campaigns(
    count: int, most: int, script: list[tuple[int, int, int]], **policy: Any
) -> None:
    budgets = Budgets(labels=(LabelBudget(label="rack", most=Share(value=most)),))
    fleet = _Fleet(count, budgets, max_failures="1", rollback_parallelism=4, **policy)
    for which, place, what in script:
        world = fleet.worlds[which % count]
        name = RACKS[place].name
        if what == 0 and open_attempt(world.host(name)) is not None:
            world.accept(name)
        elif what in {1, 2} and (attempt := open_attempt(world.host(name))) is not None:
            good = UNDONE if attempt.undo else CHANGED
            world.end(name, good if what == 1 else failed(changed=True))
        elif what == 3 and open_attempt(world.host(name)) is not None:
            world.end(name, LOST)
        elif what == 4 and world.host(name).state is HostState.NEEDS_HUMAN:
            if fleet.leases.get(name) is world:
                del fleet.leases[name]  # a person looked at it and released it
        elif what == 5:
            for item in fleet.worlds:
                item.now += timedelta(seconds=11)
        if world.campaign.state not in FINAL_CAMPAIGN:
            fleet.book(world)
            fleet.tick(world)
        assert all(used <= most for used in fleet.away().values())
