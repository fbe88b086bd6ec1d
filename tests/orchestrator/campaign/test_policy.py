"""Defaults of a policy, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest

from orchestrator.campaign.policy import check_policy, make_policy
from orchestrator.campaign.rollout import FailureKind, Scope, Share, StopAction, StopRule
from orchestrator.campaign.waves import REST
from tasks.model import Kind


def test_a_changing_campaign_goes_canary_tenth_rest_one_at_a_time_and_stops_at_the_first_trouble() -> None:
    policy = make_policy(Kind.CHANGING)
    assert policy.waves == (Share(value=1), Share(value=10, percent=True), REST)
    assert policy.parallelism == 1
    first, later = policy.stop_rules
    assert (first.kind, first.tolerate, first.scope, first.waves) == (
        FailureKind.ANY,
        Share(value=0),
        Scope.WAVE,
        (1,),
    )
    assert (later.kind, later.tolerate, later.scope, later.from_wave) == (
        FailureKind.ANY,
        Share(value=10, percent=True),
        Scope.WAVE,
        2,
    )
    assert {first.action, later.action} == {StopAction.HALT}
    assert policy.rollback_failed


def test_a_read_only_campaign_reads_all_hosts_at_once_and_stops_at_nothing() -> None:
    policy = make_policy(Kind.READ_ONLY)
    assert policy.waves == (REST,)
    assert policy.stop_rules == ()
    assert policy.parallelism > 1
    assert not policy.rollback_failed


def test_destructive_campaigns_have_the_defaults_of_changing_ones() -> None:
    assert make_policy(Kind.DESTRUCTIVE) == make_policy(Kind.CHANGING)


@pytest.mark.parametrize(
    ("text", "share"), [("0", Share(value=0)), ("3", Share(value=3)), ("25%", Share(value=25, percent=True))]
)
def test_max_failures_is_one_rule_over_the_whole_campaign(text: str, share: Share) -> None:
    (rule,) = make_policy(Kind.CHANGING, max_failures=text).stop_rules
    assert rule == StopRule(kind=FailureKind.ANY, tolerate=share, scope=Scope.CAMPAIGN)


def test_a_soak_is_never_shorter_than_the_delay() -> None:
    assert make_policy(Kind.CHANGING, delay_s=30, monitor_s=10).monitor_s == 30
    assert make_policy(Kind.CHANGING, delay_s=10, monitor_s=30).monitor_s == 30
    assert make_policy(Kind.READ_ONLY, delay_s=30).monitor_s == 0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("parallelism", 0),
        ("parallelism", -1),
        ("parallelism", 1_001),
        ("rollback_parallelism", 0),
        ("delay_s", -0.1),
        ("delay_s", nan),
        ("delay_s", inf),
        ("delay_s", 1e9),
        ("monitor_s", -1.0),
        ("monitor_s", nan),
        ("monitor_s", 700_000.0),
        ("max_failures", "-1"),
        ("max_failures", "101%"),
        ("max_failures", ""),
        ("max_failures", "many"),
        ("waves", ""),
        ("waves", "rest,1"),
        ("waves", "0"),
        ("waves", ()),
    ],
)
def test_a_value_outside_its_limits_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"(?i)wave" if option == "waves" else option):
        make_policy(Kind.CHANGING, **{option: value})


@pytest.mark.parametrize(
    "share",
    [
        Share(value=nan),
        Share(value=-1),
        Share(value=1.5),
        Share(value=101, percent=True),
        Share(value=inf, percent=True),
    ],
)
def test_a_share_made_by_hand_is_checked_like_one_that_was_read(share: Share) -> None:
    with pytest.raises(ValueError, match="tolerate"):
        make_policy(Kind.CHANGING, max_failures=share)
    with pytest.raises(ValueError, match="waves"):
        make_policy(Kind.CHANGING, waves=(share,))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_orders", 0),
        ("max_attempts", 0),
        ("heartbeat_timeout_s", 0.0),
        ("order_ttl_s", nan),
        ("ask_every_s", 0.5),
    ],
)
def test_clocks_that_would_never_or_always_ring_are_refused(field: str, value: float) -> None:
    policy = replace(make_policy(Kind.CHANGING), **{field: value})  # type: ignore[arg-type]  # any field on purpose
    with pytest.raises(ValueError, match=field):
        check_policy(policy)


@pytest.mark.parametrize("rule", [StopRule(min_sample=-1), StopRule(from_wave=0), StopRule(waves=(0,))])
def test_a_rule_that_speaks_of_no_wave_is_refused(rule: StopRule) -> None:
    with pytest.raises(ValueError, match=r"wave|min_sample"):
        make_policy(Kind.CHANGING, stop_rules=(rule,))


def test_two_ways_to_say_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        make_policy(Kind.CHANGING, max_failures="1", stop_rules=())
