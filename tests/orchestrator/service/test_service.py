"""What people ask and do: each refusal has its code, its text and its way out, and is in the log."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.states import CampaignState
from orchestrator.loop.planning import NewPlan
from orchestrator.service.service import new_campaign_id
from orchestrator.store.errors import Deposed
from orchestrator.store.store import Store
from tasks.errors import BadInput, DockwaveError, Refused
from tasks.model import Kind, UndoClass
from tasks.procedure import Draft, RunStep
from tasks.result import HostResult, Outcome
from tests.support.campaigns import plain_host
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts


@pytest.fixture
def control(store: Store) -> Control:
    """A control plane on each kind of database."""
    return Control(store)


def _refusal(control: Control, document: bytes, **options: Any) -> DockwaveError:
    with pytest.raises(DockwaveError) as caught:
        control.service.apply(document, "tester", **options)
    return caught.value


def _logged(control: Control) -> list[str]:
    with control.store.read() as reader:
        return [line.data["code"] for line in reader.events_after(0) if line.kind == "refused:apply"]


def test_a_plan_is_applied_once(control: Control) -> None:
    own = control.plan(("web-1",))
    document, _ = control.service.document(own)
    assert control.service.apply(document, "anna") == own
    refused = _refusal(control, document)
    assert refused.code == "E_PLAN_APPLIED"
    assert own in refused.hint
    control.run(own, over)
    assert _refusal(control, document).code == "E_PLAN_APPLIED"
    assert _logged(control) == ["E_PLAN_APPLIED"] * 2
    started = [line for line in control.service.events(own, 0) if line.kind == "started"]
    assert [line.data["by"] for line in started] == ["anna"]


def test_of_two_people_who_apply_at_once_one_does(control: Control) -> None:
    document, _ = control.service.document(control.plan(("web-1",)))
    codes: list[str] = []

    def apply() -> None:
        try:
            control.service.apply(document, "both")
            codes.append("")
        except Refused as refused:
            codes.append(refused.code)

    threads = [threading.Thread(target=apply) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["", *["E_PLAN_APPLIED"] * 3]


def test_a_plan_laid_out_differently_is_the_same_plan(control: Control) -> None:
    own = control.plan(("web-1",))
    document, _ = control.service.document(own)
    pretty = json.dumps(dict(reversed(json.loads(document).items())), indent=4).encode()
    assert control.service.apply(pretty, "tester") == own


def test_an_edited_plan_is_refused_and_says_what_differs(control: Control) -> None:
    own = control.plan(("web-1", "web-2"))
    document = json.loads(control.service.document(own)[0])
    document["params"] = {"colour": "red"}
    document["hosts"].pop()
    refused = _refusal(control, json.dumps(document).encode())
    assert refused.code == "E_PLAN_EDITED"
    assert "hosts, params differ" in refused.message
    assert control.states(own)[""] == "PLANNED"
    assert _logged(control) == ["E_PLAN_EDITED"]


def test_a_plan_of_another_control_plane_is_unknown(control: Control) -> None:
    document = json.loads(control.service.document(control.plan(("web-1",)))[0])
    refused = _refusal(control, json.dumps(document | {"campaign": "celsewhere"}).encode())
    assert refused.code == "E_PLAN_UNKNOWN"
    for name in ("", None, 7, "%", "\x00", ["x"]):
        assert _refusal(control, json.dumps({"campaign": name}).encode()).code == "E_PLAN_UNKNOWN"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b"[" * 100_000,
        b'{"a":1e999}',
    ],
)
def test_what_is_no_plan_is_malformed(control: Control, document: bytes) -> None:
    refused = _refusal(control, document)
    assert isinstance(refused, BadInput)
    assert refused.code == "E_PLAN_MALFORMED"
    assert refused.hint


def test_an_expired_plan_is_refused_before_and_after_it_was_noticed(control: Control) -> None:
    own = control.plan(("web-1",))
    document, _ = control.service.document(own)
    control.clock.turn(25 * 3600)
    assert _refusal(control, document).code == "E_PLAN_EXPIRED"
    control.run(own, over)
    assert control.states(own) == {"": "VOID", "web-1": "CANCELLED"}
    assert _refusal(control, document).code == "E_PLAN_EXPIRED"


def test_a_plan_that_is_not_made_yet_has_no_document(control: Control) -> None:
    wanted = NewPlan(
        procedure="engine.restart",
        params={},
        hosts=(plain_host("web-1"),),
        policy=make_policy(Kind.CHANGING),
    )
    own = control.service.plan(wanted)
    with pytest.raises(Refused, match="not made yet") as caught:
        control.service.document(own)
    assert caught.value.code == "E_NOT_READY"


def test_an_aborted_plan_cannot_be_applied(control: Control) -> None:
    own = control.plan(("web-1",))
    document, _ = control.service.document(own)
    control.service.abort(own, "anna")
    assert _refusal(control, document).code == "E_NOT_READY"
    control.run(own, over)
    assert control.states(own) == {"": "ABORTED", "web-1": "CANCELLED"}
    assert _refusal(control, document).code == "E_NOT_READY"


def test_steps_that_cannot_be_taken_back_need_a_word_of_their_own(store: Store) -> None:
    step = RunStep(key="prune", title="remove", argv=("true",), undo=UndoClass.ONE_WAY)
    answer = HostResult(outcome=Outcome.OK, plan=Draft(steps=(step,)).model_dump(mode="json"))
    control = Control(store, hosts=ScriptedHosts(plans={"web-2": answer}))
    own = control.plan(("web-1", "web-2"))
    document, _ = control.service.document(own)
    refused = _refusal(control, document)
    assert refused.code == "E_DATA_LOSS"
    assert "1 hosts" in refused.message
    assert "--allow-data-loss" in refused.hint
    assert control.service.apply(document, "tester", allow_data_loss=True) == own


def test_a_plan_with_nothing_to_change_completes_at_once_and_touches_nothing(store: Store) -> None:
    answer = HostResult(outcome=Outcome.OK, plan=Draft().model_dump(mode="json"))
    control = Control(store, hosts=ScriptedHosts(plans={"web-1": answer}))
    own = control.apply(("web-1",))
    control.tick()
    assert control.states(own) == {"": "COMPLETE", "web-1": "ALREADY_RIGHT"}
    assert control.hosts.effects == {}


def test_abort_is_the_same_twice_and_after_the_end(control: Control) -> None:
    own = control.apply(("web-1", "web-2"))
    control.tick()
    control.service.abort(own, "anna", "wrong window\x1b[2J")
    control.service.abort(own, "bert", "me too")
    end = control.run(own, over)
    assert [stop.by for stop in end.stops] == ["anna"]
    assert end.stops[0].observed == "wrong window[2J"
    control.service.abort(own, "carl", "late")
    assert control.service.campaign(own).stops == end.stops
    assert control.kinds(own).count("abort-asked") == 1


def test_a_campaign_is_found_by_a_beginning_no_other_has(control: Control) -> None:
    first, second = control.plan(("web-1",)), control.plan(("web-1",))
    assert control.service.campaign(second).id == second
    with pytest.raises(BadInput, match="several campaigns") as caught:
        control.service.campaign("ctest")
    assert caught.value.code == "E_CAMPAIGN_AMBIGUOUS"
    unique = next(second[:size] for size in range(1, 20) if not first.startswith(second[:size]))
    assert control.service.campaign(unique).id == second
    for nothing in ("", "c%", "nobody", "\x00", "c" * 5000, "ctest_001"):
        with pytest.raises(BadInput) as unknown:
            control.service.campaign(nothing)
        assert unknown.value.code == "E_CAMPAIGN_UNKNOWN"


def test_the_newest_campaigns_come_first(control: Control) -> None:
    made = []
    for _ in range(3):
        made.append(control.plan(("web-1",)))
        control.clock.turn(60)
    assert [campaign.id for campaign in control.service.campaigns(2)] == made[:0:-1]


def test_lines_of_the_log_are_read_by_host_and_number(control: Control) -> None:
    own = control.apply(("web-1", "web-2"))
    control.run(own, over)
    lines = control.service.events(own, 0, host="web-2")
    assert [line.kind for line in lines][-4:] == ["dispatch", "accepted", "heartbeat", "ended"]
    assert control.service.events(own, lines[-2].seq, host="web-2") == (lines[-1],)
    assert control.service.events(own, 0, host="\x00") == ()


def test_waiting_ends_with_the_next_line_or_with_the_time(control: Control) -> None:
    own = control.plan(("web-1",))
    last = control.service.events(own, 0)[-1].seq
    assert control.service.wait(own, last - 1, 0.0)
    assert not control.service.wait(own, last, 0.05)
    woken: list[bool] = []
    waiter = threading.Thread(target=lambda: woken.append(control.service.wait(own, last, 20)))
    waiter.start()
    control.service.abort(own, "anna")
    waiter.join(15)
    assert woken == [True]


def test_waiting_for_a_state_gives_the_campaign_as_it_is_when_time_is_over(control: Control) -> None:
    own = control.plan(("web-1",))
    assert control.service.wait_for(own, over, 0.05).state is CampaignState.PLANNED


def test_why_explains_a_campaign_that_stopped(store: Store) -> None:
    control = Control(store)
    own = control.apply(("web-1", "web-2"))
    control.tick()
    control.service.abort(own, "anna", "wrong window")
    control.run(own, over)
    why = control.service.why(own)
    assert (why.state, why.by, why.observed) == ("ABORTED", "anna", "wrong window")


def test_a_standby_reads_but_refuses_to_write(control: Control) -> None:
    own = control.plan(("web-1",))
    document, _ = control.service.document(own)
    control.lead.lose()
    assert control.service.campaign(own).id == own
    for write in (
        lambda: control.service.apply(document, "tester"),
        lambda: control.service.abort(own, "tester"),
        lambda: control.service.release_host("web-1", "tester", "x"),
    ):
        with pytest.raises(Deposed) as caught:
            write()
        assert caught.value.code == "E_STANDBY"


def test_releasing_what_nobody_keeps_is_refused(control: Control) -> None:
    with pytest.raises(BadInput, match="is not quarantined, and no campaign keeps it"):
        control.service.release_host("web-1", "anna", "x")
    for host in ("web-1", "\x00"):
        with pytest.raises(BadInput, match="has ever answered"):
            control.service.accept_identity(host, "anna", "x")


def test_what_the_service_reads_is_what_sql_has_even_when_others_wrote(control: Control) -> None:
    own = control.plan(("web-1",))
    seen = control.service.campaign(own)
    assert control.service.campaign(own) is seen
    with control.store.write(control.lead.epoch) as writer:
        writer.save(seen, replace(seen, reason="from elsewhere"))
    assert control.service.campaign(own).reason == "from elsewhere"


def test_campaign_ids_look_like_ids_and_do_not_repeat() -> None:
    drawn = {new_campaign_id() for _ in range(1000)}
    assert len(drawn) == 1000
    assert all(len(own) == 9 and own[0] == "c" and own.isalnum() and own.islower() for own in drawn)


def test_a_campaign_over_no_host_is_complete_as_soon_as_it_is_applied_and_is_recorded(
    control: Control,
) -> None:
    wanted = NewPlan(
        procedure="engine.restart", params={}, hosts=(), policy=make_policy(Kind.CHANGING), allow_empty=True
    )
    own = control.service.plan(wanted)
    control.run(own, lambda campaign: campaign.state is not CampaignState.PLANNING)
    control.service.apply(control.service.document(own)[0], "tester")
    done = control.run(own, over)
    assert (done.state, done.runs) == (CampaignState.COMPLETE, ())
    assert not control.outbox.sent
    assert control.kinds(own) == ["plan-asked", "planned", "started", "finish"]
    with pytest.raises(BadInput, match="No host was chosen"):
        control.service.plan(replace(wanted, allow_empty=False))
