"""Private keys are read once, and refused with a reason when they cannot or must not be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import AuthFailed
from tests.support.sshd import make_key
from workers.connections.keys import default_identity, load_identity


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_the_usual_kinds_are_read_once_and_shared(tmp_path: Path, kind: str) -> None:
    path = make_key(tmp_path / "key", kind=kind)
    first = load_identity(path)
    assert load_identity(path) is first
    path.unlink()
    make_key(path, kind=kind)
    assert load_identity(path) != first


def test_an_encrypted_key_is_refused_because_nobody_can_be_asked(tmp_path: Path) -> None:
    with pytest.raises(AuthFailed, match="encrypted"):
        load_identity(make_key(tmp_path / "key", passphrase="secret"))


def test_a_key_others_can_read_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    path = make_key(tmp_path / "key")
    path.chmod(0o640)
    with pytest.raises(AuthFailed, match="0640") as caught:
        load_identity(path)
    assert f"chmod 600 {path}" in caught.value.hint


def test_a_public_key_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    (tmp_path / "key.pub").chmod(0o600)
    with pytest.raises(AuthFailed, match="not a private key"):
        load_identity(tmp_path / "key.pub")


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    path = make_key(tmp_path / "key")
    path.write_text(path.read_text()[:120] + "\n-----END OPENSSH PRIVATE KEY-----\n")
    with pytest.raises(AuthFailed, match="damaged"):
        load_identity(path)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuthFailed, match="No such file"):
        load_identity(tmp_path / "none")


def test_without_any_usual_key_the_message_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(AuthFailed) as caught:
        default_identity()
    assert "ssh-keygen" in caught.value.hint
    (tmp_path / ".ssh").mkdir()
    path = make_key(tmp_path / ".ssh" / "id_ecdsa", kind="ecdsa")
    assert default_identity() == path
