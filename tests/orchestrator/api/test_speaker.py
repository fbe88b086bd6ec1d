"""Where people have tokens of their own, who they are is proven, and only they agree to anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.campaign.events import PauseAsked
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.settings.people import Person, token_hash
from tests.orchestrator.api.test_routes import BODY
from tests.orchestrator.scripted import RunningApi, ScriptedService, finished, running_api

TOKENS = {name: f"{name}-" + "t" * 40 for name in ("alice", "bob", "carol")}
PEOPLE = tuple(
    Person(name=name, token_sha256=token_hash(token), groups=frozenset(groups))
    for (name, token), groups in zip(TOKENS.items(), (["sre"], ["sre", "dba"], ["dba"]), strict=True)
)
Clients = Callable[[str], httpx.Client]


@pytest.fixture(scope="module")
def peopled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """One API that knows three people."""
    with running_api(tmp_path_factory.mktemp("people"), people=PEOPLE) as running:
        yield running


@pytest.fixture
def scripted(peopled: RunningApi) -> ScriptedService:
    """Its script, empty."""
    peopled.service.__init__()  # type: ignore[misc]  # the server keeps this very object; the test wants it fresh
    return peopled.service


@pytest.fixture
def by(peopled: RunningApi, scripted: ScriptedService) -> Iterator[Clients]:
    """A client of that person; of whoever holds the shared token without a name."""
    assert scripted is peopled.service
    with ExitStack() as stack:

        def client(name: str) -> httpx.Client:
            token = TOKENS.get(name, name) or Path(peopled.token_file).read_text().strip()
            return stack.enter_context(
                httpx.Client(
                    base_url=peopled.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False
                )
            )

        yield client


def waiting(client: httpx.Client, service: ScriptedService, **approval: Any) -> str:
    """A campaign of this person that waits for an approval."""
    body = BODY | {
        "approval": {"required": 1, "group": "sre"} | approval,
        "author": "mallory@desk",
    }
    answer = client.post("/v1/plans", json=body)
    assert answer.status_code == 202, answer.text
    own = str(answer.json()["id"])
    service.move(own, state=CampaignState.AWAITING_APPROVAL)
    return own


def approve(client: httpx.Client, campaign: str, **more: Any) -> httpx.Response:
    """An approval of the plan as it is, under whatever name."""
    plan = client.get(f"/v1/campaigns/{campaign}").json()["plan_hash"]
    return client.post(f"/v1/campaigns/{campaign}/approve", json={"plan_hash": plan, "by": "zoe"} | more)


def test_a_person_is_who_the_token_says_whatever_the_request_says(
    by: Clients, scripted: ScriptedService
) -> None:
    own = waiting(by("alice"), scripted)
    assert scripted.campaign(own).author == "alice"
    scripted.move(own, state=CampaignState.RUNNING)
    assert by("bob").post(f"/v1/campaigns/{own}/pause", json={"by": "alice"}).status_code == 202
    assert scripted.operated == [PauseAsked(by="bob", reason="")]


def test_the_shared_token_names_nobody_a_person_could_be(by: Clients, scripted: ScriptedService) -> None:
    own = waiting(by("alice"), scripted)
    scripted.move(own, state=CampaignState.RUNNING)
    for claimed in ("alice", "", "root@desk"):
        by("").post(f"/v1/campaigns/{own}/pause", json={"by": claimed})
    assert [event.by for event in scripted.operated] == ["alice@shared-token", "@shared-token", "root@desk"]


def test_a_member_of_the_group_approves_and_the_author_does_not(
    by: Clients, scripted: ScriptedService
) -> None:
    own = waiting(by("alice"), scripted)
    refused = approve(by("alice"), own)
    assert (refused.status_code, refused.json()["code"]) == (409, "E_NOT_NOW")
    assert approve(by("bob"), own).json() == {"id": own, "state": "RUNNING"}
    assert [item.by for item in scripted.campaign(own).approvals] == ["bob"]


def test_a_person_of_another_group_is_refused_and_told_whom_to_ask(
    by: Clients, scripted: ScriptedService
) -> None:
    refused = approve(by("carol"), waiting(by("alice"), scripted))
    assert (refused.status_code, refused.json()["code"]) == (403, "E_NOT_IN_GROUP")
    ((_, event, code),) = scripted.refused
    assert (event.by, code) == ("carol", "E_NOT_IN_GROUP"), "who tried it is in the log"
    assert refused.json()["title"] == "carol is not of group sre: alice, bob"


def test_the_shared_token_approves_nothing(by: Clients, scripted: ScriptedService) -> None:
    refused = approve(by(""), waiting(by("alice"), scripted))
    assert (refused.status_code, refused.json()["code"]) == (403, "E_NOT_A_PERSON")
    assert refused.json()["fix"]


def test_a_plan_of_an_unproven_author_is_approved_by_nobody(by: Clients, scripted: ScriptedService) -> None:
    refused = approve(by("bob"), waiting(by(""), scripted))
    assert (refused.status_code, refused.json()["code"]) == (409, "E_AUTHOR_UNPROVEN")


def test_a_gate_asks_for_its_own_group(by: Clients, scripted: ScriptedService) -> None:
    gate = {"kind": "human", "group": "dba", "required": 1, "at": "wave"}
    answer = by("alice").post("/v1/plans", json=BODY | {"gates": [gate]})
    own = str(answer.json()["id"])
    scripted.move(own, state=CampaignState.RUNNING)
    refused = approve(by("alice"), own, gate="human-1", wave=1)
    assert (refused.status_code, refused.json()["code"]) == (403, "E_NOT_IN_GROUP")


@pytest.mark.parametrize(
    ("approval", "said"),
    [
        ({"required": 2}, "asks 2 of group sre, which has 1 member besides the author"),
        ({"group": "ops"}, "asks 1 of group ops, which has 0 members"),
        ({"among": 3}, "says that group sre has 3 members; it has 2"),
    ],
)
def test_more_people_than_there_are_are_not_asked_for(
    by: Clients, scripted: ScriptedService, approval: dict[str, Any], said: str
) -> None:
    body = BODY | {"approval": {"required": 1, "group": "sre"} | approval}
    refused = by("alice").post("/v1/plans", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "E_GROUP")
    assert said in refused.json()["title"]
    assert not scripted.operated


def test_an_undo_asks_no_more_people_than_there_are_and_only_they_agree_to_it(
    by: Clients, scripted: ScriptedService
) -> None:
    own = str(by("alice").post("/v1/plans", json=BODY).json()["id"])
    done = finished(scripted.kept[own].runs[0], HostState.SUCCEEDED)
    scripted.move(own, state=CampaignState.COMPLETE)
    scripted.move_host(own, done.host.name, state=done.state, changed=True, attempts=done.attempts)
    ask = {"required": 2, "group": "sre"}
    refused = by("alice").post(f"/v1/campaigns/{own}/undo", json={"approval": ask})
    assert (refused.status_code, refused.json()["code"]) == (422, "E_GROUP")
    assert refused.json()["title"] == "approval asks 2 of group sre, which has 1 member besides the author"
    assert len(scripted.requests) == 1, "nothing was planned"
    answer = by("alice").post(f"/v1/campaigns/{own}/undo", json={"approval": ask | {"required": 1}})
    new = str(answer.json()["id"])
    assert scripted.campaign(new).author == "alice"
    scripted.move(new, state=CampaignState.AWAITING_APPROVAL)
    assert approve(by("carol"), new).json()["code"] == "E_NOT_IN_GROUP"
    assert approve(by("alice"), new).json()["code"] == "E_NOT_NOW"
    assert approve(by("bob"), new).json() == {"id": new, "state": "RUNNING"}


def test_a_retry_asks_no_more_people_than_there_are_besides_whoever_asks_for_it(
    by: Clients, scripted: ScriptedService
) -> None:
    body = BODY | {"approval": {"required": 2, "group": "sre"}}
    own = str(by("carol").post("/v1/plans", json=body).json()["id"])
    scripted.move(own, state=CampaignState.COMPLETE)
    refused = by("alice").post(f"/v1/campaigns/{own}/retry", json={})
    assert (refused.status_code, refused.json()["code"]) == (422, "E_GROUP")
    assert len(scripted.requests) == 1, "nothing was planned"


@pytest.mark.parametrize("token", ["x" * 45, TOKENS["alice"] + "x", token_hash(TOKENS["alice"]), "Bearer"])
def test_a_token_nobody_has_opens_nothing(by: Clients, token: str) -> None:
    assert by(token).get("/v1/status").status_code == 401
