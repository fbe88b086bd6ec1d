"""People act on campaigns at work: on both databases, over restarts, in the log with who and why."""

from __future__ import annotations

import pytest

from orchestrator.campaign.events import PauseAsked, ResumeAsked, RollbackAsked, SkipAsked
from orchestrator.service.retrying import Left, Retry
from orchestrator.store.store import Store
from tasks.errors import BadInput, Refused
from tasks.model import Mode
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts, failed

THREE = ("web-1", "web-2", "web-3")


@pytest.fixture
def control(store: Store) -> Control:
    """A control plane on each kind of database."""
    return Control(store)


def test_a_pause_holds_over_a_restart_until_it_is_resumed(control: Control) -> None:
    own = control.apply(THREE, waves="all", parallelism=1)
    control.run(own, lambda campaign: campaign.run_of("web-1").state == "SUCCEEDED")  # type: ignore[union-attr] # it is there
    control.service.operate(own, PauseAsked(by="anna", reason="a look"))
    for _ in range(20):
        control.tick()
        control.work()
        control.clock.turn(5)
    before = len(control.hosts.orders)
    control.restart()
    for _ in range(20):
        control.tick()
        control.work()
        control.clock.turn(5)
    assert control.states(own)[""] == "PAUSED"
    assert len(control.hosts.orders) == before, "nothing starts while it is paused"
    assert "so far for" in control.service.why(own).headline
    control.service.operate(own, ResumeAsked(by="bert"))
    control.run(own, over)
    assert control.states(own)[""] == "COMPLETE"
    said = [
        line.data["by"]
        for line in control.service.events(own, 0)
        if line.kind in {"pause-asked", "resume-asked"}
    ]
    assert said == ["anna", "bert"]


def test_a_skipped_host_is_never_ordered_and_its_reason_is_kept(control: Control) -> None:
    own = control.apply(THREE, waves="1,rest", parallelism=1)
    control.tick()
    control.service.operate(own, SkipAsked(host="web-3", by="anna", reason="in repair"))
    control.service.operate(own, SkipAsked(host="web-3", by="anna", reason="in repair"))
    control.run(own, over)
    assert control.run_of(own, "web-3").reason == "skipped by anna: in repair"
    assert control.states(own)[""] == "COMPLETE_WITH_EXCEPTIONS"
    assert not [
        order for order in control.hosts.orders if order.host.name == "web-3" and order.mode is Mode.APPLY
    ]
    assert control.kinds(own, "web-3").count("skip-asked") == 1


def test_a_rollback_brings_every_changed_host_back_and_frees_it(control: Control) -> None:
    own = control.apply(THREE, waves="1", parallelism=1)
    control.run(own, lambda campaign: campaign.run_of("web-2").state == "SUCCEEDED")  # type: ignore[union-attr] # it is there
    control.service.operate(own, RollbackAsked(by="anna", reason="wrong release"))
    control.run(own, over)
    states = control.states(own)
    assert states[""] == "ROLLED_BACK"
    assert {states["web-1"], states["web-2"]} == {"ROLLED_BACK"}
    assert control.service.leases() == ()


def test_what_cannot_be_done_now_is_refused_with_a_way_out_and_logged(control: Control) -> None:
    own = control.plan(("web-1",))
    with pytest.raises(Refused) as caught:
        control.service.operate(own, PauseAsked(by="anna"))
    assert caught.value.code == "E_NOT_NOW"
    assert caught.value.hint
    (line,) = [line for line in control.service.events(own, 0) if line.kind.startswith("refused")]
    assert (line.kind, line.data["by"]) == ("refused:pause-asked", "anna")


def test_a_retry_plans_what_was_left_under_the_same_policy(store: Store) -> None:
    control = Control(store, hosts=ScriptedHosts(script={"web-1": failed(changed=False)}))
    own = control.apply(THREE, waves="1,rest", parallelism=2)
    control.run(own, over)
    with pytest.raises(Refused, match="left no host that is unreachable"):
        control.service.retry(own, Retry(only=(Left.UNREACHABLE,)))
    new = control.service.retry(own, Retry(by="anna"))
    control.run(new, lambda campaign: campaign.state != "PLANNING")
    made = control.service.campaign(new)
    old = control.service.campaign(own)
    assert {run.host.name for run in made.runs} == set(THREE)
    assert (made.policy, made.procedure, made.params) == (old.policy, old.procedure, old.params)
    assert (made.author, made.reason) == ("anna", f"retry of {own}")


def test_a_retry_reads_verified_hosts_again_and_does_them_again_only_where_they_are_no_longer_right(
    store: Store,
) -> None:
    control = Control(store, hosts=ScriptedHosts(script={"web-3": failed(changed=False)}))
    own = control.apply(THREE, waves="all", parallelism=3, max_failures="100%")
    control.run(own, over)
    assert control.states(own) | {"": ""} == {
        "": "",
        "web-1": "SUCCEEDED",
        "web-2": "SUCCEEDED",
        "web-3": "FAILED_CLEAN",
    }
    control.hosts.script = {}
    control.hosts.spoiled = frozenset({"web-2"})
    new = control.service.retry(own, Retry(by="anna"))
    control.restart()
    control.run(new, lambda campaign: campaign.state != "PLANNING")
    assert {run.host.name: run.wave > 0 for run in control.service.campaign(new).runs} == {
        "web-1": False,
        "web-2": True,
        "web-3": True,
    }
    control.service.apply(control.service.document(new)[0], "anna")
    control.run(new, over)
    assert control.states(new) == {
        "": "COMPLETE",
        "web-1": "ALREADY_RIGHT",
        "web-2": "SUCCEEDED",
        "web-3": "SUCCEEDED",
    }
    assert control.hosts.effects[f"{new}/web-1/1"] == 0, "what was proven is read, and gets no order"


def test_a_retry_without_verified_leaves_proven_hosts_out_and_alone_it_only_reads(store: Store) -> None:
    control = Control(store, hosts=ScriptedHosts(script={"web-3": failed(changed=False)}))
    own = control.apply(THREE, waves="all", parallelism=3, max_failures="100%")
    control.run(own, over)
    fewer = control.service.campaign(control.service.retry(own, Retry(only=(Left.FAILED,))))
    assert [run.host.name for run in fewer.runs] == ["web-3"]
    reads = control.service.campaign(control.service.retry(own, Retry(only=(Left.VERIFIED,))))
    assert [(run.host.name, run.proven_by) for run in reads.runs] == [
        ("web-1", f"{own}/web-1/1"),
        ("web-2", f"{own}/web-2/1"),
    ]


def test_when_everything_is_proven_nothing_is_left_but_to_read_it_again(store: Store) -> None:
    control = Control(store)
    own = control.apply(THREE)
    control.run(own, over)
    with pytest.raises(Refused, match="left no host that is failed, unreachable, not-started"):
        control.service.retry(own, Retry())
    look = control.apply(THREE, procedure="engine.info")
    control.run(look, over)
    with pytest.raises(Refused):
        control.service.retry(look, Retry())


def test_a_campaign_that_is_not_over_is_not_retried(control: Control) -> None:
    own = control.apply(THREE)
    with pytest.raises(Refused, match="is not over"):
        control.service.retry(own, Retry())
    with pytest.raises(BadInput):
        control.service.retry("cnone", Retry())


def test_a_hard_abort_reaches_the_hosts_at_work_over_a_restart_and_what_they_changed_goes_back(
    store: Store,
) -> None:
    control = Control(store, hosts=ScriptedHosts(slow=frozenset(THREE)))
    own = control.apply(THREE, waves="all", parallelism=2)
    control.tick()
    control.work()
    control.tick()
    control.service.abort(own, "anna", "smoke in the rack", hard=True)
    control.tick()
    control.outbox.waiting.clear()
    control.restart()
    control.run(own, over)
    assert control.states(own) == {
        "": "ABORTED",
        "web-1": "ROLLED_BACK",
        "web-2": "ROLLED_BACK",
        "web-3": "CANCELLED",
    }
    assert {order.host.name for order in control.hosts.orders if order.mode is Mode.STOP} == {
        "web-1",
        "web-2",
    }
    kinds = [line.kind for line in control.service.events(own, 0)]
    asked = next(line for line in control.service.events(own, 0) if line.kind == "abort-asked")
    assert (asked.data["by"], asked.data["hard"]) == ("anna", True)
    assert kinds.index("abort-asked") < kinds.index("stop-attempt") < kinds.index("stop-heard")
    control.service.abort(own, "anna", hard=True)
    assert control.service.campaign(own).state == "ABORTED", "asked of a finished campaign it changes nothing"
