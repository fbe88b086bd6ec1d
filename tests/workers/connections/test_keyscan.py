"""Host keys are shown before they are trusted, and a known_hosts file is never damaged."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.connection import Command
from tasks.errors import BadInput, HostKeyChanged, HostKeyUnknown, Unreachable
from tasks.model import SshHop
from tests.support.sshd import Sshd, free_port
from workers.connections.keyscan import HostKey, fetch_host_keys, trust
from workers.connections.known_hosts import load_known_hosts
from workers.connections.ssh import SshConnection

HOP = SshHop(address="web-1", port=2222)


def _key(seed: int, kind: bytes = b"ssh-ed25519") -> HostKey:
    return HostKey.of(len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + bytes([seed]) * 32)


ONE, TWO, RSA = _key(1), _key(2), _key(3, b"ssh-rsa")


def test_trusted_keys_are_written_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "known_hosts"
    assert trust(path, HOP, [ONE, RSA]) == 2
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_known_hosts(path).keys("[web-1]:2222") == (ONE, RSA)
    assert load_known_hosts(path).keys("web-1") == ()


def test_other_lines_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    text = f"# ours\n\n@revoked * {TWO.type} {TWO.base64}\nother {TWO.type} {TWO.base64} comment \xff\nbroken line"
    path.write_text(text, encoding="latin-1")
    trust(path, HOP, [ONE])
    assert path.read_text(encoding="latin-1") == f"{text}\n[web-1]:2222 {ONE.type} {ONE.base64}\n"


def test_trusting_twice_adds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    trust(path, HOP, [ONE])
    before = path.read_bytes()
    assert trust(path, HOP, [ONE, ONE]) == 0
    assert path.read_bytes() == before


def test_a_different_key_is_not_replaced_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"a,[web-1]:2222,b {ONE.type} {ONE.base64}\n[web-1]:2222 {RSA.type} {RSA.base64}\n")
    before = path.read_bytes()
    with pytest.raises(HostKeyChanged) as caught:
        trust(path, HOP, [TWO])
    assert ONE.fingerprint in caught.value.message
    assert TWO.fingerprint in caught.value.message
    assert path.read_bytes() == before
    assert trust(path, HOP, [TWO], replace=True) == 1
    known = load_known_hosts(path)
    assert known.keys("[web-1]:2222") == (TWO,)
    assert known.keys("a") == known.keys("b") == (ONE,)


def test_replacing_finds_hashed_names(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"[web-1]:2222 {ONE.type} {ONE.base64}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, capture_output=True)
    with pytest.raises(HostKeyChanged):
        trust(path, HOP, [TWO])
    trust(path, HOP, [TWO], replace=True)
    assert load_known_hosts(path).keys("[web-1]:2222") == (TWO,)


def test_no_key_means_nothing_is_trusted(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        trust(tmp_path / "known_hosts", HOP, [])
    assert not (tmp_path / "known_hosts").exists()


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    hops = [SshHop(address=f"web-{number}") for number in range(30)]
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda hop: trust(path, hop, [ONE]), hops)) == 30
    assert all(load_known_hosts(path).keys(hop.address) == (ONE,) for hop in hops)


@pytest.mark.services
def test_a_host_shows_its_keys_and_is_reached_once_they_are_trusted(server: Sshd, tmp_path: Path) -> None:
    hop = replace(server.hop(), known_hosts=str(tmp_path / "known_hosts"))
    host = replace(server.host(), ssh=hop)
    opened = SshConnection(host)
    with pytest.raises(HostKeyUnknown) as unknown:
        opened.run(Command(argv=("true",)))
    keys = fetch_host_keys(hop)
    assert [key.type for key in keys] == ["ssh-ed25519"]
    assert keys[0].fingerprint in unknown.value.message
    shown = subprocess.run(
        ["ssh-keygen", "-lf", str(server.folder / "host.pub")], check=True, capture_output=True
    )
    assert keys[0].fingerprint in shown.stdout.decode()
    trust(tmp_path / "known_hosts", hop, keys)
    assert opened.run(Command(argv=("true",))).ok
    opened.close()


@pytest.mark.services
def test_keys_are_fetched_through_a_jump_host_that_is_known(server: Sshd, jump: Sshd, tmp_path: Path) -> None:
    direct = fetch_host_keys(server.hop())
    assert fetch_host_keys(server.hop(), (jump.hop(),)) == direct
    stranger = replace(jump.hop(), known_hosts=str(tmp_path / "none"))
    with pytest.raises(HostKeyUnknown):
        fetch_host_keys(server.hop(), (stranger,))


@pytest.mark.services
def test_no_sshd_shows_no_key(server: Sshd) -> None:
    with pytest.raises(Unreachable):
        fetch_host_keys(replace(server.hop(), port=free_port()))
