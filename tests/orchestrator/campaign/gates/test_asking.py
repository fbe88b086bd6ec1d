"""Only a fresh pass opens a gate; fail halts, error and doubt wait for a person, and nothing ends before its gates."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.actions import AskGate
from orchestrator.campaign.brakes import brakes
from orchestrator.campaign.events import GateAnswered, OverrideAsked, ResumeAsked
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.gate import Gate, GateAction, GateKind, Moment, Verdict
from orchestrator.campaign.gates.needed import state_of
from orchestrator.campaign.gates.words import gate_lines
from orchestrator.campaign.observe import observe
from orchestrator.campaign.operators import objection
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState
from tests.orchestrator.campaign.worlds import CHANGED, START, UNDONE, World, planned


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


@pytest.mark.parametrize(
    ("action", "back", "ends"),
    [
        (GateAction.PAUSE, [], CampaignState.PAUSED),
        (GateAction.HALT, [], CampaignState.HALTED),
        (GateAction.ROLLBACK_WAVE, ["h2"], CampaignState.ROLLED_BACK),
        (GateAction.ROLLBACK_CAMPAIGN, ["h2", "h1"], CampaignState.ROLLED_BACK),
    ],
)
@pytest.mark.parametrize(("at", "wave"), [(Moment.AFTER_WAVE, 2), (Moment.WAVE, 3), (Moment.BACKGROUND, 0)])
def test_one_fail_too_many_does_what_the_gate_says_and_no_more(
    at: Moment, wave: int, action: GateAction, back: list[str], ends: CampaignState
) -> None:
    # in the background it is asked again once the last host is final
    world = gated(at, count=2 if at is Moment.BACKGROUND else 3, waves="1", action=action, every_s=600.0)
    for number, host in enumerate(("h1", "h2"), start=1):
        world.run()
        _pass_all(world)
        world.run()
        assert world.host(host).wave == number
        world.now += timedelta(seconds=1)
        world.change(host)
        if at is Moment.AFTER_WAVE and number == 1:
            _pass_all(world)
    assert world.ordered()[:2] == ["h1", "h2"]
    answer(world, wave, Verdict.FAIL, "status 500")
    _bring_back(world)
    assert world.undos() == back
    assert world.state() is ends
    assert "h3" not in world.ordered()
    assert world.campaign.stops[-1].observed == "status 500"


def _pass_all(world: World) -> None:
    for state in world.campaign.gates:
        if state.answered_at is None:
            answer(world, state.wave, Verdict.PASS)


def _bring_back(world: World) -> None:
    world.run()
    for _ in range(len(world.campaign.runs)):
        for run in world.campaign.runs:
            attempt = run.attempt
            if attempt is not None and attempt.undo and attempt.ended_at is None:
                world.accept(run.host.name)
                world.end(run.host.name, UNDONE)
        world.run()


def test_a_gate_that_asks_for_passes_in_a_row_stays_closed_while_it_flaps() -> None:
    world = gated(Moment.CAMPAIGN, passes=3, failures=5, every_s=10.0)
    world.run()
    for verdict in (Verdict.PASS, Verdict.PASS, Verdict.FAIL, Verdict.PASS, Verdict.ERROR, Verdict.PASS):
        answer(world, 0, verdict)
        world.run()
        assert world.ordered() == []
        world.run(seconds=10)
    answer(world, 0, Verdict.PASS)
    assert "2 of 3 passes in a row" in brakes(world.campaign, world.now).items[0].text
    world.run()
    world.run(seconds=10)
    answer(world, 0, Verdict.PASS)
    world.run()
    assert world.ordered() == ["h1"]


def test_inconclusive_answers_have_a_limit_of_their_own() -> None:
    world = gated(Moment.CAMPAIGN, inconclusive=1, every_s=10.0)
    world.run()
    answer(world, 0, Verdict.INCONCLUSIVE)
    world.run(seconds=10)
    assert world.state() is CampaignState.RUNNING
    answer(world, 0, Verdict.INCONCLUSIVE, "who knows")
    world.run()
    assert world.state() is CampaignState.PAUSED
    assert world.campaign.stops[-1].limit == "1 inconclusive answers tolerated, one more pauses for a person"


def test_a_background_gate_stays_open_with_its_last_answer_while_it_is_asked_again() -> None:
    world = gated(Moment.BACKGROUND, waves="1", count=3, every_s=30.0, timeout_s=10.0)
    world.run()
    answer(world, 0, Verdict.PASS, "status 200")
    world.run()
    assert AskGate(gate="http-1", wave=0) in world.run(seconds=30)
    assert brakes(world.campaign, world.now).items == ()
    assert gate_lines(world.campaign, world.now) == (
        "gate http-1: being asked again; pass, 30s ago: status 200",
    )
    world.change("h1")
    assert world.ordered() == ["h1", "h2"], "it goes on meanwhile"
    world.now += timedelta(seconds=15)
    assert "pass, 45s ago" in brakes(world.campaign, world.now).items[0].text
    world.change("h2")
    assert world.ordered() == ["h1", "h2"], "an answer that does not come closes it"


def test_a_background_gate_that_failed_stays_closed_while_it_is_asked_again() -> None:
    world = gated(Moment.BACKGROUND, failures=1, every_s=30.0)
    world.run()
    answer(world, 0, Verdict.FAIL, "status 500")
    world.run(seconds=30)
    assert "being asked again; fail, 30s ago: status 500" in brakes(world.campaign, world.now).items[0].text
    assert world.ordered() == []


def test_an_old_pass_of_a_background_gate_starts_nothing_after_a_long_silence() -> None:
    world = gated(Moment.BACKGROUND, waves="1", every_s=30.0)
    world.run()
    answer(world, 0, Verdict.PASS)
    world.run()
    world.accept("h1")
    world.now += timedelta(hours=3)  # nobody looked meanwhile: the control plane was down
    world.end("h1", CHANGED)
    assert AskGate(gate="http-1", wave=0) in world.run()
    assert world.ordered() == ["h1"]


def override(wave: int = 0, gate: str = "http-1") -> OverrideAsked:
    """A person lets it pass."""
    return OverrideAsked(gate=gate, wave=wave, by="ann", reason="the probe is broken")


@pytest.mark.parametrize(
    ("verdict", "detail"),
    [
        (Verdict.ERROR, "no whole answer within 10 s"),
        (Verdict.ERROR, "no data: the query matched nothing"),
        (Verdict.ERROR, "stale: a sample is 90 s old"),
        (Verdict.FAIL, "status 500"),
        (Verdict.INCONCLUSIVE, "exit 2"),
    ],
)
def test_an_override_opens_the_one_gate_whatever_it_said_and_what_it_said_stays(
    verdict: Verdict, detail: str
) -> None:
    other = Gate(name="http-2", kind=GateKind.HTTP, at=Moment.CAMPAIGN, url="http://other")
    mine = Gate(
        name="http-1",
        kind=GateKind.HTTP,
        at=Moment.CAMPAIGN,
        url="http://shop",
        failures=3,
        errors=3,
        inconclusive=3,
    )
    world = World(planned(2, waves="1", tune={"gates": (mine, other)}))
    world.run()
    answer(world, 0, verdict, detail)
    world.run()
    world.see(override())
    once = world.campaign
    world.see(override())
    assert world.campaign is once, "asked twice is asked once"
    assert world.run() == (), "the other gate still holds it"
    assert [brake.text.split()[1] for brake in brakes(world.campaign, world.now).items] == ["http-2"]
    state = state_of(world.campaign, "http-2", 0)
    assert state is not None
    world.see(GateAnswered(gate="http-2", wave=0, asked_at=state.asked_at, verdict=Verdict.PASS))
    world.run()
    assert world.ordered() == ["h1"]
    said = f"{verdict}: {detail}"
    assert world.campaign.overrides[0].said == said
    assert any(f"overridden by ann, 0s ago: the probe is broken; it had said {said}" in line
               for line in gate_lines(world.campaign, world.now))  # fmt: skip
    why = explain(world.campaign, world.now)
    assert "gate http-1 overridden by ann: the probe is broken" in why.done
    assert "gate overridden" in why.notices[0], "everybody who watches is told"


def test_an_override_is_for_one_wave_and_stops_what_the_gate_would_have_stopped() -> None:
    world = gated(Moment.WAVE, waves="1", action=GateAction.PAUSE)
    world.run()
    answer(world, 1, Verdict.FAIL)
    world.run()
    assert world.state() is CampaignState.PAUSED
    world.see(override(1))
    assert world.state() is CampaignState.PAUSED, "only a resume lets it go on"
    world.see(ResumeAsked(by="ann"))
    world.run()
    assert world.ordered() == ["h1"]
    world.change("h1")
    assert world.ordered() == ["h1"], "the next wave is asked for"
    assert state_of(world.campaign, "http-1", 2) is not None


def test_a_background_gate_that_was_overridden_is_not_asked_again() -> None:
    world = gated(Moment.BACKGROUND, failures=9, every_s=10.0)
    world.run()
    answer(world, 0, Verdict.FAIL)
    world.see(override())
    assert not any(isinstance(action, AskGate) for action in world.run(seconds=60))
    world.change("h1")
    world.change("h2")
    assert world.state() is CampaignState.COMPLETE


def test_an_override_that_opens_nothing_is_refused_with_what_to_look_at() -> None:
    world = gated(Moment.WAVE)
    world.run()
    for event, words_of in (
        (override(1, gate="http-9"), "has no gate http-9"),
        (override(2), "holds nothing"),
        (OverrideAsked(gate="http-1", wave=1, by="ann", reason=""), "Nobody said why"),
    ):
        against = objection(world.campaign, event, world.now)
        assert against is not None
        assert words_of in against.reason
        assert against.hint
        assert observe(world.campaign, event, world.now) is world.campaign
    answer(world, 1, Verdict.PASS)
    assert objection(world.campaign, override(1), world.now) is not None, "it is open"


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
    at=st.sampled_from([at for at in Moment if at is not Moment.HOST]),
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
