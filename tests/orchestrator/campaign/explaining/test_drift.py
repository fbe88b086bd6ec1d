"""What is no longer as planned is told object by object: how many, what became of them, and on which host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.campaign.explaining.drift import SHOWN, Change, Drift, between, left_alone
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.plan_document import plan_document
from tasks.result import HostError, HostResult, Outcome, StepResult, StepState
from tests.orchestrator.campaign.worlds import CHANGED, World, draft, hosts, planned

STEPS = [{"key": f"image:{letter}", "title": f"image {letter}", "undo": "re-creatable"} for letter in "abc"]


def _plan(*keys: str, kept: Mapping[str, str] | None = None, digest: str = "d" * 64) -> HostResult:
    steps = [step for step in STEPS if step["key"] in keys]
    left = [{"key": key, "title": key, "reason": reason} for key, reason in (kept or {}).items()]
    return draft(steps=steps, kept=left, digest=digest)


def _document(*answers: HostResult | None) -> dict[str, Any]:
    named = {host.name: answer for host, answer in zip(hosts(len(answers)), answers, strict=True)}
    return plan_document(planned(len(answers), answers=named, allow_unreachable=True))


ALL = _plan("image:a", "image:b", "image:c")


def test_two_equal_plans_show_no_change() -> None:
    drift = between(_document(ALL, ALL), _document(ALL, ALL))
    assert drift == Drift(planned=6)
    assert (drift.headline, drift.lines) == ("none of 6 changed", ())


def test_what_changed_is_counted_by_what_became_of_it_and_told_by_host() -> None:
    users = {"image:b": "in use by container shop (running)", "image:c": "in use by container db (running)"}
    drift = between(
        _document(ALL, ALL, ALL), _document(_plan("image:a", kept=users), _plan("image:b", "image:c"), ALL)
    )
    assert drift.headline == "3 of 9 changed: 2 now in use, 1 gone"
    assert drift.lines[1:] == (
        "h1: image b (in use by container shop (running))",
        "h1: image c (in use by container db (running))",
        "h2: image a (gone, or no longer needed)",
    )


def test_what_is_new_is_told_and_so_is_what_would_do_something_else() -> None:
    other = _plan("image:a", "image:b", "image:c", digest="e" * 64)
    drift = between(_document(_plan("image:a"), ALL), _document(ALL, other))
    assert [(item.host, item.sort) for item in drift.changes] == [
        ("h1", "new"),
        ("h1", "new"),
        ("h2", "different"),
    ]


def test_a_host_that_cannot_be_asked_any_more_is_told_with_everything_planned_for_it() -> None:
    refused = HostResult(outcome=Outcome.SKIPPED, error=HostError(code="E_UNSUPPORTED_OS", message="no apt"))
    drift = between(_document(ALL, ALL), _document(None, refused))
    assert drift.headline == "6 of 6 changed: 3 unreachable, 3 left out"
    assert "E_UNSUPPORTED_OS: no apt" in drift.lines[-1]


@pytest.mark.parametrize(
    ("reason", "sort"),
    [
        ("gone already", "gone"),
        ("now in use by a build", "now in use"),
        ("web-1 is attached to it now", "now in use"),
        ("container web is running now", "now running"),
        ("nginx:1 points to another image now", "renamed"),
        ("protected by its label keep now", "now protected"),
        ("younger than min_age: 2 h of 1 d", "no longer chosen"),
        ("", "no longer chosen"),
    ],
)
def test_every_reason_has_its_sort(reason: str, sort: str) -> None:
    drift = between(_document(ALL), _document(_plan("image:b", "image:c", kept={"image:a": reason})))
    assert [(item.sort, item.reason) for item in drift.changes] == [(sort, reason)]


def test_what_a_host_left_alone_when_the_plan_was_applied_is_told_in_why() -> None:
    world = World(planned(2, waves="all", parallelism=2, answers={"h1": ALL, "h2": ALL}))
    world.run()
    steps = (
        StepResult(key="image:a", title="image:a", state=StepState.DONE),
        StepResult(
            key="image:b", title="image:b", state=StepState.SKIPPED, detail="now in use by container x"
        ),
        StepResult(key="image:c", title="image:c", state=StepState.ALREADY, detail="gone already"),
        StepResult(key="volume:z", title="z", state=StepState.SKIPPED, detail="never approved"),
    )
    world.accept("h1", "h2")
    world.end("h1", replace(CHANGED, steps=steps))
    world.end("h2", CHANGED)
    drift = left_alone(world.campaign)
    assert drift.lines == (
        "2 of 6 changed: 1 now in use, 1 gone",
        "h1: image b (now in use by container x)",
        "h1: image c (gone already)",
    )
    assert any(drift.headline in line for line in explain(world.campaign, world.now).left)


def test_before_it_is_applied_nothing_was_left_alone() -> None:
    assert left_alone(planned(2)) == Drift(planned=0)


@given(st.integers(min_value=1, max_value=3 * SHOWN))
def test_however_many_changes_the_lines_are_bounded_and_the_number_is_true(count: int) -> None:
    change = Change(host="h1", title="image", sort="gone", reason="gone already")
    drift = Drift(planned=8214, changes=(change,) * count)
    assert drift.lines[0] == f"{count} of 8,214 changed: {count} gone"
    assert len(drift.lines) <= SHOWN + 2
    assert (drift.lines[-1] == f"and {count - SHOWN} more") is (count > SHOWN)
