"""Scripted gates answer a little later, and what passed is remembered with the instant of its question."""

from __future__ import annotations

import pytest

from orchestrator.campaign.events import GateAnswered
from orchestrator.campaign.gate import Gate, GateKind, Verdict
from orchestrator.loop.gate_questions import GateQuestion
from orchestrator.simulate.schedules.gatekeeper import Gatekeeper
from orchestrator.simulate.stage.clock import Clock
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.told import Told
from tests.support.campaigns import NOON

QUESTION = GateQuestion(
    campaign_id="c1",
    gate=Gate(name="g", kind=GateKind.COMMAND, argv=("true",)),
    wave=2,
    asked_at=NOON,
)


def asked(verdict: Verdict | None) -> tuple[Told, list[GateAnswered]]:
    """What is remembered, and what was answered, once time has passed."""
    clock, told, answers = Clock(), Told(), list[GateAnswered]()
    keeper = Gatekeeper(clock, Dice("x"), (verdict,), told, lambda _own, event: answers.append(event))
    keeper.ask([QUESTION])
    assert not answers
    clock.go(10.0)
    return told, answers


def test_a_pass_is_answered_and_remembered() -> None:
    told, answers = asked(Verdict.PASS)
    assert {answer.verdict for answer in answers} == {Verdict.PASS}
    assert set(told.passes[("c1", "g", 2)]) == {NOON}


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE])
def test_any_other_answer_is_no_pass(verdict: Verdict) -> None:
    told, answers = asked(verdict)
    assert {answer.verdict for answer in answers} == {verdict}
    assert not told.passes


def test_a_gate_may_say_nothing() -> None:
    told, answers = asked(None)
    assert not answers
    assert not told.passes
