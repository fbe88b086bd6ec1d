"""Hosts are read for gates by orders that are committed first; every answer is a report like any other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.campaign.events import GateAnswered
from orchestrator.campaign.gate import Gate, GateAction, GateKind, Moment, Verdict
from orchestrator.campaign.proof import FINGERPRINT
from orchestrator.campaign.vitals import CHECKS, Level, restarted_of, restarting_of, vitals_of
from orchestrator.loop.orders import reads_for_gate
from orchestrator.store.store import Store
from tasks.model import Mode
from tasks.result import HostResult, Outcome
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts, healthy, ok
from tests.tasks.disk.world import NOW, engine_with, running
from tests.tasks.health.test_health import check, make_host

TWO = ("web-1", "web-2")


def _gate(kind: GateKind, at: Moment, **more: object) -> Gate:
    return Gate(name=f"{kind}-1", kind=kind, at=at, every_s=60.0, timeout_s=45.0, **more)  # type: ignore[arg-type] # the test says what it means


def test_what_the_real_health_check_says_is_understood() -> None:
    verdict = check(make_host(), include=list(CHECKS))
    found, problem = vitals_of(HostResult(outcome=Outcome.OK, data=verdict.data))
    assert problem == ""
    assert {item.check: item.level for item in found} == dict.fromkeys(CHECKS, Level.OK)


def test_what_the_real_health_check_says_of_restarts_is_understood() -> None:
    loop, calm = running("loop", restarts=7, created_s=NOW - 60), running("calm", restarts=2, created_s=0.0)
    verdict = check(make_host(engine_with(loop, calm), date=f"{NOW}\n"), include=list(CHECKS))
    result = HostResult(outcome=Outcome.OK, data=verdict.data)
    assert [item.count for item in restarted_of(result) or ()] == [7, 2]
    assert [(item.name, item.count) for item in restarting_of(result)] == [("loop", 7)]


def test_hosts_are_read_before_and_after_their_change_and_each_answer_is_logged_once(store: Store) -> None:
    control = Control(store)
    gates = (_gate(GateKind.HEALTH, Moment.WAVE), _gate(GateKind.DELTA, Moment.AFTER_WAVE))
    own = control.apply(TWO, waves="1", gates=gates)
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"
    read = [order for order in control.hosts.orders if reads_for_gate(order.attempt_id)]
    assert {(order.procedure, order.mode) for order in read} == {("health.check", Mode.APPLY)}
    # both for the baseline, then each before and after its change
    assert sorted(order.host.name for order in read) == ["web-1"] * 3 + ["web-2"] * 3
    assert len({order.attempt_id for order in read}) == 6, "no answer is taken for another's"
    kinds = control.kinds(own)
    assert kinds.count("host-read") == 6
    assert kinds.count("judge-gate") == 5
    assert kinds.index("ask-gate") < kinds.index("host-read")
    run = control.run_of(own, "web-1")
    assert run.vitals is not None
    assert {item.check for item in run.vitals} == set(CHECKS)


def test_a_host_that_is_sick_after_its_change_does_what_the_gate_says(store: Store) -> None:
    control = Control(store, hosts=ScriptedHosts(vitals={"web-1": healthy(unhealthy="CRITICAL")}))
    gate = _gate(GateKind.HEALTH, Moment.AFTER_WAVE, action=GateAction.ROLLBACK_WAVE)
    own = control.apply(TWO, waves="1", gates=(gate,))
    control.run(own, over)
    assert control.states(own) == {"": "ROLLED_BACK", "web-1": "ROLLED_BACK", "web-2": "CANCELLED"}
    assert "1 of 1 hosts: web-1: unhealthy CRITICAL" in control.service.why(own).observed


@pytest.mark.parametrize("restart", [False, True])
def test_questions_that_never_left_are_put_again(store: Store, restart: bool) -> None:
    control = Control(store)
    own = control.apply(TWO, waves="all", gates=(_gate(GateKind.HEALTH, Moment.CAMPAIGN),))
    control.tick()
    asked = [order for order in control.outbox.sent if reads_for_gate(order.attempt_id)]
    assert [order.host.name for order in asked] == list(TWO)
    assert control.service.campaign(own).gates[0].waiting == TWO, "committed before it is sent"
    if restart:
        control.restart()
    else:
        control.outbox.clear()
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"


def test_an_answer_under_another_hosts_name_is_ignored(store: Store) -> None:
    control = Control(store)
    own = control.apply(TWO, waves="all", gates=(_gate(GateKind.HEALTH, Moment.CAMPAIGN),))
    control.tick()
    first, second = (order for order in control.outbox.waiting if reads_for_gate(order.attempt_id))
    forged = [item.model_copy(update={"host": second.host.name}) for item in control.hosts.answer(first)]
    control.say(*forged)
    control.tick()
    assert control.service.campaign(own).gates[0].waiting == TWO


def test_before_each_host_only_those_that_are_about_to_start_are_read(store: Store) -> None:
    control = Control(store)
    hosts = tuple(f"web-{number}" for number in range(1, 7))
    own = control.apply(hosts, waves="all", parallelism=2, gates=(_gate(GateKind.HEALTH, Moment.HOST),))
    control.tick()
    asked = [order.host.name for order in control.outbox.waiting if reads_for_gate(order.attempt_id)]
    assert asked == ["web-1", "web-2"]
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"
    read = [order.host.name for order in control.hosts.orders if reads_for_gate(order.attempt_id)]
    assert sorted(read) == list(hosts), "each once"
    (left,) = control.service.campaign(own).gates
    assert (left.host, left.passes) == ("", 6), "one sum is all that stays"


def test_a_question_about_a_host_survives_a_restart_and_carries_its_host(store: Store) -> None:
    control = Control(store)
    gate = Gate(name="http-1", kind=GateKind.HTTP, at=Moment.HOST, url="http://{address}/")
    own = control.apply(TWO, waves="all", gates=(gate,))
    control.tick()
    (question,) = control.questions
    assert question.host is not None
    assert question.host.name == "web-1"
    control.restart()
    control.tick()
    (question,) = control.questions
    assert question.host is not None
    control.reconciler.gate_answers.put(
        own,
        GateAnswered(
            gate="http-1", wave=1, asked_at=question.asked_at, verdict=Verdict.PASS, host=question.host.name
        ),
    )
    control.tick()
    assert control.states(own)["web-1"] == "ORDERED"
    answer = next(line for line in control.service.events(own, 0, limit=100) if line.kind == "gate-answered")
    assert answer.host == "web-1"


@pytest.mark.parametrize(("good_for_s", "again"), [(60.0, True), (15.0, False)])
def test_a_new_process_publishes_an_order_again_only_while_the_pass_before_its_host_is_good(
    store: Store, good_for_s: float, *, again: bool
) -> None:
    control = Control(store)
    gate = Gate(name="http-1", kind=GateKind.HTTP, at=Moment.HOST, url="http://shop/", every_s=good_for_s)
    own = control.apply(("web-1",), gates=(gate,))

    def let_pass() -> None:
        asked_at = control.questions[-1].asked_at
        passed = GateAnswered(gate="http-1", wave=1, asked_at=asked_at, verdict=Verdict.PASS, host="web-1")
        control.reconciler.gate_answers.put(own, passed)

    control.tick()
    let_pass()
    control.tick()
    first = [order.attempt_id for order in control.outbox.sent if order.mode is Mode.APPLY]
    assert first == [f"{own}/web-1/1"]
    control.restart(dead_s=20)
    control.tick(2)
    assert [order.attempt_id for order in control.outbox.sent] == (first if again else [])
    if not again:
        control.run(own, lambda _campaign: bool(control.questions))
        assert control.states(own)["web-1"] == "PENDING"
        let_pass()
    control.run(own, over)
    assert control.states(own) == {"": "COMPLETE", "web-1": "SUCCEEDED"}
    assert list(control.hosts.effects.items()) == [(f"{own}/web-1/{1 if again else 2}", 1)]


def test_containers_are_compared_with_the_snapshot_of_the_attempt_once_a_host_was_changed(
    store: Store,
) -> None:
    control = Control(store)
    control.hosts.script = {"web-1": replace(ok(), data={FINGERPRINT: "a" * 64})}
    own = control.apply(TWO, waves="1", gates=(_gate(GateKind.RUNNING_SET, Moment.AFTER_WAVE),))
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"
    read = [order for order in control.hosts.orders if reads_for_gate(order.attempt_id)]
    assert {order.procedure for order in read} == {"health.running"}
    assert [order.undo_of for order in read] == [None, None, f"{own}/web-1/1", f"{own}/web-2/1"]
    assert [order.snapshot_sha256 for order in read] == ["", "", "a" * 64, ""], (
        "the one it took, where it told it"
    )
    run = control.run_of(own, "web-1")
    assert run.running == (f"{'a' * 12} {'b' * 12} web",)


def test_a_container_that_is_missing_after_the_change_brings_the_wave_back(store: Store) -> None:
    gone = HostResult(
        outcome=Outcome.OK,
        data={"compared_with": "x", "missing": ["db"], "extra": [], "count": 0, "running": []},
    )
    control = Control(store, hosts=ScriptedHosts(vitals={"web-1": gone}))
    gate = _gate(GateKind.RUNNING_SET, Moment.AFTER_WAVE, action=GateAction.ROLLBACK_WAVE)
    own = control.apply(TWO, waves="1", gates=(gate,))
    control.run(own, over)
    assert control.states(own) == {"": "ROLLED_BACK", "web-1": "ROLLED_BACK", "web-2": "CANCELLED"}
    assert "1 of 1 hosts: web-1: missing: db" in control.service.why(own).observed
