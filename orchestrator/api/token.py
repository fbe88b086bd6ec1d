"""The bearer token: generated once into a 0600 file, compared in constant time, never printed."""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
from pathlib import Path

from tasks.connection import Secret
from tasks.errors import BadInput

_SHAPE = re.compile(r"[\x21-\x7e]{16,512}\Z")


def write_private(path: Path, content: str) -> bool:
    """Create the file with mode 0600 unless it exists; say whether it was created."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return True


def read_secret(path: Path, what: str) -> Secret:
    """The secret in a file that only its owner may read; BadInput says what is wrong with the file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        hint = "`dockwave up` or `dockwave orchestrator` creates it; or name another with --token-file."
        raise BadInput(f"The {what} file {path} does not exist", hint=hint) from None
    except OSError as error:
        hint = "Run as the user that owns it; a symbolic link is not followed."
        raise BadInput(f"The {what} file {path} cannot be read: {error.strerror}", hint=hint) from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise BadInput(f"The {what} file {path} is not a regular file", hint="Remove it and start again.")
        if status.st_mode & 0o077:
            mode = oct(status.st_mode & 0o777)
            hint = f"chmod 600 {path}; make a new one if others may have read it."
            raise BadInput(f"The {what} file {path} can be read by others (mode {mode})", hint=hint)
        text = file.read(4096).decode("ascii", "replace").strip()
    if not _SHAPE.match(text):
        hint = "Remove it; the next start writes a new one."
        raise BadInput(f"The {what} file {path} holds no {what} (16 to 512 printable characters)", hint=hint)
    return Secret(text)


def ensure_secret(path: Path, what: str) -> Secret:
    """The secret of that file, generated first when there is none."""
    try:
        write_private(path, secrets.token_urlsafe(32) + "\n")
    except OSError as error:
        hint = "Choose another --data-dir or correct its permissions."
        raise BadInput(f"The {what} file {path} cannot be written: {error.strerror}", hint=hint) from None
    return read_secret(path, what)


def given_token(header: str | None) -> str:
    """The token an Authorization header carries; "" when it carries none."""
    scheme, _, value = (header or "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def matches(token: Secret, header: str | None) -> bool:
    """Whether an Authorization header carries this very token."""
    given = given_token(header).encode("utf-8", "surrogateescape")
    return bool(given) and hmac.compare_digest(given, token.reveal().encode())
