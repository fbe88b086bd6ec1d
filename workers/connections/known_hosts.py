"""Reads known_hosts files the way OpenSSH does: plain, hashed and pattern names, ports, revoked keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tasks.model import SshHop


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKey:
    """A public key a host shows, or is known by."""

    #: "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa", ...
    type: str
    #: the key as known_hosts spells it
    base64: str

    @classmethod
    def of(cls, blob: bytes) -> HostKey:
        """The key whose wire form is `blob`; its type is the blob's first string."""
        length = int.from_bytes(blob[:4], "big")
        name = blob[4 : 4 + length].decode("ascii", "replace")
        return cls(type=name, base64=base64.b64encode(blob).decode("ascii"))

    @property
    def fingerprint(self) -> str:
        """SHA256 fingerprint, spelled as ssh-keygen spells it."""
        digest = hashlib.sha256(base64.b64decode(self.base64)).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

    def __str__(self) -> str:
        """Show type and fingerprint."""
        return f"{self.type} {self.fingerprint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLine:
    """One usable line of a known_hosts file."""

    #: "", "@revoked" or "@cert-authority"
    marker: str
    #: names, hashes and patterns, as written
    names: tuple[str, ...]
    key: HostKey

    def matches(self, name: str) -> bool:
        """Whether the line speaks about `name`; a negated pattern that fits wins over all others."""
        found = False
        for entry in self.names:
            if entry.startswith("|1|"):
                found = found or _hash_fits(entry, name)
            elif entry.startswith("!"):
                if _pattern_fits(entry[1:], name):
                    return False
            else:
                found = found or _pattern_fits(entry, name)
        return found


class KnownHosts:
    """The keys of one known_hosts file; never changed, so any number of threads may share it."""

    def __init__(self, lines: tuple[KnownLine, ...]) -> None:
        """Index plain names, so that a file of ten thousand hosts is searched in no time."""
        self._plain: dict[str, list[KnownLine]] = {}
        self._other: list[KnownLine] = []
        for line in lines:
            if any(character in name for name in line.names for character in "|*?!"):
                self._other.append(line)
                continue
            for name in line.names:
                self._plain.setdefault(name.lower(), []).append(line)

    def keys(self, name: str) -> tuple[HostKey, ...]:
        """Every key `name` is known by."""
        return tuple(line.key for line in self._lines(name) if line.marker == "")

    def revoked(self, name: str) -> tuple[HostKey, ...]:
        """Every key that must never be accepted from `name`."""
        return tuple(line.key for line in self._lines(name) if line.marker == "@revoked")

    def _lines(self, name: str) -> list[KnownLine]:
        return [*self._plain.get(name.lower(), ()), *(line for line in self._other if line.matches(name))]


def known_name(hop: SshHop) -> str:
    """The name under which a known_hosts file knows an endpoint: `address`, or `[address]:port`."""
    return hop.address if hop.port == 22 else f"[{hop.address}]:{hop.port}"


def parse_line(text: str) -> KnownLine | None:
    """The line's meaning; None for comments and for lines no key can be read from, as ssh does."""
    fields = text.split()
    if not fields or fields[0].startswith("#"):
        return None
    marker = fields.pop(0) if fields[0].startswith("@") else ""
    if len(fields) < 3 or marker not in ("", "@revoked", "@cert-authority"):
        return None
    try:
        key = HostKey.of(base64.b64decode(fields[2], validate=True))
    except ValueError:
        return None
    # a line whose label and key disagree is damaged, and a damaged key proves nothing
    if key.type != fields[1]:
        return None
    return KnownLine(marker=marker, names=tuple(fields[0].split(",")), key=key)


def load_known_hosts(path: Path) -> KnownHosts:
    """The file's keys, parsed once per state of the file and shared; a missing file knows nobody."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return KnownHosts(())
    seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    with _LOCK:
        cached = _CACHE.get(path)
        if cached is not None and cached[0] == seen:
            return cached[1]
        text = path.read_text(encoding="utf-8", errors="replace")
        lines = (parse_line(line) for line in text.splitlines())
        known = KnownHosts(tuple(line for line in lines if line is not None))
        _CACHE[path] = (seen, known)
        return known


_LOCK = threading.Lock()
_CACHE: dict[Path, tuple[tuple[int, int, int], KnownHosts]] = {}


def _hash_fits(entry: str, name: str) -> bool:
    parts = entry.split("|")
    if len(parts) != 4:
        return False
    try:
        salt, expected = base64.b64decode(parts[2]), base64.b64decode(parts[3])
    except ValueError:
        return False
    return hmac.compare_digest(hmac.new(salt, name.lower().encode(), "sha1").digest(), expected)


def _pattern_fits(pattern: str, name: str) -> bool:
    # OpenSSH knows only * and ?; brackets are part of "[host]:port"
    return fnmatchcase(name.lower(), pattern.lower().replace("[", "[[]"))
