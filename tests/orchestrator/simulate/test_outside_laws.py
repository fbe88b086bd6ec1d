"""Each law beyond one campaign is broken by hand once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.campaign.campaign import Campaign, Stop
from orchestrator.campaign.gate import Gate, GateKind, Moment
from orchestrator.campaign.kill_switch import Target
from orchestrator.campaign.rollout import Approval, Budgets, LabelBudget, Quorum, Share, StopAction
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.windows import Interval, Window, Windows
from orchestrator.loop.orders import order_of
from orchestrator.simulate import outside_laws
from orchestrator.simulate.laws import Law
from orchestrator.simulate.told import Told
from tasks.model import Mode
from tests.orchestrator.simulate.test_turn_laws import BEFORE, started, with_run
from tests.support.campaigns import NOON

SECOND = timedelta(seconds=1)


def with_policy(**fields: Any) -> Campaign:
    """The campaign at work, under another policy, all its hosts in one rack."""
    policy = replace(BEFORE.policy, **fields)
    hosts = tuple(replace(run, host=replace(run.host, labels={"rack": "a"})) for run in BEFORE.runs)
    return replace(BEFORE, policy=policy, runs=hosts)


def broken(before: Campaign, after: Campaign, told: Told, *others: Campaign) -> set[Law]:
    """The laws that this save breaks."""
    campaigns = {item.id: item for item in (after, *others)}
    return {item.law for item in outside_laws.on_save(before, after, told, campaigns)}


def test_an_ordinary_start_breaks_no_law() -> None:
    assert broken(BEFORE, started(BEFORE), Told()) == set()


@pytest.mark.parametrize(
    "key",
    [(Target.EVERYTHING, ""), (Target.PROCEDURE, BEFORE.procedure), (Target.CAMPAIGN, BEFORE.id)],
    ids=lambda key: key[0].value,
)
def test_a_start_under_a_kill_switch_is_seen(key: tuple[Target, str]) -> None:
    assert broken(BEFORE, started(BEFORE), Told(thrown={key: NOON})) == {Law.KILL}


def test_a_kill_switch_for_another_campaign_is_no_reason() -> None:
    assert broken(BEFORE, started(BEFORE), Told(thrown={(Target.CAMPAIGN, "other"): NOON})) == set()


def test_a_start_on_a_quarantined_host_is_seen() -> None:
    name = BEFORE.runs[0].host.name
    assert broken(BEFORE, started(BEFORE), Told(apart={name})) == {Law.APART}


@pytest.mark.parametrize(("who", "law"), [({"ann"}, {Law.AGREED}), ({"ann", "bob"}, set())])
def test_a_campaign_that_begins_with_too_few_approvals_is_seen(who: set[str], law: set[Law]) -> None:
    asked = replace(
        with_policy(approval=Approval(required=2, group="ops")),
        state=CampaignState.AWAITING_APPROVAL,
        started_at=None,
        waves=1,
    )
    begun = replace(asked, state=CampaignState.RUNNING, started_at=NOON)
    assert broken(asked, begun, Told(agreed={asked.id: who})) == law


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


@pytest.mark.parametrize(
    ("quorum", "service", "law"),
    [
        (Quorum.LABEL, "s", {Law.QUORUM}),
        (Quorum.OFF, "s", set()),
        (Quorum.COMPOSE, "shop/s", {Law.QUORUM}),
        (Quorum.LABEL, "shop/s", set()),
    ],
)
def test_a_start_while_a_replica_is_away_is_seen(quorum: Quorum, service: str, law: set[Law]) -> None:
    campaign = with_policy(quorum=quorum)
    runs = tuple(replace(run, plan={"services": (service,)}) for run in campaign.runs)
    before = replace(campaign, runs=runs)
    other = with_run(replace(before, id="other"), 1, state=HostState.SOAKING)
    assert broken(before, started(before), Told()) == set()
    assert broken(before, started(before), Told(), other) == law


def test_the_undo_of_an_undo_is_seen() -> None:
    done = with_run(replace(started(BEFORE), state=CampaignState.COMPLETE), 1, wave=0)
    plan = replace(BEFORE, id="other", undoes=done.id, state=CampaignState.PLANNED, started_at=None)
    plan = with_run(plan, 1, wave=0)
    begun = replace(plan, state=CampaignState.RUNNING, started_at=NOON)
    assert broken(plan, begun, Told(), done) == set()
    assert broken(plan, begun, Told(), replace(done, undoes="third")) == {Law.BACK}
    assert broken(plan, begun, Told(), with_run(done, 0, attempts=())) == {Law.BACK}


def test_a_start_in_a_blackout_is_seen() -> None:
    closed = Windows(blackouts=(Interval(start=NOON - SECOND, end=NOON + SECOND),))
    before = with_policy(windows=closed)
    assert broken(before, started(before), Told()) == {Law.WINDOW}


def test_a_start_beyond_a_budget_is_seen_whoever_uses_it() -> None:
    before = with_policy(budgets=Budgets(labels=(LabelBudget(label="rack", most=Share(value=1)),)))
    assert broken(before, started(before), Told()) == set()
    other = with_run(replace(before, id="other"), 1, state=HostState.SOAKING)
    assert broken(before, started(before), Told(), other) == {Law.BUDGET}
    assert broken(before, started(before), Told(apart={before.runs[1].host.name})) == {Law.BUDGET}


def test_a_start_on_a_host_another_campaign_is_at_is_seen() -> None:
    other = replace(started(BEFORE), id="other")
    assert broken(BEFORE, started(BEFORE), Told(), other) == {Law.ALONE}
    assert broken(BEFORE, started(BEFORE), Told(), replace(other, state=CampaignState.HALTED)) == set()


def test_an_order_that_leaves_too_late_or_past_a_stop_is_seen() -> None:
    once = started(BEFORE)
    order = order_of(once, once.runs[0], once.runs[0].attempts[0]).order
    stop = Stop(rule="r", limit="l", observed="o", hosts=(), at=NOON, action=StopAction.PAUSE)
    paused = replace(once, state=CampaignState.PAUSED, stops=(stop,))

    def laws(campaign: Campaign, told: Told, late_s: int = 0) -> set[Law]:
        now = NOON + late_s * SECOND
        return {item.law for item in outside_laws.on_order(campaign, order, told, now)}

    assert laws(once, Told()) == set()
    assert laws(once, Told(), late_s=1) == {Law.LATE}
    assert laws(paused, Told()) == {Law.STOP}
    assert laws(replace(once, stops=(replace(stop, action=StopAction.HALT),)), Told()) == {Law.STOP}
    assert laws(once, Told(apart={order.host.name})) == {Law.APART}
    assert laws(once, Told(thrown={(Target.EVERYTHING, ""): NOON})) == {Law.KILL}


def published(campaign: Campaign, told: Told, after_s: int) -> set[Law]:
    """The laws the order of the first host breaks that leaves, perhaps once more, so long after it was given."""
    once = started(campaign)
    attempt = once.runs[0].attempts[0]
    order = order_of(once, once.runs[0], attempt).order
    now = attempt.ordered_at + after_s * SECOND
    return {item.law for item in outside_laws.on_published(once, order, told, now)}


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
    assert not list(outside_laws.on_published(back, order, Told(), NOON))


def test_an_attempt_told_to_stop_for_no_reason_is_seen() -> None:
    once = started(BEFORE)
    question = order_of(once, once.runs[0], once.runs[0].attempts[0]).order
    order = question.model_copy(update={"mode": Mode.STOP})

    def laws(campaign: Campaign) -> set[Law]:
        return {item.law for item in outside_laws.on_order(campaign, order, Told(), NOON)}

    aborted = replace(once, abort_requested=True, abort_hard=True)
    assert laws(aborted) == set()
    assert laws(replace(aborted, abort_hard=False)) == {Law.HARD}
    back = replace(once.runs[0].attempts[0], undo=True)
    assert laws(with_run(aborted, 0, attempts=(back,))) == {Law.HARD}
