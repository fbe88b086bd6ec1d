"""The loop: committed before published, the same order after a crash, and the same end whatever gets lost."""

from __future__ import annotations

from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import GateAnswered, PauseAsked, ResumeAsked
from orchestrator.campaign.gate import Gate, GateKind, Moment, Verdict
from orchestrator.loop.ingest import event_of
from orchestrator.loop.received import Malformed
from orchestrator.store.errors import StoreUnusable
from orchestrator.store.reader import Reader
from orchestrator.store.store import Store
from orchestrator.store.writer import Writer
from tasks.model import Mode
from tasks.result import HostError, HostResult, Outcome
from tasks.wire import Order, ReportKind
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts, failed, ok, report

THREE = ("web-1", "web-2", "web-3")


def test_a_campaign_runs_through_its_waves_to_the_end(store: Store) -> None:
    control = Control(store)
    own = control.apply(THREE, waves="1,rest", parallelism=2)
    control.run(own, over)
    assert control.states(own) == {"": "COMPLETE"} | dict.fromkeys(THREE, "SUCCEEDED")
    applied = [order for order in control.hosts.orders if order.mode is Mode.APPLY]
    assert [order.attempt_id for order in applied] == [f"{own}/web-{n}/1" for n in (1, 2, 3)]
    assert {order.plan_hash for order in applied} == {control.service.document(own)[1]}
    assert {order.approved for order in applied} == {("restart",)}
    assert control.service.leases() == ()


def test_every_order_is_in_the_log_before_it_is_published(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    published: list[tuple[str, bool]] = []
    send = control.outbox.send

    def watch(sendings: Any) -> None:
        for sending in sendings:
            order = sending.order
            lines = control.service.events(order.campaign_id, 0, host=order.host.name)
            published.append((order.attempt_id, any(line.attempt_id == order.attempt_id for line in lines)))
        send(sendings)

    control.outbox.send = watch  # type: ignore[method-assign] # the test looks over its shoulder
    control.run(control.apply(THREE, waves="1,rest"), over)
    assert len(published) == 6
    assert all(logged for _, logged in published)


def test_after_a_crash_between_commit_and_publish_the_same_order_leaves_once(store: Store) -> None:
    control = Control(store)
    own = control.apply(THREE, waves="rest", parallelism=3)
    control.outbox.send = _power_cut  # type: ignore[method-assign,assignment] # the process dies before it publishes
    with pytest.raises(KeyboardInterrupt):
        control.tick()
    committed = control.service.campaign(own)
    assert {str(run.state) for run in committed.runs} == {"ORDERED"}
    control.restart()
    control.tick(3)
    assert [order.attempt_id for order in control.outbox.sent] == [f"{own}/{name}/1" for name in THREE]
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"
    assert set(control.hosts.effects.values()) == {1}


def _power_cut(_sendings: Any) -> None:
    raise KeyboardInterrupt


def test_an_order_sent_again_after_a_restart_counts_as_two_copies(store: Store) -> None:
    control = Control(store)
    own = control.apply(("web-1",))
    control.tick()
    first = control.outbox.sent[-1]
    # an orderly restart is over before the order would be sent again anyway
    control.lead.give_up()
    control.clock.turn(-18)
    control.restart()
    control.tick()
    second = control.outbox.sent[-1]
    assert second.attempt_id == first.attempt_id
    assert control.run_of(own, "web-1").attempts[-1].sent == 2
    # the gateway of the second copy does not get through; the first copy is still under way
    control.outbox.clear()
    dark = HostResult(outcome=Outcome.UNREACHABLE, error=HostError(code="E_UNREACHABLE", message="no route"))
    control.say(report(second, ReportKind.RESULT, dark, seq=1))
    control.tick()
    assert control.states(own)["web-1"] == "UNKNOWN"
    assert [lease.host for lease in control.service.leases()] == ["web-1"]
    control.say(*control.hosts.answer(first))
    control.run(own, over)
    assert control.states(own) == {"": "COMPLETE", "web-1": "SUCCEEDED"}
    assert set(control.hosts.effects.values()) == {1}


def test_an_order_that_may_never_have_left_stays_where_it_is_when_the_first_turn_stops_its_campaign(
    store: Store,
) -> None:
    control = Control(store)
    own = control.apply(("web-1", "web-2"), waves="rest", parallelism=2)
    control.tick()
    first = next(order for order in control.outbox.sent if order.attempt_id == f"{own}/web-1/1")
    control.lead.give_up()
    control.clock.turn(-18)
    control.restart()
    control.say(report(first, ReportKind.RESULT, failed(changed=False), seq=1))
    control.tick()
    assert control.service.campaign(own).stops
    assert [order.attempt_id for order in control.outbox.sent] == []


def test_an_order_that_expired_while_the_orchestrator_was_dead_is_asked_about_not_sent(store: Store) -> None:
    control = Control(store)
    own = control.apply(("web-1",))
    control.tick()
    control.outbox.clear()
    control.clock.turn(3600)
    control.restart()
    control.tick()
    assert [order.mode for order in control.outbox.sent] == [Mode.RESUME]
    control.run(own, over)
    assert control.run_of(own, "web-1").attempts[-1].number == 2
    assert control.states(own)[""] == "COMPLETE"


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_whatever_is_lost_or_restarted_each_host_is_changed_once_and_the_end_is_the_same(
    data: st.DataObject,
) -> None:
    with TemporaryDirectory() as directory:
        store = Store.open(f"sqlite:///{directory}/dockwave.db")
        try:
            _through_trouble(store, data)
        finally:
            store.close()


def _through_trouble(store: Store, data: st.DataObject) -> None:
    hosts = ScriptedHosts(script={"web-2": failed(changed=True)})
    control = Control(store, hosts=hosts)
    own = control.apply(("web-1", "web-2", "web-3", "web-4"), waves="1,rest", parallelism=2, max_failures="2")
    losses = iter(data.draw(st.lists(st.booleans(), max_size=30)))
    deaths = iter(data.draw(st.lists(st.booleans(), max_size=40)))
    for _ in range(40):
        if next(deaths, False):
            control.restart()
        control.tick()
        control.work(lose=lambda _order: next(losses, False))
        control.clock.turn(data.draw(st.sampled_from([1, 5, 30])))
    control.run(own, over)
    assert control.states(own) == {
        "": "COMPLETE_WITH_EXCEPTIONS",
        "web-1": "SUCCEEDED",
        "web-2": "ROLLED_BACK",
        "web-3": "SUCCEEDED",
        "web-4": "SUCCEEDED",
    }
    assert set(hosts.effects.values()) == {1}
    started = [attempt for attempt in hosts.effects if attempt.split("/")[0] == own]
    assert sorted(name.split("/")[1] for name in started) == ["web-1", "web-2", "web-2", "web-3", "web-4"]


def test_a_repeated_report_changes_nothing_and_is_logged(store: Store) -> None:
    control = Control(store)
    own = control.apply(("web-1",))
    control.tick()
    (order,) = control.outbox.sent[-1:]
    answers = control.hosts.answer(order)
    control.say(*answers)
    control.tick()
    before = control.service.campaign(own)
    delivery = control.say(*answers, *answers)
    control.tick()
    assert delivery.committed
    assert control.service.campaign(own).runs == before.runs
    assert control.kinds(own).count("ignored") == 6


def test_reports_about_what_was_never_ordered_change_nothing(store: Store) -> None:
    control = Control(store)
    own = control.apply(("web-1", "web-2"))
    control.tick()
    order = control.outbox.sent[-1]
    other_host = order.model_copy(
        update={"attempt_id": f"{own}/db-9/1", "host": replace(order.host, name="db-9")}
    )
    strange = [
        order.model_copy(update={"attempt_id": f"{own}/web-1/7"}),
        order.model_copy(update={"epoch": order.epoch + 1}),
        other_host,
        order.model_copy(update={"attempt_id": "cnobody/web-1/1"}),
    ]
    delivery = control.say(*(report(item, ReportKind.RESULT, ok()) for item in strange))
    before = control.states(own)
    control.tick()
    assert delivery.committed
    assert control.states(own) == before
    with store.read() as reader:
        lines = [line for line in reader.events_after(0) if line.kind == "ignored"]
    assert [line.data["reason"] for line in lines] == [
        "no such campaign",
        "this attempt was never ordered",
        f"epoch {order.epoch + 1} is not that of the attempt",
        "the host is not in this campaign",
    ]


def test_a_late_result_after_the_end_is_kept_as_evidence(store: Store) -> None:
    control = Control(store)
    own = control.apply(("web-1",))
    end = control.run(own, over)
    order = next(order for order in control.hosts.orders if order.mode is Mode.APPLY)
    delivery = control.say(report(order, ReportKind.RESULT, failed(changed=True)))
    control.tick(2)
    assert delivery.committed
    assert replace(control.service.campaign(own), version=0) == replace(end, version=0)
    last = control.service.events(own, 0)[-1]
    assert last.kind == "ignored"
    assert last.data["report"]["result"]["outcome"] == "failed"


def test_a_flood_of_strange_messages_becomes_a_number(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    bad = Malformed(reason="it is not JSON", size=3, head="\x00\x1b[")
    delivery = control.say(*[bad] * 500)
    control.tick()
    assert delivery.committed
    with sqlite_store.read() as reader:
        lines = reader.events_after(0)
    assert [line.kind for line in lines] == ["malformed"] * 20 + ["malformed-more"]
    assert lines[-1].data == {"count": 480}


def test_two_campaigns_never_change_a_host_at_the_same_time(store: Store) -> None:
    control = Control(store)
    first, second = (
        control.plan(("web-1",)),
        control.plan(("web-1", "web-2"), waves="rest", parallelism=2),
    )
    for own in (first, second):
        control.service.apply(control.service.document(own)[0], "tester")
        control.tick()
    for _ in range(5):
        control.tick()
        control.clock.turn(1)
    assert control.states(second) == {"": "RUNNING", "web-1": "PENDING", "web-2": "ORDERED"}
    blocked = [line for line in control.service.events(second, 0) if line.kind == "blocked"]
    assert [(line.host, line.data["campaign"]) for line in blocked] == [("web-1", first)]
    control.run(second, over)
    assert control.states(first)[""] == control.states(second)[""] == "COMPLETE"
    epochs = {order.campaign_id: order.epoch for order in control.hosts.orders if order.mode is Mode.APPLY}
    assert epochs[first] < epochs[second]


def test_a_host_that_needs_a_human_is_left_out_of_plans_until_a_person_releases_it(store: Store) -> None:
    control = Control(store, hosts=ScriptedHosts(script={"web-1": failed(changed=True)}))
    own = control.apply(("web-1",), rollback_failed=False)
    control.run(own, over)
    assert control.states(own)["web-1"] == "NEEDS_HUMAN"
    assert control.service.leases() == ()
    assert [(item.host, item.campaign) for item in control.service.quarantines()] == [("web-1", own)]
    control.hosts.script = {}
    before = control.plan(("web-1",))
    assert control.states(before)["web-1"] == "SKIPPED"
    assert control.run_of(before, "web-1").reason.startswith("E_QUARANTINED: web-1 is quarantined since")
    control.service.release_host("web-1", "anna", "looked at it")
    after = control.apply(("web-1",))
    control.run(after, over)
    assert control.states(after)["web-1"] == "SUCCEEDED"
    assert "released" in control.kinds(own)


def test_reading_disturbs_nobody_and_is_held_up_by_nobody(store: Store) -> None:
    control = Control(store)
    changing = control.apply(("web-1",))
    control.tick()
    reading = control.apply(("web-1",), procedure="engine.info")
    control.run(reading, over)
    assert control.states(reading) == {"": "COMPLETE", "web-1": "SUCCEEDED"}
    assert [lease.campaign_id for lease in control.service.leases() if lease.campaign_id == reading] == []
    control.run(changing, over)


def test_an_epoch_lost_with_the_database_is_drawn_above_what_the_host_has_seen(store: Store) -> None:
    hosts = ScriptedHosts(epochs={"web-1": 41})
    control = Control(store, hosts=hosts)
    own = control.apply(("web-1",))
    control.run(own, over)
    run = control.run_of(own, "web-1")
    assert str(run.state) == "SUCCEEDED"
    assert run.attempts[-1].epoch > 41


def test_a_deposed_orchestrator_sends_nothing_and_a_new_one_goes_on(store: Store) -> None:
    control = Control(store)
    own = control.apply(THREE, waves="rest", parallelism=3)
    old = control.reconciler, control.outbox, control.lead
    control.restart()
    delivery = old[0].inbox
    old[0].tick()
    assert not old[2].held
    assert [order for order in old[1].sent if order.mode is Mode.APPLY] == []
    assert delivery.take() == []
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"


def test_a_report_that_breaks_a_turn_is_set_aside_and_the_others_go_on(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control(sqlite_store)
    poisoned = control.apply(("web-1",))
    healthy = control.apply(("web-2",))
    control.tick()
    orders = {order.campaign_id: order for order in control.outbox.sent if order.mode is Mode.APPLY}

    def break_on_poison(said: Any, run: Any) -> Any:
        if said.step == "poison":
            raise RuntimeError("a defect")
        return event_of(said, run)

    monkeypatch.setattr("orchestrator.loop.observing.event_of", break_on_poison)
    poison = report(orders[poisoned], ReportKind.HEARTBEAT).model_copy(update={"step": "poison"})
    delivery = control.say(poison, *control.hosts.answer(orders[healthy]))
    control.tick()
    assert delivery.committed
    assert control.states(healthy)["web-2"] == "SUCCEEDED"
    assert control.service.events(poisoned, 0)[-1].data["reason"] == "it broke the turn it came in"
    control.run(poisoned, over)
    assert control.states(poisoned)[""] == "COMPLETE"


def test_five_hundred_hosts_are_through_in_a_bounded_number_of_ticks(sqlite_store: Store) -> None:
    names = [f"web-{number:03}" for number in range(500)]
    control = Control(sqlite_store)
    own = control.apply(names, waves="1,10%,rest", parallelism=100)
    end = control.run(own, over, ticks=30)
    assert str(end.state) == "COMPLETE"
    assert set(control.hosts.effects.values()) == {1}
    assert len(control.hosts.effects) == 500


def test_abort_lets_running_hosts_finish_and_starts_no_other(store: Store) -> None:
    control = Control(store)
    own = control.apply(THREE, waves="1,rest")
    control.tick()
    control.service.abort(own, "anna", "wrong window")
    control.run(own, over)
    assert control.states(own) == {
        "": "ABORTED",
        "web-1": "SUCCEEDED",
        "web-2": "CANCELLED",
        "web-3": "CANCELLED",
    }
    seen: list[Order] = [order for order in control.hosts.orders if order.mode is Mode.APPLY]
    assert [order.host.name for order in seen] == ["web-1"]


def test_a_late_receipt_frees_a_host_whose_campaign_gave_up_on_it(store: Store) -> None:
    control = Control(store, hosts=ScriptedHosts(silent=frozenset({"web-1"})))
    own = control.apply(("web-1",), max_failures="1")
    control.run(own, over, seconds=20)
    assert control.states(own) == {"": "INCOMPLETE", "web-1": "UNKNOWN"}
    assert [lease.host for lease in control.service.leases()] == ["web-1"]
    order = next(order for order in control.hosts.orders if order.mode is Mode.APPLY)
    control.say(report(order, ReportKind.HEARTBEAT, seq=5))
    control.tick()
    assert len(control.service.leases()) == 1
    control.say(report(order, ReportKind.RESULT, ok()))
    control.tick()
    assert control.service.leases() == ()
    assert control.kinds(own)[-2:] == ["ignored", "late-receipt"]


def test_what_a_person_asked_is_not_read_back_by_the_loop(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control(store)
    own = control.apply(THREE, waves="rest")

    def never(_reader: Reader, wanted: str) -> Campaign | None:
        raise AssertionError(f"{wanted} was in hand, in the version SQL has")

    monkeypatch.setattr(Reader, "load", never)
    control.service.operate(own, PauseAsked(by="me", reason="wait"))
    control.tick()
    assert control.states(own)[""] == "PAUSED"
    assert control.reconciler.cached(own) == control.service.campaign(own)


def test_a_campaign_in_a_version_sql_does_not_have_is_read_anew(store: Store) -> None:
    control = Control(store)
    own = control.apply(THREE, waves="rest")
    known = control.service.campaign(own)
    control.reconciler.adopt(replace(known, version=known.version + 1, runs=()))
    control.service.operate(own, PauseAsked(by="me", reason="wait"))
    control.reconciler.adopt(replace(known, runs=()))
    control.tick()
    assert control.reconciler.cached(own) == control.service.campaign(own)
    assert len(control.service.campaign(own).runs) == 3


def test_a_database_that_fails_at_the_commit_loses_no_order_and_doubles_none(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control(sqlite_store)
    own = control.apply(("web-1",))
    honest = Writer.last_seq

    def broken(writer: Writer) -> int:
        raise OperationalError("COMMIT", {}, Exception("disk I/O error"))

    monkeypatch.setattr(Writer, "last_seq", broken)
    with pytest.raises(StoreUnusable, match="disk I/O error"):
        control.tick()
    assert control.outbox.sent[1:] == []
    monkeypatch.setattr(Writer, "last_seq", honest)
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"
    assert control.hosts.effects == {f"{own}/web-1/1": 1}


def test_what_a_failed_commit_would_have_saved_undoes_nobodys_abort(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop kept the version it had failed to write; an abort got the same number, and the next save undid it."""
    control = Control(sqlite_store)
    own = control.apply(("web-1",))
    with monkeypatch.context() as patch:
        patch.setattr(
            Writer, "last_seq", lambda _writer: _raise(OperationalError("COMMIT", {}, Exception("full")))
        )
        with pytest.raises(StoreUnusable):
            control.tick()
    control.service.abort(own, "tester")
    assert control.service.campaign(own).abort_requested
    control.run(own, over)
    assert control.states(own) == {"": "ABORTED", "web-1": "CANCELLED"}
    assert not control.hosts.effects


def test_a_host_that_was_not_started_after_all_is_free_for_others_while_its_campaign_is_paused(
    store: Store,
) -> None:
    control = Control(store)
    own = control.apply(("web-1",))
    control.tick()
    order = control.outbox.sent[-1]
    control.service.operate(own, PauseAsked(by="tester"))
    error = HostError(code="E_ORDER_EXPIRED", message="too late", retryable=True)
    late = HostResult(outcome=Outcome.SKIPPED, error=error, refuses_before=order.expires_at + 1)
    control.say(report(order, ReportKind.REFUSED, late))
    control.tick()
    assert control.states(own) == {"": "PAUSED", "web-1": "PENDING"}
    assert control.service.leases() == ()
    other = control.apply(("web-1",))
    control.run(other, over)
    assert control.states(other)["web-1"] == "SUCCEEDED"
    control.service.operate(own, ResumeAsked(by="tester"))
    control.run(own, over)
    assert control.states(own)["web-1"] == "SUCCEEDED"


def test_reports_of_a_tick_that_failed_are_not_acknowledged_and_come_with_the_next(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control(sqlite_store)
    own = control.apply(("web-1",))
    control.tick()
    delivery = control.say(*control.hosts.answer(control.outbox.sent[-1]))
    with monkeypatch.context() as patch:
        error = OperationalError("BEGIN", {}, Exception("database is locked"))
        patch.setattr(Store, "_transaction", lambda _store: _raise(error))
        with pytest.raises(OperationalError):
            control.tick()
    assert not delivery.done.is_set()
    control.tick()
    assert delivery.committed
    assert control.states(own)["web-1"] == "SUCCEEDED"


def _raise(error: Exception) -> Any:
    raise error


@pytest.mark.parametrize("restart", [False, True])
def test_a_gate_is_asked_after_the_commit_and_again_after_a_restart(store: Store, restart: bool) -> None:
    gate = Gate(name="http-1", kind=GateKind.HTTP, at=Moment.CAMPAIGN, url="http://shop/health")
    control = Control(store)
    own = control.apply(THREE, waves="all", gates=(gate,))
    control.tick()
    if restart:
        control.restart()
        control.clock.turn(16)
        control.tick()
    question = control.questions[-1]
    assert (question.campaign_id, question.gate) == (own, gate)
    assert control.service.campaign(own).gates[0].asked_at == question.asked_at
    assert control.service.campaign(own).wave == 0
    event = GateAnswered(gate="http-1", wave=0, asked_at=question.asked_at, verdict=Verdict.PASS)
    control.reconciler.gate_answers.put(own, event)
    control.reconciler.gate_answers.put(own, event)
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"
    kinds = [line.kind for line in control.service.events(own, 0)]
    assert kinds.count("gate-answered") == 1
