"""Windows and clocks through the whole loop and SQL: a restart in the middle changes neither."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import Clock, Clocks, RolloutPolicy
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.windows import Interval, Windows
from orchestrator.loop.planning import NewPlan
from orchestrator.store.store import Store
from tasks.model import Kind, Mode
from tests.support.campaigns import NOON, plain_host
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts

THREE = ("web-1", "web-2", "web-3")
#: closed from two minutes after noon for an hour
CLOSED = Interval(start=NOON + timedelta(minutes=2), end=NOON + timedelta(minutes=62))

#: nobody is asked again and nobody is lost
PATIENT = {"order_ttl_s": 86_400.0, "resend_after_s": 86_400.0, "heartbeat_timeout_s": 86_400.0}


def _policy(**more: Any) -> RolloutPolicy:
    plain = make_policy(Kind.CHANGING, waves="all")
    return RolloutPolicy(waves=plain.waves, stop_rules=plain.stop_rules, **more)


def _applied(control: Control, policy: RolloutPolicy) -> str:
    hosts = tuple(plain_host(name) for name in THREE)
    own = control.service.plan(
        NewPlan(procedure="engine.restart", params={}, hosts=hosts, policy=policy, author="tester")
    )
    control.run(own, lambda campaign: campaign.state is not CampaignState.PLANNING)
    return control.service.apply(control.service.document(own)[0], "tester")


def _started(control: Control) -> list[str]:
    return [order.host.name for order in control.outbox.sent if order.mode is Mode.APPLY]


@pytest.mark.parametrize("restart", [False, True])
def test_a_window_that_closes_in_mid_wave_lets_the_host_at_work_finish_and_starts_no_other(
    store: Store, *, restart: bool
) -> None:
    control = Control(store)
    own = _applied(control, _policy(windows=Windows(blackouts=(CLOSED,)), **PATIENT))
    control.tick()
    assert _started(control) == ["web-1"]
    accepted, *rest = control.hosts.answer(control.outbox.waiting.pop())
    control.say(accepted)
    control.tick()
    control.clock.instant = CLOSED.start
    if restart:
        control.restart()
        control.tick()
    control.say(*rest)
    control.tick(3)
    assert control.states(own) == {
        "": "RUNNING",
        "web-1": "SUCCEEDED",
        "web-2": "PENDING",
        "web-3": "PENDING",
    }
    why = control.service.why(own)
    assert "the maintenance window is closed until 2026-11-24 13:02 UTC" in why.headline
    control.clock.instant = CLOSED.end - timedelta(seconds=1)
    control.tick(3)
    assert set(_started(control)) <= {"web-1"}
    control.clock.instant = CLOSED.end
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"
    assert control.hosts.effects.total() == 3


def test_an_order_that_may_never_have_left_does_not_leave_in_a_closed_window(store: Store) -> None:
    control = Control(store)
    own = _applied(control, _policy(windows=Windows(blackouts=(CLOSED,))))
    control.clock.instant = CLOSED.start - timedelta(seconds=10)
    control.tick()
    assert _started(control) == ["web-1"]
    control.restart()
    control.run(own, lambda campaign: campaign.runs[0].state is HostState.PENDING)
    assert _started(control) == []
    control.tick(3)
    assert _started(control) == []
    control.clock.instant = CLOSED.end
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"
    assert control.hosts.effects.total() == 3


@pytest.mark.parametrize("restart", [False, True])
def test_a_clock_warns_once_and_then_halts_and_both_are_in_the_log(store: Store, *, restart: bool) -> None:
    control = Control(store, hosts=ScriptedHosts(silent=frozenset(THREE)))
    clocks = Clocks(progress=Clock(warn_s=300, stop_s=600))
    own = _applied(control, _policy(clocks=clocks, **PATIENT))
    start = control.service.campaign(own).started_at
    assert start is not None
    for seconds in range(0, 700, 50):
        control.clock.instant = max(control.clock.instant, start + timedelta(seconds=seconds))
        if restart and seconds in {250, 500}:
            control.restart()
        control.tick(2)
    campaign = control.service.campaign(own)
    (notice,), (stop,) = campaign.notices, campaign.stops
    assert (notice.rule, notice.limit) == ("clock progress", "warn after 5m")
    assert (stop.rule, stop.limit) == ("clock progress", "stop after 10m")
    assert [kind for kind in control.kinds(own) if kind in {"warn", "stop-now"}] == ["warn", "stop-now"]


def test_a_soak_that_ended_while_the_orchestrator_was_dead_is_believed_only_after_another_look(
    store: Store,
) -> None:
    control = Control(store)
    own = _applied(control, _policy(monitor_s=60.0, **PATIENT))
    control.run(own, lambda campaign: campaign.runs[0].state is HostState.SOAKING)
    control.clock.turn(3600)
    control.restart()
    control.tick(3)
    assert control.states(own)["web-1"] == "SOAKING"
    assert ("web-1", Mode.CHECK) in {(order.host.name, order.mode) for order in control.outbox.waiting}
    control.run(own, lambda campaign: campaign.runs[0].state is HostState.SUCCEEDED)
