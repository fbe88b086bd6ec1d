"""Only a fresh pass opens a gate; fail halts, error and doubt wait for a person, and nothing ends before its gates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.brakes import brakes
from orchestrator.campaign.events import AskGate, GateAnswered, ResumeAsked
from orchestrator.campaign.gate import Gate, GateKind, Moment, Verdict
from orchestrator.campaign.gates import gate_lines, state_of
from orchestrator.campaign.observe import observe
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState
from orchestrator.campaign.words import words
from tests.orchestrator.campaign.worlds import CHANGED, START, World, planned


def gated(at: Moment, count: int = 2, waves: str = "1,rest", **more: Any) -> World:
    """A campaign with one gate."""
    gate = Gate(name="http-1", kind=GateKind.HTTP, at=at, url="http://shop/health", **more)
    return World(planned(count, waves=waves, tune={"gates": (gate,)}))


def answer(world: World, wave: int, verdict: Verdict, detail: str = "") -> None:
    """The gate answers the last question."""
    state = state_of(world.campaign, "http-1", wave)
    assert state is not None
    world.see(GateAnswered(gate="http-1", wave=wave, asked_at=state.asked_at, verdict=verdict, detail=detail))


@pytest.mark.parametrize(("at", "wave"), [(Moment.CAMPAIGN, 0), (Moment.WAVE, 1), (Moment.BACKGROUND, 0)])
def test_no_host_starts_before_the_gate_passed(at: Moment, wave: int) -> None:
    world = gated(at)
    assert world.run() == (AskGate(gate="http-1", wave=wave),)
    assert "is closed" in brakes(world.campaign, world.now).items[0].text
    assert world.run(seconds=3) == ()
    answer(world, wave, Verdict.PASS)
    world.run()
    assert world.ordered() == ["h1"]


def test_each_wave_is_asked_for_anew() -> None:
    world = gated(Moment.WAVE)
    world.run()
    answer(world, 1, Verdict.PASS)
    world.run()
    world.change("h1")
    assert world.ordered() == ["h1"]
    answer(world, 2, Verdict.PASS)
    world.run()
    assert world.ordered() == ["h1", "h2"]


def test_a_campaign_is_not_complete_before_the_gate_after_its_last_wave_passed() -> None:
    world = gated(Moment.AFTER_WAVE, waves="all", count=1)
    world.run()
    world.change("h1")
    assert world.state() is CampaignState.RUNNING
    answer(world, 1, Verdict.PASS)
    world.run()
    assert world.state() is CampaignState.COMPLETE


@pytest.mark.parametrize(("at", "wave"), [(Moment.AFTER_WAVE, 1), (Moment.BACKGROUND, 0)])
def test_a_gate_that_fails_after_the_last_host_still_stops_it(at: Moment, wave: int) -> None:
    world = gated(at, waves="all", count=1)
    world.run()
    if at is Moment.BACKGROUND:
        answer(world, 0, Verdict.PASS)
        world.run(seconds=1)
    world.change("h1")
    assert world.state() is CampaignState.RUNNING
    answer(world, wave, Verdict.FAIL, "status 500")
    world.run()
    assert world.state() is CampaignState.HALTED
    stop = world.campaign.stops[-1]
    assert "http-1" in stop.rule
    assert stop.observed == "status 500"


def test_errors_in_a_row_above_the_limit_pause_and_a_resume_asks_afresh() -> None:
    world = gated(Moment.CAMPAIGN, errors=1, every_s=10.0)
    world.run()
    answer(world, 0, Verdict.ERROR, "no data")
    assert world.run() == ()
    assert world.run(seconds=10) == (AskGate(gate="http-1", wave=0),)
    answer(world, 0, Verdict.ERROR, "no data")
    world.run()
    assert world.state() is CampaignState.PAUSED
    assert world.run(seconds=60) == (), "a paused campaign asks nothing"
    world.see(ResumeAsked(by="ops"))
    assert world.run() == (AskGate(gate="http-1", wave=0),)
    answer(world, 0, Verdict.PASS)
    world.run()
    assert world.ordered() == ["h1"]


def test_a_gate_that_flaps_is_closed_by_all_its_fails() -> None:
    world = gated(Moment.BACKGROUND, failures=1, every_s=10.0)
    world.run()
    for verdict in (Verdict.FAIL, Verdict.PASS):
        answer(world, 0, verdict)
        world.run()
        world.run(seconds=10)
    assert world.state() is CampaignState.RUNNING
    answer(world, 0, Verdict.FAIL)
    world.run()
    assert world.campaign.stops[-1].limit == "1 fails tolerated, one more halts"


def test_an_inconclusive_answer_pauses_for_a_person() -> None:
    world = gated(Moment.CAMPAIGN)
    world.run()
    answer(world, 0, Verdict.INCONCLUSIVE)
    world.run()
    assert world.state() is CampaignState.PAUSED


def test_a_pause_after_the_last_host_does_not_end_as_complete() -> None:
    world = gated(Moment.AFTER_WAVE, waves="all", count=1)
    world.run()
    world.change("h1")
    answer(world, 1, Verdict.INCONCLUSIVE)
    world.run(seconds=3600)
    assert world.state() is CampaignState.PAUSED


def test_a_stale_pass_is_asked_again_before_a_host_starts() -> None:
    world = gated(Moment.CAMPAIGN, every_s=10.0)
    world.run()
    answer(world, 0, Verdict.PASS)
    assert world.run(seconds=11) == (AskGate(gate="http-1", wave=0),)
    assert world.ordered() == []


def test_a_question_nobody_answered_is_asked_again() -> None:
    world = gated(Moment.CAMPAIGN, timeout_s=10.0)
    world.run()
    assert world.run(seconds=14) == ()
    assert world.run(seconds=1) == (AskGate(gate="http-1", wave=0),)


def test_late_repeated_and_unasked_answers_change_nothing() -> None:
    world = gated(Moment.CAMPAIGN)
    world.run()
    for event in (
        GateAnswered(gate="http-1", wave=0, asked_at=START - timedelta(seconds=9), verdict=Verdict.PASS),
        GateAnswered(gate="http-1", wave=7, asked_at=START, verdict=Verdict.PASS),
        GateAnswered(gate="other", wave=0, asked_at=START, verdict=Verdict.PASS),
    ):
        assert observe(world.campaign, event, world.now) is world.campaign
    answer(world, 0, Verdict.FAIL)
    before = world.campaign
    answer(world, 0, Verdict.PASS)
    assert world.campaign is before


def test_an_abort_waits_for_no_gate() -> None:
    world = gated(Moment.CAMPAIGN)
    world.run()
    world.abort()
    world.run()
    assert world.state() is CampaignState.ABORTED


def test_the_plan_and_the_screens_tell_of_it() -> None:
    world = gated(Moment.CAMPAIGN)
    assert any("gate http-1 before the first wave" in line for line in words(world.campaign))
    world.run()
    answer(world, 0, Verdict.FAIL, "status 500")
    assert gate_lines(world.campaign, world.now) == ("gate http-1: fail, 0s ago: status 500",)


@settings(max_examples=150, deadline=None)
@given(
    at=st.sampled_from(list(Moment)),
    waves=st.sampled_from(["all", "1,rest", "2"]),
    verdicts=st.lists(st.sampled_from(list(Verdict)), max_size=30),
    failures=st.integers(0, 2),
    errors=st.integers(0, 2),
)
def test_whatever_gates_say_no_wave_opens_and_nothing_completes_without_a_pass(
    at: Moment, waves: str, verdicts: list[Verdict], failures: int, errors: int
) -> None:
    """I7: no host of a wave before the gates that open it; and every campaign whose gates pass comes to its end."""
    world = gated(at, count=3, waves=waves, failures=failures, errors=errors, every_s=20.0)
    passed: set[int] = set()
    script = iter(verdicts)
    for _ in range(200):
        before = world.campaign.wave
        world.run(seconds=5)
        for wave in range(before + 1, world.campaign.wave + 1):
            assert _opener(at, wave) <= passed, "I7: gated"
        if world.state() in FINAL_CAMPAIGN:
            break
        passed |= _everybody_answers(world, script)
    assert world.state() in {CampaignState.COMPLETE, CampaignState.HALTED}
    if world.state() is CampaignState.COMPLETE:
        assert _opener(at, world.campaign.waves + (at is Moment.AFTER_WAVE)) <= passed


def _opener(at: Moment, wave: int) -> set[int]:
    """The waves for which the gate must have passed before this one opens."""
    if at is Moment.AFTER_WAVE:
        return set(range(1, wave))
    return set(range(1, wave + 1)) if at is Moment.WAVE else {0}


def _everybody_answers(world: World, script: Iterator[Verdict]) -> set[int]:
    """People resume, gates say what the script has, hosts are changed; the waves for which a gate passed."""
    passed: set[int] = set()
    if world.state() is CampaignState.PAUSED:
        world.see(ResumeAsked(by="ops"))
    for state in world.campaign.gates:
        if state.answered_at is None:
            verdict = next(script, Verdict.PASS)
            answer(world, state.wave, verdict)
            passed |= {state.wave} if verdict is Verdict.PASS else set()
    for run in world.campaign.runs:
        if run.attempts and run.attempts[-1].ended_at is None:
            world.accept(run.host.name)
            world.end(run.host.name, CHANGED)
    return passed
