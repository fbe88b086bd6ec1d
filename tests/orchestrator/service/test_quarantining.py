"""Quarantine in SQL: set by people and campaigns, on both databases, over restarts, in the log with who and why."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import pytest
from sqlalchemy import text

from orchestrator.campaign.events import SkipAsked
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import Budgets, Share
from orchestrator.loop.outside import Outside
from orchestrator.loop.planning import NewPlan
from orchestrator.service.retrying import Retry
from orchestrator.service.undoing import Undo
from orchestrator.store.errors import Conflict
from orchestrator.store.store import Store
from tasks.errors import BadInput, Refused
from tasks.model import Kind, Mode
from tasks.result import HostError, HostResult, Outcome
from tests.support.campaigns import plain_host
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts, failed

THREE = ("web-1", "web-2", "web-3")


@pytest.fixture
def control(store: Store) -> Control:
    """A control plane on each kind of database."""
    return Control(store)


def _wait(control: Control, ticks: int = 8) -> None:
    for _ in range(ticks):
        control.tick()
        control.work()
        control.clock.turn(30)


def _changed(control: Control) -> list[str]:
    changing = {Mode.APPLY, Mode.UNDO}
    return [order.host.name for order in control.hosts.orders if order.mode in changing]


def _acts(control: Control) -> list[tuple[str, str]]:
    lines = control.service.audit_newest(campaign_id=None, people=True, limit=50)
    return [(line.kind, line.data["by"]) for line, _ in lines if line.kind in {"quarantined", "released"}]


def test_a_plan_leaves_a_quarantined_host_out_and_goes_on_with_the_others(control: Control) -> None:
    control.service.quarantine_host("web-2", "anna", "its disk clicks")
    own = control.apply(THREE, waves="1,rest")
    control.run(own, over)
    assert control.states(own) == {
        "": "COMPLETE_WITH_EXCEPTIONS",
        "web-1": "SUCCEEDED",
        "web-2": "SKIPPED",
        "web-3": "SUCCEEDED",
    }
    run = control.run_of(own, "web-2")
    assert run.wave == 0
    assert run.error is not None
    assert run.error.code == "E_QUARANTINED"
    assert "by anna: its disk clicks" in run.error.message
    assert "dockwave hosts release web-2" in run.error.hint
    assert "web-2" not in _changed(control)


def test_a_quarantined_host_that_does_not_answer_makes_no_plan_unreachable(control: Control) -> None:
    dark = HostResult(outcome=Outcome.UNREACHABLE, error=HostError(code="E_UNREACHABLE", message="no route"))
    control.hosts.plans = {"web-2": dark}
    control.service.quarantine_host("web-2", "anna", "its disk clicks")
    assert control.states(control.plan(("web-1", "web-2")))[""] == "PLANNED"


def test_a_host_quarantined_after_the_plan_gets_no_order_over_restarts_until_its_release(
    control: Control,
) -> None:
    own = control.plan(THREE, waves="all", parallelism=3)
    control.service.quarantine_host("web-2", "anna", "its disk clicks")
    control.service.apply(control.service.document(own)[0], "tester")
    _wait(control)
    control.restart()
    _wait(control)
    assert control.states(own)["web-2"] == "PENDING"
    assert sorted(_changed(control)) == ["web-1", "web-3"]
    why = control.service.why(own)
    assert why.headline == "it waits for a person to release quarantined hosts: web-2"
    assert "by anna: its disk clicks" in why.brakes[0]
    blocked = [line.data["quarantine"] for line in control.service.events(own, 0) if line.kind == "blocked"]
    assert len(blocked) == 2, "once by each process"
    assert set(blocked) == {control.service.quarantines()[0].text}
    control.service.release_host("web-2", "bert", "new disk")
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"


def test_an_unaccepted_order_is_not_sent_again_after_a_restart(control: Control) -> None:
    own = control.apply(("web-1", "web-2"), waves="all", parallelism=2)
    control.tick()
    control.service.quarantine_host("web-2", "anna", "its disk clicks")
    # an orderly restart is over before the orders would be sent again anyway
    control.lead.give_up()
    control.clock.turn(-18)
    control.restart()
    control.tick()
    assert [order.host.name for order in control.outbox.sent] == ["web-1"]
    _wait(control)
    assert control.states(own)["web-2"] == "PENDING", "its journal says that it never started"
    control.service.operate(own, SkipAsked(host="web-2", by="anna", reason="another day"))
    control.run(own, over)
    assert control.states(own)["web-2"] == "SKIPPED"


def test_what_was_decided_before_a_quarantine_is_not_committed_after_it(
    control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = control.apply(THREE, waves="all", parallelism=3)
    read = Outside.read
    reads: list[Outside] = []

    def quarantine_after_the_first_look(reader: object, fleet_budget: int | None) -> Outside:
        seen = read(reader, fleet_budget)  # type: ignore[arg-type] # the loop's own reader
        if not reads:
            # as if the API had committed between this look and the commit of the turn
            control.service.quarantine_host("web-2", "anna", "its disk clicks")
        reads.append(seen)
        return seen

    monkeypatch.setattr(Outside, "read", quarantine_after_the_first_look)
    control.tick()
    assert len(reads) == 2, "the turn was decided again"
    states = control.states(own)
    assert (states["web-1"], states["web-2"], states["web-3"]) == ("ORDERED", "PENDING", "ORDERED")


@pytest.mark.parametrize("budgets", [None, Budgets(fleet=Share(value=2))])
def test_a_quarantine_of_any_host_is_news_to_a_campaign_that_keeps_a_budget(
    control: Control, budgets: Budgets | None
) -> None:
    campaign = control.service.campaign(control.apply(("web-1",), budgets=budgets))
    with control.store.read() as reader:
        seen = Outside.read(reader)
    control.service.quarantine_host("web-9", "anna", "its disk clicks")
    with control.store.read() as reader, pytest.raises(Conflict) if budgets else nullcontext():
        seen.check(reader, campaign)


def test_reading_goes_on(control: Control) -> None:
    control.service.quarantine_host("web-1", "anna", "its disk clicks")
    own = control.apply(("web-1",), procedure="engine.info")
    control.run(own, over)
    assert control.states(own) == {"": "COMPLETE", "web-1": "SUCCEEDED"}


def _left(store: Store, message: str = "it did not come up") -> tuple[Control, str]:
    error = HostError(code="E_VERIFY_FAILED", message=message)
    bad = replace(failed(changed=True), error=error)
    control = Control(store, hosts=ScriptedHosts(script={"web-1": bad}))
    own = control.apply(("web-1", "web-2"), waves="all", max_failures="100%", rollback_failed=False)
    control.run(own, over)
    assert control.states(own)["web-1"] == "NEEDS_HUMAN"
    return control, own


def test_a_host_left_to_a_person_is_quarantined_with_the_reason_and_the_campaign(store: Store) -> None:
    control, own = _left(store, "odd: \x00\ud800 \x1b[31m" + "x" * 500)
    (item,) = control.service.quarantines()
    assert (item.host, item.campaign, item.by) == ("web-1", own, "")
    assert item.reason.startswith("E_VERIFY_FAILED: odd:")
    assert item.reason.isprintable()
    assert len(item.reason) <= 300
    assert control.service.leases() == (), "one truth: the quarantine keeps it now"
    assert control.kinds(own, "web-1").count("quarantined") == 1
    assert "dockwave hosts quarantined" in control.service.why(own).next
    control.restart()
    _wait(control, 2)
    assert control.service.quarantines() == (item,)
    again = control.service.retry(own, Retry(by="anna"))
    control.run(again, lambda campaign: campaign.state != "PLANNING")
    assert control.states(again)["web-1"] == "SKIPPED"
    with pytest.raises(Refused, match=f"left to a person by campaign {own}"):
        control.service.undo(own, Undo(hosts=("web-1",)))


def test_the_host_and_its_quarantine_are_committed_together(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control(store, hosts=ScriptedHosts(script={"web-1": failed(changed=True)}))
    own = control.apply(("web-1",), rollback_failed=False)
    control.tick()
    control.work()

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("orchestrator.store.quarantines.put", power_cut)
        with pytest.raises(KeyboardInterrupt):
            control.tick()
    assert control.states(own)["web-1"] != "NEEDS_HUMAN"
    control.restart()
    control.run(own, over)
    assert control.states(own)["web-1"] == "NEEDS_HUMAN"
    assert [item.host for item in control.service.quarantines()] == ["web-1"]


def test_once_released_it_is_not_quarantined_again_by_the_same_campaign(store: Store) -> None:
    control, own = _left(store)
    control.service.release_host("web-1", "anna", "looked at it")
    order = next(
        order for order in control.hosts.orders if order.host.name == "web-1" and order.mode is Mode.APPLY
    )
    control.say(*control.hosts.answer(order))
    control.restart()
    _wait(control, 3)
    assert control.service.quarantines() == ()
    assert control.kinds(own, "web-1").count("quarantined") == 1


def test_a_persons_quarantine_stays_when_a_campaign_leaves_the_host_to_a_person(store: Store) -> None:
    control = Control(store, hosts=ScriptedHosts(script={"web-1": failed(changed=True)}))
    own = control.apply(("web-1",), rollback_failed=False)
    control.tick()
    answer = control.service.quarantine_host("web-1", "anna", "its disk clicks")
    assert answer.known
    assert answer.at_work is not None
    assert answer.at_work.campaign_id == own
    control.run(own, over)
    assert control.states(own)["web-1"] == "NEEDS_HUMAN"
    assert control.service.quarantines() == (answer.quarantine,)


def test_setting_apart_and_releasing_twice_change_nothing(control: Control) -> None:
    once = control.service.quarantine_host("web-1", "anna", "its disk clicks")
    assert not once.known, "no campaign ever had it"
    control.clock.turn(5)
    assert control.service.quarantine_host("web-1", "carl", "me too") == once
    first = control.service.release_host("web-1", "bert", "new disk")
    control.clock.turn(5)
    assert control.service.release_host("web-1", "carl", "me too") == first
    assert first.quarantine is not None
    assert (first.quarantine.released_by, first.quarantine.release_reason) == ("bert", "new disk")
    assert _acts(control) == [("released", "bert"), ("quarantined", "anna")]
    again = control.service.quarantine_host("web-1", "anna", "it clicks again")
    assert control.service.quarantines() == (again.quarantine,)
    assert again.quarantine.at > once.quarantine.at


def test_a_release_lifts_the_quarantine_and_leaves_a_campaign_at_work_its_lease(control: Control) -> None:
    own = control.apply(("web-1",))
    control.tick()
    control.service.quarantine_host("web-1", "anna", "its disk clicks")
    freed = control.service.release_host("web-1", "anna", "another host")
    assert (freed.lease, freed.kept and freed.kept.campaign_id) == (None, own)
    assert [lease.host for lease in control.service.leases()] == ["web-1"]
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"


def test_a_release_takes_the_lease_of_a_campaign_that_is_over_with_it(store: Store) -> None:
    control = Control(store, hosts=ScriptedHosts(silent=frozenset({"web-1"})))
    own = control.apply(("web-1",), max_failures="1")
    control.run(own, over, seconds=20)
    assert control.states(own)["web-1"] == "UNKNOWN"
    control.service.quarantine_host("web-1", "anna", "it is silent")
    freed = control.service.release_host("web-1", "anna", "looked at it")
    assert freed.lease is not None
    assert control.service.leases() == ()
    assert control.service.quarantines() == ()


def test_a_host_a_person_set_apart_uses_the_budget_until_its_release(control: Control) -> None:
    control.service.quarantine_host("web-9", "anna", "its disk clicks")
    wanted = NewPlan(
        procedure="engine.restart",
        params={},
        hosts=(plain_host("web-1"),),
        policy=replace(make_policy(Kind.CHANGING), budgets=Budgets(fleet=Share(value=1))),
    )
    own = control.service.plan(wanted)
    control.run(own, lambda campaign: campaign.state != "PLANNING")
    control.service.apply(control.service.document(own)[0], "tester")
    _wait(control, 3)
    assert control.states(own)["web-1"] == "PENDING"
    assert any("(web-9)" in line for line in control.service.why(own).brakes)
    control.service.release_host("web-9", "anna", "new disk")
    control.run(own, over)


def test_what_cannot_be_used_is_refused_with_a_way_out(control: Control) -> None:
    for host, reason in (("web-1", " "), ("web-1", "\x00"), ("", "x"), ("a\x00b", "x"), ("x" * 300, "x")):
        for act in (control.service.quarantine_host, control.service.release_host):
            with pytest.raises(BadInput) as caught:
                act(host, "anna", reason)
            assert caught.value.hint
    assert control.service.quarantines() == ()


def test_leases_kept_for_people_become_quarantines_when_the_schema_is_upgraded(
    store: Store, open_stores: Callable[[], Store]
) -> None:
    control, own = _left(store)
    (item,) = control.service.quarantines()
    with store._engine.begin() as connection:
        for table in ("quarantines", "notifications", "budget_uses"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("ALTER TABLE leases DROP COLUMN expires_at"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
        connection.execute(
            text(
                "INSERT INTO leases SELECT :host, id, :host, 7, created_at, 'engine.restart' FROM campaigns"
            ),
            {"host": "web-1"},
        )
    upgraded = Control(open_stores())
    (moved,) = upgraded.service.quarantines()
    assert (moved.host, moved.campaign, moved.labels) == ("web-1", own, item.labels)
    assert moved.reason == "it needs a person after engine.restart"
    assert moved.at == upgraded.service.campaign(own).created_at
    assert upgraded.service.leases() == ()
