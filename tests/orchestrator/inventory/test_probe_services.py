"""Checks of a real sshd through the real worker side: reachable, unknown and silent are three different answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.inventory.load import load_inventory
from orchestrator.inventory.probe import HostCheck, check_hosts
from tests.support.sshd import Sshd, free_port, missing, start_sshd

pytestmark = [pytest.mark.services, pytest.mark.skipif(bool(missing()), reason=missing())]


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    server = start_sshd(tmp_path)
    yield server
    server.stop()


def test_a_known_an_unknown_and_a_silent_host_are_told_apart(sshd: Sshd, tmp_path: Path) -> None:
    nobody = tmp_path / "nobody_is_known"
    nobody.write_text("")
    path = tmp_path / "inventory.json"
    ssh = {"port": sshd.port, "identity": str(sshd.identity), "known_hosts": sshd.known_hosts.name}
    hosts = {
        "known": {"address": sshd.address, "ssh": ssh},
        # another address of the same server: the inventory refuses one machine under two names
        "unknown": {"address": "localhost", "ssh": ssh | {"known_hosts": str(nobody)}},
        "silent": {"address": "127.0.0.1", "ssh": ssh | {"port": free_port()}},
    }
    path.write_text(json.dumps({"version": 1, "hosts": hosts}))

    found: dict[str, HostCheck] = {one.host: one for one in check_hosts(load_inventory([path]).hosts)}

    assert next(check for check in found["known"].checks if check.name == "reachable").ok
    codes = {one.host: one.error.code for one in found.values() if one.error is not None}
    assert codes == {"unknown": "E_SSH_HOSTKEY", "silent": "E_UNREACHABLE"}
