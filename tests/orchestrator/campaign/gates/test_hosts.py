"""Gates that hosts answer: one that is sick is a fail, one that is not heard an error, and delta judges by change."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.actions import AskGate
from orchestrator.campaign.brakes import brakes
from orchestrator.campaign.events import HostRead, OverrideAsked, PauseAsked, ResumeAsked
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.gate import Gate, GateAction, GateKind, GateState, Moment
from orchestrator.campaign.gates.needed import BASELINE, state_of
from orchestrator.campaign.gates.words import gate_lines
from orchestrator.campaign.observe import observe
from orchestrator.campaign.states import CampaignState
from orchestrator.campaign.vitals import CHECKS, Level, Vital, bad_news, unknown, vitals_of
from tasks.health.checks import CheckName
from tasks.health.checks import Level as TaskLevel
from tasks.result import HostError, HostResult, Outcome
from tests.orchestrator.campaign.worlds import CHANGED, World, planned


def gated(kind: GateKind, at: Moment, count: int = 2, waves: str = "1", **more: Any) -> World:
    """A campaign with one gate that hosts answer."""
    gate = Gate(name="gate-1", kind=kind, at=at, **({"every_s": 60.0, "timeout_s": 45.0} | more))
    return World(planned(count, waves=waves, tune={"gates": (gate,)}))


def vitals(**found: tuple[str, float]) -> tuple[Vital, ...]:
    """A healthy host, but for the checks that are named."""
    said = dict.fromkeys(CHECKS, ("OK", 0.0)) | found
    return tuple(Vital(check=name, level=Level(level), value=value) for name, (level, value) in said.items())


def asked(world: World, wave: int) -> GateState:
    """The last question for this wave."""
    state = state_of(world.campaign, "gate-1", wave)
    assert state is not None
    return state


def say(world: World, wave: int, *, problem: str = "", **sick: tuple[str, float]) -> None:
    """All hosts that are asked say so."""
    state = asked(world, wave)
    for name in state.waiting:
        world.see(
            HostRead(
                host=name, number=state.number, vitals=() if problem else vitals(**sick), problem=problem
            )
        )
    world.run()


def test_the_checks_of_the_core_are_those_of_the_health_check() -> None:
    assert set(CHECKS) <= {str(name) for name in CheckName}
    assert {str(level) for level in Level} == {str(level) for level in TaskLevel}


@pytest.mark.parametrize(
    ("at", "wave", "hosts"),
    [(Moment.CAMPAIGN, 0, ("h1", "h2")), (Moment.WAVE, 1, ("h1",))],
)
def test_hosts_are_read_before_they_are_changed(at: Moment, wave: int, hosts: tuple[str, ...]) -> None:
    world = gated(GateKind.HEALTH, at)
    world.run()
    assert asked(world, wave).waiting == hosts
    assert world.ordered() == []
    say(world, wave, disk=("WARNING", 71.0))
    assert world.ordered() == ["h1"], "a warning passes"
    assert asked(world, wave).detail == f"hosts that are well: {len(hosts)}"


@pytest.mark.parametrize(("at", "wave"), [(Moment.AFTER_WAVE, 1), (Moment.BACKGROUND, 0)])
def test_hosts_that_were_changed_are_read_and_a_sick_one_stops_the_campaign(at: Moment, wave: int) -> None:
    """Also in the last second of the last soak."""
    world = gated(GateKind.HEALTH, at, count=1, action=GateAction.ROLLBACK_CAMPAIGN)
    world.run()
    world.run(seconds=1)
    world.change("h1")
    assert world.state() is CampaignState.RUNNING
    assert asked(world, wave).waiting == ("h1",)
    say(world, wave, unhealthy=("CRITICAL", 3.0))
    assert world.undos() == ["h1"]
    stop = world.campaign.stops[-1]
    assert stop.observed == "1 of 1 hosts: h1: unhealthy CRITICAL (3)"


def test_nothing_is_started_in_the_turn_in_which_hosts_told_that_one_is_sick() -> None:
    """Its last pass would hold for a while: what is known by now counts, not what was known when it began."""
    world = gated(GateKind.HEALTH, Moment.BACKGROUND, count=3, waves="rest")
    world.run()
    world.change("h1")
    world.run(seconds=60)
    assert asked(world, 0).waiting == ("h1",)
    assert world.ordered() == ["h1", "h2"]
    sick = HostRead(host="h1", number=asked(world, 0).number, vitals=vitals(unhealthy=("CRITICAL", 3.0)))
    world.end("h2", CHANGED)
    world.see(sick)
    world.run()
    assert world.ordered() == ["h1", "h2"]
    assert world.campaign.stops[-1].observed == "1 of 1 hosts: h1: unhealthy CRITICAL (3)"


def test_in_the_background_there_is_nobody_to_read_before_the_first_change() -> None:
    world = gated(GateKind.HEALTH, Moment.BACKGROUND)
    world.run()
    assert world.ordered() == ["h1"]
    assert asked(world, 0).detail == "there is no host to read yet"


def test_warnings_fail_where_they_are_asked_for() -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, warnings=True)
    world.run()
    say(world, 1, disk=("WARNING", 71.0))
    assert world.state() is CampaignState.HALTED
    assert world.ordered() == []


@pytest.mark.parametrize("problem", ["E_UNREACHABLE: no route", ""])
def test_a_host_that_cannot_be_read_or_says_nothing_is_an_error_and_is_asked_again(problem: str) -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, errors=1)
    world.run()
    for _ in range(2):
        if problem:
            say(world, 1, problem=problem)
        else:
            world.run(seconds=45)
        world.run(seconds=60)
    assert world.state() is CampaignState.PAUSED
    assert world.ordered() == []
    said = problem or "no answer in time"
    assert world.campaign.stops[-1].observed == f"1 of 1 hosts: h1: {said}"


def test_one_sick_host_is_a_fail_although_another_says_nothing() -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, waves="all")
    world.run()
    state = asked(world, 1)
    world.see(HostRead(host="h2", number=state.number, vitals=vitals(dead=("CRITICAL", 3.0))))
    assert world.run() == (), "the other one may answer still"
    world.run(seconds=45)
    assert world.state() is CampaignState.HALTED


def test_late_repeated_and_unasked_readings_change_nothing() -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, errors=9)
    world.run()
    old = asked(world, 1).number
    world.run(seconds=45)
    world.run(seconds=15)
    number = asked(world, 1).number
    assert number == old + 1
    before = world.campaign
    for event in (
        HostRead(host="h1", number=old, vitals=vitals()),
        HostRead(host="h2", number=number, vitals=vitals()),
        HostRead(host="h9", number=number, vitals=vitals()),
        HostRead(host="h1", number=0, vitals=vitals()),
    ):
        assert observe(before, event, world.now) is before
    say(world, 1)
    before = world.campaign
    assert observe(before, HostRead(host="h1", number=number, vitals=vitals()), world.now) is before


def test_delta_reads_every_host_before_the_first_wave_and_judges_one_that_was_sick_by_its_change() -> None:
    world = gated(GateKind.DELTA, Moment.AFTER_WAVE, count=2)
    world.run()
    assert asked(world, BASELINE).waiting == ("h1", "h2")
    assert "reading of all hosts" in brakes(world.campaign, world.now).items[0].text
    say(world, BASELINE, unhealthy=("CRITICAL", 3.0), disk=("CRITICAL", 90.0))
    assert world.ordered() == ["h1"]
    world.change("h1")
    say(world, 1, unhealthy=("CRITICAL", 3.0), disk=("CRITICAL", 94.0))
    assert world.ordered() == ["h1", "h2"], "as sick as before"
    world.see(PauseAsked(by="ann"))
    world.see(ResumeAsked(by="ann"))
    world.run()
    world.change("h2")
    say(world, 2, unhealthy=("CRITICAL", 4.0), disk=("CRITICAL", 96.0))
    assert world.state() is CampaignState.HALTED
    assert world.campaign.stops[-1].observed == (
        "1 of 1 hosts: h2: disk CRITICAL (96), CRITICAL (90) before, unhealthy CRITICAL (4), CRITICAL (3) before"
    )


def test_a_host_without_a_reading_of_before_is_judged_as_it_is() -> None:
    world = gated(GateKind.DELTA, Moment.WAVE, count=1)
    world.run()
    assert world.run(seconds=44) == ()
    assert world.run(seconds=1) != ()
    assert any("hosts read: 0 of 1" in line for line in gate_lines(world.campaign, world.now))
    say(world, 1, disk=("CRITICAL", 90.0))
    assert world.state() is CampaignState.HALTED


def test_an_override_lets_sick_hosts_pass_and_reads_them_no_more() -> None:
    world = gated(GateKind.HEALTH, Moment.WAVE, failures=5)
    world.run()
    say(world, 1, unhealthy=("CRITICAL", 3.0))
    world.see(OverrideAsked(gate="gate-1", wave=1, by="ann", reason="that is what we repair"))
    done = world.run(seconds=60)
    assert not any(isinstance(action, AskGate) for action in done)
    assert world.ordered() == ["h1"]


def test_the_plan_says_who_is_read_and_what_fails() -> None:
    (line,) = [line for line in words(gated(GateKind.DELTA, Moment.WAVE).campaign) if "gate-1" in line]
    assert "asks the hosts of the wave how well they are" in line
    assert "worse than before the first wave" in line


_LEVELS = st.sampled_from(list(Level))
_VITALS = st.builds(
    Vital,
    check=st.sampled_from(CHECKS),
    level=_LEVELS,
    value=st.none() | st.floats(0, 100),
)


@given(vital=_VITALS, warnings=st.booleans())
def test_what_did_not_change_is_never_bad_news_to_delta(vital: Vital, warnings: bool) -> None:
    assert not list(bad_news((vital,), (vital,), warnings=warnings))
    assert not unknown((vital,), (vital,))


@given(vital=_VITALS, warnings=st.booleans())
def test_without_a_reading_of_before_only_the_level_counts(vital: Vital, warnings: bool) -> None:
    bad = {Level.CRITICAL} | ({Level.WARNING} if warnings else set())
    assert bool(list(bad_news((vital,), None, warnings=warnings))) is (vital.level in bad)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([*CHECKS, *map(str, Level)]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["name", "level", "value"]), inner)
    ),
    max_leaves=12,
)


@given(checks=_JSON)
def test_whatever_a_host_says_is_a_reading_or_says_why_it_is_none(checks: Any) -> None:
    found, problem = vitals_of(HostResult(outcome=Outcome.OK, data={"checks": checks}))
    assert bool(found) is not bool(problem)


def test_the_worst_disk_speaks_and_an_error_is_told() -> None:
    checks: list[dict[str, Any]] = [{"name": name, "level": "OK", "value": 1} for name in CHECKS]
    checks += [
        {"name": "disk", "level": "CRITICAL", "value": 91.5},
        {"name": "disk", "level": "OK", "value": 99},
    ]
    found, _ = vitals_of(HostResult(outcome=Outcome.OK, data={"checks": checks}))
    assert Vital(check="disk", level=Level.CRITICAL, value=91.5) in found
    error = HostError(code="E_UNREACHABLE", message="no route")
    assert vitals_of(HostResult(outcome=Outcome.UNREACHABLE, error=error)) == ((), "E_UNREACHABLE: no route")
