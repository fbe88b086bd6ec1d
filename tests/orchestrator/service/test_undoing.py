"""A finished campaign is taken back by a new one: which hosts, in which order, and how it ends; on both databases."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.events import AbortAsked, ApproveAsked, DenyAsked, RollbackAsked
from orchestrator.campaign.occasion import Notify, Occasion
from orchestrator.campaign.proof import FINGERPRINT
from orchestrator.campaign.rollout import Approval
from orchestrator.screens.viewing import campaign_view
from orchestrator.service.retrying import Left, Retry
from orchestrator.service.undoing import Undo
from orchestrator.store.store import Store
from tasks.errors import BadInput, DockwaveError, Refused
from tasks.model import Mode
from tasks.procedure import Draft
from tasks.result import HostError, HostResult, Outcome
from tests.support.control import Control, over
from tests.support.hosts import failed, ok, undone

THREE = ("web-1", "web-2", "web-3")
EQUAL = HostResult(
    outcome=Outcome.OK, plan=Draft(summary="already equal to its snapshot").model_dump(mode="json")
)
MOVED = HostResult(
    outcome=Outcome.SKIPPED, error=HostError(code="E_HOST_MOVED_ON", message="changed again by c2/web-2/1")
)


@pytest.fixture
def control(store: Store) -> Control:
    """A control plane on each kind of database."""
    return Control(store)


def _done(control: Control, **policy: object) -> str:
    wanted: dict[str, Any] = {"waves": "1", "parallelism": 1} | policy
    own = control.apply(THREE, **wanted)
    control.run(own, over)
    return own


def _planned(control: Control, own: str, wish: Undo | None = None) -> str:
    new, _ = control.service.undo(own, wish or Undo(by="anna", reason="wrong release"))
    control.run(new, lambda campaign: campaign.state != "PLANNING")
    return new


def _applied(control: Control, new: str) -> Campaign:
    document, _ = control.service.document(new)
    control.service.apply(document, "anna")
    return control.run(new, over)


def test_every_changed_host_returns_to_its_own_snapshot_the_last_wave_first(control: Control) -> None:
    own = _done(control)
    new = _planned(control, own)
    seen = len(control.hosts.orders)
    after = _applied(control, new)
    assert control.states(new) == {"": "COMPLETE"} | dict.fromkeys(THREE, "SUCCEEDED")
    orders = [order for order in control.hosts.orders[seen:] if order.mode is Mode.UNDO]
    assert [(order.host.name, order.undo_of) for order in orders] == [
        (name, f"{own}/{name}/1") for name in reversed(THREE)
    ]
    assert after.undoes == own
    assert [run.wave for run in after.runs] == [1, 2, 3]
    assert all(order.machine_id for order in orders)
    assert [item.id for item in control.service.undone_by(own)] == [new]
    view = campaign_view(control.service.campaign(own), control.clock(), undone_by=[after])
    assert [(item.id, item.state) for item in view.undone_by] == [(new, "COMPLETE")]
    assert "undo-asked" in control.kinds(own)


def test_those_who_were_told_of_a_campaign_are_told_of_its_undo_over_channels_that_are_still_there(
    store: Store,
) -> None:
    there, gone = (Notify(to=name, on=(Occasion.FINISHED,)) for name in ("ops", "old-pager"))
    control = Control(store, channels=("ops", "old-pager"))
    own = _done(control, notify=(there, gone))
    control.channels = ("ops",)
    control.restart()
    assert control.service.campaign(_planned(control, own)).policy.notify == (there,)


def test_the_document_that_is_approved_names_what_is_taken_back(control: Control) -> None:
    own = _done(control)
    new = _planned(control, own)
    document, _ = control.service.document(new)
    assert f'"undoes":"{own}"'.encode() in document
    assert f'"undo_of":"{own}/web-1/1"'.encode() in document
    said = campaign_view(control.service.campaign(new), control.clock()).words
    assert said[0].startswith(f"undo of {own} (engine.restart) on 3 hosts: 3 to bring back")
    assert "a host that fails on its way back is left to a person: a way back is not taken back" in said


def test_a_host_equal_to_its_snapshot_is_already_right_and_one_that_moved_on_is_left_out(
    control: Control,
) -> None:
    own = _done(control)
    control.hosts.plans = {"web-1": EQUAL, "web-2": MOVED}
    new = _planned(control, own)
    _applied(control, new)
    states = control.states(new)
    assert (states["web-1"], states["web-2"], states["web-3"]) == ("ALREADY_RIGHT", "SKIPPED", "SUCCEEDED")
    assert control.run_of(new, "web-2").reason == "E_HOST_MOVED_ON: changed again by c2/web-2/1"


def test_a_host_that_finds_itself_equal_when_it_is_ordered_is_already_right(control: Control) -> None:
    own = _done(control)
    new = _planned(control, own)
    control.hosts.journal[f"{new}/web-3/1"] = undone(changed=False)
    _applied(control, new)
    assert control.states(new)["web-3"] == "ALREADY_RIGHT"


def test_an_answer_without_an_empty_list_of_differences_is_no_proof(control: Control) -> None:
    own = _done(control)
    new = _planned(control, own)
    control.hosts.journal[f"{new}/web-3/1"] = HostResult(outcome=Outcome.UNDONE, changed=True)
    _applied(control, new)
    states = control.states(new)
    assert (states["web-3"], states["web-1"]) == ("NEEDS_HUMAN", "SUCCEEDED")
    assert [item.host for item in control.service.quarantines()] == ["web-3"], (
        "nobody changes it before a look"
    )


def _taken(control: Control) -> str:
    """A finished campaign whose first two hosts told the fingerprint of the snapshot they took."""
    told = {"web-1": "a" * 64, "web-2": "b" * 64}
    control.hosts.script = {name: replace(ok(), data={FINGERPRINT: digest}) for name, digest in told.items()}
    return _done(control)


def _compared_with(digest: str) -> HostResult:
    return replace(undone(), data={"differences": [], FINGERPRINT: digest})


def test_a_host_that_was_compared_with_another_snapshot_than_its_change_took_is_left_to_a_person(
    control: Control,
) -> None:
    own = _taken(control)
    new = _planned(control, own)
    said = {"web-1": "a" * 64, "web-2": "f" * 64, "web-3": "c" * 64}
    for name, digest in said.items():
        control.hosts.journal[f"{new}/{name}/1"] = _compared_with(digest)
    control.restart()
    _applied(control, new)
    assert control.states(new) == {
        "": "COMPLETE_WITH_EXCEPTIONS",
        "web-1": "SUCCEEDED",
        "web-2": "NEEDS_HUMAN",
        "web-3": "SUCCEEDED",
    }, "the change of the third told nothing to compare with"
    error = control.run_of(new, "web-2").error
    assert error is not None
    assert error.code == "E_SNAPSHOT_CHANGED"
    assert f"`dockwave logs {own} web-2`" in error.hint
    assert [item.host for item in control.service.quarantines()] == ["web-2"]
    assert control.service.at(new, control.clock()).sure, "its log leads to how it stands"


def test_a_host_whose_dry_run_compared_with_another_snapshot_is_left_out_of_the_plan(
    control: Control,
) -> None:
    own = _taken(control)
    control.hosts.plans = {
        "web-1": replace(EQUAL, data={FINGERPRINT: "f" * 64}),
        "web-2": replace(EQUAL, data={FINGERPRINT: "b" * 64}),
        "web-3": replace(EQUAL, data={FINGERPRINT: "c" * 64}),
    }
    new = _planned(control, own)
    states = control.states(new)
    assert (states["web-1"], states["web-2"], states["web-3"]) == (
        "SKIPPED",
        "ALREADY_RIGHT",
        "ALREADY_RIGHT",
    )
    run = control.run_of(new, "web-1")
    assert run.reason == (
        f"E_SNAPSHOT_CHANGED: web-1 was compared with another snapshot, not the one {own}/web-1/1 took"
    )
    assert run.error is not None
    assert f"`dockwave logs {own} web-1`" in run.error.hint
    assert "release" not in run.error.hint, "nothing keeps it"


def test_orders_to_go_back_name_the_snapshot_the_change_took_and_others_name_none(control: Control) -> None:
    own = _taken(control)
    new = _planned(control, own)
    _applied(control, new)
    named = {
        (order.attempt_id.split("/")[0], order.mode, order.host.name): order.snapshot_sha256
        for order in control.hosts.orders
    }
    assert {digest for (_, mode, _), digest in named.items() if mode is Mode.APPLY} == {""}
    for mode in (Mode.PLAN, Mode.UNDO):
        told = [named[new, mode, host] for host in ("web-1", "web-2", "web-3")]
        assert told == ["a" * 64, "b" * 64, ""]


def test_a_retry_of_an_undo_expects_the_snapshots_of_the_change_too(control: Control) -> None:
    own = _taken(control)
    new = _planned(control, own)
    control.hosts.journal[f"{new}/web-2/1"] = failed(changed=False)
    _applied(control, new)
    again = control.service.retry(new, Retry(only=(Left.FAILED,), by="anna"))
    control.run(again, lambda campaign: campaign.state != "PLANNING")
    control.hosts.journal[f"{again}/web-2/1"] = _compared_with("f" * 64)
    _applied(control, again)
    assert control.states(again)["web-2"] == "NEEDS_HUMAN"


def test_the_document_names_the_fingerprint_of_a_snapshot_where_there_is_one_and_only_there(
    control: Control,
) -> None:
    own = _taken(control)
    plain, _ = control.service.document(own)
    assert b"snapshot_sha256" not in plain, "a campaign that is no undo is planned as before"
    document, _ = control.service.document(_planned(control, own))
    told = {item["host"]["name"]: item.get("snapshot_sha256") for item in json.loads(document)["hosts"]}
    assert told == {"web-1": "a" * 64, "web-2": "b" * 64, "web-3": None}
    assert document.count(b"snapshot_sha256") == 2


def test_a_host_that_fails_on_its_way_back_keeps_no_other_from_it(control: Control) -> None:
    own = _done(control)
    new = _planned(control, own)
    control.hosts.journal[f"{new}/web-3/1"] = failed(changed=True)
    _applied(control, new)
    states = control.states(new)
    assert states == {
        "": "COMPLETE_WITH_EXCEPTIONS",
        "web-1": "SUCCEEDED",
        "web-2": "SUCCEEDED",
        "web-3": "NEEDS_HUMAN",
    }
    assert not any(attempt.undo for run in control.service.campaign(new).runs for attempt in run.attempts)
    with pytest.raises(Refused, match="left to a person by campaign"):
        control.service.undo(own, Undo(hosts=("web-3",)))


def test_it_stops_when_more_hosts_fail_than_the_person_tolerates(control: Control) -> None:
    own = _done(control)
    new = _planned(control, own, Undo(max_failures="0"))
    control.hosts.journal[f"{new}/web-3/1"] = failed(changed=True)
    _applied(control, new)
    assert control.states(new)["web-1"] == "CANCELLED"


def test_an_undo_is_not_undone_and_not_rolled_back(control: Control) -> None:
    own = _done(control)
    new = _planned(control, own)
    document, _ = control.service.document(new)
    control.service.apply(document, "anna")
    control.tick()
    with pytest.raises(Refused, match="a way back is not taken back"):
        control.service.operate(new, RollbackAsked(by="anna", reason="no"))
    with pytest.raises(Refused, match="back already"):
        control.service.undo(own, Undo())
    control.run(new, over)
    with pytest.raises(Refused) as refused:
        control.service.undo(new, Undo())
    assert refused.value.code == "E_UNDO_OF_UNDO"


def test_only_the_named_hosts_or_one_wave_go_back(control: Control) -> None:
    own = _done(control)
    one = _planned(control, own, Undo(hosts=("web-2",)))
    assert set(control.states(one)) == {"", "web-2"}
    wave = _planned(control, own, Undo(wave=3))
    assert set(control.states(wave)) == {"", "web-3"}


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (Undo(hosts=()), "No host was named"),
        (Undo(hosts=("db-1",)), "is not in campaign"),
        (Undo(hosts=("web-1",), wave=2), "is not in wave 2"),
        (Undo(wave=9), "has no wave 9"),
        (Undo(max_failures="many"), "max_failures"),
        (Undo(parallelism=5000), "parallelism is 5000"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_host_is_asked(
    control: Control, wish: Undo, said: str
) -> None:
    own = _done(control)
    seen = len(control.hosts.orders)
    with pytest.raises(BadInput, match=said):
        control.service.undo(own, wish)
    assert len(control.hosts.orders) == seen


def test_hosts_that_were_brought_back_or_never_changed_stay_as_they_are(control: Control) -> None:
    control.hosts.script = {"web-2": failed(changed=True), "web-3": failed(changed=False)}
    own = _done(control, waves="all", max_failures="3")
    assert control.states(own)["web-2"] == "ROLLED_BACK"
    new, left_out = control.service.undo(own, Undo())
    assert set(control.states(new)) == {"", "web-1"}
    assert left_out == {"web-2": "brought back already", "web-3": "not changed (FAILED_CLEAN)"}


def test_what_is_not_over_or_only_read_is_not_undone(control: Control) -> None:
    own = control.apply(THREE, waves="all")
    with pytest.raises(Refused, match="is not over"):
        control.service.undo(own, Undo())
    control.run(own, over)
    reading = control.apply(THREE, procedure="engine.info")
    control.run(reading, over)
    with pytest.raises(Refused, match="only read"):
        control.service.undo(reading, Undo())


def test_a_rollback_of_what_is_over_points_to_undo(control: Control) -> None:
    own = _done(control)
    with pytest.raises(Refused) as refused:
        control.service.operate(own, RollbackAsked(by="anna", reason="wrong"))
    assert f"dockwave undo {own}" in refused.value.hint


def test_an_undo_killed_and_restarted_brings_every_host_back_once(control: Control) -> None:
    own = _done(control)
    new = _planned(control, own)
    document, _ = control.service.document(new)
    control.service.apply(document, "anna")
    for _ in range(3):
        control.tick()
        control.restart()
        control.tick()
        control.work()
    control.run(new, over)
    assert control.states(new) == {"": "COMPLETE"} | dict.fromkeys(THREE, "SUCCEEDED")
    assert {times for attempt, times in control.hosts.effects.items() if attempt.startswith(new)} == {1}


def _asking(control: Control, own: str, **asked: Any) -> tuple[str, str]:
    """An undo of that campaign that was applied and waits for two of group sre; its id and the hash of its plan."""
    approval = Approval(required=2, group="sre", **asked)
    new = _planned(control, own, Undo(by="anna@desk", reason="wrong release", approval=approval))
    document, digest = control.service.document(new)
    assert b'"approval":{' in document
    control.service.apply(document, "anna@desk")
    control.tick(3)
    return new, digest


def test_an_undo_that_asks_others_waits_over_a_restart_and_brings_every_host_back_once(
    control: Control,
) -> None:
    own = _done(control)
    new, digest = _asking(control, own)
    seen = len(control.hosts.orders)
    control.service.operate(new, ApproveAsked(by="bert@desk", plan_hash=digest))
    control.restart()
    control.tick(3)
    assert control.states(new)[""] == "AWAITING_APPROVAL"
    assert any("bert@desk so far, 1 missing" in line for line in control.service.why(new).brakes)
    with pytest.raises(Refused, match="author's approval does not count"):
        control.service.operate(new, ApproveAsked(by="anna@laptop", plan_hash=digest))
    assert len(control.hosts.orders) == seen, "no host was asked anything while it waited"
    control.service.operate(new, ApproveAsked(by="carl@desk", plan_hash=digest))
    control.restart()
    control.run(new, over)
    assert control.states(new) == {"": "COMPLETE"} | dict.fromkeys(THREE, "SUCCEEDED")
    assert {times for attempt, times in control.hosts.effects.items() if attempt.startswith(new)} == {1}


def test_an_undo_that_is_denied_or_answered_by_nobody_in_time_touches_no_host_and_can_be_planned_again(
    control: Control,
) -> None:
    own = _done(control)
    seen = [order for order in control.hosts.orders if order.mode is Mode.UNDO]
    denied, _ = _asking(control, own)
    control.service.operate(denied, DenyAsked(by="bert@desk", reason="it works"))
    control.run(denied, over)
    silent, _ = _asking(control, own, expires_s=600.0, abort_on_timeout=True)
    control.restart(dead_s=700)
    control.run(silent, over)
    for new, rule in ((denied, "approval denied"), (silent, "approval not given")):
        assert control.states(new) == {"": "ABORTED"} | dict.fromkeys(THREE, "CANCELLED")
        assert control.service.why(new).rule == rule
    assert [order for order in control.hosts.orders if order.mode is Mode.UNDO] == seen
    _applied(control, _planned(control, own))


def test_an_undo_that_waits_for_others_keeps_out_a_second_one_and_says_how_it_is_settled(
    control: Control,
) -> None:
    own = _done(control)
    new, _ = _asking(control, own)
    with pytest.raises(Refused, match="back already") as refused:
        control.service.undo(own, Undo())
    for verb in ("approve", "deny"):
        assert f"`dockwave {verb} {new}" in refused.value.hint


def test_an_undo_of_an_approved_campaign_asks_nobody_by_itself_and_says_who_had_approved(
    control: Control,
) -> None:
    own = control.plan(THREE, waves="1", parallelism=1, approval=Approval(required=2, group="sre"))
    document, digest = control.service.document(own)
    control.service.apply(document, "anna")
    for by in ("bert@desk", "carl@desk"):
        control.service.operate(own, ApproveAsked(by=by, plan_hash=digest))
    control.run(own, over)
    new = _planned(control, own)
    (line,) = _said(control, new)
    assert line == (
        f"approval: {own} was approved by bert@desk, carl@desk; this undo asks for nobody's approval "
        "(--approval 2:sre would)"
    )
    control.service.apply(control.service.document(new)[0], "anna")
    assert control.states(new)[""] == "RUNNING"
    control.run(new, over)
    assert control.states(new) == {"": "COMPLETE"} | dict.fromkeys(THREE, "SUCCEEDED")
    assert control.service.campaign(new).policy.approval is None


def test_nothing_is_said_of_approvals_where_nobody_had_approved_and_nobody_is_asked(control: Control) -> None:
    own = _done(control)
    assert _said(control, _planned(control, own)) == []
    asking, _ = _asking(control, own)
    assert _said(control, asking) == [
        "approval: nothing starts before these agree: 2 of group sre, its author not among them"
    ]


def _said(control: Control, new: str) -> list[str]:
    """What the plan says of approvals."""
    campaign = control.service.campaign(new)
    view = campaign_view(campaign, control.clock(), undone=control.service.taken_back(campaign))
    return [line for line in view.words if "approv" in line]


def test_an_undo_that_asks_others_has_an_author_and_more_people_than_it_asks(control: Control) -> None:
    own = _done(control)
    with pytest.raises(BadInput, match="has no author"):
        control.service.undo(own, Undo(approval=Approval(required=1, group="sre")))
    with pytest.raises(BadInput, match=r"approval\.among"):
        control.service.undo(own, Undo(by="anna", approval=Approval(required=3, group="sre", among=2)))
    assert control.service.undone_by(own) == ()


def test_a_retry_of_an_undo_goes_back_and_not_forward(control: Control) -> None:
    own = _done(control)
    new = _planned(control, own)
    document, _ = control.service.document(new)
    control.service.apply(document, "anna")
    control.run(new, lambda campaign: campaign.run_of("web-3").state == "SUCCEEDED")  # type: ignore[union-attr] # it is there
    control.service.operate(new, AbortAsked(by="anna"))
    control.run(new, over)
    again = control.service.retry(new, Retry(only=(Left.NOT_STARTED,), by="anna"))
    control.run(again, lambda campaign: campaign.state != "PLANNING")
    seen = len(control.hosts.orders)
    after = _applied(control, again)
    assert after.undoes == own
    assert {order.mode for order in control.hosts.orders[seen:]} == {Mode.UNDO}
    assert control.states(again)["web-1"] == "SUCCEEDED"


def test_every_refusal_says_what_to_do_next(control: Control) -> None:
    own = _done(control)
    for wish in (Undo(hosts=()), Undo(hosts=("db-1",)), Undo(wave=9)):
        with pytest.raises(DockwaveError) as refused:
            control.service.undo(own, wish)
        assert refused.value.hint


def _turning(control: Control) -> str:
    own = control.apply(THREE, waves="1", parallelism=1)
    control.run(own, lambda campaign: campaign.run_of("web-2").state == "SUCCEEDED")  # type: ignore[union-attr] # it is there
    control.service.operate(own, RollbackAsked(by="anna", reason="wrong release"))
    return own


def test_a_rollback_killed_and_restarted_brings_every_host_back_once(control: Control) -> None:
    own = _turning(control)
    for _ in range(3):
        control.tick()
        control.restart()
        control.tick()
        control.work()
    control.run(own, over)
    assert control.states(own)[""] == "ROLLED_BACK"
    assert max(control.hosts.effects.values()) == 1


def test_a_rollback_asked_for_twice_or_aborted_goes_on_to_its_end(control: Control) -> None:
    own = _turning(control)
    control.tick()
    control.service.operate(own, RollbackAsked(by="bert", reason="me too"))
    control.service.abort(own, "carl", "stop")
    control.run(own, over)
    states = control.states(own)
    assert {states["web-1"], states["web-2"]} == {"ROLLED_BACK"}
    assert sum(stop.rule == "operator rollback" for stop in control.service.campaign(own).stops) == 1
    assert max(control.hosts.effects.values()) == 1
