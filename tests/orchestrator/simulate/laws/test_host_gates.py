"""Each law of gates that hosts answer is broken by hand once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.gate import Gate, GateKind, GateState, Moment
from orchestrator.campaign.states import HostState
from orchestrator.simulate.laws import host_gates
from orchestrator.simulate.laws.law import Law
from orchestrator.simulate.stage.readings import MISSING, Heard, Said
from orchestrator.simulate.stage.told import Told
from tests.orchestrator.simulate.laws.test_outside import SECOND, broken, with_policy
from tests.support.campaigns import NOON
from tests.support.started import started, with_run

WELL = Said(levels={})
SICK = Said(levels={"unhealthy": "CRITICAL"})
FULL = Said(levels={"disk": "WARNING"})
BLIND = Said(levels={"disk": "UNKNOWN"})
GONE = Said(levels={"web": MISSING})


def waiting(kind: GateKind = GateKind.HEALTH, **fields: Any) -> Campaign:
    """A campaign before its first wave, whose hosts must be well."""
    given: dict[str, Any] = {"name": "h", "kind": kind, "every_s": 10.0, "timeout_s": 5.0} | fields
    gate = Gate(**given)
    return replace(with_policy(gates=(gate,)), wave=0, waves=1)


def asked(campaign: Campaign, *said: Said | None, ago_s: float = 3, wave: int = 1, number: int = 1) -> Told:
    """What is known once the first hosts answered so; None = nothing."""
    told = Told()
    ask(told, campaign, *said, ago_s=ago_s, wave=wave, number=number)
    return told


def ask(
    told: Told, campaign: Campaign, *said: Said | None, ago_s: float = 3, wave: int = 1, number: int = 1
) -> None:
    """Ask once more, and keep what is said."""
    state = GateState(gate="h", wave=wave, asked_at=NOON - ago_s * SECOND, number=number)
    host_gates.note(campaign, replace(campaign, gates=(state,)), told.heard)
    for run, item in zip(campaign.runs, said, strict=False):
        if item is not None:
            told.heard.said[campaign.id, number, run.host.name] = [item]


def opened(campaign: Campaign, told: Told) -> set[Law]:
    """The laws the opening of the wave breaks."""
    return broken(campaign, replace(campaign, wave=campaign.wave + 1, wave_started_at=NOON), told)


@pytest.mark.parametrize(
    ("said", "law"),
    [(WELL, set()), (FULL, set()), (SICK, {Law.READ}), (BLIND, {Law.READ}), (None, {Law.READ})],
)
def test_a_wave_that_opens_before_every_host_said_it_is_well_is_seen(
    said: Said | None, law: set[Law]
) -> None:
    shut = waiting()
    rest = [WELL] * (len(shut.runs) - 1)
    assert opened(shut, asked(shut, said, *rest)) == law


def test_a_gate_nobody_was_asked_for_is_seen() -> None:
    assert opened(waiting(), Told()) == {Law.READ}


def test_a_warning_counts_where_warnings_do() -> None:
    shut = waiting(warnings=True)
    assert opened(shut, asked(shut, FULL, *[WELL] * 9)) == {Law.READ}


@pytest.mark.parametrize(("ago_s", "law"), [(9, set()), (10, {Law.READ})])
def test_an_answer_that_is_too_old_opens_nothing(ago_s: float, law: set[Law]) -> None:
    shut = waiting()
    assert opened(shut, asked(shut, *[WELL] * 9, ago_s=ago_s)) == law


def test_a_gate_that_asks_for_two_passes_is_not_open_after_one() -> None:
    shut = waiting(passes=2)
    told = asked(shut, *[WELL] * 9)
    assert opened(shut, told) == {Law.READ}
    ask(told, shut, *[WELL] * 9, ago_s=1, number=2)
    assert opened(shut, told) == set()


def test_what_a_person_let_pass_holds_nothing() -> None:
    shut = waiting()
    assert opened(shut, Told(overridden={(shut.id, "h", 1, "")})) == set()


@pytest.mark.parametrize(
    ("before", "now", "law"),
    [
        (SICK, SICK, set()),
        (WELL, SICK, {Law.READ}),
        (None, SICK, {Law.READ}),
        (FULL, BLIND, {Law.READ}),
        (BLIND, BLIND, set()),
    ],
)
def test_what_a_host_said_before_the_first_wave_is_what_it_is_judged_by(
    before: Said | None, now: Said, law: set[Law]
) -> None:
    shut = waiting(GateKind.DELTA)
    told = asked(shut, before, *[WELL] * 9, wave=-1)
    ask(told, shut, now, *[WELL] * 9, number=2)
    assert opened(shut, told) == law


@pytest.mark.parametrize(
    ("before", "now", "law"),
    [
        (WELL, WELL, set()),
        (WELL, GONE, {Law.READ}),
        (GONE, GONE, set()),
        (None, WELL, {Law.READ}),
        (None, replace(WELL, compared=True), set()),
        (GONE, replace(GONE, compared=True), {Law.READ}),
    ],
)
def test_what_ran_before_must_run(before: Said | None, now: Said, law: set[Law]) -> None:
    shut = waiting(GateKind.RUNNING_SET)
    told = asked(shut, before, *[WELL] * 9, wave=-1)
    ask(told, shut, now, *[WELL] * 9, number=2)
    assert opened(shut, told) == law


def test_a_host_that_starts_before_it_said_that_it_is_well_is_seen() -> None:
    before = replace(waiting(at=Moment.HOST), wave=1)
    name, told = before.runs[0].host.name, Told()
    once = started(before)
    state = GateState(gate="h", wave=before.runs[0].wave, asked_at=NOON, number=1, host=name)
    host_gates.note(before, replace(before, gates=(state,)), told.heard)
    assert broken(before, once, told) == {Law.READ}
    told.heard.said[before.id, 1, name] = [WELL]
    assert broken(before, once, told) == set()


@pytest.mark.parametrize(
    ("at", "state", "concerned"),
    [
        (Moment.WAVE, HostState.PENDING, True),
        (Moment.WAVE, HostState.SKIPPED, False),
        (Moment.AFTER_WAVE, HostState.SUCCEEDED, True),
        (Moment.AFTER_WAVE, HostState.ROLLED_BACK, False),
        (Moment.BACKGROUND, HostState.SOAKING, True),
        (Moment.BACKGROUND, HostState.PENDING, False),
    ],
)
def test_hosts_are_asked_before_their_change_or_after_a_good_one(
    at: Moment, state: HostState, concerned: bool
) -> None:
    campaign = with_run(waiting(at=at), 0, state=state)
    heard = Heard()
    question = GateState(gate="h", wave=campaign.runs[0].wave, asked_at=NOON, number=1)
    host_gates.note(campaign, replace(campaign, gates=(question,)), heard)
    assert (campaign.runs[0].host.name in heard.questions[0].hosts) is concerned
