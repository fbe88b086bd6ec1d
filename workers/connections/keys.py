"""Private keys of the gateway: read once per state of their file, and refused when others could read them."""

from __future__ import annotations

import stat
import threading
from pathlib import Path
from typing import TypeAlias

import paramiko

from tasks.errors import AuthFailed

#: a private key that was read
Identity: TypeAlias = paramiko.PKey

#: looked for in this order when neither the inventory nor the settings name a key
DEFAULT_IDENTITIES = ("id_ed25519", "id_ecdsa", "id_rsa")


def default_identity() -> Path:
    """The first usual private key in the gateway user's home."""
    folder = Path.home() / ".ssh"
    for name in DEFAULT_IDENTITIES:
        if (folder / name).is_file():
            return folder / name
    raise AuthFailed(
        f"No SSH key: {folder} has none of {', '.join(DEFAULT_IDENTITIES)}.",
        hint="Make one with `ssh-keygen -t ed25519`, or name one with `identity:` in the inventory.",
    )


def load_identity(path: Path) -> Identity:
    """The private key in `path`, parsed once per state of the file and shared by every connection."""
    try:
        found = path.stat()
    except OSError as error:
        raise AuthFailed(
            f"The SSH key {path} cannot be read: {error.strerror}.",
            hint="Name an existing private key with `identity:` in the inventory.",
        ) from error
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise AuthFailed(
            f"The SSH key {path} can be read by others (mode {stat.S_IMODE(found.st_mode):04o}).",
            hint=f"Run `chmod 600 {path}`; if others may have read it, make a new key.",
        )
    seen = (found.st_mtime_ns, found.st_size, found.st_ino)
    with _LOCK:
        cached = _CACHE.get(path)
        if cached is None or cached[0] != seen:
            cached = (seen, _parse(path))
            _CACHE[path] = cached
        return cached[1]


_LOCK = threading.Lock()
_CACHE: dict[Path, tuple[tuple[int, int, int], Identity]] = {}


def _parse(path: Path) -> Identity:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AuthFailed(f"The SSH key {path} cannot be read: {error.strerror}.") from error
    if b"PRIVATE KEY" not in data[:4096]:
        raise AuthFailed(
            f"{path} is not a private key.",
            hint="`identity:` names the private key, the file without .pub.",
        )
    try:
        return paramiko.PKey.from_path(path)
    except (paramiko.PasswordRequiredException, TypeError) as error:
        # TypeError: the cryptography library's way to say that a password is missing
        raise AuthFailed(
            f"The SSH key {path} is encrypted, and a worker has nobody to ask for its passphrase.",
            hint="Use a key without a passphrase that only the gateway can read.",
        ) from error
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, ValueError) as error:
        raise AuthFailed(
            f"The SSH key {path} is damaged or of a kind that is not supported.",
            hint="Supported are ed25519, ecdsa and rsa keys; check it with `ssh-keygen -y -f`.",
        ) from error
