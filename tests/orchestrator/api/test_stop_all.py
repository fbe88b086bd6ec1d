"""The routes of kill switches: passed on with who and why; a lost name never means everything."""

from __future__ import annotations

import httpx
import pytest

from orchestrator.campaign.kill_switch import Target
from orchestrator.service.stopping import StopAll
from tests.orchestrator.scripted import ScriptedService


def test_a_switch_is_thrown_listed_and_released(client: httpx.Client, service: ScriptedService) -> None:
    body = {"procedure": "engine.upgrade", "by": "me", "reason": "smoke"}
    thrown = client.post("/v1/stop-all", json=body)
    assert thrown.status_code == 202
    assert (thrown.json()["target"], thrown.json()["name"]) == ("procedure", "engine.upgrade")
    assert thrown.json()["released_at"] is None
    (listed,) = client.get("/v1/stop-all").json()["switches"]
    assert listed == thrown.json()
    released = client.post("/v1/stop-all/release", json=body | {"reason": "clear"})
    assert (released.status_code, released.json()["release_reason"]) == (202, "clear")
    assert client.get("/v1/stop-all").json() == {"switches": []}


def test_no_name_means_everything(client: httpx.Client, service: ScriptedService) -> None:
    assert client.post("/v1/stop-all", json={"reason": "smoke"}).status_code == 202
    (switch,) = service.thrown
    assert (switch.target, switch.name) == (StopAll().target, "") == (Target.EVERYTHING, "")


@pytest.mark.parametrize("path", ["stop-all", "stop-all/release"])
@pytest.mark.parametrize(
    "change",
    [
        {"reason": ""},
        {"reason": None},
        {"reason": "a\nb"},
        {"procedure": ""},
        {"procedure": None},
        {"procedure": "../x"},
        {"campaign": ""},
        {"campaign": None},
        {"campaign": "c-1"},
        {"procedure": "engine.upgrade", "campaign": "c1"},
        {"everything": True},
    ],
)
def test_what_cannot_be_used_is_422(
    client: httpx.Client, service: ScriptedService, path: str, change: dict[str, object]
) -> None:
    answer = client.post(f"/v1/{path}", json={"by": "me", "reason": "smoke"} | change)
    assert answer.status_code == 422
    assert answer.json()["fix"]
    assert service.thrown == []
