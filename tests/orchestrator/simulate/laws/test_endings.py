"""Each law of the end is broken by hand once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.simulate.laws import endings
from orchestrator.simulate.laws.law import Law
from orchestrator.simulate.stage.hosts import SimHost
from tasks.model import Kind
from tasks.result import HostResult, Outcome
from tests.support.campaigns import NOON
from tests.support.simulated import begun, host
from tests.support.started import BEFORE, attempt, with_run


def test_a_campaign_that_ends_better_than_its_hosts_is_seen() -> None:
    over = replace(BEFORE, state=CampaignState.COMPLETE, started_at=NOON - timedelta(seconds=1))
    found = list(endings.at_the_end(replace(over, kind=Kind.READ_ONLY), {}))
    assert {item.law for item in found} == {Law.END}


def journalled(outcome: Outcome | None) -> SimHost:
    """A host whose journal knows the attempt, and what it came to."""
    at = host()
    entry = begun(at)
    entry.result = HostResult(outcome=outcome) if outcome is not None else None
    return at


def said(outcome: Outcome, at: SimHost) -> set[Law]:
    """The laws that are broken when a campaign says that its attempt came to this."""
    one = attempt("web-1", ended_at=NOON, result=HostResult(outcome=outcome))
    over = replace(
        with_run(BEFORE, 0, state=HostState.UNKNOWN, attempts=(one,)), state=CampaignState.INCOMPLETE
    )
    over = with_run(over, 1, state=HostState.CANCELLED)
    return {item.law for item in endings.at_the_end(over, {"web-1": at, "web-2": host()})}


def test_an_answer_its_host_never_gave_is_seen() -> None:
    assert said(Outcome.FAILED, journalled(Outcome.FAILED)) == set()
    assert said(Outcome.FAILED, journalled(Outcome.UNDONE)) == {Law.ANSWER}
    assert said(Outcome.FAILED, journalled(None)) == {Law.ANSWER}
    assert said(Outcome.FAILED, host()) == {Law.ANSWER}


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.UNREACHABLE])
def test_an_attempt_that_began_although_it_counts_as_not_started_is_seen(outcome: Outcome) -> None:
    assert said(outcome, host()) == set()
    assert said(outcome, journalled(Outcome.FAILED)) == {Law.ANSWER}
    assert said(outcome, journalled(None)) == {Law.ANSWER}
