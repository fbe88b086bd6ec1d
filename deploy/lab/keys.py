"""SSH keys of a fleet: one for its operator, one per host, and what the operator knows about the hosts."""

import secrets
from pathlib import Path

from deploy.lab.archive import File, directory
from deploy.lab.command import run

OPS_UID = 1000


def make_key(path: Path, comment: str) -> str:
    """A fresh Ed25519 key pair is at ``path`` and ``path.pub``; the answer is the public line."""
    for old in (path, public(path)):
        old.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])
    return public(path).read_text().strip()


def public(path: Path) -> Path:
    """The public half beside a private key."""
    return path.with_name(f"{path.name}.pub")


def identity_files(host_key: Path, operator_public: str) -> dict[str, File]:
    """What makes a fresh container this host and no other: its keys, its machine id, who may log in."""
    authorised = File(data=f"{operator_public}\n".encode(), mode=0o600)
    return {
        "etc/machine-id": File(data=f"{secrets.token_hex(16)}\n".encode(), mode=0o444),
        **host_key_files(host_key),
        "root/.ssh/": directory(mode=0o700),
        "root/.ssh/authorized_keys": authorised,
        "home/ops/.ssh/": directory(mode=0o700, owner=OPS_UID),
        "home/ops/.ssh/authorized_keys": File(data=authorised.data, mode=0o600, owner=OPS_UID),
    }


def host_key_files(host_key: Path) -> dict[str, File]:
    """The host key pair where sshd looks for it."""
    return {
        "etc/ssh/ssh_host_ed25519_key": File(data=host_key.read_bytes(), mode=0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": File(data=public(host_key).read_bytes()),
    }


def known_hosts(keys: dict[str, Path]) -> str:
    """The text of a known_hosts file: one line per address."""
    lines = (f"{address} {' '.join(public(key).read_text().split()[:2])}" for address, key in keys.items())
    return "".join(f"{line}\n" for line in lines)
