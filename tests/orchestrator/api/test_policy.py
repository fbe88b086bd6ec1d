"""Rules, rollback, clocks and patience of a policy reach the plan; anything outside its limits is a 422."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from orchestrator.campaign.gate import Gate, GateAction, GateKind, Moment
from orchestrator.campaign.occasion import Notify, Occasion
from orchestrator.campaign.rollout import FailureKind, Quorum, Scope, Share, StopAction, StopRule
from orchestrator.campaign.windows import Interval, Window, Windows
from tests.orchestrator.api.test_routes import BODY, planned
from tests.orchestrator.scripted import ScriptedService


def test_rules_rollback_clocks_and_patience_reach_the_plan(
    client: httpx.Client, service: ScriptedService
) -> None:
    rule = {"kind": "failed", "tolerate": "10%", "scope": "campaign", "action": "pause", "waves": [2]}
    planned(
        client,
        stop_rules=[rule],
        rollback_failed=False,
        rollback_parallelism=3,
        control_hosts=0,
        quorum="compose",
        rollback_monitor_s=45,
        waves="1,rest",
        wave_parallelism=[None, 7],
        wave_names=["canary", ""],
        timeout_s=60,
        ttl_s=3600,
        delivery={"max_attempts": 1, "order_ttl_s": 30},
    )
    request = service.requests[0]
    assert request.policy.stop_rules == (
        StopRule(
            kind=FailureKind.FAILED,
            tolerate=Share(value=10, percent=True),
            scope=Scope.CAMPAIGN,
            action=StopAction.PAUSE,
            waves=(2,),
        ),
    )
    assert (request.policy.rollback_failed, request.policy.rollback_parallelism) == (False, 3)
    assert request.policy.control_hosts == 0
    assert request.policy.quorum is Quorum.COMPOSE
    assert request.policy.rollback_monitor_s == 45.0
    assert [request.policy.slots(wave) for wave in (1, 2)] == [1, 7]
    assert [request.policy.called(wave) for wave in (1, 2)] == ["wave 1 (canary)", "wave 2"]
    assert (request.policy.max_attempts, request.policy.order_ttl_s) == (1, 30.0)
    assert request.policy.max_orders == 3
    assert (request.timeout_s, request.ttl_s) == (60.0, 3600.0)


@pytest.mark.parametrize(
    "change",
    [
        {"control_hosts": 11},
        {"quorum": "all"},
        {"control_hosts": -1},
        {"stop_rules": [{}]},
        {"stop_rules": [{"tolerate": "101%"}]},
        {"stop_rules": [{"tolerate": "-1"}]},
        {"stop_rules": [{"tolerate": 1}]},
        {"stop_rules": [{"tolerate": "0", "scope": "rack"}]},
        {"stop_rules": [{"tolerate": "0", "action": "explode"}]},
        {"stop_rules": [{"tolerate": "0", "waves": [0]}]},
        {"stop_rules": [{"tolerate": "0", "min_sample": -1}]},
        {"stop_rules": [{"tolerate": "0", "wibble": 1}]},
        {"stop_rules": [{"tolerate": "0", "scope": "label", "label": "nobody-has-it"}]},
        {"budgets": {"max_unavailable": {"nobody-has-it": "1"}}},
        {"approval": {"required": 1, "group": "sre", "abort_on_timeout": True}, "author": "ann"},
        {"stop_rules": [{"tolerate": "0"}] * 51},
        {"stop_rules": [{"tolerate": "0"}], "max_failures": "1"},
        {"rollback_failed": "yes"},
        {"rollback_parallelism": 0},
        {"rollback_parallelism": 1001},
        {"rollback_monitor_s": -1},
        {"wave_parallelism": [2]},
        {"waves": "1,rest", "wave_parallelism": [0, 1]},
        {"waves": "1,rest", "wave_names": ["a b", ""]},
        {"waves": "1,rest", "wave_names": ["a", "a"]},
        {"timeout_s": 0},
        {"timeout_s": 10**9},
        {"ttl_s": 0.5},
        {"ttl_s": 8 * 86_400},
        {"delivery": {"max_attempts": 0}},
        {"delivery": {"max_orders": 101}},
        {"delivery": {"order_ttl_s": 0.1}},
        {"delivery": {"unknown_wait_s": -1}},
        {"delivery": {"patience": 1}},
        {"delivery": None},
    ],
    ids=str,
)
def test_what_is_outside_its_limits_is_refused(
    client: httpx.Client, service: ScriptedService, change: dict[str, Any]
) -> None:
    answer = client.post("/v1/plans", json=BODY | change)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] in {"E_PARAM", "E_POLICY"}
    assert service.requests == []


def test_windows_reach_the_policy_with_their_blackouts_in_utc(
    client: httpx.Client, service: ScriptedService
) -> None:
    planned(
        client,
        windows={
            "allow": [{"days": [0, 1], "opens": 540, "closes": 960, "zone": "Europe/Paris"}],
            "blackouts": [{"start": "2026-12-24T00:00:00+01:00", "end": "2026-12-25T00:00:00+01:00"}],
        },
    )
    windows = service.requests[0].policy.windows
    assert windows == Windows(
        allow=(Window(days=frozenset({0, 1}), opens=540, closes=960, zone="Europe/Paris"),),
        blackouts=(
            Interval(
                start=datetime(2026, 12, 23, 23, tzinfo=UTC), end=datetime(2026, 12, 24, 23, tzinfo=UTC)
            ),
        ),
    )


_SPAN = {"days": [0], "opens": 0, "closes": 60, "zone": "UTC"}


@pytest.mark.parametrize(
    "windows",
    [
        {"allow": []},
        {"allow": [_SPAN | {"days": []}]},
        {"allow": [_SPAN | {"days": [7]}]},
        {"allow": [_SPAN | {"closes": 0}]},
        {"allow": [_SPAN | {"opens": 90}]},
        {"allow": [_SPAN | {"opens": 1440, "closes": 1500}]},
        {"allow": [_SPAN | {"zone": "Mars/Olympus"}]},
        {"allow": [_SPAN | {"zone": "../../etc/passwd"}]},
        {"blackouts": [{"start": "2026-12-24T00:00:00", "end": "2026-12-25T00:00:00"}]},
        {"blackouts": [{"start": "2026-12-24T00:00:00Z", "end": "2026-12-24T00:00:00Z"}]},
        {"wibble": 1},
    ],
)
def test_windows_that_are_none_are_refused(
    client: httpx.Client, service: ScriptedService, windows: dict[str, Any]
) -> None:
    answer = client.post("/v1/plans", json=BODY | {"windows": windows})
    assert answer.status_code == 422
    assert not service.requests


@pytest.mark.parametrize(
    "clocks",
    [
        {"step": {"stop_s": 0}},
        {"step": {"stop_s": 60, "action": "rollback-wave"}},
        {"host": {"stop_s": 60}},
        {"progress": {"warn_s": 8 * 86_400}},
        {"progress": {"warn_s": "60"}, "wibble": 1},
    ],
)
def test_clocks_outside_their_limits_are_refused(
    client: httpx.Client, service: ScriptedService, clocks: dict[str, Any]
) -> None:
    assert client.post("/v1/plans", json=BODY | {"clocks": clocks}).status_code == 422
    assert not service.requests


def test_gates_reach_the_plan_named_by_kind_and_place(client: httpx.Client, service: ScriptedService) -> None:
    planned(
        client,
        gates=[
            {"kind": "http", "url": "http://shop/health", "at": "background"},
            {"kind": "prometheus", "url": "http://p:9090", "query": "up", "least": 1, "errors": 0},
            {"kind": "command", "argv": ["x"], "action": "rollback-wave", "passes": 3, "inconclusive": 1},
        ],
    )
    assert service.requests[0].policy.gates == (
        Gate(name="http-1", kind=GateKind.HTTP, at=Moment.BACKGROUND, url="http://shop/health"),
        Gate(
            name="prometheus-2",
            kind=GateKind.PROMETHEUS,
            url="http://p:9090",
            query="up",
            least=1.0,
            errors=0,
        ),
        Gate(
            name="command-3",
            kind=GateKind.COMMAND,
            argv=("x",),
            action=GateAction.ROLLBACK_WAVE,
            passes=3,
            inconclusive=1,
        ),
    )


@pytest.mark.parametrize(
    "gate",
    [
        {"kind": "human"},
        {"kind": "human", "group": "sre", "at": "background"},
        {"kind": "human", "group": "sre", "failures": 1},
        {"kind": "human", "group": "sre", "required": 3, "among": 2},
        {"kind": "human", "group": "sre", "required": 0},
        {"kind": "human", "group": "sre", "fail_on_timeout": True},
        {"kind": "human", "group": "sre", "at": "campaign", "waves": [1]},
        {"kind": "http", "url": "http://h", "group": "sre"},
        {"kind": "http", "url": "http://h", "warnings": True},
        {"kind": "delta", "at": "campaign"},
        {"kind": "human", "group": "sre", "at": "host"},
        {"kind": "running-set", "at": "campaign"},
        {"kind": "running-set", "url": "http://h", "group": "sre"},
        {"kind": "http", "url": "http://h", "waves": [0]},
        {"kind": "http"},
        {"kind": "http", "url": "file:///etc/passwd"},
        {"kind": "http", "url": "http://u:p@h/"},
        {"kind": "http", "url": "http://{host}/"},
        {"kind": "command", "argv": ["check", "{address}"], "at": "background"},
        {"kind": "http", "url": "http://h", "every_s": 0},
        {"kind": "http", "url": "http://h", "action": "continue"},
        {"kind": "http", "url": "http://h", "passes": 0},
        {"kind": "http", "url": "http://h", "inconclusive": -1},
        {"kind": "prometheus", "url": "http://p", "query": "up"},
        {"kind": "prometheus", "url": "http://p", "query": "up", "least": 2, "most": 1},
        {"kind": "command", "argv": []},
        {"kind": "command", "argv": "rm -rf /"},
    ],
)
def test_a_gate_that_asks_nothing_is_refused(
    client: httpx.Client, service: ScriptedService, gate: dict[str, Any]
) -> None:
    assert client.post("/v1/plans", json=BODY | {"gates": [gate]}).status_code == 422
    assert service.requests == []


def test_gates_that_hosts_answer_have_times_of_their_own(
    client: httpx.Client, service: ScriptedService
) -> None:
    planned(
        client,
        gates=[{"kind": "health", "warnings": True}, {"kind": "delta", "at": "after-wave", "every_s": 5}],
    )
    assert service.requests[0].policy.gates == (
        Gate(name="health-1", kind=GateKind.HEALTH, warnings=True, every_s=60.0, timeout_s=45.0),
        Gate(name="delta-2", kind=GateKind.DELTA, at=Moment.AFTER_WAVE, every_s=5.0, timeout_s=45.0),
    )


def test_human_gates_and_the_limit_of_one_way_hosts_reach_the_policy(
    client: httpx.Client, service: ScriptedService
) -> None:
    gate = {"kind": "human", "group": "sre", "required": 2, "among": 3, "expires_s": 600, "waves": [3, 2, 3]}
    planned(client, gates=[gate | {"fail_on_timeout": True}], one_way_hosts=5, author="ann")
    policy = service.requests[0].policy
    assert policy.one_way_hosts == 5
    assert policy.gates == (
        Gate(
            name="human-1",
            kind=GateKind.HUMAN,
            group="sre",
            required=2,
            among=3,
            expires_s=600.0,
            fail_on_timeout=True,
            waves=(2, 3),
        ),
    )
    for bad in (-1, 1.5, "5", 10**9):
        assert client.post("/v1/plans", json=BODY | {"one_way_hosts": bad}).status_code == 422


def test_who_is_told_of_what_reaches_the_policy(client: httpx.Client, service: ScriptedService) -> None:
    planned(client, notify=[{"to": "ops", "on": ["halted", "finished", "halted"]}])
    assert service.requests[0].policy.notify == (Notify(to="ops", on=(Occasion.HALTED, Occasion.FINISHED)),)


@pytest.mark.parametrize(
    "notify",
    [
        [{"to": "ops"}],
        [{"to": "ops", "on": []}],
        [{"to": "ops", "on": ["midnight"]}],
        [{"to": "https://chat.example/secret", "on": ["halted"]}],
        [{"to": "", "on": ["halted"]}],
        [{"to": "ops\n", "on": ["halted"]}],
        [{"to": "ops", "on": ["halted"], "argv": ["/bin/sh"]}],
        [{"to": "ops", "on": ["halted"]}] * 51,
        None,
    ],
)
def test_telling_nobody_or_of_nothing_is_refused(
    client: httpx.Client, service: ScriptedService, notify: Any
) -> None:
    assert client.post("/v1/plans", json=BODY | {"notify": notify}).status_code == 422
    assert not service.requests
