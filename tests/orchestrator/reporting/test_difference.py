"""Two campaigns side by side: what differs, what does not count, and what differs first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.states import HostState
from orchestrator.reporting.difference import Difference, compare, in_words
from orchestrator.reporting.side_by_side import side_by_side
from orchestrator.screens.report import LINES, plain_text
from orchestrator.screens.viewing import campaign_view
from tasks.result import HostError, HostResult, Outcome, StepResult, StepState
from tests.orchestrator.hostile import HOSTILE
from tests.orchestrator.reporting.samples import ended, of_many
from tests.orchestrator.screens.test_report import campaign
from tests.orchestrator.screens.test_sanitize import is_visible
from tests.orchestrator.scripted import NOON, finished


def of(a: Campaign, b: Campaign) -> Difference:
    """Their difference."""
    return compare(campaign_view(a, NOON), campaign_view(replace(b, id="cb"), NOON))


def shown(a: Campaign, b: Campaign) -> str:
    """Their difference on a screen."""
    views = campaign_view(a, NOON), campaign_view(replace(b, id="cb"), NOON)
    return plain_text(side_by_side(*views, compare(*views), NOON), width=240)


def with_run(of: Campaign, number: int, run: HostRun) -> Campaign:
    """One host's run exchanged."""
    return replace(of, runs=(*of.runs[:number], run, *of.runs[number + 1 :]))


def with_steps(run: HostRun, *steps: tuple[str, StepState], undo: bool = False) -> HostRun:
    """Its attempt ended with these steps."""
    found = tuple(StepResult(key=key, title=f"do {key}", state=state) for key, state in steps)
    result = HostResult(outcome=Outcome.CHANGED, steps=found)
    return replace(run, attempts=(replace(run.attempts[0], result=result, undo=undo),))


def test_a_campaign_differs_in_nothing_from_one_that_ended_the_same_way() -> None:
    found = of(ended(), ended())
    assert (found.settings, found.different, found.first) == ((), (), "")
    text = shown(ended(), ended())
    assert "differs first  nothing" in text
    assert "0 hosts differ, 6 ended the same way" in text


def test_how_long_it_took_is_shown_and_is_no_difference() -> None:
    slow = ended()
    run = slow.runs[0]
    assert run.ended_at is not None
    slow = with_run(slow, 0, replace(run, ended_at=run.ended_at + timedelta(seconds=30)))
    found = of(ended(), slow)
    assert found.different == ()
    pair = found.hosts[0]
    assert pair.a is not None
    assert pair.b is not None
    assert (pair.a.seconds, pair.b.seconds) == (90, 120)
    assert "2:00" in shown(ended(), slow)


def test_another_end_is_told_with_both_words_and_errors() -> None:
    other = ended()
    other = with_run(other, 2, finished(other.runs[2], HostState.SUCCEEDED, "1.1 GB freed"))
    found = of(ended(), other)
    (pair,) = found.different
    assert (pair.host, pair.differs) == ("web-3", ("state", "error"))
    assert in_words(pair) == "rolled back / succeeded; error E_VERIFY_FAILED: 1.1 GB freed / none"
    assert found.first == f"web-3: {in_words(pair)}"
    text = shown(ended(), other)
    assert "↩ rolled back" in text
    assert "1 host differ" in text


def test_errors_that_differ_by_numbers_are_the_same_error() -> None:
    def failed(message: str) -> Campaign:
        of = ended()
        return with_run(of, 3, replace(of.runs[3], error=HostError(code="E", message=message)))

    assert of(failed("gone after 3 s"), failed("gone after 12.5 s")).different == ()
    assert of(failed("gone after 3 s"), failed("bent after 3 s")).different[0].differs == ("error",)


def test_the_first_other_step_is_named_and_the_way_back_is_not_compared() -> None:
    run = ended().runs[0]
    one = with_run(ended(), 0, with_steps(run, ("get", StepState.DONE), ("install", StepState.DONE)))
    other = with_run(ended(), 0, with_steps(run, ("get", StepState.DONE), ("install", StepState.ALREADY)))
    (pair,) = of(one, other).different
    assert pair.differs == ("steps",)
    assert in_words(pair) == "first other step: do install (done / already)"
    longer = with_run(
        ended(),
        0,
        with_steps(run, ("get", StepState.DONE), ("install", StepState.DONE), ("restart", StepState.DONE)),
    )
    assert in_words(of(one, longer).different[0]) == "first other step: do restart (absent / done)"
    back = with_run(ended(), 0, with_steps(run, ("restore", StepState.DONE), undo=True))
    assert in_words(of(back, back).hosts[0]) == ""
    assert in_words(of(one, back).different[0]) == "first other step: do get (done / absent)"


def test_a_host_only_one_of_them_has_is_a_difference() -> None:
    found = of(campaign(2), campaign(3))
    assert [(pair.host, pair.differs) for pair in found.different] == [("web-3", ("presence",))]
    assert in_words(found.different[0]) == "only in B"
    assert in_words(of(campaign(3), campaign(2)).different[0]) == "only in A"
    assert "not in it" in shown(campaign(3), campaign(2))


def test_what_was_asked_differently_comes_first() -> None:
    other = replace(ended(), params={"targets": ["volumes"], "min_age_s": 5}, procedure="disk.other")
    other = with_run(other, 0, finished(other.runs[0], HostState.FAILED_CLEAN))
    found = of(ended(), other)
    assert [setting.name for setting in found.settings][:3] == [
        "procedure",
        "parameter min_age_s",
        "parameter targets",
    ]
    assert found.first == "procedure: disk.cleanup / disk.other"
    assert (found.settings[1].a, found.settings[1].b) == ("", "5")
    assert found.different[0].host == "web-1"
    text = shown(ended(), other)
    assert "only in B  parameter min_age_s: 5" in text
    assert "only in A  parameter min_age_s" not in text


def test_another_policy_is_seen_in_the_words_of_the_plan() -> None:
    of_b = ended()
    of_b = replace(of_b, policy=replace(of_b.policy, rollback_failed=False))
    names = {setting.name for setting in of(ended(), of_b).settings}
    assert names == {"plan"}


def test_of_many_hosts_only_those_that_differ_are_shown() -> None:
    one = of_many(LINES + 1)
    text = shown(one, with_run(one, 0, finished(one.runs[0], HostState.FAILED_CLEAN)))
    assert "web-1 " in text
    assert "web-2 " not in text
    assert f"1 host differs, {LINES} ended the same way" in text
    runs = tuple(finished(run, HostState.NEEDS_HUMAN) for run in one.runs)
    assert "… and 1 host more: -o json has all of them" in shown(one, replace(one, runs=runs))


@pytest.mark.parametrize(("name", "text"), HOSTILE)
def test_hostile_text_is_shown_plainly(name: str, text: str) -> None:
    for line in shown(ended("harmless"), ended(text)).split("\n"):
        assert all(is_visible(character) for character in line), name


STATES = st.lists(st.sampled_from(HostState), min_size=4, max_size=4)


@settings(max_examples=30, deadline=None)
@given(STATES, STATES)
def test_exactly_the_hosts_with_another_state_differ_and_the_other_way_round_they_are_the_same(
    ones: list[HostState], others: list[HostState]
) -> None:
    def with_states(states: list[Any]) -> Campaign:
        planned = campaign(4)
        runs = tuple(replace(run, state=state) for run, state in zip(planned.runs, states, strict=True))
        return replace(planned, runs=runs)

    there, back = of(with_states(ones), with_states(others)), of(with_states(others), with_states(ones))
    expected = [f"web-{n}" for n, (a, b) in enumerate(zip(ones, others, strict=True), 1) if a is not b]
    assert [pair.host for pair in there.different] == expected == [pair.host for pair in back.different]
    assert bool(there.first) == bool(expected)
