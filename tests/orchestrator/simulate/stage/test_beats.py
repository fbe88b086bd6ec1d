"""Heartbeats are kept by the instant at which they were handed over."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.simulate.stage.beats import Beats
from tasks.wire import Report, ReportKind
from tests.support.campaigns import NOON
from tests.support.simulated import ORDER, host

OWN = ORDER.attempt_id


def beat(seq: int, step: str) -> Report:
    """A heartbeat."""
    return host().say(ORDER, ReportKind.HEARTBEAT, seq=seq).model_copy(update={"step": step})


def at(seconds: float) -> timedelta:
    """So long after noon."""
    return timedelta(seconds=seconds)


def test_the_last_step_counts_from_the_first_heartbeat_that_named_it() -> None:
    beats = Beats()
    assert beats.last(OWN) is None
    for seq, step in enumerate(("stop", "restart", "restart"), start=2):
        beats.hear([beat(seq, step)], NOON + at(seq))
    last = beats.last(OWN)
    assert last is not None
    assert (last.step, last.seq, last.at) == ("restart", 3, NOON + at(3))


def test_a_heartbeat_that_comes_again_counts_from_then_and_first_from_the_earliest() -> None:
    beats = Beats()
    for seconds in (5, 2, 9):
        beats.hear([beat(2, "stop")], NOON + at(seconds))
    last = beats.last(OWN)
    assert last is not None
    assert last.at == NOON + at(9)
    assert beats.first(OWN, "stop") == NOON + at(2)
    assert beats.first(OWN, "restart") is None


def test_only_heartbeats_that_name_a_step_are_kept() -> None:
    beats = Beats()
    result = host().say(ORDER, ReportKind.ACCEPTED, seq=1).model_copy(update={"step": "stop"})
    beats.hear([beat(2, ""), result], NOON)
    assert beats.last(OWN) is None
