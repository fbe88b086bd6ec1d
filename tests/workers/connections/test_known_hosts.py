"""known_hosts files mean what they mean to OpenSSH."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import HostKeyChanged, HostKeyUnknown
from tasks.model import SshHop
from workers.connections.known_hosts import HostKey, KnownHosts, known_name, load_known_hosts, parse_line
from workers.connections.link import check_key
from workers.connections.settings import SshSettings


def _key(seed: int, kind: bytes = b"ssh-ed25519") -> HostKey:
    return HostKey.of(len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + bytes([seed]) * 32)


def _known(*lines: str) -> KnownHosts:
    parsed = [parse_line(line) for line in lines]
    return KnownHosts(tuple(line for line in parsed if line is not None))


ONE, TWO = _key(1), _key(2)
ONE_TEXT, TWO_TEXT = f"{ONE.type} {ONE.base64}", f"{TWO.type} {TWO.base64}"


@pytest.mark.parametrize(
    ("names", "asked", "known"),
    [
        ("web-1", "web-1", True),
        ("web-1", "WEB-1", True),
        ("web-1", "web-10", False),
        ("web-1", "[web-1]:2222", False),
        ("[web-1]:2222", "[web-1]:2222", True),
        ("[web-1]:2222", "web-1", False),
        ("a,web-1,10.0.0.1", "10.0.0.1", True),
        ("web-*", "web-7", True),
        ("web-?", "web-77", False),
        ("*,!web-1", "web-1", False),
        ("*,!web-1", "web-2", True),
        ("[web-*]:22??", "[web-1]:2222", True),
        ("[w]eb", "web", False),
        ("::1", "::1", True),
    ],
)
def test_names_match_as_they_do_for_ssh(names: str, asked: str, known: bool) -> None:
    assert _known(f"{names} {ONE_TEXT} comment").keys(asked) == ((ONE,) if known else ())


def test_hashed_names_written_by_ssh_keygen_are_found(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"web-1 {ONE_TEXT}\n[web-2]:2222 {TWO_TEXT}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "web-1" not in file.read_text()
    known = load_known_hosts(file)
    assert known.keys("web-1") == (ONE,)
    assert known.keys("[web-2]:2222") == (TWO,)
    assert known.keys("web-2") == ()


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(tmp_path / "k")], check=True)
    kind, text = (tmp_path / "k.pub").read_text().split()[:2]
    shown = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "k.pub")], check=True, capture_output=True)
    key = HostKey.of(base64.b64decode(text))
    assert key.type == kind
    assert key.fingerprint == shown.stdout.decode().split()[1]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# web-1 x y",
        "web-1",
        "web-1 ssh-ed25519",
        "web-1 ssh-ed25519 ???",
        f"web-1 ssh-rsa {ONE.base64}",
        "@x a b c",
    ],
)
def test_lines_without_a_sound_key_know_nobody(line: str) -> None:
    assert parse_line(line) is None


@given(st.text())
def test_any_line_can_be_read(line: str) -> None:
    parsed = parse_line(line)
    assert parsed is None or parsed.names


def test_marked_lines_never_count_as_known() -> None:
    known = _known(f"@revoked web-1 {ONE_TEXT}", f"@cert-authority * {TWO_TEXT}")
    assert known.keys("web-1") == ()
    assert known.revoked("web-1") == (ONE,)


def test_a_file_is_parsed_once_until_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    assert load_known_hosts(file).keys("web-1") == ()
    file.write_text(f"web-1 {ONE_TEXT}\n")
    first = load_known_hosts(file)
    assert load_known_hosts(file) is first
    file.write_text(f"web-1 {TWO_TEXT}\n")
    os.utime(file, ns=(1, 1))
    assert load_known_hosts(file).keys("web-1") == (TWO,)


def _hop(file: Path, port: int = 22) -> SshHop:
    return SshHop(address="web-1.example", port=port, known_hosts=str(file))


def test_an_unknown_key_is_refused_with_its_fingerprint_and_the_next_command(tmp_path: Path) -> None:
    with pytest.raises(HostKeyUnknown) as caught:
        check_key(_hop(tmp_path / "none", 2222), ONE, name="web-1", settings=SshSettings())
    assert ONE.fingerprint in caught.value.message
    assert "[web-1.example]:2222" in caught.value.message
    assert "`dockwave hosts trust web-1`" in caught.value.hint
    assert caught.value.code == "E_SSH_HOSTKEY"


def test_a_changed_key_is_refused_with_both_fingerprints(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"web-1.example {ONE_TEXT}\n")
    with pytest.raises(HostKeyChanged) as caught:
        check_key(_hop(file), TWO, name="web-1", settings=SshSettings())
    assert ONE.fingerprint in caught.value.message
    assert TWO.fingerprint in caught.value.message
    assert "--replace" in caught.value.hint
    assert caught.value.code == "E_SSH_HOSTKEY_CHANGED"


def test_a_known_host_with_a_key_of_another_kind_is_not_let_in(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"web-1.example {ONE_TEXT}\n")
    with pytest.raises(HostKeyChanged):
        check_key(_hop(file), _key(1, b"ssh-rsa"), name="web-1", settings=SshSettings())


def test_a_revoked_key_is_refused_even_when_it_is_also_known(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"web-1.example {ONE_TEXT}\n@revoked * {ONE_TEXT}\n")
    with pytest.raises(HostKeyChanged, match="revoked"):
        check_key(_hop(file), ONE, name="web-1", settings=SshSettings())


def test_the_known_key_lets_in(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"web-1.example {TWO_TEXT}\nweb-1.example {ONE_TEXT}\n")
    check_key(_hop(file), ONE, name="web-1", settings=SshSettings())
    assert known_name(_hop(file)) == "web-1.example"
