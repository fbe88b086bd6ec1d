"""Gates before each host: only hosts with a slot are asked, only a fresh pass starts one, and the others go on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.actions import AskGate, AskJournal, Dispatch, Resend
from orchestrator.campaign.brakes import brakes
from orchestrator.campaign.events import (
    GateAnswered,
    HostRead,
    OverrideAsked,
    PauseAsked,
    ResumeAsked,
    SkipAsked,
)
from orchestrator.campaign.explaining.remarks import brake_lines
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.gate import Gate, GateAction, GateKind, GateState, Moment, Verdict
from orchestrator.campaign.gates.needed import BASELINE, state_of
from orchestrator.campaign.gates.words import gate_lines
from orchestrator.campaign.observe import observe
from orchestrator.campaign.operators import objection
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.vitals import CHECKS, Level, Vital
from tests.orchestrator.campaign.worlds import CHANGED, World, failed, planned, refused

NAME = "http-1"


def gated(count: int = 3, *, parallelism: int = 1, waves: str = "all", **more: Any) -> World:
    """A campaign with one gate that is asked before each host."""
    options: dict[str, Any] = {"kind": GateKind.HTTP, "url": "http://shop/{host}", "every_s": 30.0} | more
    gate = Gate(name=NAME, at=Moment.HOST, **options)
    return World(planned(count, waves=waves, parallelism=parallelism, tune={"gates": (gate,)}))


def standing(world: World, host: str) -> GateState | None:
    """How the gate stands for this host."""
    run = world.host(host)
    return state_of(world.campaign, NAME, run.wave, host)


def asked(world: World) -> list[str]:
    """Hosts whose question is open."""
    return [item.host for item in world.campaign.gates if item.host and item.answered_at is None]


def answer(world: World, host: str, verdict: Verdict, detail: str = "status 200") -> None:
    """The gate answers the last question about this host; then the engine goes on."""
    state = standing(world, host)
    assert state is not None
    world.see(
        GateAnswered(
            gate=NAME, wave=state.wave, asked_at=state.asked_at, verdict=verdict, detail=detail, host=host
        )
    )
    world.run()


def test_each_host_is_asked_for_right_before_its_order_and_nothing_is_kept_once_it_started() -> None:
    world = gated()
    world.run()
    assert asked(world) == ["h1"], "there is one slot"
    assert world.ordered() == []
    answer(world, "h1", Verdict.PASS)
    assert world.ordered() == ["h1"]
    assert standing(world, "h1") is None
    assert asked(world) == []
    world.change("h1")
    assert asked(world) == ["h2"]
    assert world.host("h2").state is HostState.PENDING


def test_so_many_hosts_are_asked_as_there_are_slots() -> None:
    world = gated(count=9, parallelism=4)
    world.run()
    assert asked(world) == ["h1", "h2", "h3", "h4"]
    answer(world, "h3", Verdict.PASS)
    assert world.ordered() == ["h3"]
    assert asked(world) == ["h1", "h2", "h4"], "its slot is taken"


def test_a_host_that_waits_says_so_and_the_others_of_the_wave_go_on() -> None:
    world = gated(failures=1)
    world.run()
    answer(world, "h1", Verdict.FAIL, "status 503")
    assert asked(world) == ["h2"]
    answer(world, "h2", Verdict.PASS)
    assert world.ordered() == ["h2"]
    assert world.host("h1").state is HostState.PENDING
    said = "h1 waits for gate http-1: fail, 0s ago: status 503"
    assert any(said in line for line in brake_lines(world.campaign, world.now))
    assert any(said in line for line in explain(world.campaign, world.now).lines)
    assert any(said in line for line in gate_lines(world.campaign, world.now))
    assert "--host h1" in next(line for line in brake_lines(world.campaign, world.now) if said in line)
    assert not brakes(world.campaign, world.now).start, "it holds one host"
    assert "it is going on" in explain(world.campaign, world.now).headline
    world.change("h2")
    assert asked(world) == ["h3"], "too early to ask for h1 again"
    answer(world, "h3", Verdict.PASS)
    world.now += timedelta(seconds=30)
    world.change("h3")
    assert asked(world) == ["h1"]
    answer(world, "h1", Verdict.PASS)
    world.change("h1")
    assert world.state() is CampaignState.COMPLETE


def test_a_host_that_may_start_is_not_kept_waiting_by_one_that_is_asked_again() -> None:
    """The one before it in the plan took the slot for its own questions, until the pass had gone stale."""
    world = gated(count=2, failures=9, every_s=10.0)
    world.run()
    answer(world, "h1", Verdict.FAIL)
    assert asked(world) == ["h2"]
    world.run(seconds=9)
    answer(world, "h2", Verdict.PASS)
    assert world.ordered() == ["h2"]
    world = gated(count=2, failures=9, every_s=10.0)
    world.run()
    answer(world, "h1", Verdict.FAIL)
    world.run(seconds=10)
    assert asked(world) == ["h2"], "the slot is that of the host that is asked already"
    world.run(seconds=2)
    assert asked(world) == ["h2"]


def test_hosts_nobody_was_asked_about_come_before_those_that_are_asked_again() -> None:
    world = gated(count=3, failures=9, every_s=10.0)
    world.run()
    answer(world, "h1", Verdict.FAIL)
    world.now += timedelta(seconds=20)
    answer(world, "h2", Verdict.FAIL)
    assert asked(world) == ["h3"], "h1 is due"
    answer(world, "h3", Verdict.FAIL)
    assert asked(world) == ["h1"]


def test_so_many_may_wait_before_no_other_host_is_asked() -> None:
    world = gated(count=20, failures=1000, every_s=600.0)
    world.run()
    for number in range(1, 12):
        assert asked(world) == [f"h{number}"]
        answer(world, f"h{number}", Verdict.FAIL)
    assert asked(world) == [], "eleven wait"
    done = world.run(seconds=600)
    assert [action.host for action in done if isinstance(action, AskGate)] == ["h1"]


def test_the_next_wave_waits_for_a_host_that_waits() -> None:
    world = gated(count=2, waves="1", failures=5)
    world.run()
    answer(world, "h1", Verdict.FAIL)
    assert asked(world) == []
    assert world.campaign.wave == 1
    assert [action.host for action in world.run(seconds=30) if isinstance(action, AskGate)] == ["h1"]


@pytest.mark.parametrize(
    ("action", "ends", "back"),
    [
        (GateAction.PAUSE, CampaignState.PAUSED, []),
        (GateAction.HALT, CampaignState.HALTED, []),
        (GateAction.ROLLBACK_WAVE, CampaignState.ROLLING_BACK, ["h1"]),
        (GateAction.ROLLBACK_CAMPAIGN, CampaignState.ROLLING_BACK, ["h1"]),
    ],
)
def test_fails_of_all_hosts_of_a_wave_count_together_and_one_too_many_does_what_the_gate_says(
    action: GateAction, ends: CampaignState, back: list[str]
) -> None:
    world = gated(failures=1, action=action)
    world.run()
    answer(world, "h1", Verdict.PASS)
    world.change("h1")
    answer(world, "h2", Verdict.FAIL, "status 500")
    assert world.state() is CampaignState.RUNNING
    answer(world, "h3", Verdict.FAIL, "status 500")
    assert world.state() is ends
    assert world.undos() == back
    stop = world.campaign.stops[-1]
    assert stop.rule == "gate http-1 before hosts of wave 1: fail"
    assert stop.limit.startswith("1 fails tolerated, one more")
    assert stop.observed == "h3: status 500"
    assert stop.hosts == ("h2", "h3")


def test_errors_in_a_row_before_one_host_pause_and_those_of_others_do_not_add_up() -> None:
    world = gated(count=2, parallelism=2, errors=1, every_s=10.0)
    world.run()
    answer(world, "h1", Verdict.ERROR, "no data")
    answer(world, "h2", Verdict.ERROR, "no data")
    assert world.state() is CampaignState.RUNNING, "one error each"
    world.run(seconds=10)
    answer(world, "h2", Verdict.ERROR, "no data")
    assert world.state() is CampaignState.PAUSED
    assert world.campaign.stops[-1].rule == "gate http-1 before h2: error"
    assert world.ordered() == []


def test_an_inconclusive_answer_pauses_for_a_person_and_a_resume_asks_afresh() -> None:
    world = gated()
    world.run()
    answer(world, "h1", Verdict.INCONCLUSIVE, "exit 2")
    assert world.state() is CampaignState.PAUSED
    assert world.run(seconds=60) == (), "a paused campaign asks nothing"
    world.see(ResumeAsked(by="ann"))
    world.run()
    assert asked(world) == ["h1"]
    answer(world, "h1", Verdict.PASS)
    assert world.ordered() == ["h1"]


def test_a_pass_that_went_stale_is_asked_for_again_before_the_host_starts() -> None:
    world = gated()
    world.run()
    state = standing(world, "h1")
    assert state is not None
    world.see(PauseAsked(by="ann"))
    world.now += timedelta(seconds=31)
    world.see(GateAnswered(gate=NAME, wave=1, asked_at=state.asked_at, verdict=Verdict.PASS, host="h1"))
    world.see(ResumeAsked(by="ann"))
    world.run()
    assert world.ordered() == []
    assert asked(world) == ["h1"]


def test_a_pass_that_comes_after_it_went_stale_starts_nothing() -> None:
    world = gated(timeout_s=60.0)
    world.run()
    world.now += timedelta(seconds=31)
    answer(world, "h1", Verdict.PASS)
    assert world.ordered() == []
    assert asked(world) == ["h1"]


def test_a_gate_that_flaps_keeps_its_host_waiting_until_so_many_passes_in_a_row() -> None:
    world = gated(count=1, passes=2, failures=9, every_s=10.0)
    world.run()
    for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.PASS):
        answer(world, "h1", verdict)
        assert world.ordered() == []
        world.run(seconds=10)
    answer(world, "h1", Verdict.PASS)
    assert world.ordered() == ["h1"]


def test_no_answer_at_all_is_asked_for_again() -> None:
    world = gated(timeout_s=10.0)
    world.run()
    done = world.run(seconds=15)
    assert [action.host for action in done if isinstance(action, AskGate)] == ["h1"]
    assert world.ordered() == []


def test_a_host_that_waited_long_for_its_lock_is_asked_for_again() -> None:
    """Its order expired, and the host says that it never started."""
    world = gated(count=1)
    world.run()
    answer(world, "h1", Verdict.PASS)
    assert world.ordered() == ["h1"]
    world.now += timedelta(seconds=76)
    world.decline("h1", refused("E_HOST_BUSY"))
    world.run()
    assert world.host("h1").state is HostState.PENDING
    assert world.ordered() == ["h1"]
    assert asked(world) == ["h1"]
    answer(world, "h1", Verdict.PASS)
    assert world.ordered() == ["h1", "h1"]


def test_an_order_nobody_accepted_is_published_again_only_while_its_pass_is_good() -> None:
    """Then it expires, the host says that it never started, and the next one takes a new pass."""
    world = gated(count=1, every_s=15.0, failures=1)
    world.run()
    world.now += timedelta(seconds=2)
    answer(world, "h1", Verdict.PASS)
    assert [type(action) for action in world.run(seconds=10)] == [Resend]
    assert world.run(seconds=10) == ()
    assert world.run(seconds=54) == ()
    assert [type(action) for action in world.run(seconds=1)] == [AskJournal]
    world.decline("h1", refused("E_NOT_STARTED"))
    world.run()
    assert asked(world) == ["h1"]
    answer(world, "h1", Verdict.FAIL, "status 503")
    assert world.ordered() == ["h1"]
    assert world.host("h1").state is HostState.PENDING


def test_of_several_gates_the_pass_that_is_good_for_the_shortest_time_decides() -> None:
    gates = tuple(
        Gate(name=name, kind=GateKind.HTTP, at=Moment.HOST, url="http://shop/", every_s=every_s)
        for name, every_s in ((NAME, 30.0), ("http-2", 12.0))
    )
    world = World(planned(1, tune={"gates": gates}))
    world.run()
    for gate in gates:
        world.see(GateAnswered(gate=gate.name, wave=1, asked_at=world.now, verdict=Verdict.PASS, host="h1"))
    world.run()
    assert world.ordered() == ["h1"]
    assert [type(action) for action in world.run(seconds=10)] == [Resend]
    assert world.run(seconds=10) == ()


@pytest.mark.parametrize("said", [Verdict.FAIL, Verdict.PASS])
def test_an_order_past_a_gate_that_a_person_opened_is_published_again(said: Verdict) -> None:
    world = gated(count=1, failures=5, every_s=5.0)
    world.run()
    world.now += timedelta(seconds=6)
    answer(world, "h1", said)
    assert world.ordered() == [], "it failed, or its pass came too late"
    world.see(OverrideAsked(gate=NAME, wave=1, by="ann", reason="the probe is wrong here", host="h1"))
    world.run()
    assert world.ordered() == ["h1"]
    assert [type(action) for action in world.run(seconds=10)] == [Resend]


def test_an_undo_is_published_again_whatever_gates_said() -> None:
    world = gated(count=1, every_s=5.0)
    world.run()
    answer(world, "h1", Verdict.PASS)
    world.accept("h1")
    world.end("h1", failed(changed=True))
    world.run()
    assert world.undos() == ["h1"]
    assert [type(action) for action in world.run(seconds=10)] == [Resend]


def test_a_host_that_somebody_else_holds_is_not_asked_for() -> None:
    world = gated(count=2)
    world.tick(blocked=frozenset({"h1"}))
    assert asked(world) == ["h2"]


def test_no_undo_waits_for_the_gate() -> None:
    world = gated(count=1)
    world.run()
    answer(world, "h1", Verdict.PASS)
    world.accept("h1")
    world.end("h1", failed(changed=True))
    world.run()
    assert world.undos() == ["h1"]


def test_an_override_opens_the_gate_for_one_host_and_no_other() -> None:
    world = gated(count=3, parallelism=2, failures=5)
    world.run()
    answer(world, "h1", Verdict.FAIL, "status 503")
    answer(world, "h2", Verdict.FAIL, "status 503")
    given = OverrideAsked(gate=NAME, wave=1, by="ann", reason="the probe is wrong here", host="h1")
    for wrong in ("", "h3", "h9"):
        other = OverrideAsked(gate=NAME, wave=1, by="ann", reason="x", host=wrong)
        if wrong != "h3":
            assert objection(world.campaign, other, world.now) is not None
    assert objection(world.campaign, given, world.now) is None
    world.see(given)
    world.run()
    assert world.ordered() == ["h1"]
    assert world.host("h2").state is HostState.PENDING
    assert any(
        "gate http-1 before h1: overridden by ann" in line for line in gate_lines(world.campaign, world.now)
    )
    assert any(
        "gate http-1 before h1 overridden by ann" in line for line in explain(world.campaign, world.now).lines
    )
    before = world.campaign
    assert observe(before, given, world.now) is before, "twice is once"


def test_late_repeated_and_foreign_answers_change_nothing() -> None:
    world = gated(count=2)
    world.run()
    state = standing(world, "h1")
    assert state is not None
    early = GateAnswered(
        gate=NAME, wave=1, asked_at=state.asked_at - timedelta(seconds=1), verdict=Verdict.PASS, host="h1"
    )
    other = GateAnswered(gate=NAME, wave=1, asked_at=state.asked_at, verdict=Verdict.PASS, host="h2")
    nobody = GateAnswered(gate=NAME, wave=1, asked_at=state.asked_at, verdict=Verdict.PASS)
    before = world.campaign
    for event in (early, other, nobody):
        assert observe(before, event, world.now) is before
    answer(world, "h1", Verdict.PASS)
    before = world.campaign
    again = GateAnswered(gate=NAME, wave=1, asked_at=state.asked_at, verdict=Verdict.FAIL, host="h1")
    assert observe(before, again, world.now) is before, "it has started"


def test_a_host_that_is_skipped_is_forgotten() -> None:
    world = gated(count=2)
    world.run()
    world.see(SkipAsked(host="h1", by="ann", reason="broken"))
    assert standing(world, "h1") is None
    world.run()
    assert asked(world) == ["h2"]


def test_only_hosts_of_the_waves_it_names_are_asked_for() -> None:
    gate = Gate(name=NAME, kind=GateKind.HTTP, at=Moment.HOST, url="http://shop/", waves=(2,))
    world = World(planned(2, waves="1", tune={"gates": (gate,)}))
    world.run()
    assert world.ordered() == ["h1"]
    world.change("h1")
    assert asked(world) == ["h2"]


def vitals(**found: str) -> tuple[Vital, ...]:
    """A healthy host, but for the checks that are named."""
    said = dict.fromkeys(CHECKS, "OK") | found
    return tuple(Vital(check=name, level=Level(level), value=1.0) for name, level in said.items())


def read(world: World, host: str, *, problem: str = "", **sick: str) -> None:
    """This host says how well it is; then the engine goes on."""
    state = standing(world, host)
    assert state is not None
    said = () if problem else vitals(**sick)
    world.see(HostRead(host=host, number=state.number, vitals=said, problem=problem))
    world.run()


def test_a_host_is_read_itself_before_its_own_change() -> None:
    world = gated(count=2, parallelism=2, kind=GateKind.HEALTH, url="", timeout_s=45.0, failures=1)
    world.run()
    first, second = standing(world, "h1"), standing(world, "h2")
    assert first is not None
    assert second is not None
    assert (first.waiting, second.waiting) == (("h1",), ("h2",))
    assert first.number != second.number, "no answer is taken for another's"
    read(world, "h2")
    assert world.ordered() == ["h2"]
    read(world, "h1", disk="CRITICAL")
    assert world.host("h1").state is HostState.PENDING
    assert any("h1 waits for gate http-1: fail" in line for line in gate_lines(world.campaign, world.now))


@pytest.mark.parametrize("problem", ["E_UNREACHABLE: no route", ""])
def test_a_host_that_cannot_be_read_or_says_nothing_is_an_error(problem: str) -> None:
    world = gated(count=1, kind=GateKind.HEALTH, url="", timeout_s=45.0, every_s=60.0, errors=0)
    world.run()
    if problem:
        read(world, "h1", problem=problem)
    else:
        world.run(seconds=45)
    assert world.state() is CampaignState.PAUSED
    assert (problem or "no answer in time") in world.campaign.stops[-1].observed


def test_delta_before_a_host_judges_it_by_what_it_was_before_the_first_wave() -> None:
    world = gated(count=1, kind=GateKind.DELTA, url="", timeout_s=45.0)
    world.run()
    base = state_of(world.campaign, NAME, BASELINE)
    assert base is not None
    world.see(HostRead(host="h1", number=base.number, vitals=vitals(disk="CRITICAL")))
    world.run()
    read(world, "h1", disk="CRITICAL")
    assert world.ordered() == ["h1"], "as sick as before"


def test_the_plan_says_what_is_asked_before_each_host() -> None:
    (line,) = [line for line in words(gated().campaign) if NAME in line]
    assert "gate http-1 before each host: asks http://shop/{host} every 30s" in line


_ANSWERS = st.lists(
    st.tuples(st.integers(0, 99), st.sampled_from([Verdict.PASS, *Verdict]), st.integers(0, 40)),
    max_size=40,
)


def _answer_one(world: World, pick: int, verdict: Verdict, passed: dict[str, Any]) -> None:
    """Let one open question be answered so, if there is one; note when a host that passed was asked for."""
    open_ = [item for item in world.campaign.gates if item.host and item.answered_at is None]
    if not open_:
        return
    item = open_[pick % len(open_)]
    world.see(
        GateAnswered(gate=NAME, wave=item.wave, asked_at=item.asked_at, verdict=verdict, host=item.host)
    )
    if verdict is Verdict.PASS:
        passed[item.host] = item.asked_at


@settings(max_examples=40)
@given(answers=_ANSWERS, parallelism=st.integers(1, 4), count=st.integers(1, 24))
def test_whatever_gates_say_no_host_starts_without_a_fresh_pass_and_little_is_kept(
    answers: list[tuple[int, Verdict, int]], parallelism: int, count: int
) -> None:
    world = gated(count=count, parallelism=parallelism, failures=1000, errors=1000, inconclusive=1000)
    passed: dict[str, Any] = {}
    world.run()
    for pick, verdict, seconds in answers:
        _answer_one(world, pick, verdict, passed)
        world.now += timedelta(seconds=seconds)
        while done := world.tick():
            for action in done:
                if isinstance(action, Dispatch):
                    assert world.now < passed[action.host] + timedelta(seconds=30)
        busy = [name for name, state in world.states().items() if state is HostState.ORDERED]
        assert len(busy) <= parallelism
        kept = [item for item in world.campaign.gates if item.host]
        assert len(kept) <= parallelism + max(parallelism, 10) + 1
        assert all(world.host(item.host).state is HostState.PENDING for item in kept)
        for name in busy:
            # an order that waits for longer would be asked about
            world.accept(name)
            world.end(name, CHANGED)
        world.tick()
    _let_all_pass(world, rounds=4 * count + 8)
    assert world.state() is CampaignState.COMPLETE, "once gates pass it comes to its end"


_STEPS = st.lists(
    st.tuples(
        st.integers(0, 99), st.sampled_from([Verdict.PASS, *Verdict]), st.integers(0, 15), st.booleans()
    ),
    max_size=60,
)


@settings(max_examples=60)
@given(steps=_STEPS, every_s=st.sampled_from([8.0, 25.0, 90.0]), parallelism=st.integers(1, 3))
def test_whatever_is_lost_no_order_is_published_without_a_fresh_pass(
    steps: list[tuple[int, Verdict, int, bool]], every_s: float, parallelism: int
) -> None:
    world = gated(
        count=4, parallelism=parallelism, every_s=every_s, failures=1000, errors=1000, inconclusive=1000
    )
    passed: dict[str, Any] = {}
    world.run()
    for pick, verdict, seconds, lost in steps:
        _answer_one(world, pick, verdict, passed)
        world.now += timedelta(seconds=seconds)
        while done := world.tick():
            for action in done:
                if isinstance(action, Dispatch | Resend):
                    assert world.now < passed[action.host] + timedelta(seconds=every_s)
                if isinstance(action, AskJournal) and not lost:
                    world.decline(action.host, refused("E_NOT_STARTED"))


def _let_all_pass(world: World, *, rounds: int) -> None:
    for _ in range(rounds):
        for name in asked(world):
            answer(world, name, Verdict.PASS)
        for name in [name for name, state in world.states().items() if state is HostState.ORDERED]:
            world.change(name)
        world.run(seconds=30)
