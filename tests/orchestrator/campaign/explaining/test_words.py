"""The plan in words: resolved numbers, no percentage left to guess."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.campaign.explaining.words import reclaimable, rule_words, words
from orchestrator.campaign.rollout import FailureKind, Scope, Share, StopAction, StopRule
from tasks.model import Kind
from tasks.result import HostResult, Outcome
from tests.orchestrator.campaign.worlds import UNREACHABLE, draft, planned, refused


def test_the_default_policy_reads_like_the_runbook() -> None:
    campaign = planned(120, parallelism=4, delay_s=30)
    assert words(campaign) == (
        "engine.upgrade on 120 hosts: 120 to change",
        "wave 1: 1 host, 1 at a time; stops at the 1st failure",
        "wave 2: 12 hosts, 4 at a time; stops at the 2nd failure; up to 3 more may be changing then",
        "wave 3: 107 hosts, 4 at a time; stops at the 11th failure; up to 3 more may be changing then",
        "pause between waves: 30 s",
        "each changed host is watched for 30 s, in the last wave for 60 s, then read again",
        "a host that was changed and then fails is rolled back",
        "duration: no history yet of engine.upgrade",
        "undo: what it does can be undone exactly on 120 hosts (class exact)",
    )


def test_a_budget_of_the_campaign_is_a_line_of_its_own_and_equal_waves_share_one() -> None:
    campaign = planned(6, waves="2", parallelism=2, max_failures="25%", rollback_failed=False)
    assert words(campaign)[1:4] == (
        "waves 1 to 3: 2 hosts, 2 at a time (each)",
        "campaign: stops at the 2nd failure (of 6 hosts); up to 1 more may be changing then",
        "a host that was changed and then fails is left to a person",
    )


def test_a_rule_that_cannot_be_breached_says_so() -> None:
    assert "campaign: no number of failures stops it (of 3 hosts)" in words(planned(3, max_failures="100%"))
    rule = StopRule(tolerate=Share(value=100, percent=True))
    assert words(planned(3, waves="all", stop_rules=(rule,)))[1].endswith("no number of failures stops it")


def test_risk_bytes_undo_and_those_left_out_are_told() -> None:
    answers = {
        "h1": draft(
            "a",
            undo="one-way",
            containers_at_risk=["web", "db"],
            reclaim_low_bytes=10**9,
            reclaim_high_bytes=2 * 10**9,
        ),
        "h2": draft("a", undo="re-creatable", reclaim_low_bytes=0, reclaim_high_bytes=500),
        "h3": draft(),
        "h4": refused("E_SWARM_ACTIVE"),
        "h5": UNREACHABLE,
    }
    campaign = planned(5, answers=answers, allow_unreachable=True)
    said = words(campaign)
    assert said[0] == "engine.upgrade on 5 hosts: 2 to change, 1 already right, 1 left out, 1 unreachable"
    assert said[-7:] == (
        "undo: what it does can be made again on 1 host (class re-creatable)",
        "undo: what it does cannot be undone on 1 host (class one-way)",
        "one-way: 1 step on 1 host cannot be taken back; they come last on every host",
        "containers at risk: 2 running containers on 1 host may stop",
        "space to come free: 1.0 GB to 2.0 GB",
        "left out: h4 (E_SWARM_ACTIVE: refused: E_SWARM_ACTIVE)",
        "unreachable: h5 (did not answer when planned)",
    )
    assert reclaimable(campaign) == (10**9, 2 * 10**9 + 500)


def test_a_read_only_campaign_talks_of_reading_only() -> None:
    assert words(planned(3, kind=Kind.READ_ONLY)) == (
        "engine.info on 3 hosts: 3 to be read",
        "wave 1: 3 hosts, 3 at a time",
        "duration: no history yet of engine.info",
    )


def test_ten_thousand_waves_of_one_host_are_told_in_one_line() -> None:
    campaign = planned(10_000, waves="1", stop_rules=(StopRule(),))
    assert words(campaign)[1] == "waves 1 to 10000: 1 host, 1 at a time; stops at the 1st failure (each)"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (StopRule(), "stops at the 1st failure"),
        (StopRule(tolerate=Share(value=2)), "stops at the 3rd failure"),
        (
            StopRule(kind=FailureKind.UNREACHABLE, action=StopAction.PAUSE),
            "pauses at the 1st unreachable host",
        ),
        (StopRule(min_sample=5), "stops at the 1st failure, once 5 hosts settled"),
        (StopRule(min_sample=50), "stops at the 1st failure, once 10 hosts settled"),
        (
            StopRule(action=StopAction.ROLLBACK_CAMPAIGN, scope=Scope.CAMPAIGN),
            "rolls everything back and stops at the 1st failure",
        ),
        (StopRule(tolerate=Share(value=10)), ""),
    ],
)
def test_a_rule_among_ten_hosts_in_words(rule: StopRule, text: str) -> None:
    assert rule_words(rule, 10) == text


def test_a_plan_whose_every_host_is_right_needs_no_wave() -> None:
    campaign = planned(2, answers={"h1": draft(), "h2": draft()})
    assert words(campaign) == ("engine.upgrade on 2 hosts: 0 to change, 2 already right",)
    assert words(replace(campaign, kind=Kind.READ_ONLY))[0].endswith("0 to be read, 2 already right")


def _mixed(*undo: str) -> HostResult:
    steps = [{"key": f"step{number}", "undo": item} for number, item in enumerate(undo)]
    return HostResult(outcome=Outcome.OK, plan={"steps": steps, "digest": "d" * 64, "summary": "some"})


def test_one_way_steps_are_counted_and_it_is_said_whether_they_come_last() -> None:
    last = planned(2, answers={f"h{n}": _mixed("exact", "one-way", "one-way") for n in (1, 2)})
    assert "one-way: 4 steps on 2 hosts cannot be taken back; they come last on every host" in words(last)
    early = planned(2, answers={"h1": _mixed("exact", "one-way"), "h2": _mixed("one-way", "exact")})
    assert "one-way: 2 steps on 2 hosts cannot be taken back; on h2 they do not come last" in words(early)
    assert not any(line.startswith("one-way") for line in words(planned(2)))
