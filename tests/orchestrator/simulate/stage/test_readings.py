"""Scripted hosts answer gates as the script says, and what they told is kept."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orchestrator.campaign import running_set, vitals
from orchestrator.loop.orders import FIRST_READING
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.hosts import SimHost
from orchestrator.simulate.stage.readings import MISSING, Heard, Mood, Readings
from tasks.wire import Order, Report
from tests.support.simulated import ORDER, host

#: the campaign of all of them
OWN = ORDER.campaign_id


def question(number: int = 1, *, running: bool = False, undo_of: str | None = None) -> Order:
    """An order that reads the host for a gate."""
    changed = {
        "attempt_id": f"{OWN}/web-1/{FIRST_READING + number}",
        "epoch": number,
        "procedure": running_set.PROCEDURE if running else vitals.PROCEDURE,
        "timeout_s": 10.0,
        "undo_of": undo_of,
    }
    return ORDER.model_copy(update=changed)


class Answered:
    """A host that answers in these moods, and what came of it; `x` has nothing the matter with it for good."""

    def __init__(self, moods: Sequence[Mood], at: SimHost | None = None) -> None:
        """Ask nothing yet."""
        self.clock, self.heard, self.sent = Clock(), Heard(), list[Report]()
        self.host = at or host()
        self.readings = Readings(self.clock, Dice("x"), moods, self.heard, self.sent.append)
        self.readings._always[self.host.name] = {}

    def ask(self, order: Order, mood: Mood) -> None:
        """Put this question, answered so."""
        self.readings._moods = (mood,)
        self.readings.ask(self.host, order)


@pytest.mark.parametrize(
    ("mood", "bad"),
    [
        (Mood.TRUE, set()),
        (Mood.FULL, {"disk"}),
        (Mood.SICK, {"unhealthy"}),
        (Mood.BLIND, {"disk"}),
        (Mood.DOWN, {"service", "daemon"}),
    ],
)
def test_what_a_host_tells_is_what_is_kept(mood: Mood, bad: set[str]) -> None:
    asked = Answered((mood,))
    asked.readings.ask(asked.host, question())
    (report,) = asked.sent
    assert report.result is not None
    found, problem = vitals.vitals_of(report.result)
    assert not problem
    assert {item.check for item in found if item.level is not vitals.Level.OK} == bad
    assert [set(item.levels) for item in asked.heard.said[OWN, 1, "web-1"]] == [bad]


@pytest.mark.parametrize(("sound", "mood"), [(True, Mood.SICK), (False, Mood.TRUE)])
def test_a_container_is_missing_from_a_sick_host_and_from_a_broken_one(sound: bool, mood: Mood) -> None:
    asked = Answered((mood,), host(sound=sound))
    asked.readings.ask(asked.host, question(running=True, undo_of=ORDER.attempt_id))
    (said,) = asked.heard.said[OWN, 1, "web-1"]
    assert (said.levels, said.compared) == ({"web": MISSING}, True)


@pytest.mark.parametrize(("mood", "reports"), [(Mood.BROKEN, 1), (Mood.CUT, 1), (Mood.SILENT, 0)])
def test_a_host_that_tells_nothing_is_not_known_to_be_well(mood: Mood, reports: int) -> None:
    asked = Answered((mood,))
    asked.readings.ask(asked.host, question())
    assert len(asked.sent) == reports
    assert not asked.heard.said


def test_a_late_answer_comes_when_its_time_is_over() -> None:
    asked = Answered((Mood.LATE,))
    asked.readings.ask(asked.host, question())
    asked.clock.go(9.9)
    assert not asked.sent
    asked.clock.go(31.0)
    assert len(asked.sent) == len(asked.heard.said) == 1


def test_a_stale_answer_is_one_to_an_earlier_question() -> None:
    asked = Answered(())
    asked.ask(question(1), Mood.STALE)
    assert not asked.sent
    asked.ask(question(1), Mood.TRUE)
    asked.ask(question(2), Mood.STALE)
    assert [report.epoch for report in asked.sent] == [1, 1]
    assert set(asked.heard.said) == {(OWN, 1, "web-1")}


def test_at_the_end_every_host_answers_as_it_is() -> None:
    asked = Answered((Mood.SILENT,))
    asked.readings.calm = True
    asked.readings.ask(asked.host, question())
    assert not asked.heard.said[OWN, 1, "web-1"][0].levels
