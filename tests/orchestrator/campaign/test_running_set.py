"""The containers that ran before must run after: one that is missing is a fail, a new one is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.events import HostRead
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.gate import Gate, GateAction, GateKind, Moment
from orchestrator.campaign.gates.needed import BASELINE
from orchestrator.campaign.running_set import RunningSaid, changes, running_of
from orchestrator.campaign.states import CampaignState, HostState
from tasks.result import HostError, HostResult, Outcome
from tests.orchestrator.campaign.gates.test_hosts import asked, gated
from tests.orchestrator.campaign.gates.test_hosts import vitals as well
from tests.orchestrator.campaign.worlds import OK, World, planned

WEB, DB, NEW = "a" * 12 + " 111111111111 web", "b" * 12 + " 222222222222 db", "c" * 12 + " 333333333333 new"
SAME = RunningSaid(compared=True)


def say(world: World, wave: int, said: RunningSaid | None = None, problem: str = "") -> None:
    """All hosts that are asked say so."""
    state = asked(world, wave)
    for name in state.waiting:
        world.see(HostRead(host=name, number=state.number, running=said, problem=problem))
    world.run()


def after_wave(count: int = 1, **more: Any) -> World:
    """A campaign whose hosts were read before, and of which the first was changed."""
    world = gated(GateKind.RUNNING_SET, Moment.AFTER_WAVE, count=count, **more)
    world.run()
    say(world, BASELINE, RunningSaid(running=(WEB, DB)))
    world.change("h1")
    return world


def test_the_set_that_ran_before_runs_after_the_change() -> None:
    world = after_wave(count=2)
    assert asked(world, 1).waiting == ("h1",)
    say(world, 1, SAME)
    assert world.ordered() == ["h1", "h2"]


def test_a_container_that_is_missing_does_what_the_gate_says_and_is_named() -> None:
    world = after_wave(action=GateAction.ROLLBACK_CAMPAIGN)
    say(world, 1, RunningSaid(compared=True, missing=("db", "web"), extra=("new",)))
    assert world.undos() == ["h1"]
    assert world.campaign.stops[-1].observed == "1 of 1 hosts: h1: missing: db, web; new: new"


@pytest.mark.parametrize(
    ("warnings", "state"), [(False, CampaignState.COMPLETE), (True, CampaignState.HALTED)]
)
def test_a_new_container_is_told_and_fails_only_where_warnings_do(
    warnings: bool, state: CampaignState
) -> None:
    world = after_wave(warnings=warnings)
    say(world, 1, RunningSaid(compared=True, extra=("job",)))
    assert world.state() is state
    assert "h1: new: job" in asked(world, 1).detail


def test_hosts_in_their_soak_are_read_in_the_background_and_an_error_is_no_pass() -> None:
    gate = Gate(name="gate-1", kind=GateKind.RUNNING_SET, at=Moment.BACKGROUND, every_s=10.0, errors=0)
    world = World(planned(1, monitor_s=300.0, tune={"gates": (gate,)}))
    world.run()
    say(world, BASELINE, RunningSaid(running=(WEB,)))
    world.change("h1")
    world.run(seconds=10)
    assert world.host("h1").state is HostState.SOAKING
    assert asked(world, 0).waiting == ("h1",)
    say(world, 0, problem="E_DAEMON_DOWN: docker.service is failed")
    assert world.state() is CampaignState.PAUSED


def test_a_host_that_was_right_already_is_compared_with_the_reading_of_before() -> None:
    world = gated(GateKind.RUNNING_SET, Moment.AFTER_WAVE, count=1)
    world.run()
    say(world, BASELINE, RunningSaid(running=(WEB, DB)))
    world.accept("h1")
    world.end("h1", OK)
    world.run()
    assert world.host("h1").state is HostState.ALREADY_RIGHT
    assert asked(world, 1).waiting == ("h1",)
    say(world, 1, RunningSaid(running=(WEB,)))
    assert world.campaign.stops[-1].observed == "1 of 1 hosts: h1: missing: db"


def test_before_its_change_a_host_is_compared_with_the_reading_of_before() -> None:
    world = gated(GateKind.RUNNING_SET, Moment.WAVE, count=1)
    world.run()
    say(world, BASELINE, RunningSaid(running=(WEB, DB)))
    say(world, 1, RunningSaid(running=(WEB, NEW)))
    assert world.state() is CampaignState.HALTED
    assert world.ordered() == []


@pytest.mark.parametrize("problem", ["E_UNREACHABLE: no route", ""])
def test_without_a_reading_of_before_nothing_is_proven(problem: str) -> None:
    world = gated(GateKind.RUNNING_SET, Moment.WAVE, count=1, errors=0)
    world.run()
    if problem:
        say(world, BASELINE, problem=problem)
    else:
        world.run(seconds=45)
    say(world, 1, RunningSaid(running=(WEB,)))
    assert world.state() is CampaignState.PAUSED
    assert "were not read before the first wave" in world.campaign.stops[-1].observed


def test_an_answer_to_another_question_is_no_answer() -> None:
    world = gated(GateKind.RUNNING_SET, Moment.WAVE, count=1, errors=0)
    world.run()
    say(world, BASELINE, RunningSaid(running=(WEB,)))
    state = asked(world, 1)
    world.see(HostRead(host="h1", number=state.number, vitals=well()))
    world.run()
    assert world.state() is CampaignState.PAUSED
    healthy = gated(GateKind.HEALTH, Moment.WAVE, count=1, errors=0)
    healthy.run()
    say(healthy, 1, SAME)
    assert healthy.state() is CampaignState.PAUSED


def test_no_answer_in_time_is_an_error_and_it_is_asked_again() -> None:
    world = after_wave(errors=1)
    world.run(seconds=45)
    assert asked(world, 1).detail == "1 of 1 hosts: h1: no answer in time"
    world.run(seconds=15)
    say(world, 1, SAME)
    assert world.state() is CampaignState.COMPLETE


def test_a_set_that_flaps_stays_closed_until_it_is_whole_so_often_in_a_row() -> None:
    world = after_wave(passes=2, failures=5)
    for said in (SAME, RunningSaid(compared=True, missing=("db",)), SAME):
        say(world, 1, said)
        assert world.state() is CampaignState.RUNNING
        world.run(seconds=60)
    say(world, 1, SAME)
    assert world.state() is CampaignState.COMPLETE


def test_a_pass_of_before_its_last_host_ended_is_stale() -> None:
    world = gated(GateKind.RUNNING_SET, Moment.BACKGROUND, count=1)
    world.run()
    say(world, BASELINE, RunningSaid(running=(WEB,)))
    world.run(seconds=1)
    world.change("h1")
    assert world.state() is CampaignState.RUNNING
    say(world, 0, SAME)
    assert world.state() is CampaignState.COMPLETE


def test_the_plan_says_what_is_compared() -> None:
    (line,) = [
        line for line in words(gated(GateKind.RUNNING_SET, Moment.AFTER_WAVE).campaign) if "gate-1" in line
    ]
    assert "which containers run (fails when one that ran before is missing)" in line


def told(**data: Any) -> HostResult:
    """A whole answer, but for what is named."""
    good: dict[str, Any] = {"compared_with": "", "missing": [], "extra": [], "count": 0, "running": []}
    return HostResult(outcome=Outcome.OK, data=good | data)


def test_what_a_host_says_is_taken_short_and_made_plain() -> None:
    odd = {"id": "d" * 64, "name": "web\x1b[2J", "image_id": "sha256:" + "e" * 64}
    said, problem = running_of(told(count=1, running=[odd]))
    assert (said, problem) == (RunningSaid(running=(f"{'d' * 12} {'e' * 12} {'d' * 12}",)), "")
    said, _ = running_of(told(compared_with="c1/h1/1", missing=["a\nb", "web"]))
    assert said == RunningSaid(compared=True, missing=("(odd name)", "web"))
    error = HostError(code="E_DAEMON_DOWN", message="docker.service is failed")
    assert running_of(HostResult(outcome=Outcome.FAILED, error=error)) == (
        None,
        "E_DAEMON_DOWN: docker.service is failed",
    )


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "name", "image_id"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["compared_with", "missing", "extra", "count", "running"]), _JSON))
def test_whatever_a_host_says_is_a_set_or_says_why_it_is_none(data: dict[str, Any]) -> None:
    said, problem = running_of(HostResult(outcome=Outcome.OK, data=data))
    assert (said is None) is bool(problem)


def test_more_containers_than_are_told_is_not_a_smaller_set() -> None:
    one = {"id": "d" * 64, "name": "web", "image_id": "sha256:" + "e" * 64}
    assert running_of(told(count=2, running=[one]))[0] is None


_PACKED = st.lists(
    st.builds(
        "{0}{0} {1}{1} {2}".format, st.sampled_from("ab"), st.sampled_from("12"), st.sampled_from("xyz")
    ),
    max_size=6,
).map(tuple)


@given(before=_PACKED, now=_PACKED)
def test_nothing_changed_between_equal_sets_and_names_come_from_where_they_were(
    before: tuple[str, ...], now: tuple[str, ...]
) -> None:
    assert changes(RunningSaid(running=before), before) == ((), ())
    assert changes(RunningSaid(running=before), None) is None
    found = changes(RunningSaid(running=now), before)
    assert found is not None
    missing, extra = found
    assert set(missing) <= {item.split()[2] for item in before}
    assert set(extra) <= {item.split()[2] for item in now}
