"""The routes by which people act: passed on with who and why, refused in their place."""

from __future__ import annotations

import httpx
import pytest

from orchestrator.campaign.campaign import Approved
from orchestrator.campaign.events import PauseAsked, ResumeAsked, RollbackAsked, SkipAsked
from orchestrator.campaign.rollout import Approval
from orchestrator.campaign.states import CampaignState, HostState
from tests.orchestrator.api.test_routes import planned
from tests.orchestrator.scripted import NOON, ScriptedService, finished


def _running(client: httpx.Client, service: ScriptedService) -> str:
    own = planned(client)
    service.move(own, state=CampaignState.RUNNING)
    return own


def test_each_verb_is_passed_on_with_who_and_why(client: httpx.Client, service: ScriptedService) -> None:
    own = _running(client, service)
    who = {"by": "me", "reason": "why"}
    for verb, more, state in (
        ("pause", {}, "PAUSED"),
        ("skip", {"host": "web-2"}, "PAUSED"),
        ("resume", {"silence": True}, "RUNNING"),
        ("rollback", {}, "ROLLING_BACK"),
    ):
        answer = client.post(f"/v1/campaigns/{own}/{verb}", json=who | more)
        assert (answer.status_code, answer.json()) == (202, {"id": own, "state": state})
    assert service.operated == [
        PauseAsked(by="me", reason="why"),
        SkipAsked(host="web-2", by="me", reason="why"),
        ResumeAsked(by="me", reason="why", silence=True),
        RollbackAsked(by="me", reason="why"),
    ]


def test_a_gate_is_overridden_by_name_and_wave(client: httpx.Client, service: ScriptedService) -> None:
    own = planned(client, gates=[{"kind": "http", "url": "http://shop"}])
    service.move(own, state=CampaignState.RUNNING)
    body = {"gate": "http-1", "wave": 1, "by": "me", "reason": "the probe is broken"}
    for _ in range(2):
        assert client.post(f"/v1/campaigns/{own}/override-gate", json=body).status_code == 202
    view = client.get(f"/v1/campaigns/{own}").json()
    assert [(item["gate"], item["wave"], item["by"]) for item in view["overrides"]] == [("http-1", 1, "me")]
    assert view["closed_gates"] == []
    other = client.post(f"/v1/campaigns/{own}/override-gate", json=body | {"gate": "http-2"})
    assert (other.status_code, other.json()["code"]) == (409, "E_NOT_NOW")


@pytest.mark.parametrize("verb", ["pause", "resume", "rollback"])
def test_what_cannot_be_done_now_is_409_with_a_fix(
    client: httpx.Client, service: ScriptedService, verb: str
) -> None:
    answer = client.post(f"/v1/campaigns/{planned(client)}/{verb}", json={})
    assert answer.status_code == 409
    assert answer.json()["code"] == "E_NOT_NOW"
    assert answer.json()["fix"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("campaigns/{}/pause", {"who": "me"}),
        ("campaigns/{}/pause", {"by": "a\nb"}),
        ("campaigns/{}/resume", {"silence": "yes please"}),
        ("campaigns/{}/skip", {}),
        ("campaigns/{}/skip", {"host": "-rf"}),
        ("campaigns/{}/override-gate", {"gate": "http-1", "wave": 1}),
        ("campaigns/{}/override-gate", {"gate": "http-1", "wave": -1, "reason": "x"}),
        ("campaigns/{}/override-gate", {"gate": "all gates", "wave": 1, "reason": "x"}),
        ("campaigns/{}/override-gate", {"wave": 1, "reason": "x"}),
        ("campaigns/{}/approve", {"gate": "human 1", "plan_hash": "0" * 64}),
        ("campaigns/{}/deny", {"gate": "human-1", "wave": -1, "reason": "x"}),
        ("campaigns/{}/retry", {"only": ["everything"]}),
        ("campaigns/{}/retry", {"only": []}),
        ("campaigns/{}/undo", {"hosts": "web-1"}),
        ("campaigns/{}/undo", {"wave": 0}),
        ("campaigns/{}/undo", {"parallelism": 0}),
        ("campaigns/{}/undo", {"force": True}),
        ("campaigns/{}/undo", {"approval": "2:sre"}),
        ("campaigns/{}/undo", {"approval": {"required": 0, "group": "sre"}}),
        ("campaigns/{}/undo", {"approval": {"required": 1}}),
        ("campaigns/{}/undo", {"approval": {"required": "2", "group": "sre"}}),
        ("campaigns/{}/undo", {"approval": {"required": 1, "group": "sre", "who": "ann"}}),
        ("campaigns/{}/undo", {"approval": {"required": 1, "group": "sre", "abort_on_timeout": True}}),
        ("hosts/web-1/release", {}),
        ("hosts/web-1/release", {"reason": ""}),
        ("hosts/-x/release", {"reason": "mended"}),
        ("hosts/web-1/accept-identity", {"by": "me"}),
    ],
)
def test_what_cannot_be_used_is_422(
    client: httpx.Client, service: ScriptedService, path: str, body: dict[str, object]
) -> None:
    own = _running(client, service)
    assert client.post(f"/v1/{path.format(own)}", json=body).status_code == 422
    assert not service.operated
    assert not service.released
    assert not service.accepted


def test_a_retry_is_a_new_plan(client: httpx.Client, service: ScriptedService) -> None:
    own = planned(client)
    service.move(own, state=CampaignState.ABORTED)
    nothing = client.post(f"/v1/campaigns/{own}/retry", json={})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "E_NOTHING_LEFT")
    service.move_host(own, "web-2", state="CANCELLED")
    answer = client.post(f"/v1/campaigns/{own}/retry", json={"by": "me", "only": ["not-started"]})
    assert answer.status_code == 202
    assert [host.name for host in service.requests[-1].hosts] == ["web-2"]


def test_an_undo_is_a_new_plan_that_names_what_it_takes_back(
    client: httpx.Client, service: ScriptedService
) -> None:
    own = planned(client)
    running = client.post(f"/v1/campaigns/{own}/undo", json={})
    assert (running.status_code, running.json()["code"]) == (409, "E_NOT_NOW")
    service.move(own, state=CampaignState.COMPLETE)
    nothing = client.post(f"/v1/campaigns/{own}/undo", json={})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "E_NOTHING_LEFT")
    run = service.kept[own].runs[1]
    service.move_host(
        own, "web-2", state="SUCCEEDED", changed=True, attempts=finished(run, HostState.SUCCEEDED).attempts
    )
    answer = client.post(f"/v1/campaigns/{own}/undo", json={"by": "me", "hosts": ["web-2"]})
    assert answer.status_code == 202
    assert {item["host"] for item in answer.json()["left_out"]}.isdisjoint({"web-2"})
    shown = client.get(f"/v1/campaigns/{answer.json()['id']}").json()
    assert shown["undoes"] == own
    assert [host["undo_of"] for wave in shown["waves"] for host in wave["hosts"]] == ["c/web-2/1"]


def test_an_undo_asks_those_it_is_told_to_ask_and_a_bad_question_names_its_field(
    client: httpx.Client, service: ScriptedService
) -> None:
    own = planned(client)
    run = service.kept[own].runs[0]
    service.move(own, state=CampaignState.COMPLETE)
    service.move_host(
        own, "web-1", state="SUCCEEDED", changed=True, attempts=finished(run, HostState.SUCCEEDED).attempts
    )
    for bad, where in (
        ({"required": 21, "group": "sre"}, "body.approval.required"),
        ({"required": 1, "group": "a b"}, "body.approval.group"),
        ({"required": 1, "group": "sre", "abort_on_timeout": True}, "body.approval"),
    ):
        refused = client.post(f"/v1/campaigns/{own}/undo", json={"by": "me", "approval": bad})
        assert (refused.status_code, refused.json()["where"]) == (422, where)
        assert refused.json()["fix"]
    asked = {"required": 2, "group": "sre", "among": 3, "expires_s": 600.0, "abort_on_timeout": True}
    answer = client.post(f"/v1/campaigns/{own}/undo", json={"by": "me", "approval": asked})
    assert answer.status_code == 202
    assert service.requests[-1].policy.approval == Approval(
        required=2, group="sre", among=3, expires_s=600.0, abort_on_timeout=True
    )
    assert len(service.requests) == 2, "nothing was planned that was refused"


@pytest.mark.parametrize("at", [{}, {"at": "2027-01-01T00:00:00Z"}], ids=["now", "as it was"])
def test_the_plan_of_an_undo_says_who_had_approved_what_it_takes_back(
    client: httpx.Client, service: ScriptedService, at: dict[str, str]
) -> None:
    own = planned(client, approval={"required": 1, "group": "sre"}, author="ann")
    kept = service.kept[own]
    given = Approved(by="bert", reason="", plan_hash=kept.plan_hash, at=NOON)
    service.move(own, state=CampaignState.COMPLETE, approvals=(given,))
    service.move_host(
        own,
        "web-1",
        state="SUCCEEDED",
        changed=True,
        attempts=finished(kept.runs[0], HostState.SUCCEEDED).attempts,
    )
    new = client.post(f"/v1/campaigns/{own}/undo", json={"by": "me"}).json()["id"]
    words = client.get(f"/v1/campaigns/{new}", params=at).json()["words"]
    assert (
        f"approval: {own} was approved by bert; this undo asks for nobody's approval (--approval 1:sre would)"
    ) in words


def test_hosts_are_released_and_accepted_with_a_reason(
    client: httpx.Client, service: ScriptedService
) -> None:
    body = {"by": "me", "reason": "looked at it"}
    assert client.post("/v1/hosts/web-1/release", json=body).status_code == 202
    assert client.post("/v1/hosts/web-1/accept-identity", json=body).status_code == 202
    assert service.released == service.accepted == [("web-1", "me", "looked at it")]


def test_locks_are_listed_with_owner_reason_and_since(client: httpx.Client) -> None:
    (lock,) = client.get("/v1/locks").json()["locks"]
    assert lock["campaign"] == "c0"
    assert lock["reason"] == "engine.upgrade"
    assert lock["since"].startswith("2026-")
    assert lock["until"] > lock["since"]
