"""The story of a rehearsal has the time and the wave of every line, and tells a wait once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.states import CampaignState
from orchestrator.campaign.surroundings import Surroundings
from orchestrator.campaign.windows import Window, Windows
from orchestrator.simulate.rehearsal.story import Story, waits
from orchestrator.simulate.stage.clock import BEGIN, Clock
from orchestrator.simulate.stage.memory import Saved
from tests.support.campaigns import plain_campaign

AT_NOON = Windows(allow=(Window(days=frozenset(range(7)), opens=720, closes=780, zone="UTC"),))


def campaign(state: CampaignState, **changes: object) -> Campaign:
    """A campaign of two hosts in this state."""
    return replace(plain_campaign(), state=state, **changes)  # type: ignore[arg-type]  # fields of Campaign


def told(story: Story) -> list[str]:
    """Its lines with nothing but their text."""
    return [line.text for line in story.lines]


def nothing_around(_campaign: Campaign) -> Surroundings:
    return Surroundings()


def never(_campaign: Campaign) -> Surroundings:
    raise AssertionError("nobody has to look around for that")


def test_a_line_has_the_time_and_the_wave_it_was_told_in() -> None:
    clock = Clock()
    story = Story(clock)
    story.say("fault", "cut off", ["web-1"])
    clock.go(7.0)
    story.save(Saved(before=None, after=campaign(CampaignState.RUNNING, wave=2)))
    story.say("fault", "within reach again", ["web-1"])
    assert [(line.at_s, line.wave, line.hosts) for line in story.lines] == [
        (0.0, 0, ("web-1",)),
        (7.0, 2, ("web-1",)),
    ]
    assert story.last_s == 7.0


def test_how_a_plan_came_about_is_not_told_and_that_it_is_there_is() -> None:
    story = Story(Clock())
    asked, planned = (
        campaign(CampaignState.PLANNING, waves=0, runs=()),
        campaign(CampaignState.PLANNED, waves=2),
    )
    story.save(Saved(before=None, after=asked))
    story.save(Saved(before=asked, after=planned))
    assert told(story) == ["planned: 2 waves"]


def test_a_gate_that_says_more_about_its_wait_is_told_once() -> None:
    story = Story(Clock())
    story.wait(["gate a before wave 2 waits for 2 people"])
    story.wait(["gate a before wave 2 waits for 1 person", "gate b before wave 2 is closed: no answer"])
    assert told(story) == [
        "WAITS: gate a before wave 2 waits for 2 people",
        "WAITS: gate b before wave 2 is closed: no answer",
    ]


def test_a_budget_is_told_once_a_wave_whoever_uses_it() -> None:
    story = Story(Clock())
    for wave in (1, 1, 2):
        story.save(Saved(before=None, after=campaign(CampaignState.RUNNING, wave=wave)))
        story.wait([f"budget of the fleet: 1 of 1 away, web-{len(story.lines)}"])
    assert [line.wave for line in story.lines] == [1, 2]


def test_what_is_paused_waits_for_a_person() -> None:
    paused = campaign(CampaignState.PAUSED)
    assert list(waits(paused, BEGIN, never)) == ["it is paused until a person resumes it"]


@pytest.mark.parametrize("state", [CampaignState.PLANNED, CampaignState.COMPLETE])
def test_what_is_not_at_work_waits_for_nothing(state: CampaignState) -> None:
    assert list(waits(campaign(state), BEGIN, never)) == []


def test_what_is_at_work_waits_for_its_window() -> None:
    running = campaign(
        CampaignState.RUNNING, policy=replace(plain_campaign().policy, windows=AT_NOON), wave=1
    )
    assert list(waits(running, BEGIN, nothing_around)) == [
        "the maintenance window is closed until 2026-01-05 12:00 UTC"
    ]
    assert list(waits(running, BEGIN + timedelta(hours=3), nothing_around)) == []
