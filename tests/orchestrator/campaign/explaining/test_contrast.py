"""What failed hosts have more often than healthy ones: numbers that hold, and silence where they say nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.campaign import Attempt, HostRun
from orchestrator.campaign.explaining.contrast import Contrast, chance, contrast, in_common, in_words, side
from orchestrator.campaign.explaining.traits import facts
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.states import HostState
from tasks.model import Host, SshHop, Transport
from tasks.result import HostResult, Outcome
from tests.orchestrator.campaign.worlds import START, World, failed, host, planned


def runs(count: int, **labels: str) -> list[HostRun]:
    """Hosts with these labels."""
    return [
        HostRun(host=host(f"h{number}", **labels), wave=1, state=HostState.SUCCEEDED)
        for number in range(count)
    ]


def told(these: list[HostRun], healthy: list[HostRun]) -> dict[str, str]:
    """What is named, in words, by trait."""
    found = contrast(side(these), side(healthy))
    return {item.trait: in_words(item, "failed") for item in found}


def attempted(run: HostRun, *, undo: bool = False, worker: str = "", **result: Any) -> HostRun:
    """One more attempt on it."""
    attempt = Attempt(
        id="c/h/1",
        number=1,
        epoch=1,
        undo=undo,
        undo_of=None,
        ordered_at=START,
        expires_at=START,
        worker=worker,
        result=HostResult(outcome=Outcome.CHANGED, **result) if result else None,
    )
    return replace(run, attempts=(*run.attempts, attempt))


def over_ssh(run: HostRun) -> HostRun:
    """The same host behind a gateway."""
    return replace(run, host=Host(name=run.host.name, transport=Transport.SSH, ssh=SshHop(address="a")))


def test_most_failed_hosts_and_one_healthy_host_are_told_with_numbers() -> None:
    these = runs(4, rack="r7") + runs(1, rack="r1")
    healthy = runs(1, rack="r7") + runs(39, rack="r2")
    assert told(these, healthy) == {
        "label rack=r7": "4 of 5 failed hosts, 1 of 40 healthy hosts: label rack=r7"
    }
    assert in_common(side(these), side(healthy)) == frozenset()


@pytest.mark.parametrize(
    ("having", "failing", "having_healthy", "healthy"),
    [
        (1, 1, 0, 40),  # one host is no pattern
        (2, 3, 1, 20),  # three hosts are hardly one
        (2, 5, 0, 40),  # fewer than half
        (5, 5, 40, 40),  # everybody has it
        (5, 10, 20, 40),  # as often as elsewhere
        (1, 5, 30, 40),  # rather less often
    ],
)
def test_what_chance_explains_is_not_named(
    having: int, failing: int, having_healthy: int, healthy: int
) -> None:
    these = runs(having, rack="r7") + runs(failing - having, rack="r1")
    others = runs(having_healthy, rack="r7") + runs(healthy - having_healthy, rack="r2")
    assert "label rack=r7" not in told(these, others)


def test_without_a_healthy_host_nothing_is_compared() -> None:
    assert told(runs(5, rack="r7"), []) == {}
    assert in_common(side(runs(5, rack="r7")), side([])) == frozenset()


def test_the_engine_before_is_compared_only_where_it_is_known() -> None:
    old, new = ({"from": {"server": version}} for version in ("20.10.24", "26.1.5"))
    these = [attempted(run, data=old, changed=True) for run in runs(4)] + runs(1)
    healthy = [attempted(run, data=new, changed=True) for run in runs(6)] + runs(30)
    assert told(these, healthy)["engine 20.10.24 before"] == (
        "4 of 4 failed hosts, 0 of 6 healthy hosts: engine 20.10.24 before"
    )
    assert "engine 20.10.24 before" not in told(these, runs(30)), "nobody knows what the others ran"


def test_the_engine_after_a_change_is_no_trait() -> None:
    run = runs(1)[0]
    assert facts(attempted(run, changed=True, data={"server_version": "26.1.5"})) == {}
    assert facts(attempted(run, data={"server_version": "26.1.5"})) == {"engine": "engine 26.1.5 before"}
    undone = attempted(run, undo=True, data={"server_version": "26.1.5"})
    assert facts(undone) == {}


@pytest.mark.parametrize(
    "data", [{"from": None}, {"from": {"server": None}}, {"from": "x"}, {"server_version": 7}]
)
def test_data_of_another_shape_is_not_known(data: dict[str, Any]) -> None:
    assert facts(attempted(runs(1)[0], data=data)) == {}


def test_gateways_are_compared_and_agents_are_not() -> None:
    these = [attempted(over_ssh(run), worker="gw-dmz-1@c2") for run in runs(4)]
    healthy = [attempted(over_ssh(run), worker="gw-dmz-2@c3") for run in runs(9)]
    assert told(these, healthy)["gateway gw-dmz-1@c2"].startswith("4 of 4 failed hosts, 0 of 9 healthy hosts")
    assert facts(attempted(runs(1)[0], worker="agent@h0")) == {}


def test_the_kernel_hosts_ran_on_is_compared_where_it_is_known() -> None:
    these = [attempted(run, identity={"kernel": "6.1.0-42-amd64"}) for run in runs(4)]
    healthy = [attempted(run, identity={"kernel": "6.1.0-40-amd64"}) for run in runs(8)]
    assert told(these, healthy)["kernel 6.1.0-42-amd64"] == (
        "4 of 4 failed hosts, 0 of 8 healthy hosts: kernel 6.1.0-42-amd64"
    )
    assert told(these, runs(30)) == {}
    assert facts(attempted(runs(1)[0], identity={"kernel": ""})) == {}


def test_why_says_it_in_its_text_and_not_twice() -> None:
    fleet = [host(f"h{n}", rack="r7" if n <= 4 or n == 6 else "r2") for n in range(1, 46)]
    world = World(planned(fleet, waves="all", parallelism=50, max_failures="100%"))
    world.run()
    for number in range(1, 46):
        world.accept(f"h{number}")
        if number <= 5:
            world.end(f"h{number}", failed(changed=False))
        else:
            world.change(f"h{number}")
    world.run()
    why = explain(world.campaign, world.now)
    (cause,) = why.groups
    assert cause.common == ()
    assert [item.trait for item in cause.contrast] == ["label rack=r7"]
    assert "  4 of 5 failed hosts, 1 of 40 healthy hosts: label rack=r7" in why.lines


def test_what_all_failed_hosts_and_no_healthy_one_have_is_in_common_and_not_told_again() -> None:
    fleet = [host(f"h{n}", rack="r7" if n <= 3 else "r2") for n in range(1, 11)]
    world = World(planned(fleet, waves="all", parallelism=50, max_failures="100%"))
    world.run()
    for number in range(1, 11):
        world.accept(f"h{number}")
        if number <= 3:
            world.end(f"h{number}", failed(changed=False))
        else:
            world.change(f"h{number}")
    world.run()
    (cause,) = explain(world.campaign, world.now).groups
    assert cause.common == ("label rack=r7",)
    assert cause.contrast == ()


COUNTS = st.integers(0, 30)


@settings(max_examples=200, deadline=None)
@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_chance_is_the_exact_one(having: int, without: int, healthy: int, others: int) -> None:
    item = Contrast(
        trait="t",
        hosts=having,
        of_hosts=having + without,
        healthy=healthy,
        of_healthy=healthy + others,
    )
    every, chosen, with_it = item.of_hosts + item.of_healthy, item.of_hosts, having + healthy
    ways = sum(
        math.comb(with_it, number) * math.comb(every - with_it, chosen - number)
        for number in range(having, min(chosen, with_it) + 1)
    )
    assert chance(item) == pytest.approx(float(Fraction(ways, math.comb(every, chosen))), rel=1e-9, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_whatever_is_named_is_counted_right_and_more_frequent_among_the_failed(
    failing: list[str], well: list[str]
) -> None:
    these, healthy = ([runs(1, rack=rack)[0] for rack in racks] for racks in (failing, well))
    for item in contrast(side(these), side(healthy)):
        rack = item.trait.removeprefix("label rack=")
        assert (item.hosts, item.of_hosts) == (failing.count(rack), len(failing))
        assert (item.healthy, item.of_healthy) == (well.count(rack), len(well))
        assert item.hosts * item.of_healthy > item.healthy * item.of_hosts


def test_a_fleet_of_ten_thousand_hosts_is_counted() -> None:
    item = Contrast(trait="t", hosts=3000, of_hosts=5000, healthy=2500, of_healthy=5000)
    assert 0.0 < chance(item) < 1e-15
    assert chance(replace(item, hosts=2500)) > 0.4
