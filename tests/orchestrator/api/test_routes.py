"""The API makes plans, applies them once, follows and explains; what it cannot use is a 4xx with what, where, fix."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from orchestrator.api.strict_json import MAX_BYTES
from orchestrator.campaign.plan_document import canonical_json
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.screens.views import CampaignView
from tests.orchestrator.hostile import HOSTILE
from tests.orchestrator.scripted import RunningApi, ScriptedService, finished, halt

HOST: dict[str, Any] = {"name": "web-1", "transport": "ssh", "ssh": {"address": "10.0.0.1"}}
BODY: dict[str, Any] = {
    "procedure": "disk.cleanup",
    "params": {"targets": ["containers"]},
    "hosts": [HOST, {"name": "web-2", "transport": "local"}],
}


def planned(client: httpx.Client, **changes: Any) -> str:
    """Make a plan."""
    answer = client.post("/v1/plans", json=BODY | changes)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def document_of(client: httpx.Client, campaign: str) -> dict[str, Any]:
    """The body that applies a plan."""
    answer = client.get(f"/v1/campaigns/{campaign}/plan").json()
    return {"document": canonical_json(answer["document"]).decode(), "sha256": answer["sha256"]}


def test_a_plan_is_made_of_exactly_what_was_sent(client: httpx.Client, service: ScriptedService) -> None:
    planned(
        client,
        waves="1,rest",
        parallelism=2,
        monitor_s=30,
        max_failures="10%",
        reason="tidy",
        author="me@here",
    )
    request = service.requests[0]
    assert [host.name for host in request.hosts] == ["web-1", "web-2"]
    assert request.policy.parallelism == 2
    assert request.policy.monitor_s == 30
    assert (request.reason, request.author) == ("tidy", "me@here")


def test_show_gives_the_documented_shape(client: httpx.Client, service: ScriptedService) -> None:
    campaign = planned(client)
    body = client.get(f"/v1/campaigns/{campaign}").json()
    assert {"id", "state", "procedure", "waves", "totals", "exit_code"} <= set(body)
    host = body["waves"][0]["hosts"][0]
    assert {
        "host",
        "state",
        "outcome",
        "attempt",
        "started_at",
        "ended_at",
        "changed",
        "result",
        "error",
    } <= set(host)
    assert sum(body["totals"]["states"].values()) == body["totals"]["hosts"] == 2
    CampaignView.model_validate(body)


def test_a_summary_leaves_out_what_a_live_view_does_not_show(
    client: httpx.Client, service: ScriptedService
) -> None:
    campaign = planned(client)
    full = client.get(f"/v1/campaigns/{campaign}").json()["waves"][0]["hosts"][0]["plan"]
    short = client.get(f"/v1/campaigns/{campaign}", params={"detail": "summary"}).json()
    assert full["steps"][0]["key"] == "image:sha256:aa"
    assert short["waves"][0]["hosts"][0]["plan"]["steps"] == 1


def test_a_plan_applies_once(client: httpx.Client, service: ScriptedService) -> None:
    body = document_of(client, planned(client))
    assert client.post("/v1/apply", json=body | {"by": "me"}).status_code == 202
    again = client.post("/v1/apply", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "E_PLAN_APPLIED")
    assert again.json()["fix"]


def test_an_edited_plan_is_refused(client: httpx.Client, service: ScriptedService) -> None:
    body = document_of(client, planned(client))
    edited = json.loads(body["document"]) | {"timeout_s": 1}
    answer = client.post("/v1/apply", json=body | {"document": canonical_json(edited).decode()})
    assert (answer.status_code, answer.json()["code"]) == (422, "E_PLAN_EDITED")
    assert service.applied == []


def test_the_refusals_of_the_service_keep_their_code_and_fix(
    client: httpx.Client, service: ScriptedService
) -> None:
    service.draft = {**service.draft, "steps": [{"key": "volume:x", "title": "x", "undo": "one-way"}]}
    body = document_of(client, planned(client))
    answer = client.post("/v1/apply", json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["fix"]) == (
        409,
        "E_DATA_LOSS",
        "Accept it.",
    )
    assert client.post("/v1/apply", json=body | {"allow_data_loss": True}).status_code == 202


def test_a_campaign_is_found_by_a_unique_beginning(client: httpx.Client, service: ScriptedService) -> None:
    campaign = planned(client)
    assert client.get("/v1/campaigns/c").json()["id"] == campaign
    planned(client)
    assert client.get("/v1/campaigns/c").status_code == 404


def test_abort_is_passed_on_with_its_author(client: httpx.Client, service: ScriptedService) -> None:
    campaign = planned(client)
    answer = client.post(f"/v1/campaigns/{campaign}/abort", json={"by": "me", "reason": "typo"})
    assert answer.json() == {"id": campaign, "state": "ABORTED"}
    assert service.aborted == [(campaign, "me", "typo")]
    body = {"by": "me", "reason": "smoke", "hard": True}
    assert client.post(f"/v1/campaigns/{campaign}/abort", json=body).status_code == 202
    assert service.aborted[-1] == (campaign, "me", "smoke (hard)")
    assert client.post(f"/v1/campaigns/{campaign}/abort", json={"hard": "yes"}).status_code == 422


def test_events_come_in_order_and_waiting_ends(client: httpx.Client, service: ScriptedService) -> None:
    campaign = planned(client)
    service.say(campaign, "first", "web-1")
    service.say(campaign, "second", "web-2", {"a": 1})
    body = client.get(f"/v1/campaigns/{campaign}/events").json()
    assert [event["kind"] for event in body["events"]] == ["first", "second"]
    later = client.get(f"/v1/campaigns/{campaign}/events", params={"after": body["next"], "wait": 30}).json()
    assert later == {"events": [], "next": body["next"]}
    mine = client.get(f"/v1/campaigns/{campaign}/events", params={"host": "web-2"}).json()
    assert [event["data"] for event in mine["events"]] == [{"a": 1}]


def test_why_explains_a_halt(client: httpx.Client, service: ScriptedService) -> None:
    campaign = planned(client)
    service.kept[campaign] = halt(service.kept[campaign])
    body = client.get(f"/v1/campaigns/{campaign}/why").json()
    assert body["rule"] == "any > 0 in wave 1"
    assert body["next"]


def test_lists_are_newest_first_and_limited(client: httpx.Client, service: ScriptedService) -> None:
    first, second = planned(client), planned(client)
    assert [line["id"] for line in client.get("/v1/campaigns").json()["campaigns"]] == [second, first]
    assert len(client.get("/v1/campaigns", params={"limit": 1}).json()["campaigns"]) == 1


def test_procedures_and_status_are_answered(client: httpx.Client, service: ScriptedService) -> None:
    names = [item["name"] for item in client.get("/v1/procedures").json()["procedures"]]
    assert "disk.cleanup" in names
    assert client.get("/v1/procedures/disk.cleanup").json()["kind"] == "DX"
    assert client.get("/v1/status").json()["leading"] is True


def test_hostile_results_come_through_as_data(client: httpx.Client, service: ScriptedService) -> None:
    campaign = planned(client)
    for _, text in HOSTILE:
        runs = tuple(finished(run, HostState.SUCCEEDED, text) for run in service.kept[campaign].runs)
        service.move(campaign, runs=runs, state=CampaignState.COMPLETE)
        answer = client.get(f"/v1/campaigns/{campaign}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["exit_code"] == 0


def test_a_failure_of_ours_is_a_500_that_tells_nothing(
    client: httpx.Client, service: ScriptedService
) -> None:
    service.fails = RuntimeError("password=hunter2")
    answer = client.get("/v1/campaigns/c0")
    assert answer.status_code == 500
    assert answer.json()["code"] == "E_INTERNAL"
    assert "hunter2" not in answer.text


def without(key: str) -> dict[str, Any]:
    """The body, one field short."""
    return {name: value for name, value in BODY.items() if name != key}


def with_host(**changes: Any) -> dict[str, Any]:
    """The body, its host changed."""
    return BODY | {"hosts": [HOST | changes]}


BAD_BODIES: list[tuple[str, Any, str]] = [
    ("no procedure", without("procedure"), "body.procedure: it is missing"),
    ("no hosts", without("hosts"), "body.hosts: it is missing"),
    ("zero hosts", BODY | {"hosts": []}, "body.hosts"),
    ("hosts null", BODY | {"hosts": None}, "body.hosts"),
    ("hosts a text", BODY | {"hosts": "all"}, "body.hosts"),
    ("unknown field", BODY | {"host": []}, "Did you mean hosts?"),
    ("unknown field far off", BODY | {"zzz": 1}, "Known fields"),
    ("unknown procedure", BODY | {"procedure": "disk.clean"}, "disk.cleanup"),
    ("procedure a number", BODY | {"procedure": 7}, "body.procedure"),
    ("procedure empty", BODY | {"procedure": ""}, "body.procedure"),
    ("unknown parameter", BODY | {"params": {"target": ["containers"]}}, "targets"),
    ("params a list", BODY | {"params": []}, "body.params"),
    ("bad parameter", BODY | {"params": {"targets": ["everything"]}}, "targets"),
    ("waves zero", BODY | {"waves": "0"}, "Wave 1"),
    ("waves nonsense", BODY | {"waves": "ten"}, "ten"),
    ("waves over 100 %", BODY | {"waves": "101%"}, "101%"),
    ("waves NaN", BODY | {"waves": "NaN"}, "NaN"),
    ("rest not last", BODY | {"waves": "rest,1"}, "rest last"),
    ("waves a number", BODY | {"waves": 1}, "body.waves"),
    ("parallelism 0", BODY | {"parallelism": 0}, "body.parallelism"),
    ("parallelism -1", BODY | {"parallelism": -1}, "body.parallelism"),
    ("parallelism huge", BODY | {"parallelism": 10**9}, "body.parallelism"),
    ("parallelism a text", BODY | {"parallelism": "4"}, "body.parallelism"),
    ("parallelism true", BODY | {"parallelism": True}, "body.parallelism"),
    ("monitor negative", BODY | {"monitor_s": -1}, "body.monitor_s"),
    ("monitor too long", BODY | {"monitor_s": 10**9}, "body.monitor_s"),
    ("delay a text", BODY | {"delay_s": "soon"}, "body.delay_s"),
    ("max_failures negative", BODY | {"max_failures": "-1"}, "max_failures"),
    ("max_failures over", BODY | {"max_failures": "200%"}, "max_failures"),
    ("max_failures beside rules", BODY | {"max_failures": "1", "stop_rules": []}, "say the same thing twice"),
    ("rule without tolerate", BODY | {"stop_rules": [{"kind": "any"}]}, "body.stop_rules.0.tolerate"),
    ("rule tolerates nonsense", BODY | {"stop_rules": [{"tolerate": "few"}]}, "few"),
    (
        "rule of unknown kind",
        BODY | {"stop_rules": [{"tolerate": "1", "kind": "sad"}]},
        "body.stop_rules.0.kind",
    ),
    (
        "rule unknown action",
        BODY | {"stop_rules": [{"tolerate": "1", "action": "cry"}]},
        "stop_rules.0.action",
    ),
    ("rule unknown field", BODY | {"stop_rules": [{"tolerate": "1", "limit": 1}]}, "stop_rules.0.limit"),
    ("time to live 0", BODY | {"ttl_s": 0}, "body.ttl_s"),
    ("rollback parallelism 0", BODY | {"rollback_parallelism": 0}, "body.rollback_parallelism"),
    ("delivery unknown field", BODY | {"delivery": {"patience": 1}}, "body.delivery.patience"),
    ("delivery too short", BODY | {"delivery": {"order_ttl_s": 0}}, "body.delivery.order_ttl_s"),
    ("allow_unreachable a text", BODY | {"allow_unreachable": "yes"}, "body.allow_unreachable"),
    ("reason with a newline", BODY | {"reason": "a\nb"}, "body.reason"),
    ("reason too long", BODY | {"reason": "x" * 501}, "body.reason"),
    ("author with an escape", BODY | {"author": "\x1b[31m"}, "body.author"),
    ("host without name", BODY | {"hosts": [{"transport": "local"}]}, "name"),
    ("host an option", with_host(name="--rm"), "not made of letters"),
    ("host a path", with_host(name="../../etc"), "not made of letters"),
    ("host with a space", with_host(name="a b"), "not made of letters"),
    ("host upper case", with_host(name="WEB"), "not made of letters"),
    ("host too long", with_host(name="x" * 300), "not made of letters"),
    ("host unknown field", with_host(password="x"), "unknown field 'password'"),
    ("host unknown transport", with_host(transport="telnet"), "transport"),
    ("ssh host without ssh", {**BODY, "hosts": [{"name": "a", "transport": "ssh"}]}, "exactly the hosts"),
    ("local host with ssh", with_host(transport="local"), "exactly the hosts"),
    ("port 0", with_host(ssh={"address": "a", "port": 0}), "port 0"),
    ("port 65536", with_host(ssh={"address": "a", "port": 65536}), "port 65536"),
    ("address an option", with_host(ssh={"address": "-oProxyCommand=x"}), "no address"),
    ("user an option", with_host(ssh={"address": "a", "user": "-l"}), "no user name"),
    ("relative identity", with_host(ssh={"address": "a", "identity": "key"}), "not an absolute path"),
    ("ssh unknown field", with_host(ssh={"address": "a", "passphrase": "x"}), "unknown field"),
    ("jump unknown field", with_host(jumps=[{"address": "a", "proxy": "x"}]), "unknown field"),
    ("pool a path", with_host(pool="../x"), "gateway pool"),
    ("socket relative", with_host(socket="docker.sock"), "not an absolute path"),
    ("protect unknown field", BODY | {"protect": {"everything": True}}, "unknown field"),
    ("a list", [BODY], "body"),
    ("a text", "plan", "body"),
    ("null", None, "body"),
]


@pytest.mark.parametrize(
    ("body", "words"), [case[1:] for case in BAD_BODIES], ids=[case[0] for case in BAD_BODIES]
)
def test_a_bad_plan_request_is_a_422_with_its_place(
    client: httpx.Client, service: ScriptedService, body: Any, words: str
) -> None:
    answer = client.post("/v1/plans", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.text
    assert answer.json()["fix"]
    assert service.requests == []


BAD_TEXTS: list[tuple[str, bytes, int, str]] = [
    ("empty", b"", 400, "it is empty"),
    ("no JSON", b"{", 400, "line 1"),
    ("duplicate key", b'{"procedure": "a", "procedure": "b"}', 400, "comes twice"),
    ("duplicate key inside", b'{"params": {"a": 1, "a": 2}}', 400, "comes twice"),
    ("NaN", b'{"monitor_s": NaN}', 400, "NaN"),
    ("infinity", b'{"monitor_s": -Infinity}', 400, "Infinity"),
    ("too deep", b"[" * 100 + b"]" * 100, 400, "nested deeper"),
    ("far too deep", b"[" * 100_000, 400, "nested deeper"),
    ("latin-1", b'{"reason": "\xe9"}', 400, "not UTF-8"),
    ("byte order mark", b"\xef\xbb\xbf{}", 400, "byte order mark"),
    ("a very long number", b'{"parallelism": ' + b"9" * 5000 + b"}", 400, "20 digits"),
    ("trailing data", b"{} {}", 400, "Extra data"),
]


@pytest.mark.parametrize(
    ("raw", "status", "words"), [case[1:] for case in BAD_TEXTS], ids=[case[0] for case in BAD_TEXTS]
)
def test_what_is_no_strict_json_is_refused(client: httpx.Client, raw: bytes, status: int, words: str) -> None:
    answer = client.post("/v1/plans", content=raw, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, "E_JSON")
    assert words in answer.json()["title"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_another_content_type_is_refused(client: httpx.Client, kind: str) -> None:
    answer = client.post("/v1/plans", content=b"{}", headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "E_CONTENT_TYPE")


def test_a_body_that_says_it_is_too_large_is_refused_unread(server: RunningApi, token: str) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    head = (
        f"POST /v1/plans HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {MAX_BYTES + 1}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


BAD_QUERIES = [
    "/v1/campaigns?limit=0",
    "/v1/campaigns?limit=-1",
    "/v1/campaigns?limit=1001",
    "/v1/campaigns?limit=many",
    "/v1/campaigns/..%2f..%2fetc",
    "/v1/campaigns/C%27%20OR%201=1",
    "/v1/campaigns/c0?detail=all",
    "/v1/campaigns/c0/events?after=-1",
    "/v1/campaigns/c0/events?after=99999999999999999999999",
    "/v1/campaigns/c0/events?wait=61",
    "/v1/campaigns/c0/events?wait=NaN",
    "/v1/procedures/%3Cscript%3E",
    "/v1/procedures/no.such",
]


@pytest.mark.parametrize("path", BAD_QUERIES)
def test_a_bad_query_is_a_4xx_problem(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["fix"]


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
def test_other_methods_are_refused(client: httpx.Client, method: str) -> None:
    assert client.request(method, "/v1/campaigns").status_code == 405


def test_an_expired_plan_still_shows_when_it_expired(client: httpx.Client, service: ScriptedService) -> None:
    service.expires_at = datetime.now(tz=UTC) - timedelta(hours=1)
    campaign = planned(client)
    assert (
        client.get(f"/v1/campaigns/{campaign}").json()["plan_expires_at"] < datetime.now(tz=UTC).isoformat()
    )


def test_a_campaign_is_shown_as_it_was_at_an_instant(client: httpx.Client) -> None:
    campaign = planned(client)
    body = client.get(f"/v1/campaigns/{campaign}", params={"at": "2027-01-01T00:00:00Z"}).json()
    assert (body["state"], body["at"]) == ("PAUSED", "2027-01-01T00:00:00+00:00")
    assert any("does not lead to how it stands now" in line for line in body["notices"])
    assert client.get(f"/v1/campaigns/{campaign}").json()["at"] is None


@pytest.mark.parametrize(
    "at", ["", "noon", "2026-11-24", "2026-11-24T12:00:00", "2026-13-01T00:00:00Z", "1e400"]
)
def test_a_time_that_is_none_or_names_no_zone_is_refused(client: httpx.Client, at: str) -> None:
    campaign = planned(client)
    assert client.get(f"/v1/campaigns/{campaign}", params={"at": at}).status_code == 422
