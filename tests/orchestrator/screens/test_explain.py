"""`why` on a screen: contrast in numbers, hostile labels shown plainly."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.states import HostState
from orchestrator.screens.explain import render
from orchestrator.screens.report import plain_text
from orchestrator.screens.viewing import campaign_view
from tasks.result import HostError
from tests.orchestrator.hostile import HOSTILE
from tests.orchestrator.screens.test_report import campaign
from tests.orchestrator.screens.test_sanitize import is_visible
from tests.orchestrator.scripted import NOON, finished, halt


def labelled(value: str) -> Campaign:
    """Four of five failed hosts and one of twenty healthy ones have the label."""
    planned = campaign(25)
    error = HostError(code="E_VERIFY_FAILED", message="broken")
    runs = []
    for number, run in enumerate(planned.runs, start=1):
        ended = (
            finished(run, HostState.ROLLED_BACK, "x", error)
            if number <= 5
            else finished(run, HostState.SUCCEEDED)
        )
        rack = value if number in {1, 2, 3, 4, 6} else "other"
        runs.append(replace(ended, host=replace(run.host, labels={"rack": rack})))
    return halt(replace(planned, runs=tuple(runs)))


def shown(of: Campaign) -> str:
    """Its explanation as the API gives it."""
    return plain_text(render(campaign_view(of, NOON), asdict(explain(of, NOON))), width=400)


def test_what_failed_hosts_have_too_often_is_told_with_numbers() -> None:
    assert "4 of 5 failed hosts, 1 of 20 healthy hosts: label rack=r7" in shown(labelled("r7"))


def test_the_answer_of_an_orchestrator_that_does_not_compare_is_shown_too() -> None:
    of = labelled("r7")
    body = asdict(explain(of, NOON))
    for group in body["groups"]:
        del group["contrast"]
    assert "E_VERIFY_FAILED" in plain_text(render(campaign_view(of, NOON), body))


@pytest.mark.parametrize(("name", "text"), HOSTILE)
def test_hostile_labels_are_shown_plainly(name: str, text: str) -> None:
    for line in shown(labelled(text)).split("\n"):
        assert all(is_visible(character) for character in line), name
