"""Each law of gates and windows is broken by hand once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.gate import Gate, GateKind, Moment
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.windows import Interval, Window, Windows
from orchestrator.loop.orders import order_of
from orchestrator.simulate.laws import outside
from orchestrator.simulate.laws.law import Law
from orchestrator.simulate.stage.told import Told
from tests.orchestrator.simulate.laws.test_outside import SECOND, broken, with_policy
from tests.support.campaigns import NOON
from tests.support.started import BEFORE, started, with_run


def published(campaign: Campaign, told: Told, after_s: int) -> set[Law]:
    """The laws the order of the first host breaks that leaves, perhaps once more, so long after it was given."""
    once = started(campaign)
    attempt = once.runs[0].attempts[0]
    order = order_of(once, once.runs[0], attempt).order
    now = attempt.ordered_at + after_s * SECOND
    return {item.law for item in outside.on_published(once, order, told, now)}


@pytest.mark.parametrize(("ago_s", "law"), [(1, set()), (9, set()), (10, {Law.GATES}), (None, {Law.GATES})])
def test_a_host_that_starts_past_a_gate_is_seen(ago_s: int | None, law: set[Law]) -> None:
    gate = Gate(name="g", kind=GateKind.COMMAND, at=Moment.HOST, argv=("true",), every_s=10.0)
    waiting = with_policy(gates=(gate,))
    after = started(waiting)
    (run,) = (run for run, was in zip(after.runs, waiting.runs, strict=True) if run is not was)
    ordered_at = run.attempts[-1].ordered_at
    other = (waiting.id, "g", "somebody-else")
    passes = {other: [ordered_at]}
    if ago_s is not None:
        passes[waiting.id, "g", run.host.name] = [ordered_at - ago_s * SECOND]
    assert broken(waiting, after, Told(host_passes=passes)) == law


@pytest.mark.parametrize(("ago_s", "law"), [(1, set()), (9, set()), (10, {Law.GATES}), (None, {Law.GATES})])
def test_a_wave_that_opens_past_a_gate_is_seen(ago_s: int | None, law: set[Law]) -> None:
    gate = Gate(name="g", kind=GateKind.COMMAND, at=Moment.WAVE, argv=("true",), every_s=10.0)
    shut = replace(with_policy(gates=(gate,)), wave=0, waves=1)
    told = Told() if ago_s is None else Told(passes={(shut.id, "g", 1): [NOON - ago_s * SECOND]})
    assert broken(shut, replace(shut, wave=1, wave_started_at=NOON), told) == law


@pytest.mark.parametrize(
    ("at", "law"),
    [
        (("g", 1, ""), set()),
        (("g", 2, ""), {Law.GATES}),
        (("h", 1, ""), {Law.GATES}),
        (("g", 1, "web-1"), {Law.GATES}),
    ],
)
def test_what_a_person_let_pass_is_one_gate_of_one_wave(at: tuple[str, int, str], law: set[Law]) -> None:
    gate = Gate(name="g", kind=GateKind.COMMAND, at=Moment.WAVE, argv=("true",), every_s=10.0)
    shut = replace(with_policy(gates=(gate,)), wave=0, waves=1)
    told = Told(overridden={(shut.id, *at)})
    assert broken(shut, replace(shut, wave=1, wave_started_at=NOON), told) == law


@pytest.mark.parametrize(("host", "law"), [("web-1", set()), ("web-2", {Law.GATES})])
def test_what_a_person_let_pass_before_a_host_is_for_that_host(host: str, law: set[Law]) -> None:
    gate = Gate(name="g", kind=GateKind.COMMAND, at=Moment.HOST, argv=("true",), every_s=10.0)
    waiting = with_policy(gates=(gate,))
    told = Told(overridden={(waiting.id, "g", waiting.runs[0].wave, host)})
    assert broken(waiting, started(waiting), told) == law


@pytest.mark.parametrize(("ago_s", "law"), [(3, set()), (6, {Law.GATES})])
def test_an_answer_of_before_the_end_of_a_wave_proves_nothing_about_it(ago_s: int, law: set[Law]) -> None:
    gate = Gate(name="g", kind=GateKind.COMMAND, at=Moment.AFTER_WAVE, argv=("true",), every_s=30.0)
    over = replace(with_policy(gates=(gate,)), wave=1, waves=1)
    for place in range(len(over.runs)):
        over = with_run(over, place, wave=1, state=HostState.SUCCEEDED, ended_at=NOON - 5 * SECOND)
    told = Told(passes={(over.id, "g", 1): [NOON - ago_s * SECOND]})
    assert broken(over, replace(over, state=CampaignState.COMPLETE, ended_at=NOON), told) == law


def test_a_campaign_complete_on_a_background_answer_of_before_its_end_is_seen() -> None:
    gate = Gate(name="g", kind=GateKind.COMMAND, at=Moment.BACKGROUND, argv=("true",), every_s=30.0)
    over = replace(with_policy(gates=(gate,)), wave=1, waves=1)
    for place in range(len(over.runs)):
        over = with_run(over, place, wave=1, state=HostState.SUCCEEDED, ended_at=NOON - 5 * SECOND)
    complete = replace(over, state=CampaignState.COMPLETE, ended_at=NOON)
    for ago_s, law in ((3, set()), (6, {Law.GATES})):
        told = Told(passes={(over.id, "g", 0): [NOON - ago_s * SECOND]})
        assert broken(over, complete, told) == law


@pytest.mark.parametrize(
    ("zone", "opens", "law"),
    [
        ("UTC", 719, set()),
        ("UTC", 721, {Law.WINDOW}),
        ("Europe/Berlin", 719, {Law.WINDOW}),
        ("UTC", 1430, set()),
    ],
)
def test_a_start_outside_the_windows_is_seen(zone: str, opens: int, law: set[Law]) -> None:
    closes = opens + 2 if opens < 1000 else opens + 1000
    window = Window(days=frozenset(range(7)), opens=opens, closes=closes, zone=zone)
    before = with_policy(windows=Windows(allow=(window,)))
    assert broken(before, started(before), Told()) == law


def test_a_start_in_a_blackout_is_seen() -> None:
    closed = Windows(blackouts=(Interval(start=NOON - SECOND, end=NOON + SECOND),))
    before = with_policy(windows=closed)
    assert broken(before, started(before), Told()) == {Law.WINDOW}


@pytest.mark.parametrize(("at", "good_for_s"), [(Moment.HOST, 10), (Moment.BACKGROUND, 20)])
@pytest.mark.parametrize(("late_s", "law"), [(-1, set()), (0, {Law.GATES})])
def test_an_order_that_leaves_again_past_a_stale_pass_is_seen(
    at: Moment, good_for_s: int, late_s: int, law: set[Law]
) -> None:
    gate = Gate(name="g", kind=GateKind.COMMAND, at=at, argv=("true",), every_s=10.0, timeout_s=5.0)
    campaign = with_policy(gates=(gate,))
    (ordered_at,) = {item.ordered_at for run in started(campaign).runs for item in run.attempts}
    told = Told(
        passes={(campaign.id, "g", 0): [ordered_at]},
        host_passes={(campaign.id, "g", campaign.runs[0].host.name): [ordered_at]},
    )
    assert published(campaign, told, good_for_s + late_s) == law


@pytest.mark.parametrize(("after_s", "law"), [(4, set()), (5, {Law.WINDOW}), (8, set())])
def test_an_order_that_leaves_again_in_a_blackout_is_seen(after_s: int, law: set[Law]) -> None:
    (ordered_at,) = {item.ordered_at for run in started(BEFORE).runs for item in run.attempts}
    closed = Interval(start=ordered_at + 5 * SECOND, end=ordered_at + 8 * SECOND)
    assert published(with_policy(windows=Windows(blackouts=(closed,))), Told(), after_s) == law


def test_the_order_of_an_undo_may_leave_whatever_gates_and_windows_say() -> None:
    gate = Gate(name="g", kind=GateKind.COMMAND, at=Moment.HOST, argv=("true",))
    closed = Windows(blackouts=(Interval(start=NOON - SECOND, end=NOON + SECOND),))
    once = started(with_policy(gates=(gate,), windows=closed))
    back = with_run(once, 0, attempts=(replace(once.runs[0].attempts[0], undo=True),))
    order = order_of(back, back.runs[0], back.runs[0].attempts[0]).order
    assert not list(outside.on_published(back, order, Told(), NOON))
