"""A rehearsed campaign goes as the engine would let it go, shows where it waits, and is the same for a seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.gate import Gate, GateKind, Moment, Verdict
from orchestrator.campaign.occasion import Notify, Occasion
from orchestrator.campaign.plan_document import plan_document
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import Approval, Budgets, RolloutPolicy, Share, StopAction
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.windows import Window, Windows
from orchestrator.loop.planning import NewPlan
from orchestrator.simulate.rehearsal.account import json_of, text_of
from orchestrator.simulate.rehearsal.rehearsal import Rehearsal, Rehearsed
from orchestrator.simulate.rehearsal.scenario import Scenario, invented, scenario_of
from orchestrator.simulate.rehearsal.script import Script, aim_of, cut_of
from tasks.errors import BadInput
from tasks.model import Kind

NOW = datetime(2026, 6, 1, tzinfo=UTC)
GATE = Gate(name="http-1", kind=GateKind.HTTP, at=Moment.WAVE, url="http://example.net/")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What the engine logs is of no interest here."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.configure(**before)


def policy_of(**options: Any) -> RolloutPolicy:
    """Two waves, two at a time."""
    asked: dict[str, Any] = {"waves": "1,rest", "parallelism": 2} | options
    return make_policy(Kind.CHANGING, **asked)


def scenario(
    hosts: int = 4, policy: RolloutPolicy | None = None, procedure: str = "engine.restart", **script: Any
) -> Scenario:
    """One rehearsal."""
    request = NewPlan(
        procedure=procedure, params={}, hosts=invented(hosts), policy=policy or policy_of(), author="ann"
    )
    return Scenario(request=request, script=Script(**script))


def played(wanted: Scenario) -> Rehearsed:
    """How it goes."""
    return Rehearsal(wanted).run()


def story(gone: Rehearsed) -> list[str]:
    """Its lines without times."""
    return [moment.told for moment in gone.timeline]


def test_a_campaign_without_trouble_completes() -> None:
    gone = played(scenario())
    assert gone.campaign.state is CampaignState.COMPLETE
    assert story(gone)[:4] == ["planned: 2 waves", "begins", "opens wave 1 of 2: 1 host", "starts: host-1"]
    assert story(gone)[-1] == "is COMPLETE"


def test_hosts_that_fail_are_brought_back_and_stop_it() -> None:
    gone = played(scenario(fail=(aim_of("--fail", "host-1:100%"),)))
    assert gone.campaign.state is CampaignState.ROLLED_BACK
    said = story(gone)
    assert "to be brought back (E_STEP_FAILED): host-1" in said
    stop = next(line for line in said if line.startswith("STOPS (halt): stop rule any > 0 in wave 1"))
    assert said.index("to be brought back (E_STEP_FAILED): host-1") < said.index(stop)
    assert said.index(stop) < said.index("never started: host-2, host-3, host-4")


def test_hosts_that_are_not_reached_are_not_touched() -> None:
    gone = played(
        scenario(policy=policy_of(max_failures="1"), unreachable=(aim_of("--unreachable", "host-2:1%"),))
    )
    assert gone.campaign.state is CampaignState.INCOMPLETE
    assert "not reached, so not touched (E_UNREACHABLE): host-2" in story(gone)


def test_hosts_that_are_cut_off_give_no_news_until_their_journal_tells() -> None:
    gone = played(scenario(cuts=(cut_of("host-1:90"),)))
    said = story(gone)
    assert gone.campaign.state is CampaignState.COMPLETE
    assert said.index("cut off for 1m30s: host-1") < said.index(
        "no news: keeps its slot, and its journal is asked: host-1"
    )
    assert said.index("within reach again: host-1") < said.index("well: host-1")


def test_an_orchestrator_that_is_killed_is_followed_and_nothing_is_done_twice() -> None:
    gone = played(scenario(kills=(2,)))
    said = story(gone)
    assert gone.campaign.state is CampaignState.COMPLETE
    assert said.index("the orchestrator is killed: what it did not commit comes again") < said.index(
        "orchestrator sim2 takes over: it looks at everything again"
    )
    assert all(len(run.attempts) == 1 for run in gone.campaign.runs)


def test_orders_that_redis_lost_are_sent_again() -> None:
    gone = played(scenario(losses=(1,)))
    assert gone.campaign.state is CampaignState.COMPLETE
    assert "gets its order again: host-1" in story(gone)


def test_an_approval_is_waited_for_and_then_given() -> None:
    gone = played(scenario(policy=replace(policy_of(), approval=Approval(required=2, group="sre"))))
    said = story(gone)
    assert "WAITS for the approval of 2 of group sre, its author not among them" in said
    assert said.index("approved by approver-1@simulation, approver-2@simulation") < said.index("begins")
    assert gone.campaign.state is CampaignState.COMPLETE


def test_gates_pass_unless_the_script_says_otherwise() -> None:
    policy = replace(policy_of(), gates=(GATE,), notify=(Notify(to="ops", on=(Occasion.HALTED,)),))
    good, bad = (
        played(scenario(policy=policy)),
        played(scenario(policy=policy, gates={"http-1": Verdict.FAIL})),
    )
    assert "gate http-1 for wave 2 answers pass: the simulation says pass" in story(good)
    assert good.campaign.state is CampaignState.COMPLETE
    assert any(line.startswith("STOPS (halt): gate http-1 before wave 1: fail") for line in story(bad))
    assert "tells ops that it is halted" in story(bad)
    assert bad.campaign.state is CampaignState.HALTED


def test_gates_before_hosts_and_running_sets_are_rehearsed_too() -> None:
    before_hosts = replace(GATE, at=Moment.HOST, url="http://{host}/", every_s=5.0, failures=1)
    running = Gate(name="set-2", kind=GateKind.RUNNING_SET, at=Moment.AFTER_WAVE, timeout_s=45.0)
    policy = replace(policy_of(), gates=(before_hosts, running))
    good, bad = (
        played(scenario(policy=policy)),
        played(scenario(policy=policy, gates={"http-1": Verdict.FAIL})),
    )
    assert good.campaign.state is CampaignState.COMPLETE
    assert "gate set-2 before all answers pass: hosts read: 4 of 4" in story(good)
    assert "gate set-2 for wave 2 answers pass: hosts that are well: 3" in story(good)
    assert bad.campaign.state is CampaignState.HALTED
    assert any("gate http-1 before hosts of wave 1: fail" in line for line in story(bad))
    assert {run.state for run in bad.campaign.runs} == {HostState.CANCELLED}


def test_people_open_their_gates_unless_the_script_denies_or_nobody_comes() -> None:
    human = Gate(name="human-1", kind=GateKind.HUMAN, at=Moment.WAVE, group="sre", required=2, waves=(2,))
    policy = replace(policy_of(), gates=(human,))
    good, denied, silent = (
        played(scenario(policy=policy, gates={"human-1": said}))
        for said in (Verdict.PASS, Verdict.FAIL, Verdict.ERROR)
    )
    assert good.campaign.state is CampaignState.COMPLETE
    assert (
        "gate human-1 for wave 2 answers pass: approved by approver-1@simulation, approver-2@simulation"
        in story(good)
    )
    assert denied.campaign.state is CampaignState.HALTED
    assert silent.campaign.state is CampaignState.RUNNING
    assert [text.partition(" waits for ")[0] for text in silent.waits] == ["gate human-1 before wave 2"]
    assert [moment.kind for moment in good.timeline].count("waits") == 1


def test_a_campaign_that_waits_for_a_person_is_left_waiting() -> None:
    policy = replace(policy_of(), gates=(GATE,))
    gone = played(scenario(policy=policy, gates={"http-1": Verdict.INCONCLUSIVE}))
    assert gone.campaign.state is CampaignState.PAUSED
    assert gone.waits == ("it is paused until a person resumes it",)
    assert json.loads(json_of(scenario(), gone))["end"]["exit_code"] == 4


def test_a_closed_window_is_waited_for_without_taking_any_time() -> None:
    windows = Windows(allow=(Window(days=frozenset({2}), opens=540, closes=600, zone="UTC"),))
    gone = played(scenario(policy=replace(policy_of(), windows=windows)))
    assert "WAITS: the maintenance window is closed until 2026-01-07 09:00 UTC" in story(gone)
    assert gone.campaign.state is CampaignState.COMPLETE
    assert gone.seconds > 2 * 86_400


def test_windows_that_never_open_end_the_rehearsal_and_not_the_campaign() -> None:
    gone = played(scenario(policy=replace(policy_of(), windows=Windows(allow=()))))
    assert gone.campaign.state is CampaignState.RUNNING
    assert gone.waits == ("the maintenance windows are closed and never open again",)
    assert any("`dockwave run` would wait on" in line for line in text_of(scenario(), gone))


def test_a_budget_that_keeps_slots_empty_is_told_once_a_wave() -> None:
    policy = replace(policy_of(parallelism=3, monitor_s=20), budgets=Budgets(fleet=Share(value=1)))
    gone = played(scenario(policy=policy))
    held = [
        moment for moment in gone.timeline if moment.text.startswith("WAITS: budget of the fleet: 1 of 1")
    ]
    assert [moment.wave for moment in held] == [2]
    assert gone.campaign.state is CampaignState.COMPLETE


def test_a_rule_that_pauses_leaves_the_rest_pending() -> None:
    policy = policy_of(max_failures="0", on_breach=StopAction.PAUSE, rollback_failed=False)
    gone = played(scenario(policy=policy, fail=(aim_of("--fail", "host-1:100%"),)))
    assert gone.campaign.state is CampaignState.PAUSED
    assert sum(run.state is HostState.PENDING for run in gone.campaign.runs) == 3


def test_reading_can_be_rehearsed_too() -> None:
    wanted = scenario(
        policy=make_policy(Kind.READ_ONLY), procedure="engine.info", fail=(aim_of("--fail", "host-2:100%"),)
    )
    states = {run.host.name: run.state for run in played(wanted).campaign.runs}
    assert states["host-2"] is HostState.FAILED_CLEAN
    assert set(states.values()) == {HostState.FAILED_CLEAN, HostState.SUCCEEDED}


@settings(max_examples=2, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([(), (1,), (2,)]), st.sampled_from([(), (2,)]))
def test_the_same_seed_always_tells_the_same_story(
    seed: int, kills: tuple[int, ...], losses: tuple[int, ...]
) -> None:
    wanted = scenario(3, seed=seed, fail=(aim_of("--fail", "all:40%"),), kills=kills, losses=losses)
    first, second = played(wanted), played(wanted)
    assert list(text_of(wanted, first)) == list(text_of(wanted, second))
    assert json_of(wanted, first) == json_of(wanted, second)
    assert sum(json.loads(json_of(wanted, first))["end"]["states"].values()) == 3


# -- plans ---------------------------------------------------------------------------------------------------


@cache
def _plan(hosts: int) -> str:
    policy = policy_of(waves="1,50%,rest", monitor_s=7)
    document = plan_document(played(scenario(hosts, policy)).campaign)
    for host in document["hosts"]:
        # as they were when it was made
        host["state"] = "PENDING"
    return json.dumps(document)


def plan_of(hosts: int) -> dict[str, Any]:
    """A plan as the control plane would have made it."""
    document: dict[str, Any] = json.loads(_plan(hosts))
    return document


def test_a_plan_is_rehearsed_as_it_stands_and_an_expired_one_says_so() -> None:
    document = plan_of(4)
    wanted = scenario_of(document, Script(), NOW)
    again = played(wanted)
    assert plan_document(again.campaign)["policy"] == document["policy"]
    assert [item["wave"] for item in plan_document(again.campaign)["hosts"]] == [
        item["wave"] for item in document["hosts"]
    ]
    assert again.campaign.state is CampaignState.COMPLETE
    assert wanted.begin == datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    assert wanted.remarks == ("the plan expired at 2026-01-06 09:00:00 UTC: hosts may have changed since",)
    assert scenario_of(document, Script(), wanted.begin).remarks == ()


def test_hosts_a_plan_leaves_out_stay_out_of_its_rehearsal() -> None:
    document = plan_of(4)
    for host, state, reason in zip(
        document["hosts"],
        ("UNREACHABLE", "SKIPPED", "ALREADY_RIGHT"),
        ("did not answer when planned", "E_HOST_IDENTITY: it is another machine", "nothing to change"),
        strict=False,
    ):
        host |= {"state": state, "reason": reason, "wave": 0}
        if state != "PENDING":
            host["dry_run"] = None
    gone = played(scenario_of(document, Script(), NOW))
    states = [run.state.value for run in gone.campaign.runs]
    assert states == ["UNREACHABLE", "SKIPPED", "ALREADY_RIGHT", "SUCCEEDED"]
    assert gone.campaign.runs[1].reason == "E_HOST_IDENTITY: it is another machine"
    assert gone.campaign.state is CampaignState.INCOMPLETE


def test_a_plan_of_an_undo_is_rehearsed_too() -> None:
    document = plan_of(2) | {"undoes": "cold"}
    for host in document["hosts"]:
        host |= {"undo_of": f"cold/{host['host']['name']}/1", "snapshot_sha256": "a" * 64}
    gone = played(scenario_of(document, Script(fail=(aim_of("--fail", "host-2:100%"),)), NOW))
    assert [run.state for run in gone.campaign.runs] == [HostState.SUCCEEDED, HostState.NEEDS_HUMAN]
    assert {run.snapshot_sha256 for run in gone.campaign.runs} == {"a" * 64}, "the very plan is rehearsed"


@pytest.mark.parametrize("broken", ["hosts", "policy", "created_at", "params"])
def test_a_plan_that_cannot_be_read_is_refused(broken: str) -> None:
    document = plan_of(2)
    with pytest.raises(BadInput, match="The plan cannot be read"):
        scenario_of({key: value for key, value in document.items() if key != broken}, Script(), NOW)
    with pytest.raises(BadInput, match="The plan cannot be read"):
        scenario_of(document | {broken: "x"}, Script(), NOW)
