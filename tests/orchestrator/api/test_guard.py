"""Nobody gets anything without the token; pages of other sites and other names get nothing at all."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from orchestrator.api.token import ensure_secret, matches, read_secret, write_private
from tasks.connection import Secret
from tasks.errors import BadInput
from tests.orchestrator.scripted import RunningApi


def routes_of(server: RunningApi) -> list[tuple[str, str]]:
    """Every route the application has, so that one added tomorrow is tested too."""
    from orchestrator.api.app import create_app
    from tests.orchestrator.scripted import NOON

    app = create_app(server.service, token=Secret("x" * 20), now=lambda: NOON).app
    assert isinstance(app, FastAPI)
    found = [("GET", "/v1/openapi.json")]
    for path, methods in app.openapi()["paths"].items():
        found += [
            (method.upper(), path.replace("{reference}", "c0").replace("{name}", "disk.cleanup"))
            for method in methods
        ]
    return found


def test_every_route_refuses_who_has_no_token(server: RunningApi) -> None:
    routes = routes_of(server)
    assert len(routes) >= 11
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        for method, path in routes:
            answer = http.request(method, path)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["code"] == "E_UNAUTHENTICATED"


def test_health_is_open_and_says_nothing_else(server: RunningApi) -> None:
    answer = httpx.get(f"{server.url}/healthz", trust_env=False)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong", "Basic {token}", "Bearer {token}x", "Bearer x{token}", "{token}"]
)
def test_a_wrong_token_is_refused(server: RunningApi, token: str, header: str) -> None:
    headers = {"Authorization": header.replace("{token}", token)}
    assert httpx.get(f"{server.url}/v1/status", headers=headers, trust_env=False).status_code == 401


def test_two_tokens_are_refused(server: RunningApi, token: str) -> None:
    headers = [("Authorization", f"Bearer {token}"), ("Authorization", "Bearer other")]
    assert httpx.get(f"{server.url}/v1/status", headers=headers, trust_env=False).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::2]:1"])
def test_a_foreign_host_name_is_refused_even_with_the_token(client: httpx.Client, host: str) -> None:
    answer = client.get("/v1/status", headers={"Host": host})
    assert answer.status_code in {400, 421}


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://localhost:1"])
def test_a_foreign_origin_is_refused_even_with_the_token(client: httpx.Client, origin: str) -> None:
    answer = client.post("/v1/campaigns/c0/abort", headers={"Origin": origin}, json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "E_ORIGIN")


def test_the_token_file_is_created_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "token"
    first = ensure_secret(path, "API token")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ensure_secret(path, "API token").reveal() == first.reveal()
    assert first.reveal() not in repr(first)


def test_a_token_file_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    write_private(path, "x" * 40)
    path.chmod(0o644)
    with pytest.raises(BadInput, match="can be read by others") as caught:
        read_secret(path, "API token")
    assert "chmod 600" in caught.value.hint


@pytest.mark.parametrize("content", ["", "short", "has spaces in the middle of it", "x" * 600, "\x00" * 40])
def test_a_file_without_a_token_is_refused(tmp_path: Path, content: str) -> None:
    write_private(tmp_path / "token", content)
    with pytest.raises(BadInput, match="holds no API token"):
        read_secret(tmp_path / "token", "API token")


def test_a_token_behind_a_link_is_refused(tmp_path: Path) -> None:
    write_private(tmp_path / "real", "x" * 40)
    (tmp_path / "token").symlink_to(tmp_path / "real")
    with pytest.raises(BadInput, match="cannot be read"):
        ensure_secret(tmp_path / "token", "API token")


def test_only_the_very_token_matches() -> None:
    token = Secret("a" * 32)
    assert matches(token, "Bearer " + "a" * 32)
    assert matches(token, "bearer " + "a" * 32)
    assert not matches(token, "Bearer " + "a" * 31)
    assert not matches(token, None)
    assert not matches(token, "Bearer \udcff")
