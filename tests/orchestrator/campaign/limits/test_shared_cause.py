"""Before failed hosts are brought back untouched ones are read: when all fail too, a person looks first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.actions import AskControl, Dispatch
from orchestrator.campaign.control import Found
from orchestrator.campaign.events import ControlAnswered, PauseAsked, ResumeAsked, RollbackAsked
from orchestrator.campaign.explaining.remarks import brake_lines
from orchestrator.campaign.explaining.telling import occasions
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.limits.shared_cause import SHARED_CAUSE_RULE
from orchestrator.campaign.observe import observe
from orchestrator.campaign.operators import objection
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import StopAction
from orchestrator.campaign.states import CampaignState, HostState
from tasks.model import Kind
from tests.orchestrator.campaign.worlds import (
    OK,
    START,
    UNDONE,
    UNREACHABLE,
    World,
    draft,
    failed,
    planned,
    refused,
)

BROKEN = failed(changed=True)
SICK = refused("E_DAEMON_DOWN", retryable=False)


def first_fails(hosts: int = 6, **policy: Any) -> World:
    """The first host of the first wave was changed and failed; by default the campaign stops at that."""
    wanted: dict[str, Any] = {"waves": "1,rest", "control_hosts": 2, **policy}
    world = World(planned(hosts, **wanted))
    world.run()
    world.accept("h1")
    world.end("h1", BROKEN)
    return world


def asked(world: World) -> list[str]:
    """Untouched hosts that were asked, in order."""
    return [action.host for action in world.log if isinstance(action, AskControl)]


def answer(world: World, name: str, result: Any, look: int = 1) -> None:
    """What an untouched host says."""
    world.see(ControlAnswered(host=name, look=look, result=result))


def test_untouched_hosts_are_asked_first_and_one_that_is_well_lets_the_rollback_go_on() -> None:
    world = first_fails()
    world.run()
    assert asked(world) == ["h2", "h4"], "as far from each other as they can be"
    assert world.undos() == []
    (line,) = brake_lines(world.campaign, world.now)
    assert line.startswith("untouched hosts (h2, h4) are asked whether they fail too, before h1 comes back")
    answer(world, "h2", SICK)
    world.run()
    assert world.undos() == []
    answer(world, "h4", OK)
    world.run()
    assert world.undos() == ["h1"]
    assert world.campaign.looks[0].found is Found.WELL
    world.end("h1", UNDONE)
    world.run()
    assert world.state() is CampaignState.ROLLED_BACK
    assert asked(world) == ["h2", "h4"], "hosts that were answered for are not asked about again"


def test_when_all_fail_too_nobody_is_rolled_back_before_a_person_says_so() -> None:
    world = first_fails()
    world.run()
    before = world.campaign
    for name in ("h2", "h4"):
        answer(world, name, SICK)
    world.run(seconds=10_000)
    assert world.undos() == []
    assert world.state() is CampaignState.ROLLING_BACK, "its stop rule had stopped it for good before"
    why = explain(world.campaign, world.now)
    assert SHARED_CAUSE_RULE in why.rule
    assert "2 of 2 that answered fail their dry run too (E_DAEMON_DOWN on 2)" in why.observed
    assert "one of 2 untouched hosts must still be well before h1 comes back" in why.limit
    assert why.headline.startswith("nobody is brought back until a person acts")
    assert "dockwave resume c1" in why.next
    (line,) = why.brakes
    assert "dockwave resume c1" in line
    assert "dockwave rollback c1 --reason TEXT" in line
    assert [item.value for item in occasions(before, world.campaign)] == ["paused"]
    resume = ResumeAsked(by="ann", reason="the archive is back")
    assert objection(world.campaign, resume, world.now) is None
    world.see(resume)
    assert objection(world.campaign, resume, world.now) is not None
    world.run()
    assert world.undos() == ["h1"]
    assert world.ordered() == ["h1"], "nothing that was stopped starts again by that"


def test_a_campaign_that_would_go_on_is_paused_and_goes_on_when_it_is_resumed() -> None:
    world = first_fails(waves="all", max_failures="3")
    world.run()
    assert world.ordered() == ["h1"], "no other host is exposed while nobody knows whose the cause is"
    answer(world, "h2", SICK)
    world.run(seconds=60)
    assert world.campaign.looks[0].found is Found.SHARED, "the other one had its time"
    assert world.state() is CampaignState.PAUSED
    world.run(seconds=10_000)
    assert world.undos() == []
    world.see(ResumeAsked(by="ann"))
    world.run()
    assert world.state() is CampaignState.RUNNING
    assert world.undos() == ["h1"]


@pytest.mark.parametrize("said", [None, UNREACHABLE])
def test_silence_is_no_obstacle_and_is_told(said: Any) -> None:
    world = first_fails()
    world.run()
    if said is not None:
        answer(world, "h2", said)
    world.run(seconds=59)
    assert world.undos() == []
    world.run(seconds=1)
    assert world.undos() == ["h1"]
    answer(world, "h4", SICK)
    assert world.campaign.looks[0].found is Found.NO_ANSWER, "a late answer changes nothing"
    said_so = "no untouched host (h2, h4) answered in time: the rollback does not wait for them"
    assert said_so in explain(world.campaign, world.now).done


def test_a_person_who_asks_for_the_rollback_waits_for_nobody() -> None:
    world = first_fails()
    world.see(RollbackAsked(by="ann", reason="now"))
    world.run()
    assert asked(world) == []
    assert world.undos() == ["h1"]


def test_nor_does_one_who_asks_while_untouched_hosts_are_asked_or_after_they_failed() -> None:
    for fails in (False, True):
        world = first_fails()
        world.run()
        if fails:
            answer(world, "h2", SICK)
            answer(world, "h4", SICK)
            world.run()
        world.see(RollbackAsked(by="ann", reason="now"))
        world.run()
        assert world.undos() == ["h1"]
        assert brake_lines(world.campaign, world.now) == ()


def test_hosts_that_fail_soon_after_are_answered_for_and_later_ones_are_not() -> None:
    world = first_fails(waves="all", max_failures="100%", parallelism=1)
    world.run()
    answer(world, "h2", OK)
    answer(world, "h4", OK)
    world.run()
    world.end("h1", UNDONE)
    world.run()
    world.accept("h2")
    world.end("h2", BROKEN)
    world.run(seconds=30)
    assert world.undos() == ["h1", "h2"]
    world.end("h2", UNDONE)
    world.run(seconds=100)
    world.accept("h3")
    world.end("h3", BROKEN)
    world.run()
    assert world.undos() == ["h1", "h2"]
    assert asked(world) == ["h2", "h4", "h4", "h5"]


def test_without_untouched_hosts_and_with_none_asked_for_it_goes_back_at_once() -> None:
    for world in (first_fails(1), first_fails(control_hosts=0)):
        world.run()
        assert asked(world) == []
        assert world.undos() == ["h1"]


def test_hosts_that_were_right_already_are_asked_when_no_other_is_left() -> None:
    wanted = planned(3, answers={"h2": draft(), "h3": draft()}, waves="all", control_hosts=3)
    world = World(wanted)
    world.run()
    world.accept("h1")
    world.end("h1", BROKEN)
    world.run()
    assert asked(world) == ["h2", "h3"]


def test_a_host_another_campaign_begins_to_change_says_nothing_about_a_shared_cause() -> None:
    world = first_fails(control_hosts=1)
    world.run()
    answer(world, "h2", SICK)
    world.tick(blocked=frozenset({"h2"}))
    assert world.campaign.looks[0].found is Found.NO_ANSWER
    world.run()
    assert world.undos() == ["h1"]


def test_silenced_it_asks_no_more() -> None:
    world = first_fails(waves="all", max_failures="100%")
    world.run()
    answer(world, "h2", SICK)
    answer(world, "h4", SICK)
    world.run()
    assert world.state() is CampaignState.PAUSED
    world.see(ResumeAsked(by="ann", silence=True))
    world.run()
    world.end("h1", UNDONE)
    world.run(seconds=500)
    world.accept("h2")
    world.end("h2", BROKEN)
    world.run()
    assert world.undos() == ["h1", "h2"]


def test_silent_hosts_do_not_give_up_what_a_person_holds() -> None:
    world = World(planned(4, waves="all", parallelism=2, control_hosts=1, max_failures="0"))
    world.run()
    world.accept("h1", "h2")
    world.end("h1", BROKEN)
    world.run()
    answer(world, "h3", SICK)
    world.run(seconds=40)
    world.run(seconds=10_000)
    assert world.states()["h2"] is HostState.UNKNOWN
    assert world.states()["h1"] is HostState.ROLLING_BACK


@given(
    said=st.lists(
        st.tuples(
            st.sampled_from(["h2", "h3", "h4", "h9"]), st.sampled_from([OK, SICK, UNREACHABLE]), st.booleans()
        ),
        max_size=8,
    ),
    late=st.booleans(),
)
def test_only_failing_answers_and_no_good_one_hold_a_rollback(
    said: list[tuple[str, Any, bool]], late: bool
) -> None:
    """Answers come twice, late, and from hosts nobody asked; the first of each host counts."""
    world = first_fails(4, control_hosts=3)
    world.run()
    counted: dict[str, Any] = {}
    if late:
        world.now = START + timedelta(seconds=61)
    for name, result, twice in said:
        for _ in range(1 + twice):
            answer(world, name, result)
        if name in {"h2", "h3", "h4"} and not late:
            counted.setdefault(name, result)
    world.run(seconds=0 if late else 60)
    heard = [result for result in counted.values() if result is not UNREACHABLE]
    held = bool(heard) and all(result is SICK for result in heard)
    assert (world.undos() == []) is held
    assert (
        observe(world.campaign, ControlAnswered(host="h2", look=1, result=SICK), world.now) is world.campaign
    )


def test_a_pause_by_a_person_holds_up_neither_the_question_nor_the_rollback() -> None:
    world = first_fails(waves="all", max_failures="100%")
    world.see(PauseAsked(by="ann"))
    world.run()
    assert asked(world) == ["h2", "h4"]
    answer(world, "h2", OK)
    answer(world, "h4", OK)
    assert [action.host for action in world.run() if isinstance(action, Dispatch)] == ["h1"]


def test_the_plan_says_it_and_bad_numbers_are_refused() -> None:
    said = words(planned(3, control_hosts=2))
    assert any(
        "up to 2 untouched hosts are read: when all that answer fail too, it pauses" in line for line in said
    )
    assert make_policy(Kind.READ_ONLY, control_hosts=2).control_hosts == 0
    for number in (-1, 11):
        with pytest.raises(ValueError, match=r"control_hosts is .*from 0 to 10"):
            make_policy(Kind.CHANGING, control_hosts=number)


def test_a_rollback_of_a_whole_wave_waits_for_the_answer_as_a_whole() -> None:
    world = World(
        planned(
            5,
            waves="2,rest",
            parallelism=2,
            control_hosts=1,
            max_failures="0",
            on_breach=StopAction.ROLLBACK_WAVE,
        )
    )
    world.run()
    world.change("h1")
    world.accept("h2")
    world.end("h2", BROKEN)
    world.run()
    assert asked(world) == ["h3"]
    assert world.undos() == []
    answer(world, "h3", OK)
    world.run()
    assert world.undos() == ["h2"]
