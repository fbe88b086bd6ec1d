"""`trust` and `probe` against a real sshd: what is shown is what is recorded, and known is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from tasks.errors import BadInput
from tasks.model import Host
from tests.support.sshd import Sshd, missing, start_sshd
from workers.probe import probe, trust

pytestmark = [pytest.mark.services, pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    server = start_sshd(tmp_path)
    yield server
    server.stop()


def asked(sshd: Sshd, **more: Any) -> dict[str, Any]:
    """Ask `trust` about the server."""
    hosts = TypeAdapter(list[Host]).dump_python([sshd.host()], mode="json")
    answers = list(trust({"hosts": hosts, **more}))
    assert len(answers) == 1
    return answers[0]


def test_an_unknown_key_is_shown_and_recorded_only_by_its_fingerprint(sshd: Sshd) -> None:
    sshd.known_hosts.write_text("")
    shown = asked(sshd)
    assert [key["known"] for key in shown["keys"]] == [False]
    fingerprint = shown["keys"][0]["fingerprint"]
    assert asked(sshd, record=True, fingerprints={"web-1": ["SHA256:other"]})["error"] is not None
    assert sshd.known_hosts.read_text() == ""
    assert asked(sshd, record=True, fingerprints={"web-1": [fingerprint]})["added"] == 1
    assert [key["known"] for key in asked(sshd)["keys"]] == [True]


def test_another_known_key_is_never_replaced_unasked(sshd: Sshd) -> None:
    name = sshd.known_hosts.read_text().split()[0]
    client = " ".join((sshd.folder / "client.pub").read_text().split()[:2])
    sshd.known_hosts.write_text(f"{name} {client}\n")
    shown = asked(sshd)
    assert [key["known"] for key in shown["keys"]] == [False]
    wanted = {"web-1": [shown["keys"][0]["fingerprint"]]}
    refused = asked(sshd, record=True, fingerprints=wanted)
    assert refused["error"]["code"] == "E_SSH_HOSTKEY_CHANGED"
    assert client in sshd.known_hosts.read_text()
    assert asked(sshd, record=True, fingerprints=wanted, replace=True)["added"] == 1
    assert client not in sshd.known_hosts.read_text()


def test_a_probe_of_a_host_that_is_not_known_says_so_and_checks_nothing(sshd: Sshd) -> None:
    sshd.known_hosts.write_text("")
    hosts = TypeAdapter(list[Host]).dump_python([sshd.host()], mode="json")
    (answer,) = probe({"hosts": hosts})
    assert (answer["ok"], answer["checks"]) == (False, [])
    assert answer["error"]["code"] == "E_SSH_HOSTKEY"


def test_a_request_without_hosts_is_refused() -> None:
    with pytest.raises(BadInput):
        list(probe({}))
