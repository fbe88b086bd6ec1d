"""Clocks of steps, hosts, progress and the campaign: told once, stopped with a reason, blind to waiting."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from orchestrator.campaign.actions import Dispatch, StopNow, WakeAt, Warn
from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.clocks import clock_words
from orchestrator.campaign.decide import decide
from orchestrator.campaign.events import PauseAsked, ResumeAsked
from orchestrator.campaign.explaining.remarks import notice_lines
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.policy import check_policy
from orchestrator.campaign.rollout import Clock, Clocks, Share, StopAction
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.waiting import waits, worked_s
from orchestrator.campaign.windows import Interval, Windows
from tests.orchestrator.campaign.worlds import CHANGED, START, UNDONE, World, failed, planned

ADAPTER = TypeAdapter(Campaign)

#: nobody is asked again and nobody is lost
PATIENT = {"heartbeat_timeout_s": 604_800.0, "order_ttl_s": 604_800.0, "resend_after_s": 604_800.0}


def world_with(
    count: int = 4, *, parallelism: int = 1, windows: Windows | None = None, **clocks: Clock
) -> World:
    """A campaign of one wave under these clocks, whose hosts are never thought to be lost."""
    tune = {"clocks": Clocks(**clocks), "windows": windows} | PATIENT
    world = World(planned(count, waves=(Share(value=count),), parallelism=parallelism, tune=tune))
    world.run()
    return world


def passes(world: World, seconds: float) -> None:
    """Time goes by, and the engine looks."""
    world.run(seconds=seconds)


def test_a_step_that_takes_long_is_told_once_and_again_when_it_is_another_step() -> None:
    world = world_with(step=Clock(warn_s=60))
    world.accept("h1")
    world.beat("h1", 1, step="install")
    passes(world, 59)
    assert not world.count(Warn)
    passes(world, 1)
    passes(world, 100)
    (notice,) = world.campaign.notices
    assert (notice.rule, notice.limit, notice.hosts) == ("clock step", "warn after 1m", ("h1",))
    assert notice.observed == "h1 has been on step install for 1m"
    world.beat("h1", 2, step="install")
    world.beat("h1", 3, step="verify")
    passes(world, 60)
    assert [item.observed for item in world.campaign.notices][1:] == ["h1 has been on step verify for 1m"]
    assert world.state() is CampaignState.RUNNING
    assert "clock step (warn after 1m): h1 has been on step verify for 1m" in notice_lines(world.campaign)[-1]
    assert any(line.startswith("warned: ") for line in explain(world.campaign, world.now).lines)


def test_a_heartbeat_of_the_same_step_does_not_wind_its_clock_up() -> None:
    world = world_with(step=Clock(stop_s=60))
    world.accept("h1")
    for seq in range(1, 7):
        world.beat("h1", seq)
        passes(world, 10)
    (stop,) = world.campaign.stops
    assert (stop.rule, stop.limit, stop.hosts) == ("clock step", "stop after 1m", ("h1",))


def test_a_host_that_takes_long_is_told_and_nothing_stops() -> None:
    world = world_with(host=Clock(warn_s=60))
    passes(world, 30)
    world.accept("h1")
    passes(world, 59)
    assert not world.campaign.notices
    passes(world, 1)
    assert world.campaign.notices[0].observed == "h1 has been at work for 1m"
    world.end("h1", CHANGED)
    assert Dispatch in {type(action) for action in world.run()}


def test_no_success_for_too_long_stops_it_and_each_success_moves_the_limit() -> None:
    world = world_with(progress=Clock(stop_s=600))
    passes(world, 599)
    world.change("h1")
    passes(world, 599)
    assert world.state() is CampaignState.RUNNING
    passes(world, 1)
    (stop,) = world.campaign.stops
    assert stop.rule == "clock progress"
    assert stop.limit == "stop after 10m"
    assert stop.observed == "no host has succeeded for 10m"
    assert stop.action is StopAction.HALT
    world.accept("h2")
    world.end("h2", CHANGED)
    world.run()
    assert world.state() is CampaignState.HALTED
    assert world.states()["h3"] is HostState.CANCELLED


def test_a_failure_is_no_progress() -> None:
    world = world_with(3, progress=Clock(stop_s=600))
    world.campaign = replace(
        world.campaign, policy=replace(world.campaign.policy, stop_rules=(), rollback_failed=True)
    )
    passes(world, 300)
    world.accept("h1")
    world.end("h1", failed(changed=True))
    world.run()
    world.end("h1", UNDONE)
    world.run()
    passes(world, 300)
    assert [stop.rule for stop in world.campaign.stops] == ["clock progress"]


def test_the_campaign_s_clock_may_pause_it_and_then_a_person_has_the_last_word() -> None:
    world = world_with(campaign=Clock(warn_s=60, stop_s=600, action=StopAction.PAUSE))
    passes(world, 600)
    assert world.state() is CampaignState.PAUSED
    assert explain(world.campaign, world.now).rule == "clock campaign"
    world.see(ResumeAsked(by="ops", reason="go on"))
    passes(world, 6000)
    assert world.state() is CampaignState.RUNNING
    assert [notice.rule for notice in world.campaign.notices] == ["clock campaign"]


def test_a_resumed_campaign_gets_the_whole_time_to_make_progress_again() -> None:
    world = world_with(progress=Clock(stop_s=600, action=StopAction.PAUSE))
    passes(world, 600)
    assert world.state() is CampaignState.PAUSED
    passes(world, 10_000)
    world.see(ResumeAsked(by="ops"))
    passes(world, 599)
    assert world.state() is CampaignState.RUNNING
    passes(world, 1)
    assert world.state() is CampaignState.PAUSED
    assert len(world.campaign.stops) == 2


def test_waiting_for_a_person_trips_no_clock() -> None:
    world = world_with(progress=Clock(stop_s=600), campaign=Clock(stop_s=3600))
    passes(world, 300)
    world.see(PauseAsked(by="ops"))
    passes(world, 100_000)
    world.see(ResumeAsked(by="ops"))
    passes(world, 3299)
    rules = [stop.rule for stop in world.campaign.stops]
    assert rules == ["operator pause", "clock progress"]
    assert worked_s(waits(world.campaign, START, world.now), START, world.now) == 3599


def test_waiting_for_a_window_trips_no_clock_and_wakes_nobody() -> None:
    closed = Interval(start=START + timedelta(seconds=60), end=START + timedelta(hours=30))
    world = world_with(windows=Windows(blackouts=(closed,)), progress=Clock(stop_s=600))
    passes(world, 60)
    world.accept("h1")
    world.beat("h1", 1)
    wakes = [action.at for action in decide(world.campaign, world.now) if isinstance(action, WakeAt)]
    assert all(at != START + timedelta(seconds=600) for at in wakes)
    passes(world, 30 * 3600 - 60)
    assert not world.campaign.stops
    passes(world, 539)
    assert not world.campaign.stops
    passes(world, 1)
    assert [stop.rule for stop in world.campaign.stops] == ["clock progress"]


def test_a_campaign_that_only_settles_is_not_stopped_again() -> None:
    world = world_with(progress=Clock(stop_s=600), step=Clock(stop_s=600))
    world.accept("h1")
    world.beat("h1", 1)
    world.abort()
    passes(world, 10_000)
    assert [stop.rule for stop in world.campaign.stops] == ["operator abort"]


def test_two_clocks_that_run_out_together_are_one_stop_with_both_reasons() -> None:
    world = world_with(
        progress=Clock(stop_s=600, action=StopAction.PAUSE),
        campaign=Clock(stop_s=600, action=StopAction.HALT),
    )
    passes(world, 600)
    (stop,) = world.campaign.stops
    assert (stop.rule, stop.action) == ("clock progress; clock campaign", StopAction.HALT)


_MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("time"), st.integers(1, 900)),
        st.tuples(st.sampled_from(["pause", "resume", "change", "beat", "step"]), st.just(0)),
    ),
    max_size=25,
)
_LIMITS = st.builds(
    Clocks,
    step=st.builds(Clock, warn_s=st.sampled_from([None, 60.0]), stop_s=st.sampled_from([None, 1200.0])),
    progress=st.builds(
        Clock,
        warn_s=st.sampled_from([None, 100.0]),
        stop_s=st.sampled_from([None, 900.0]),
        action=st.sampled_from([StopAction.HALT, StopAction.PAUSE]),
    ),
    campaign=st.builds(Clock, warn_s=st.sampled_from([None, 500.0]), stop_s=st.sampled_from([None, 3000.0])),
)
_WINDOWS = st.sampled_from(
    [
        None,
        Windows(
            blackouts=(
                Interval(start=START + timedelta(minutes=10), end=START + timedelta(minutes=25)),
                Interval(start=START + timedelta(minutes=40), end=START + timedelta(minutes=41)),
            )
        ),
    ]
)


@given(limits=_LIMITS, windows=_WINDOWS, moves=_MOVES)
def test_a_restart_at_any_instant_changes_no_clock(
    limits: Clocks, windows: Windows | None, moves: list[tuple[str, int]]
) -> None:
    tune = {"clocks": limits, "windows": windows} | PATIENT
    world = World(planned(9, waves="all", parallelism=2, tune=tune))
    world.run()
    for seq, (move, seconds) in enumerate(moves, start=1):
        _make(world, move, seconds, seq)
        # what a new process reads is what the old one knew
        again = ADAPTER.validate_json(ADAPTER.dump_json(world.campaign))
        assert again == world.campaign
        assert decide(again, world.now) == decide(world.campaign, world.now)
        start = world.campaign.started_at
        assert start is not None
        spans = waits(world.campaign, start, world.now)
        assert all(one.end < two.start for one, two in itertools.pairwise(spans))
        assert 0 <= worked_s(spans, start, world.now) <= (world.now - start).total_seconds()
        world.run()
        assert not [a for a in decide(world.campaign, world.now) if isinstance(a, Warn | StopNow)]


def _make(world: World, move: str, seconds: int, seq: int) -> None:
    busy = [
        run.host.name for run in world.campaign.runs if run.state in {HostState.ORDERED, HostState.RUNNING}
    ]
    if move == "time":
        world.now += timedelta(seconds=seconds)
    elif move == "pause":
        world.see(PauseAsked(by="ops"))
    elif move == "resume":
        world.see(ResumeAsked(by="ops"))
    elif busy and move == "change":
        world.accept(busy[0])
        world.end(busy[0], CHANGED)
    elif busy:
        world.accept(busy[0])
        world.beat(busy[0], seq, step="install" if move == "beat" else f"step {seq}")


@pytest.mark.parametrize(
    "clock",
    [Clock(warn_s=0.5), Clock(stop_s=float("nan")), Clock(stop_s=8 * 86_400), Clock(warn_s=60, stop_s=60)],
)
def test_a_clock_outside_its_limits_is_refused(clock: Clock) -> None:
    policy = planned(1).policy
    with pytest.raises(ValueError, match=r"clocks\.progress"):
        check_policy(replace(policy, clocks=Clocks(progress=clock)))


def test_the_plan_says_its_clocks_in_words() -> None:
    clocks = Clocks(step=Clock(warn_s=300), campaign=Clock(warn_s=3600, stop_s=7200, action=StopAction.PAUSE))
    assert list(clock_words(clocks)) == [
        "clock step: a step on a host: people are warned after 5m; waiting for people and windows is not counted",
        (
            "clock campaign: the whole campaign: people are warned after 1h, it pauses after 2h; "
            "waiting for people and windows is not counted"
        ),
    ]
