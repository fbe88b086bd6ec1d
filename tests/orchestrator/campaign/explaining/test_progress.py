"""Numbers of the live view."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.explaining.progress import progress
from orchestrator.campaign.explaining.usual_words import usual_words
from orchestrator.campaign.states import HostState
from orchestrator.campaign.usual import Pace, Usual, pace_of
from tests.orchestrator.campaign.worlds import CHANGED, UNDONE, World, failed, planned


def test_waves_count_their_states_and_say_whether_they_run() -> None:
    world = World(planned(5, waves="1,2,rest", parallelism=2))
    world.run()
    world.change("h1")
    first, second, third = progress(world.campaign, world.now).waves
    assert (first.state, first.final, first.counts) == ("done", 1, {HostState.SUCCEEDED: 1})
    assert (second.state, second.counts) == ("running", {HostState.ORDERED: 2})
    assert (third.state, third.hosts) == ("waiting", 2)


def test_the_budget_says_how_many_failures_are_left() -> None:
    world = World(planned(10, waves="all", max_failures="2"))
    world.run()
    texts = [progress(world.campaign, world.now).budgets[0].text]
    for name in ("h1", "h2"):
        world.accept(name)
        world.end(name, failed(changed=False))
        world.run()
        texts.append(progress(world.campaign, world.now).budgets[0].text)
    assert texts == [
        "campaign: budget used 0 of 2, 3 more failures stop it",
        "campaign: budget used 1 of 2, 2 more failures stop it",
        "campaign: budget used 2 of 2, one more failure stops it",
    ]


def test_there_is_no_eta_without_history_and_none_for_a_campaign_that_stops() -> None:
    world = World(planned(5, waves="1,rest", parallelism=2))
    world.run()
    assert progress(world.campaign, world.now).eta_s is None
    world.now += timedelta(seconds=20)
    world.change("h1")
    assert progress(world.campaign, world.now).eta_s == 40.0
    world.now += timedelta(seconds=5)
    assert progress(world.campaign, world.now).eta_s == 35.0
    world.abort()
    assert progress(world.campaign, world.now).eta_s is None


def test_an_eta_comes_from_hosts_before_until_there_are_enough_of_its_own() -> None:
    world = World(planned(9, waves="all", parallelism=2))
    world.campaign = replace(world.campaign, usual=Usual(host=Pace(count=50, p50_s=60.0, p90_s=100.0)))
    world.run()
    first = progress(world.campaign, world.now)
    assert (first.eta_s, first.eta_worst_s) == (60.0 + 4 * 60, 100.0 + 4 * 100)
    for seconds, name in ((10, "h1"), (10, "h2"), (10, "h3")):
        world.now += timedelta(seconds=seconds)
        world.change(name)
    later = progress(world.campaign, world.now)
    # h1 to h3 took 10, 20 and 20 seconds from their orders on
    assert (later.eta_s, later.eta_worst_s) == (20.0 + 2 * 20, 20.0 + 2 * 20)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_the_pace_is_one_of_the_times_and_orders_them(seconds: list[float]) -> None:
    pace = pace_of(seconds)
    assert pace is not None
    assert {pace.p50_s, pace.p90_s} <= set(seconds)
    assert sum(item <= pace.p50_s for item in seconds) * 2 >= len(seconds)
    assert sum(item <= pace.p90_s for item in seconds) * 10 >= len(seconds) * 9
    assert pace.p50_s <= pace.p90_s


def test_the_plan_says_how_long_it_took_before_and_what_took_longest() -> None:
    campaign = planned(21, waves="1,rest", parallelism=2, delay_s=60.0)
    steps = {"install": Pace(count=9, p50_s=30, p90_s=90), "verify": Pace(count=9, p50_s=5, p90_s=6)}
    campaign = replace(campaign, usual=Usual(host=Pace(count=9, p50_s=45, p90_s=120), steps=steps))
    assert list(usual_words(campaign)) == [
        # 11 rounds, a delay of a minute, soaks of one and two minutes
        (
            "duration: typical 45s, worst tenth 2m per host (of 9 hosts before); "
            "about 12m15s in all, 26m at worst, waiting not counted"
        ),
        "longest step: install, typical 30s, worst tenth 1m30s",
    ]


def test_the_slowest_host_is_the_one_at_work_for_the_longest_time() -> None:
    world = World(planned(3, waves="all", parallelism=2))
    world.run()
    world.accept("h1", "h2")
    world.now += timedelta(seconds=10)
    world.end("h1", CHANGED)
    world.run()
    world.beat("h2", 1, step="restart")
    slowest = progress(world.campaign, world.now).slowest
    assert slowest is not None
    assert (slowest.host, slowest.step, slowest.seconds, slowest.median_s) == ("h2", "restart", 10.0, 10.0)


def test_the_latest_failure_is_named_with_its_message() -> None:
    world = World(planned(3, waves="all", max_failures="2"))
    world.run()
    assert progress(world.campaign, world.now).last_bad == ""
    world.accept("h1")
    world.end("h1", failed(changed=True, message="2 containers missing"))
    world.run()
    world.accept("h1")
    world.end("h1", UNDONE)
    assert progress(world.campaign, world.now).last_bad == "h1: 2 containers missing"


def test_elapsed_time_stops_with_the_campaign() -> None:
    world = World(planned(1))
    world.run()
    world.now += timedelta(seconds=7)
    world.change("h1")
    world.now += timedelta(seconds=100)
    numbers = progress(world.campaign, world.now)
    assert numbers.elapsed_s == 7.0
    assert numbers.slowest is None
