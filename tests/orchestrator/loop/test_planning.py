"""A plan is made of what hosts answered; who is silent, strange or unreadable is left out with the reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.campaign.gate import Gate, GateKind, Moment
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.states import CampaignState
from orchestrator.loop.planning import NewPlan
from orchestrator.store.store import Store
from tasks.errors import BadDocument, BadInput, Refused
from tasks.model import Host, Kind, Mode, Transport
from tasks.procedure import Draft
from tasks.result import HostError, HostResult, Outcome
from tasks.wire import Order, ReportKind
from tests.support.campaigns import plain_host
from tests.support.control import Control
from tests.support.hosts import DRAFT, ScriptedHosts, report


def _wanted(*names: str, **changes: Any) -> NewPlan:
    fields: dict[str, Any] = {
        "procedure": "engine.restart",
        "params": {},
        "hosts": tuple(plain_host(name) for name in names),
        "policy": make_policy(Kind.CHANGING),
        "author": "tester",
    }
    return NewPlan(**fields | changes)


def _planned(control: Control, wanted: NewPlan) -> str:
    own = control.service.plan(wanted)
    control.run(own, lambda campaign: campaign.state is not CampaignState.PLANNING)
    return own


def _hosts(plans: Mapping[str, HostResult]) -> ScriptedHosts:
    return ScriptedHosts(plans=plans)


def test_every_host_is_asked_once_and_the_answers_become_the_plan(store: Store) -> None:
    right = HostResult(outcome=Outcome.OK, plan=Draft(summary="already right").model_dump(mode="json"))
    control = Control(store, hosts=_hosts({"web-2": right}))
    own = _planned(control, _wanted("web-1", "web-2", "web-3"))
    campaign = control.service.campaign(own)
    assert control.states(own) == {
        "": "PLANNED",
        "web-1": "PENDING",
        "web-2": "ALREADY_RIGHT",
        "web-3": "PENDING",
    }
    assert [order.attempt_id for order in control.hosts.orders] == [f"{own}/web-{n}/0" for n in (1, 2, 3)]
    assert campaign.runs[0].approved == ("restart",)
    assert campaign.runs[0].digest == DRAFT.digest
    assert campaign.runs[0].attempts == ()
    document, digest = control.service.document(own)
    assert campaign.plan_hash == digest
    assert len(json.loads(document)["hosts"]) == 3


def test_reading_needs_no_dry_run(store: Store) -> None:
    control = Control(store)
    own = _planned(control, _wanted("web-1", procedure="engine.info", policy=make_policy(Kind.READ_ONLY)))
    assert control.hosts.orders == []
    assert control.states(own) == {"": "PLANNED", "web-1": "PENDING"}


def test_a_planning_that_was_cut_by_a_crash_asks_again_under_the_same_attempt(store: Store) -> None:
    control = Control(store)
    own = control.service.plan(_wanted("web-1", "web-2"))
    control.tick()
    first = control.outbox.waiting[0]
    control.say(*control.hosts.answer(first))
    control.tick()
    control.restart()
    control.tick()
    assert [order.attempt_id for order in control.outbox.sent] == [f"{own}/web-2/0"]
    control.run(own, lambda campaign: campaign.state is CampaignState.PLANNED)


def test_a_lost_question_is_asked_again_before_the_time_is_over(store: Store) -> None:
    control = Control(store)
    own = control.service.plan(_wanted("web-1"))
    lost: list[Order] = []

    def lose(order: Order) -> bool:
        lost.append(order)
        return len(lost) < 3

    control.run(own, lambda campaign: campaign.state is CampaignState.PLANNED, lose=lose, ticks=100)
    assert {order.attempt_id for order in lost} == {f"{own}/web-1/0"}


@pytest.mark.parametrize("allowed", [True, False])
def test_silent_hosts_are_unreachable_when_the_time_is_over(store: Store, *, allowed: bool) -> None:
    control = Control(store)
    own = control.service.plan(_wanted("web-1", "web-2", allow_unreachable=allowed, deadline_s=30))

    def lose(order: Order) -> bool:
        return order.host.name == "web-2"

    done = control.run(own, lambda item: item.state is not CampaignState.PLANNING, lose=lose, ticks=60)
    if allowed:
        assert control.states(own) == {"": "PLANNED", "web-1": "PENDING", "web-2": "UNREACHABLE"}
        return
    assert control.states(own) == {"": "VOID", "web-1": "CANCELLED", "web-2": "UNREACHABLE"}
    assert "1 of 2 hosts did not answer: web-2" in done.stops[-1].observed
    with pytest.raises(Refused, match="1 of 2 hosts") as caught:
        control.service.document(own)
    assert "--allow-unreachable" in caught.value.hint


def test_a_host_that_refuses_is_left_out_with_its_reason(store: Store) -> None:
    error = HostError(code="E_WOULD_STOP_CONTAINERS", message="3 containers would stop")
    control = Control(store, hosts=_hosts({"web-1": HostResult(outcome=Outcome.SKIPPED, error=error)}))
    own = _planned(control, _wanted("web-1", "web-2"))
    run = control.run_of(own, "web-1")
    assert (str(run.state), run.error) == ("SKIPPED", error)
    assert "E_WOULD_STOP_CONTAINERS" in run.reason


BUSY = HostResult(outcome=Outcome.SKIPPED, error=HostError(code="E_HOST_BUSY", message="c7 is at work here"))


def test_a_busy_host_is_asked_again_until_it_is_free(store: Store) -> None:
    control = Control(store, hosts=_hosts({"web-1": BUSY}))
    own = control.service.plan(_wanted("web-1", "web-2"))
    control.run(own, lambda _: len(control.hosts.orders) == 3)
    assert str(control.service.campaign(own).state) == "PLANNING"
    control.hosts.plans = {}
    control.run(own, lambda campaign: campaign.state is not CampaignState.PLANNING)
    assert control.states(own) == {"": "PLANNED", "web-1": "PENDING", "web-2": "PENDING"}
    assert [order.host.name for order in control.hosts.orders].count("web-2") == 1


def test_a_host_that_stays_busy_is_left_out_and_holds_nobody_up_for_ever(store: Store) -> None:
    control = Control(store, hosts=_hosts({"web-1": BUSY}))
    own = _planned(control, _wanted("web-1", "web-2"))
    assert control.states(own) == {"": "PLANNED", "web-1": "SKIPPED", "web-2": "PENDING"}
    assert "E_HOST_BUSY" in control.run_of(own, "web-1").reason
    assert [order.host.name for order in control.hosts.orders].count("web-1") == 4


def test_a_host_that_is_another_machine_than_before_is_left_out_until_a_person_accepts_it(
    store: Store,
) -> None:
    control = Control(store)
    _planned(control, _wanted("web-1"))
    control.hosts.machine_id = lambda _name: "f" * 32
    own = _planned(control, _wanted("web-1", "web-2"))
    run = control.run_of(own, "web-1")
    assert str(run.state) == "SKIPPED"
    assert run.error is not None
    assert run.error.code == "E_HOST_IDENTITY"
    control.service.accept_identity("web-1", "anna", "rebuilt")
    again = _planned(control, _wanted("web-1"))
    assert control.states(again)["web-1"] == "PENDING"
    assert control.run_of(again, "web-1").machine_id == "f" * 32


@pytest.mark.parametrize(
    "plan",
    [
        {"steps": [1]},
        {"steps": [{"kind": "run", "key": "../x", "title": "t", "argv": ["a"]}]},
        {"steps": [], "sudo": True},
        {"steps": {}},
        {"summary": 5},
    ],
)
def test_a_dry_run_that_cannot_be_read_leaves_its_host_out(sqlite_store: Store, plan: dict[str, Any]) -> None:
    control = Control(sqlite_store, hosts=_hosts({"web-1": HostResult(outcome=Outcome.OK, plan=plan)}))
    own = _planned(control, _wanted("web-1", "web-2"))
    run = control.run_of(own, "web-1")
    assert str(run.state) == "SKIPPED"
    assert run.error is not None
    assert run.error.code == "E_PROTOCOL"
    assert control.states(own)["web-2"] == "PENDING"


def test_an_identity_that_is_no_machine_id_is_not_remembered(sqlite_store: Store) -> None:
    control = Control(sqlite_store, hosts=ScriptedHosts(machine_id=lambda _name: "\x00'; DROP TABLE hosts"))
    _planned(control, _wanted("web-1"))
    with sqlite_store.read() as reader:
        assert reader.hosts(["web-1"])["web-1"].machine_id is None


def test_answers_come_once_and_only_from_hosts_that_were_asked(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    own = control.service.plan(_wanted("web-1", "web-2"))
    control.tick()
    order = control.outbox.waiting[0]
    (answer,) = control.hosts.answer(order)
    other = replace(order.host, name="web-9")
    foreign = order.model_copy(update={"attempt_id": f"{own}/web-9/0", "host": other})
    control.say(answer, answer, report(foreign, ReportKind.RESULT, HostResult(outcome=Outcome.OK)))
    control.tick()
    assert control.kinds(own).count("plan-answer") == 1
    reasons = [line.data["reason"] for line in control.service.events(own, 0) if line.kind == "ignored"]
    assert reasons == [
        "the host has answered before",
        "the host was not asked for a plan under this attempt",
    ]


def test_a_question_leaves_its_worker_time_to_answer_before_the_deadline(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    control.service.plan(_wanted("web-1", deadline_s=50))
    control.tick()
    (order,) = control.outbox.sent
    assert order.mode is Mode.PLAN
    assert order.timeout_s == 40
    assert order.expires_at == control.clock().timestamp() + 50


def test_an_abort_ends_the_planning(store: Store) -> None:
    control = Control(store)
    own = control.service.plan(_wanted("web-1"))
    control.tick()
    control.service.abort(own, "anna")
    control.tick()
    assert control.states(own) == {"": "ABORTED", "web-1": "CANCELLED"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hosts": ()}, "No host was chosen"),
        ({"hosts": (plain_host("a"), plain_host("b"), plain_host("a"))}, "listed twice: a"),
        ({"procedure": "disk.clean"}, "no procedure named 'disk.clean'"),
        ({"ttl_s": 0}, "ttl_s is 0"),
        ({"ttl_s": float("nan")}, "ttl_s is nan"),
        ({"deadline_s": 1e9}, "deadline_s is"),
        ({"timeout_s": -1}, "timeout_s is -1"),
        ({"policy": replace(make_policy(Kind.CHANGING), parallelism=0)}, "parallelism is 0"),
    ],
)
def test_what_no_plan_can_be_made_of_is_refused_before_any_host_is_asked(
    sqlite_store: Store, changes: dict[str, Any], said: str
) -> None:
    control = Control(sqlite_store)
    with pytest.raises(BadInput, match=said):
        control.service.plan(replace(_wanted("web-1"), **changes))
    assert control.service.campaigns() == ()


def test_a_gate_about_the_address_of_a_host_that_has_none_is_refused(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    gate = Gate(name="http-1", kind=GateKind.HTTP, at=Moment.HOST, url="http://{address}/")
    policy = replace(make_policy(Kind.CHANGING), gates=(gate,))
    agent = Host(name="db-1", transport=Transport.LOCAL)
    with pytest.raises(BadInput, match=r"asks for \{address\}.*have none: db-1"):
        control.service.plan(replace(_wanted("web-1"), hosts=(plain_host("web-1"), agent), policy=policy))
    assert control.service.plan(replace(_wanted("web-1"), policy=policy))


def test_unknown_parameters_are_all_named(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    with pytest.raises(BadDocument) as caught:
        control.service.plan(_wanted("web-1", params={"colour": "red", "speed": 3}))
    assert len(caught.value.problems) == 2


def test_defaults_of_parameters_are_frozen_in_the_plan(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    own = _planned(control, _wanted("web-1"))
    params = control.service.campaign(own).params
    assert params
    assert json.loads(control.service.document(own)[0])["params"] == params
