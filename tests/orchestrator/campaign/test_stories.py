"""Campaigns as a person would tell them, from the first order to the last state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.actions import Dispatch
from orchestrator.campaign.decide import decide
from orchestrator.campaign.events import Ended, PauseAsked, Started
from orchestrator.campaign.rollout import FailureKind, Share, StopAction, StopRule
from orchestrator.campaign.states import EXIT_CODES, CampaignState, HostState
from tasks.model import Kind
from tasks.result import HostResult, StepResult, StepState
from tests.orchestrator.campaign.worlds import (
    CHANGED,
    LOST,
    OK,
    UNDONE,
    UNREACHABLE,
    AskJournal,
    Recheck,
    Resend,
    StopNow,
    World,
    draft,
    failed,
    planned,
    refused,
)


def test_a_canary_then_two_then_the_rest_all_change_and_the_campaign_is_complete() -> None:
    world = World(planned(5, waves="1,2,rest", parallelism=2))
    world.run()
    assert world.ordered() == ["h1"]
    world.change("h1")
    assert world.ordered() == ["h1", "h2", "h3"]
    world.change("h2", "h3")
    world.change("h4", "h5")
    assert set(world.states().values()) == {HostState.SUCCEEDED}
    assert world.state() is CampaignState.COMPLETE
    assert EXIT_CODES[world.state()] == 0


def test_a_slot_is_filled_again_as_soon_as_its_host_succeeds() -> None:
    world = World(planned(4, waves="all", parallelism=2))
    world.run()
    assert world.ordered() == ["h1", "h2"]
    world.change("h2")
    assert world.ordered() == ["h1", "h2", "h3"]


def test_the_next_wave_waits_until_the_soak_is_over_and_the_host_was_read_again() -> None:
    world = World(planned(3, waves="1,rest", monitor_s=30))
    world.run()
    world.change("h1")
    assert world.host("h1").state is HostState.SOAKING
    world.run(seconds=29)
    assert world.count(Recheck) == 0
    world.run(seconds=1)
    assert world.count(Recheck) == 1
    assert world.ordered() == ["h1"]
    world.recheck("h1", OK)
    world.run()
    assert world.ordered() == ["h1", "h2"]


def test_the_last_wave_is_watched_for_one_monitor_more() -> None:
    world = World(planned(1, monitor_s=30))
    world.run()
    world.change("h1")
    world.run(seconds=59)
    assert world.count(Recheck) == 0
    world.run(seconds=1)
    assert world.count(Recheck) == 1


def test_the_delay_is_kept_between_waves() -> None:
    world = World(planned(2, kind=Kind.READ_ONLY, waves="1,rest", delay_s=20))
    world.run()
    world.end("h1", OK)
    world.run(seconds=19)
    assert world.ordered() == ["h1"]
    world.run(seconds=1)
    assert world.ordered() == ["h1", "h2"]


def test_a_failing_canary_is_rolled_back_the_campaign_halts_and_nobody_else_is_touched() -> None:
    world = World(planned(5, waves="1,2,rest"))
    world.run()
    world.accept("h1")
    world.end("h1", failed(changed=True, code="E_START_FAILED"))
    world.run()
    assert world.state() is CampaignState.ROLLING_BACK
    assert world.undos() == ["h1"]
    world.accept("h1")
    assert world.host("h1").state is HostState.ROLLING_BACK
    world.end("h1", UNDONE)
    world.run()
    assert world.state() is CampaignState.ROLLED_BACK
    assert EXIT_CODES[world.state()] == 5
    assert world.ordered() == ["h1"]
    assert not world.host("h1").changed
    assert [world.host(name).state for name in ("h2", "h3", "h4", "h5")] == [HostState.CANCELLED] * 4


def test_a_clean_failure_of_the_canary_halts_and_nothing_has_to_be_rolled_back() -> None:
    world = World(planned(3))
    world.run()
    world.accept("h1")
    world.end("h1", failed(changed=False, code="E_PLAN_STALE"))
    world.run()
    assert world.state() is CampaignState.HALTED
    assert world.undos() == []
    assert "wave 1" in world.campaign.stops[0].rule


def test_a_tolerated_failure_is_rolled_back_and_the_campaign_goes_on() -> None:
    world = World(planned(4, waves="1,rest", max_failures="1"))
    world.run()
    world.change("h1")
    world.accept("h2")
    world.end("h2", failed(changed=True))
    world.run()
    assert world.undos() == ["h2"]
    assert world.ordered() == ["h1", "h2"], "the rollback holds the only slot"
    world.accept("h2")
    world.end("h2", UNDONE)
    world.run()
    world.change("h3")
    world.change("h4")
    assert world.state() is CampaignState.COMPLETE_WITH_EXCEPTIONS
    assert world.host("h2").state is HostState.ROLLED_BACK


def test_a_second_failure_exceeds_a_tolerance_of_one() -> None:
    world = World(planned(4, waves="all", max_failures="1"))
    world.run()
    for name in ("h1", "h2"):
        world.accept(name)
        world.end(name, failed(changed=False))
        world.run()
    assert world.state() is CampaignState.HALTED
    assert world.ordered() == ["h1", "h2"]
    assert world.campaign.stops[0].hosts == ("h1", "h2")


def test_a_failing_rollback_needs_a_human_and_is_never_tried_again() -> None:
    world = World(planned(2))
    world.run()
    world.accept("h1")
    world.end("h1", failed(changed=True))
    world.run()
    world.accept("h1")
    world.end("h1", failed(changed=True, code="E_ROLLBACK_FAILED"))
    world.run(seconds=3600)
    assert world.host("h1").state is HostState.NEEDS_HUMAN
    assert world.state() is CampaignState.ROLLBACK_INCOMPLETE
    assert world.undos() == ["h1"]


def test_a_success_that_comes_after_its_rollback_began_changes_nothing() -> None:
    world = World(planned(2))
    world.run()
    first = world.host("h1").attempt
    assert first is not None
    world.accept("h1")
    world.end("h1", failed(changed=True))
    world.run()
    before = world.campaign
    world.see(Ended(host="h1", attempt_id=first.id, epoch=first.epoch, result=CHANGED))
    assert world.campaign is before
    assert world.host("h1").state is HostState.ROLLING_BACK


def test_a_host_whose_change_and_whose_rollback_fail_counts_once() -> None:
    world = World(planned(4, waves="all", max_failures="1"))
    world.run()
    for _ in range(2):
        world.accept("h1")
        world.end("h1", failed(changed=True))
        world.run()
    assert world.host("h1").state is HostState.NEEDS_HUMAN
    assert world.state() is CampaignState.RUNNING
    assert world.ordered() == ["h1", "h2"]


@given(count=st.integers(1, 12), parallelism=st.integers(1, 6), tolerated=st.integers(0, 5))
def test_past_the_failure_that_stops_it_at_most_the_hosts_at_work_fail_too(
    count: int, parallelism: int, tolerated: int
) -> None:
    world = World(planned(count, waves="all", parallelism=parallelism, max_failures=str(tolerated)))
    world.run()
    while at_work := [run.host.name for run in world.campaign.runs if run.state is HostState.ORDERED]:
        world.accept(at_work[0])
        world.end(at_work[0], failed(changed=False))
        world.run()
    assert world.ordered() == [f"h{number}" for number in range(1, min(count, tolerated + parallelism) + 1)]


def test_without_rollback_a_changed_and_failed_host_is_left_to_a_person() -> None:
    world = World(planned(2, rollback_failed=False))
    world.run()
    world.accept("h1")
    world.end("h1", failed(changed=True))
    world.run()
    assert world.host("h1").state is HostState.NEEDS_HUMAN
    assert world.state() is CampaignState.HALTED
    assert world.undos() == []


def test_a_failure_that_names_a_step_done_is_never_taken_for_clean() -> None:
    world = World(planned(2))
    world.run()
    step = StepResult(key="install", title="install", state=StepState.DONE)
    world.accept("h1")
    world.end("h1", replace(failed(changed=False), steps=(step,)))
    assert world.host("h1").state is HostState.ROLLING_BACK


def test_a_host_found_right_is_neither_success_nor_failure() -> None:
    world = World(planned(2))
    world.run()
    world.accept("h1")
    world.end("h1", OK)
    world.run()
    assert world.host("h1").state is HostState.ALREADY_RIGHT
    assert world.ordered() == ["h1", "h2"]


def test_a_campaign_with_nothing_to_change_is_complete_at_once() -> None:
    world = World(planned(3, answers={f"h{n}": draft() for n in (1, 2, 3)}))
    world.run()
    assert world.state() is CampaignState.COMPLETE
    assert world.ordered() == []
    assert set(world.states().values()) == {HostState.ALREADY_RIGHT}


def test_a_read_only_campaign_reads_all_hosts_and_names_the_unreachable() -> None:
    world = World(planned(3, kind=Kind.READ_ONLY))
    world.run()
    assert world.ordered() == ["h1", "h2", "h3"]
    world.end("h1", OK)
    world.end("h2", OK)
    world.end("h3", UNREACHABLE)
    world.run()
    assert world.states() == {
        "h1": HostState.SUCCEEDED,
        "h2": HostState.SUCCEEDED,
        "h3": HostState.UNREACHABLE,
    }
    assert world.state() is CampaignState.INCOMPLETE
    assert EXIT_CODES[world.state()] == 3


# -- silence -----------------------------------------------------------------------------------------------


def test_a_killed_worker_makes_its_host_unknown_its_journal_is_asked_and_the_campaign_completes() -> None:
    world = World(planned(3, waves="1,rest"))
    world.run()
    world.accept("h1")
    world.beat("h1", 1)
    world.run(seconds=29)
    assert world.host("h1").state is HostState.RUNNING
    world.run(seconds=1)
    assert world.host("h1").state is HostState.UNKNOWN
    assert world.count(AskJournal) == 1
    world.run(seconds=30)
    assert world.count(AskJournal) == 2
    assert world.count(StopNow) == 0, "a worker that is being restarted is no failed host"
    world.accept("h1")
    assert world.host("h1").state is HostState.RUNNING
    world.beat("h1", 1, step="verify")
    assert world.host("h1").state is HostState.VERIFYING
    world.end("h1", CHANGED)
    world.run()
    world.change("h2")
    world.change("h3")
    assert world.state() is CampaignState.COMPLETE
    assert all(len(run.attempts) == 1 for run in world.campaign.runs)


def test_an_unknown_host_uses_budget_at_once_and_stops_the_campaign_when_it_stays_unknown() -> None:
    world = World(planned(4, waves="all", parallelism=2, max_failures="0"))
    world.run()
    world.accept("h1", "h2")
    world.run(seconds=20)
    world.beat("h2", 1)
    world.run(seconds=10)
    assert world.host("h1").state is HostState.UNKNOWN
    world.end("h2", CHANGED)
    world.run()
    assert world.ordered() == ["h1", "h2"], "nothing new starts while the budget is used up"
    world.run(seconds=119)
    assert world.count(StopNow) == 0
    world.run(seconds=1)
    assert world.count(StopNow) == 1
    assert "1 unknown" in world.campaign.stops[0].observed


def test_a_host_that_stays_unknown_leaves_the_campaign_incomplete_and_visibly_unknown() -> None:
    world = World(planned(3, waves="1,rest", stop_rules=()))
    world.run()
    world.accept("h1")
    world.run(seconds=30)
    world.run(seconds=599)
    assert world.state() is CampaignState.RUNNING
    world.run(seconds=1)
    assert world.state() is CampaignState.INCOMPLETE
    assert world.host("h1").state is HostState.UNKNOWN
    assert world.ordered() == ["h1"]


def test_an_order_nobody_accepts_is_sent_again_under_the_same_attempt_while_it_may_start() -> None:
    world = World(planned(1))
    world.run()
    for _ in range(5):
        world.run(seconds=10)
    attempt = world.host("h1").attempt
    assert attempt is not None
    assert (world.count(Resend), attempt.sent, attempt.number) == (2, 3, 1)
    world.run(seconds=25)
    assert world.count(AskJournal) == 1
    assert world.host("h1").state is HostState.UNKNOWN


def test_an_expired_order_the_host_never_saw_is_ordered_anew_with_a_larger_epoch() -> None:
    world = World(planned(1))
    world.run()
    world.run(seconds=75)
    first = world.host("h1").attempt
    world.decline("h1", refused("E_NOT_STARTED"))
    assert world.host("h1").state is HostState.PENDING
    world.run()
    second = world.host("h1").attempt
    assert first is not None
    assert second is not None
    assert (second.number, second.id) == (2, "c1/h1/2")
    assert second.epoch > first.epoch


def test_not_started_is_not_believed_before_every_clock_that_may_be_allowed_has_passed_the_expiry() -> None:
    world = World(planned(1))
    world.run()
    world.abort()
    # the orchestrator's clock jumps ahead, over the expiry; a copy of the order is under way
    world.run(seconds=61)
    world.decline("h1", refused("E_NOT_STARTED"))
    assert world.host("h1").state is HostState.ORDERED
    world.accept("h1")
    world.end("h1", CHANGED)
    world.run()
    assert world.host("h1").state is HostState.SUCCEEDED


def test_an_answer_from_before_the_expiry_that_comes_late_is_not_believed_either() -> None:
    world = World(planned(1))
    world.run()
    early = world.now + timedelta(seconds=20)
    # nobody was in the lead for minutes; what the host said before it got a copy of the order waits, and its news too
    world.run(seconds=300)
    world.decline("h1", refused("E_NOT_STARTED", at=early))
    assert world.host("h1").state is HostState.UNKNOWN
    world.accept("h1")
    world.end("h1", CHANGED)
    world.run()
    assert world.host("h1").state is HostState.SUCCEEDED


def test_a_host_whose_clock_is_past_the_expiry_is_believed_at_once() -> None:
    world = World(planned(1))
    world.run()
    world.decline("h1", refused("E_ORDER_EXPIRED", at=world.now + timedelta(seconds=61)))
    assert world.host("h1").state is HostState.PENDING


def test_an_order_that_is_only_late_by_the_clock_of_one_worker_may_still_be_started_by_another() -> None:
    world = World(planned(1))
    world.run()
    world.decline("h1", refused("E_ORDER_EXPIRED", at=world.now + timedelta(seconds=59)))
    assert world.host("h1").state is HostState.ORDERED


def test_an_order_that_has_expired_is_not_sent_again_while_it_may_still_start() -> None:
    world = World(planned(1))
    world.run()
    world.run(seconds=61)
    assert (world.count(Resend), world.count(AskJournal)) == (0, 0)
    world.run(seconds=14)
    assert (world.count(Resend), world.count(AskJournal)) == (0, 1)


def test_a_refusal_is_no_end_while_another_copy_of_the_order_may_still_start() -> None:
    world = World(planned(1))
    world.run()
    world.run(seconds=10)
    world.decline("h1", refused("E_HOST_BUSY"))
    assert world.host("h1").state is HostState.ORDERED
    world.accept("h1")
    world.end("h1", CHANGED)
    world.run()
    assert world.state() is CampaignState.COMPLETE
    assert len(world.host("h1").attempts) == 1


def test_a_host_that_was_busy_until_its_order_expired_says_so_and_not_that_it_knows_of_none() -> None:
    world = World(planned(1))
    world.run()
    for _ in range(3):
        world.run(seconds=10)
        world.decline("h1", refused("E_HOST_BUSY", at=world.now))
        world.run(seconds=65)
        world.decline("h1", refused("E_NOT_STARTED", at=world.now))
        world.run()
    run = world.host("h1")
    assert run.state is HostState.FAILED_CLEAN
    assert run.error is not None
    assert run.error.code == "E_HOST_BUSY"


def test_a_host_that_never_starts_anything_fails_clean_after_so_many_attempts() -> None:
    world = World(planned(1))
    world.run()
    for _ in range(3):
        world.run(seconds=75)
        world.decline("h1", refused("E_HOST_BUSY"))
        world.run()
    run = world.host("h1")
    assert run.state is HostState.FAILED_CLEAN
    assert run.error is not None
    assert run.error.code == "E_HOST_BUSY"
    assert len(run.attempts) == 3


def test_a_stale_epoch_is_answered_by_a_new_attempt_at_once() -> None:
    world = World(planned(1))
    world.run()
    world.decline("h1", refused("E_STALE_EPOCH"))
    world.run()
    attempt = world.host("h1").attempt
    assert attempt is not None
    assert attempt.number == 2


def test_a_forgotten_number_is_followed_by_the_next_and_a_host_out_of_numbers_is_left_to_a_person() -> None:
    world = World(planned(1))
    world.run()
    for number in (2, 3):
        world.decline("h1", refused("E_ATTEMPT_REUSED"))
        world.run()
        assert [item.number for item in world.host("h1").attempts][-1] == number
    world.decline("h1", refused("E_ATTEMPT_REUSED"))
    assert world.host("h1").state is HostState.NEEDS_HUMAN


@pytest.mark.parametrize("code", ["E_HOST_IDENTITY", "E_PLAN_STALE", "E_KILL_SWITCH", "E_PROTOCOL"])
def test_a_refusal_that_will_not_pass_ends_the_host_clean_at_once(code: str) -> None:
    world = World(planned(1))
    world.run()
    world.decline("h1", refused(code, retryable=False))
    assert world.host("h1").state is HostState.FAILED_CLEAN
    assert world.host("h1").error is not None


def test_a_host_that_accepted_and_then_knows_nothing_of_it_needs_a_human() -> None:
    world = World(planned(1))
    world.run()
    world.accept("h1")
    early = world.now
    world.run(seconds=30)
    # it was asked before it accepted, and the answer comes late
    world.decline("h1", refused("E_NOT_STARTED", at=early))
    assert world.host("h1").state is HostState.UNKNOWN
    world.run(seconds=46)
    world.decline("h1", refused("E_NOT_STARTED"))
    world.run()
    assert world.host("h1").state is HostState.NEEDS_HUMAN
    assert world.state() is CampaignState.ROLLBACK_INCOMPLETE


def test_an_unreachable_host_was_not_started_when_its_only_order_came_back_and_can_start_no_more() -> None:
    world = World(planned(2, max_failures="1"))
    world.run()
    world.end("h1", UNREACHABLE)
    world.run()
    assert world.host("h1").state is HostState.UNKNOWN
    assert world.count(AskJournal) == 1
    world.run(seconds=59)
    world.end("h1", UNREACHABLE)
    assert world.host("h1").state is HostState.UNKNOWN
    world.run(seconds=30)
    world.end("h1", UNREACHABLE)
    world.run()
    assert world.host("h1").state is HostState.UNREACHABLE
    assert world.count(Resend) == 0
    world.change("h2")
    assert world.state() is CampaignState.INCOMPLETE


def test_one_copy_that_did_not_reach_the_host_does_not_speak_for_another_of_the_same_publication() -> None:
    world = World(planned(1))
    world.run()
    # the broker failed in the middle of a batch and got all of it again
    world.end("h1", UNREACHABLE)
    world.run(seconds=40)
    world.change("h1")
    assert world.host("h1").state is HostState.SUCCEEDED
    assert world.state() is CampaignState.COMPLETE


def test_nor_does_it_when_both_are_heard_of_only_after_the_expiry() -> None:
    world = World(planned(1))
    world.run()
    # a dead orchestrator: its successor finds both answers, in this order
    world.now += timedelta(seconds=120)
    world.end("h1", UNREACHABLE)
    assert world.host("h1").state is HostState.UNKNOWN
    world.change("h1")
    assert world.host("h1").state is HostState.SUCCEEDED


def test_a_host_that_comes_back_after_its_order_expired_is_ordered_anew() -> None:
    world = World(planned(1))
    world.run()
    world.end("h1", UNREACHABLE)
    world.run(seconds=76)
    world.decline("h1", refused("E_NOT_STARTED"))
    world.run()
    assert world.ordered() == ["h1", "h1"]
    world.change("h1")
    assert world.state() is CampaignState.COMPLETE


@pytest.mark.parametrize("sign", ["accept", "busy"])
def test_an_order_somebody_had_is_not_given_up_because_its_host_is_out_of_reach(sign: str) -> None:
    world = World(planned(1))
    world.run()
    world.end("h1", UNREACHABLE)
    world.accept("h1") if sign == "accept" else world.beat("h1", 0, step="")
    world.run(seconds=61)
    world.end("h1", UNREACHABLE)
    assert world.host("h1").state is HostState.UNKNOWN


def test_silence_is_not_taken_for_an_order_that_did_not_reach_its_host() -> None:
    world = World(planned(1))
    world.run()
    world.see(PauseAsked(by="ops"))
    world.run(seconds=76)
    assert world.host("h1").state is HostState.UNKNOWN
    # the answer to a question proves nothing about the order nobody answered
    world.end("h1", UNREACHABLE)
    world.run(seconds=61)
    world.end("h1", UNREACHABLE)
    assert world.host("h1").state is HostState.UNKNOWN


@pytest.mark.parametrize("result", [UNREACHABLE, LOST])
def test_a_host_lost_after_it_accepted_is_unknown_not_failed(result: HostResult) -> None:
    world = World(planned(1))
    world.run()
    world.accept("h1")
    world.end("h1", result)
    assert world.host("h1").state is HostState.UNKNOWN
    assert world.host("h1").failed_as is None
    world.end("h1", CHANGED)
    assert world.host("h1").state is HostState.SUCCEEDED


def test_an_unreachable_answer_to_one_of_two_copies_proves_nothing() -> None:
    world = World(planned(1))
    world.run()
    world.run(seconds=10)
    world.end("h1", UNREACHABLE)
    assert world.host("h1").state is HostState.UNKNOWN


def test_a_worker_on_its_way_to_the_host_is_not_an_accepted_order() -> None:
    world = World(planned(1))
    world.run()
    world.beat("h1", 0, step="")
    assert world.host("h1").state is HostState.ORDERED
    world.run(seconds=9)
    assert world.count(Resend) == 0


# -- soak and recheck --------------------------------------------------------------------------------------


def test_a_host_that_breaks_in_its_soak_is_rolled_back() -> None:
    world = World(planned(3, waves="1,rest", monitor_s=10))
    world.run()
    world.change("h1")
    world.run(seconds=10)
    world.recheck("h1", failed(changed=False, code="E_VERIFY_FAILED"))
    world.run()
    assert world.undos() == ["h1"]
    assert world.state() is CampaignState.ROLLING_BACK


def test_a_host_that_goes_dark_in_its_soak_becomes_unknown_and_may_come_back() -> None:
    world = World(planned(2, waves="1,rest", monitor_s=10))
    world.run()
    world.change("h1")
    world.run(seconds=10)
    world.recheck("h1", UNREACHABLE)
    assert world.host("h1").state is HostState.SOAKING
    world.run(seconds=30)
    assert world.host("h1").state is HostState.UNKNOWN
    world.run(seconds=30)
    assert world.count(Recheck) == 3
    assert world.count(AskJournal) == 0
    world.recheck("h1", OK)
    assert world.host("h1").state is HostState.SUCCEEDED


# -- stops -------------------------------------------------------------------------------------------------


def test_an_abort_starts_nothing_new_lets_the_running_host_finish_and_is_idempotent() -> None:
    world = World(planned(3, waves="all"))
    world.run()
    world.accept("h1")
    world.abort()
    before = world.campaign
    world.abort()
    assert world.campaign is before
    world.run()
    assert world.states() == {
        "h1": HostState.RUNNING,
        "h2": HostState.CANCELLED,
        "h3": HostState.CANCELLED,
    }
    world.end("h1", CHANGED)
    world.run()
    assert world.state() is CampaignState.ABORTED
    assert EXIT_CODES[world.state()] == 4


def test_an_aborted_campaign_never_sends_a_forward_order_again() -> None:
    world = World(planned(1))
    world.run()
    world.abort()
    world.run(seconds=30)
    assert world.count(Resend) == 0
    world.run(seconds=45)
    assert world.count(AskJournal) == 1
    world.decline("h1", refused("E_NOT_STARTED"))
    world.run()
    assert world.host("h1").state is HostState.CANCELLED
    assert world.state() is CampaignState.ABORTED


def test_an_abort_before_the_start_touches_nothing() -> None:
    world = World(planned(2), start=False)
    world.abort()
    world.run()
    assert world.state() is CampaignState.ABORTED
    assert set(world.states().values()) == {HostState.CANCELLED}


def test_a_plan_that_expired_is_void_and_cannot_be_started() -> None:
    world = World(planned(2), start=False)
    assert world.tick() == ()
    world.run(seconds=24 * 3600)
    world.see(Started(by="ops"))
    assert world.state() is CampaignState.VOID
    assert EXIT_CODES[world.state()] == 7


def test_rolling_back_the_campaign_brings_back_proven_hosts_too_last_wave_first() -> None:
    world = World(
        planned(3, waves="1,1,rest", max_failures="0", on_breach=StopAction.ROLLBACK_CAMPAIGN, parallelism=1)
    )
    world.run()
    world.change("h1")
    world.change("h2")
    world.accept("h3")
    world.end("h3", failed(changed=True))
    world.run()
    for name in ("h3", "h2", "h1"):
        assert world.undos()[-1] == name
        world.accept(name)
        world.end(name, UNDONE)
        world.run()
    assert world.state() is CampaignState.ROLLED_BACK
    assert set(world.states().values()) == {HostState.ROLLED_BACK}
    assert [run.failed_as for run in world.campaign.runs] == [None, None, FailureKind.FAILED]


def test_rolling_back_the_wave_leaves_earlier_waves_and_takes_hosts_that_end_later() -> None:
    world = World(
        planned(3, waves="1,rest", parallelism=2, max_failures="0", on_breach=StopAction.ROLLBACK_WAVE)
    )
    world.run()
    world.change("h1")
    world.accept("h2", "h3")
    world.end("h2", failed(changed=True))
    world.run()
    world.end("h3", CHANGED)
    world.run()
    assert world.host("h3").state is HostState.ROLLING_BACK
    assert world.host("h1").state is HostState.SUCCEEDED


def test_a_pause_is_sticky_and_an_abort_is_honoured_in_it() -> None:
    world = World(planned(3, waves="all", max_failures="0", on_breach=StopAction.PAUSE))
    world.run()
    world.accept("h1")
    world.end("h1", failed(changed=False))
    world.run(seconds=100_000)
    assert world.state() is CampaignState.PAUSED
    assert world.ordered() == ["h1"]
    assert world.host("h2").state is HostState.PENDING
    world.abort()
    world.run()
    assert world.state() is CampaignState.ABORTED


def test_a_noted_breach_is_noted_once_and_stops_nothing() -> None:
    world = World(planned(3, waves="all", max_failures="0", on_breach=StopAction.CONTINUE))
    world.run()
    for name in ("h1", "h2", "h3"):
        world.accept(name)
        world.end(name, failed(changed=False))
        world.run()
    assert world.count(StopNow) == 1
    assert world.state() is CampaignState.COMPLETE_WITH_EXCEPTIONS


def test_several_breaches_in_one_tick_are_one_stop_with_all_reasons() -> None:
    rules = (
        StopRule(kind=FailureKind.FAILED, tolerate=Share(value=0)),
        StopRule(kind=FailureKind.ANY, tolerate=Share(value=0), action=StopAction.ROLLBACK_WAVE),
    )
    world = World(planned(2, waves="all", stop_rules=rules))
    world.run()
    world.accept("h1")
    world.end("h1", failed(changed=False))
    world.run()
    (stop,) = world.campaign.stops
    assert "stop rule failed > 0" in stop.rule
    assert "stop rule any > 0" in stop.rule
    assert stop.action is StopAction.ROLLBACK_WAVE


def test_a_fleet_that_goes_dark_pauses_the_campaign_and_nobody_is_rolled_back_blind() -> None:
    world = World(planned(6, waves="all", parallelism=5, max_failures="100%"))
    world.run()
    world.accept("h1", "h2", "h3", "h4", "h5")
    world.run(seconds=20)
    world.beat("h1", 1)
    world.run(seconds=15)
    world.end("h1", failed(changed=True))
    world.run()
    assert world.undos() == []
    assert world.ordered() == ["h1", "h2", "h3", "h4", "h5"]
    world.run(seconds=120)
    assert world.state() is CampaignState.PAUSED
    assert world.campaign.stops[0].rule == "mass-unreachable breaker"
    for name in ("h2", "h3", "h4", "h5"):
        world.accept(name)
    world.run()
    assert world.undos() == ["h1"]


def test_a_host_somebody_else_is_changing_is_left_alone_until_it_is_free() -> None:
    world = World(planned(2, waves="all", parallelism=2))
    world.tick(blocked=frozenset({"h1"}))
    assert world.ordered() == ["h2"]
    world.accept("h2")
    world.end("h2", CHANGED)
    assert world.tick(blocked=frozenset({"h1"})) == ()
    assert world.state() is CampaignState.RUNNING
    world.run()
    assert world.ordered() == ["h2", "h1"]


def test_an_undo_waits_for_a_slot_while_other_hosts_are_changing() -> None:
    world = World(planned(2, waves="all", monitor_s=10, max_failures="2"))
    world.run()
    world.change("h1")
    assert world.ordered() == ["h1", "h2"]
    world.accept("h2")
    world.run(seconds=10)
    world.recheck("h1", failed(changed=False, code="E_VERIFY_FAILED"))
    world.run()
    assert world.host("h1").state is HostState.ROLLING_BACK
    assert world.undos() == []
    world.end("h2", CHANGED)
    world.run()
    assert world.undos() == ["h1"]


def test_undos_have_a_parallelism_of_their_own() -> None:
    rule = StopRule(tolerate=Share(value=2), action=StopAction.ROLLBACK_CAMPAIGN)
    for slots in (1, 2):
        world = World(planned(3, waves="all", parallelism=3, stop_rules=(rule,), rollback_parallelism=slots))
        world.run()
        world.accept("h1", "h2", "h3")
        for name in ("h1", "h2", "h3"):
            world.end(name, failed(changed=True))
        world.run()
        assert len(world.undos()) == slots


def test_an_undo_no_host_will_start_is_ordered_anew_a_few_times_and_then_left_to_a_person() -> None:
    world = World(planned(1))
    world.run()
    world.accept("h1")
    world.end("h1", failed(changed=True))
    world.run()
    for attempt in (2, 3, 4):
        assert world.host("h1").attempts[-1].number == attempt
        world.run(seconds=75)
        assert world.host("h1").state is HostState.UNKNOWN
        world.decline("h1", refused("E_NOT_STARTED"))
        world.run()
    assert world.host("h1").state is HostState.NEEDS_HUMAN
    assert world.state() is CampaignState.ROLLBACK_INCOMPLETE


def test_news_after_the_end_changes_nothing() -> None:
    world = World(planned(2, waves="1,rest", stop_rules=()))
    world.run()
    world.accept("h1")
    world.run(seconds=30)
    world.run(seconds=600)
    assert world.state() is CampaignState.INCOMPLETE
    before = world.campaign
    world.end("h1", CHANGED)
    world.abort()
    assert world.campaign is before
    assert world.run() == ()


def test_a_host_that_waits_for_its_undo_behind_an_unknown_one_is_left_to_a_person_in_the_end() -> None:
    world = World(planned(2, waves="all", monitor_s=10, max_failures="2"))
    world.run()
    world.change("h1")
    world.accept("h2")
    world.run(seconds=10)
    world.recheck("h1", failed(changed=False, code="E_VERIFY_FAILED"))
    world.run(seconds=30)
    assert world.host("h2").state is HostState.UNKNOWN
    world.run(seconds=600)
    assert world.states() == {"h1": HostState.NEEDS_HUMAN, "h2": HostState.UNKNOWN}
    assert world.state() is CampaignState.INCOMPLETE
    assert "its undo was" in world.host("h1").reason


def test_no_undo_is_ordered_while_the_attempt_it_takes_back_is_still_open() -> None:
    world = World(planned(1, waves="all"))
    world.run()
    run = world.host("h1")
    turning = replace(world.campaign, runs=(replace(run, state=HostState.ROLLING_BACK, changed=True),))
    assert not [action for action in decide(turning, world.now) if isinstance(action, Dispatch)]


def test_a_host_that_falls_silent_is_judged_before_the_slot_beside_it_is_filled() -> None:
    rule = StopRule(kind=FailureKind.ANY, tolerate=Share(value=0), action=StopAction.PAUSE)
    world = World(planned(4, waves="all", parallelism=2, stop_rules=(rule,), tune={"unknown_grace_s": 0.0}))
    world.run()
    world.accept("h1", "h2")
    # within one turn the one is done and the silence of the other has lasted too long
    world.now += timedelta(seconds=31)
    world.end("h1", CHANGED)
    world.run()
    assert world.host("h2").state is HostState.UNKNOWN
    assert world.state() is CampaignState.PAUSED
    assert world.ordered() == ["h1", "h2"]


@pytest.mark.parametrize("tolerated", [0, 1])
def test_an_order_is_not_published_again_in_the_turn_in_which_the_silence_of_another_host_stops_it(
    tolerated: int,
) -> None:
    rule = StopRule(kind=FailureKind.ANY, tolerate=Share(value=tolerated), action=StopAction.PAUSE)
    world = World(planned(3, waves="all", parallelism=2, stop_rules=(rule,), tune={"unknown_grace_s": 0.0}))
    world.run()
    world.accept("h1")
    world.now += timedelta(seconds=31)
    world.run()
    assert world.host("h1").state is HostState.UNKNOWN
    attempt = world.host("h2").attempt
    assert attempt is not None
    assert attempt.sent == 1 + tolerated


def test_a_host_that_falls_silent_holds_nobody_up_where_that_is_tolerated() -> None:
    world = World(planned(4, waves="all", parallelism=2, max_failures="100%"))
    world.run()
    world.accept("h1", "h2")
    world.now += timedelta(seconds=31)
    world.end("h1", CHANGED)
    world.run()
    assert world.host("h2").state is HostState.UNKNOWN
    assert world.ordered() == ["h1", "h2", "h3"]
