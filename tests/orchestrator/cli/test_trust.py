"""`hosts trust` records exactly the keys a person has seen and agreed to, and nothing unasked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from orchestrator.cli import trust
from orchestrator.cli.session import Session
from tests.orchestrator.cli.conftest import Dockwave
from tests.orchestrator.hostile import HOSTILE
from tests.orchestrator.screens.test_sanitize import is_visible

Requests = list[Mapping[str, Any]]


def _key(host: str, *, known: bool = False) -> dict[str, Any]:
    return {"type": "ssh-ed25519", "fingerprint": f"SHA256:{host}", "base64": "AA", "known": known}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Requests:
    """Play the worker side: each host shows one key, named after it."""
    requests: Requests = []

    def ask(request: Mapping[str, Any]) -> list[dict[str, Any]]:
        requests.append(request)
        wanted = request.get("fingerprints", {})
        return [
            {
                "host": host["name"],
                "keys": [_key(host["name"], known=host["name"] == "web-3")],
                "added": len(wanted.get(host["name"], ())),
                "error": None,
            }
            for host in request["hosts"]
        ]

    monkeypatch.setattr(trust, "_ask", ask)
    return requests


def test_without_a_person_keys_are_shown_and_nothing_is_recorded(dockwave: Dockwave, asked: Requests) -> None:
    done = dockwave("hosts", "trust", "web*")
    assert done.exit_code == 3, "a script must not read this as success"
    assert "SHA256:web-3" in done.stdout
    assert "0 keys recorded" in done.stderr
    assert "not trusted yet: web-1, web-2" in done.stderr
    assert "--fingerprint" in done.stderr
    assert not any(request.get("record") for request in asked)


def test_hosts_that_are_known_already_need_nothing(dockwave: Dockwave, asked: Requests) -> None:
    done = dockwave("hosts", "trust", "web-3")
    assert done.exit_code == 0
    assert "0 keys recorded" in done.stderr
    assert "not trusted" not in done.stderr


def test_a_key_that_cannot_be_recorded_is_no_success(
    dockwave: Dockwave, monkeypatch: pytest.MonkeyPatch
) -> None:
    """known_hosts has another key for the host, and nobody said --replace."""

    def ask(request: Mapping[str, Any]) -> list[dict[str, Any]]:
        error = {"code": "E_SSH_HOSTKEY_CHANGED", "message": "knows another key", "hint": "--replace"}
        return [
            {
                "host": "web-1",
                "keys": [_key("web-1")],
                "added": 0,
                "error": error if request.get("record") else None,
            }
        ]

    monkeypatch.setattr(trust, "_ask", ask)
    done = dockwave("hosts", "trust", "web-1", "--fingerprint", "SHA256:web-1")
    assert done.exit_code == 3
    assert "E_SSH_HOSTKEY_CHANGED" in done.stderr


def test_a_person_who_agrees_records_what_was_shown(
    dockwave: Dockwave, asked: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "at_terminal", True)
    assert "0 keys recorded" in dockwave("hosts", "trust", "web-1", answers="n\n").stderr
    assert "1 keys recorded" in dockwave("hosts", "trust", "web-1", answers="y\n").stderr
    assert asked[-1]["fingerprints"] == {"web-1": ["SHA256:web-1"]}


def test_only_named_fingerprints_are_recorded(dockwave: Dockwave, asked: Requests) -> None:
    done = dockwave(
        "hosts", "trust", "-l", "web*", "--fingerprint", "SHA256:web-2", "--fingerprint", "SHA256:x"
    )
    assert "1 keys recorded" in done.stderr
    assert done.exit_code == 3, "web-1 was chosen too and is not trusted"
    assert asked[-1]["fingerprints"] == {"web-2": ["SHA256:web-2"]}
    assert [host["name"] for host in asked[-1]["hosts"]] == ["web-2"]
    assert asked[-1]["replace"] is False


def test_hosts_are_chosen_once(dockwave: Dockwave, asked: Requests) -> None:
    done = dockwave("hosts", "trust", "web-1", "-l", "web-2")
    assert done.exit_code == 2
    assert asked == []


@pytest.mark.parametrize("text", [text for _, text in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_what_a_host_presents_is_shown_literally(
    dockwave: Dockwave, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    error = {"code": "E_SSH", "message": text, "hint": text}
    keys = [{"type": text, "fingerprint": text, "base64": text, "known": False}]
    monkeypatch.setattr(
        trust, "_ask", lambda _request: [{"host": "web-1", "keys": keys, "added": 0, "error": error}]
    )
    done = dockwave("hosts", "trust", "web-1")
    assert done.exit_code == 3
    for character in done.stdout + done.stderr:
        assert is_visible(character) or character == "\n"
