"""Policies drawn for schedules are ones a person may ask for, and all that a schedule should have is drawn."""

from __future__ import annotations

from orchestrator.campaign.policy import check_policy
from orchestrator.campaign.rollout import Quorum, Scope, StopAction
from orchestrator.simulate.schedules.schedule import schedule_of
from orchestrator.simulate.stage.hosts import READING

SCHEDULES = [schedule_of(seed) for seed in range(300)]
POLICIES = [wanted.policy for schedule in SCHEDULES for wanted in schedule.campaigns]


def test_every_policy_may_be_asked_for() -> None:
    for policy in POLICIES:
        check_policy(policy)


def test_everything_a_policy_may_have_is_drawn_by_some_schedule() -> None:
    rules = [rule for policy in POLICIES for rule in policy.stop_rules]
    assert {rule.scope for rule in rules} == set(Scope)
    assert {rule.min_sample for rule in rules} >= {0, 2, 3, 4}
    assert {policy.quorum for policy in POLICIES} == set(Quorum)
    assert {policy.rollback_on_failure for policy in POLICIES} >= {
        StopAction.CONTINUE,
        StopAction.PAUSE,
        StopAction.HALT,
    }
    zones = {window.zone for policy in POLICIES if policy.windows for window in policy.windows.allow or ()}
    assert zones == {"UTC", "Europe/Berlin", "America/New_York"}
    assert any(policy.rollback_monitor_s for policy in POLICIES)
    assert any(policy.control_hosts for policy in POLICIES)


def test_a_campaign_that_only_reads_has_no_rollback_to_speak_of() -> None:
    reading = [w.policy for s in SCHEDULES for w in s.campaigns if w.procedure == READING]
    assert reading
    assert all(policy.quorum is Quorum.OFF and not policy.control_hosts for policy in reading)


def test_everything_that_goes_wrong_does_so_in_some_schedule() -> None:
    events = {what for schedule in SCHEDULES for _, what in schedule.events}
    assert events >= {
        "abort-hard", "undo", "retry", "sick", "gone", "gateways", "outage", "lapse", "race-quarantine",
        "quarantine-at-work",
    }  # fmt: skip
