"""The routes of hosts that are set apart: passed on with who and why, refused with where and a fix."""

from __future__ import annotations

import httpx
import pytest

from tests.orchestrator.scripted import ScriptedService


def test_a_host_is_set_apart_listed_and_released(client: httpx.Client, service: ScriptedService) -> None:
    body = {"by": "me", "reason": "its disk clicks"}
    apart = client.post("/v1/hosts/web-1/quarantine", json=body)
    assert apart.status_code == 202
    assert (apart.json()["by"], apart.json()["known"], apart.json()["at_work"]) == ("me", True, "c0")
    (listed,) = client.get("/v1/quarantines").json()["quarantines"]
    assert listed == {key: apart.json()[key] for key in listed}
    assert client.post("/v1/hosts/web-1/quarantine", json=body | {"by": "you"}).json()["by"] == "me"
    released = client.post("/v1/hosts/web-1/release", json=body | {"reason": "new disk"})
    assert released.status_code == 202
    assert released.json()["quarantine"]["release_reason"] == "new disk"
    assert (released.json()["campaign"], released.json()["kept_by"]) == ("", "c0")
    assert client.get("/v1/quarantines").json() == {"quarantines": []}
    kept = client.post("/v1/hosts/web-2/release", json=body).json()
    assert (kept["quarantine"], kept["campaign"], kept["attempt"]) == (None, "c0", "c0/web-2/1")


@pytest.mark.parametrize("verb", ["quarantine", "release"])
@pytest.mark.parametrize(
    ("host", "change"),
    [
        ("web-1", {"reason": ""}),
        ("web-1", {"reason": None}),
        ("web-1", {"reason": "a\nb"}),
        ("web-1", {"host": "web-2"}),
        ("-web", {}),
        ("WEB", {}),
        ("a%00b", {}),
    ],
)
def test_what_cannot_be_used_is_422(
    client: httpx.Client, service: ScriptedService, verb: str, host: str, change: dict[str, object]
) -> None:
    body = {"by": "me", "reason": "its disk clicks"} | change
    answer = client.post(f"/v1/hosts/{host}/{verb}", json=body)
    assert answer.status_code == 422
    assert answer.json()["fix"]
    assert (service.apart, service.released) == ([], [])
