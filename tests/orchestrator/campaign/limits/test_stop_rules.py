"""Thresholds: counts and percentages, one host, exact equality, samples, kinds, scopes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.census import take_census
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.limits.stop_rules import Judgement, judge
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import FailureKind, Scope, Share, StopAction, StopRule
from orchestrator.campaign.states import CampaignState, HostState
from tasks.model import Kind
from tests.orchestrator.campaign.worlds import START, World, failed, host, planned

S = HostState
OLD = START - timedelta(hours=1)


def at_work(*states: HostState, rule: StopRule, waves: str = "all", wave: int | None = None) -> Campaign:
    """A campaign with one rule whose hosts are in these states; UNKNOWN has lasted for an hour."""
    campaign = planned(len(states), waves=waves, stop_rules=(rule,))
    bad = {S.FAILED_CLEAN, S.ROLLED_BACK, S.ROLLING_BACK, S.NEEDS_HUMAN}
    runs = tuple(
        replace(
            run,
            state=state,
            failed_as=FailureKind.FAILED if state in bad else None,
            unknown_since=OLD if state is S.UNKNOWN else None,
            ended_at=OLD,
        )
        for run, state in zip(campaign.runs, states, strict=True)
    )
    return replace(
        campaign, state=CampaignState.RUNNING, runs=runs, wave=campaign.waves if wave is None else wave
    )


def verdict(*states: HostState, rule: StopRule, **more: Any) -> Judgement:
    """What the rules say about hosts in these states."""
    campaign = at_work(*states, rule=rule, **more)
    return judge(campaign, take_census(campaign, START), START)


def count(value: int) -> Share:
    return Share(value=value)


def percent(value: float) -> Share:
    return Share(value=value, percent=True)


F, G = S.FAILED_CLEAN, S.SUCCEEDED


@pytest.mark.parametrize(
    ("tolerate", "bad", "hosts", "stops"),
    [
        (count(0), 0, 1, False),
        (count(0), 1, 1, True),
        (count(2), 2, 12, False),
        (count(2), 3, 12, True),
        (count(12), 12, 12, False),
        (percent(0), 0, 10, False),
        (percent(0), 1, 10, True),
        (percent(10), 1, 12, False),
        (percent(10), 2, 12, True),
        (percent(10), 1, 9, True),
        (percent(10), 1, 10, False),
        (percent(50), 1, 1, True),
        (percent(50), 1, 2, False),
        (percent(100), 1, 1, False),
        (percent(100), 12, 12, False),
        (percent(33.3), 3, 10, False),
        (percent(33.3), 4, 10, True),
    ],
)
def test_a_rule_stops_when_the_number_exceeds_what_is_tolerated(
    tolerate: Share, bad: int, hosts: int, stops: bool
) -> None:
    states = [F] * bad + [G] * (hosts - bad)
    found = verdict(*states, rule=StopRule(kind=FailureKind.FAILED, tolerate=tolerate))
    assert (found.stop is not None) == stops
    assert found.hold == stops


@given(n=st.integers(min_value=1, max_value=60), p=st.integers(min_value=0, max_value=100), data=st.data())
def test_a_percentage_stops_exactly_where_its_count_does(n: int, p: int, data: st.DataObject) -> None:
    bad = data.draw(st.integers(min_value=0, max_value=n))
    states = [F] * bad + [G] * (n - bad)
    by_percent = verdict(*states, rule=StopRule(tolerate=percent(p)))
    by_count = verdict(*states, rule=StopRule(tolerate=count(n * p // 100)))
    assert (by_percent.stop is None) == (by_count.stop is None)
    assert (by_percent.stop is not None) == (bad > n * p // 100)


@pytest.mark.parametrize(
    ("kind", "counted"),
    [
        (FailureKind.FAILED, {S.FAILED_CLEAN, S.ROLLED_BACK, S.ROLLING_BACK, S.NEEDS_HUMAN}),
        (FailureKind.UNREACHABLE, {S.UNREACHABLE}),
        (FailureKind.UNKNOWN, {S.UNKNOWN}),
        (
            FailureKind.ANY,
            {S.FAILED_CLEAN, S.ROLLED_BACK, S.ROLLING_BACK, S.NEEDS_HUMAN, S.UNREACHABLE, S.UNKNOWN},
        ),
    ],
)
def test_each_kind_counts_its_states_and_no_other(kind: FailureKind, counted: set[HostState]) -> None:
    for state in HostState:
        found = verdict(state, rule=StopRule(kind=kind))
        assert (found.stop is not None) == (state in counted), state


def test_a_healthy_host_that_goes_back_because_of_others_is_no_failure() -> None:
    campaign = at_work(S.ROLLING_BACK, rule=StopRule())
    campaign = replace(campaign, runs=(replace(campaign.runs[0], failed_as=None),))
    assert judge(campaign, take_census(campaign, START), START).stop is None


def test_a_percentage_of_a_wave_is_of_that_wave_and_of_the_campaign_of_all_waves() -> None:
    states = (G, F, G, G, G, G, G, G, G, G)
    wave = StopRule(tolerate=percent(10), scope=Scope.WAVE)
    campaign = StopRule(tolerate=percent(10), scope=Scope.CAMPAIGN)
    assert verdict(*states, rule=wave, waves="1,4,rest", wave=2).stop is not None
    assert verdict(*states, rule=campaign, waves="1,4,rest", wave=2).stop is None


def test_hosts_that_needed_no_change_are_no_part_of_the_whole() -> None:
    rule = StopRule(tolerate=percent(50), scope=Scope.CAMPAIGN)
    campaign = at_work(F, G, S.ALREADY_RIGHT, S.ALREADY_RIGHT, rule=rule)
    runs = tuple(replace(run, wave=0) if run.state is S.ALREADY_RIGHT else run for run in campaign.runs)
    campaign = replace(
        campaign, runs=(*runs[:1], replace(runs[1], state=F, failed_as=FailureKind.FAILED), *runs[2:])
    )
    stop = judge(campaign, take_census(campaign, START), START).stop
    assert stop is not None
    assert stop.limit == "50 % of 2, that is 1 of 2 hosts tolerated in the campaign"
    assert stop.observed == "2 of 2 (2 failed)"
    assert stop.rule == "stop rule any > 1 in the campaign"


def test_a_rule_for_later_waves_is_silent_in_the_first() -> None:
    rule = StopRule(from_wave=2)
    assert verdict(F, G, rule=rule, waves="1,rest", wave=1).stop is None
    assert verdict(G, F, rule=rule, waves="1,rest", wave=2).stop is not None
    assert verdict(F, G, rule=StopRule(waves=(2,)), waves="1,rest", wave=2).stop is None


def test_a_rule_waits_for_its_sample_and_a_smaller_wave_for_all_of_it() -> None:
    rule = StopRule(min_sample=3)
    assert verdict(F, S.RUNNING, S.PENDING, S.PENDING, rule=rule).stop is None
    assert verdict(F, G, S.PENDING, S.PENDING, rule=rule).stop is None
    assert verdict(F, G, G, S.PENDING, rule=rule).stop is not None
    assert verdict(F, S.RUNNING, rule=rule).stop is None
    assert verdict(F, G, rule=rule).stop is not None


def test_a_host_unknown_for_a_short_time_holds_new_starts_and_stops_nothing() -> None:
    campaign = at_work(S.UNKNOWN, S.PENDING, rule=StopRule())
    runs = (replace(campaign.runs[0], unknown_since=START), campaign.runs[1])
    campaign = replace(campaign, runs=runs)
    for seconds, stops in ((0, False), (119, False), (120, True)):
        now = START + timedelta(seconds=seconds)
        found = judge(campaign, take_census(campaign, now), now)
        assert found.hold
        assert (found.stop is not None) == stops
        assert found.due == (None if stops else START + timedelta(seconds=120))


@pytest.mark.parametrize(
    ("dark", "hosts", "trips"),
    [
        (2, 6, False),
        (3, 10, False),
        (4, 10, True),
        (3, 3, True),
        (3, 9, True),
        (30, 100, False),
        (31, 100, True),
    ],
)
def test_the_breaker_trips_above_thirty_percent_and_never_below_three_hosts(
    dark: int, hosts: int, trips: bool
) -> None:
    rule = StopRule(tolerate=percent(100))
    found = verdict(*[S.UNKNOWN] * dark, *[S.RUNNING] * (hosts - dark), rule=rule)
    assert found.dark == trips
    assert (found.stop is not None) == trips
    if found.stop is not None:
        assert found.stop.action is StopAction.PAUSE


def test_hosts_that_became_unreachable_long_ago_do_not_make_a_mass() -> None:
    rule = StopRule(tolerate=percent(100))
    assert not verdict(*[S.UNREACHABLE] * 5, rule=rule).dark


def test_a_rule_of_a_label_counts_each_of_its_values_by_itself() -> None:
    racks = [host(f"h{number}", rack="ab"[number % 2]) for number in range(6)] + [host("plain")]
    rule = StopRule(tolerate=Share(value=1), scope=Scope.LABEL, label="rack", action=StopAction.PAUSE)
    world = World(planned(racks, waves="all", parallelism=7, stop_rules=(rule,)))
    world.run()
    for name in ("h0", "h1", "plain"):
        world.accept(name)
        world.end(name, failed(changed=False))
        world.run()
    assert world.state() == "RUNNING", "one of each rack, and one that is in none"
    world.accept("h2")
    world.end("h2", failed(changed=False))
    world.run()
    assert world.state() == "PAUSED"
    (stop,) = world.campaign.stops
    assert stop.rule == "stop rule any > 1 in rack=a"
    assert stop.limit == "1 of 3 hosts tolerated in rack=a"
    assert stop.hosts == ("h0", "h2")


def test_a_percentage_of_a_label_is_of_the_hosts_of_each_value() -> None:
    racks = [host(f"h{number}", rack="a" if number < 4 else "b") for number in range(5)]
    rule = StopRule(tolerate=Share(value=50, percent=True), scope=Scope.LABEL, label="rack")
    said = words(planned(racks, waves="all", stop_rules=(rule,)))
    assert "rack=a: stops at the 3rd failure (of 4 hosts)" in said
    assert "rack=b: stops at the 1st failure (of 1 host)" in said


def test_the_label_of_a_rule_and_its_scope_go_together() -> None:
    for rule in (StopRule(scope=Scope.LABEL), StopRule(label="rack")):
        with pytest.raises(ValueError, match="do not go together"):
            make_policy(Kind.CHANGING, stop_rules=(rule,))
