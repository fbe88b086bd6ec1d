"""Which packages a host has and could have, as dpkg and apt say it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pydantic import Field

from tasks.connection import Command, Connection
from tasks.record import Record

#: a full Debian version, epoch and revision included
VERSION_PATTERN = r"^(?:[0-9]+:)?[0-9][A-Za-z0-9.+~-]*$"
#: a Debian package name
NAME_PATTERN = r"^[a-z0-9][a-z0-9+.-]+$"

_QUERY = "${Package}\\t${Version}\\t${db:Status-Abbrev}\\t${Architecture}\\n"
#: bytes of package lists read at most; a big server has about 150 KiB
_LIMIT = 8 << 20
_TIMEOUT_S = 120.0


class Package(Record):
    """One package dpkg knows."""

    version: str
    #: dpkg's two letters: "ii" installed, "hi" held and installed, "rc" removed with configuration left, …
    status: str
    #: apt counts it as installed for the sake of others only
    auto: bool = False

    @property
    def installed(self) -> bool:
        """Whether it is unpacked and configured, neither broken nor half-way."""
        return self.status[1:2] == "i" and len(self.status.rstrip()) == 2

    @property
    def held(self) -> bool:
        """Whether an administrator asked apt to leave it alone."""
        return self.status[:1] == "h"


class Available(Record):
    """One version of a package that the host's apt could install."""

    version: str
    #: archive and suite it comes from, as apt words it
    origin: str


class Deb(Record):
    """One package file the archive offers, as `apt-get download --print-uris` words it."""

    file: str
    size_bytes: int
    sha256: str


class Installed(Record):
    """Every package of a host, and whether dpkg is at peace with itself."""

    packages: dict[str, Package] = Field(default_factory=dict)
    #: what `dpkg --audit` complains about; "" when it does not
    audit: str = ""

    def version(self, name: str) -> str | None:
        """Version of a package that is installed whole; None when it is not."""
        package = self.packages.get(name)
        return package.version if package is not None and package.installed else None

    def present(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of `names` that are unpacked in whatever state, sorted."""
        return tuple(sorted(name for name in names if self._unpacked(name)))

    def held(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of `names` that are on hold, sorted."""
        return tuple(sorted(name for name in names if name in self.packages and self.packages[name].held))

    def auto(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of `names` that are marked as automatically installed, sorted."""
        return tuple(sorted(name for name in names if name in self.packages and self.packages[name].auto))

    def versions(self, *, without: Iterable[str] = ()) -> dict[str, str]:
        """Version of everything unpacked, leaving out the packages named."""
        left_out = set(without)
        return {
            name: package.version
            for name, package in self.packages.items()
            if name not in left_out and self._unpacked(name)
        }

    def _unpacked(self, name: str) -> bool:
        package = self.packages.get(name)
        return package is not None and package.status[1:2] not in {"n", "c", ""}


def parse_dpkg_query(text: str) -> dict[str, Package]:
    """Packages by name as apt writes it: the architecture is part of it only where it is not the host's own.

    dpkg's own architecture is the host's. Lines of another shape are left out.
    """
    rows = [fields for line in text.splitlines() if len(fields := line.split("\t")) == 4 and fields[0]]
    native = {"all", "", *(fields[3] for fields in rows if fields[0] == "dpkg")}
    return {
        name if architecture in native else f"{name}:{architecture}": Package(
            version=version, status=status.rstrip()
        )
        for name, version, status, architecture in rows
    }


def parse_madison(text: str) -> dict[str, tuple[Available, ...]]:
    """Installable versions by package, in apt's order; source packages do not count."""
    found: dict[str, list[Available]] = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(" | ")]
        if len(fields) == 3 and fields[2].endswith(" Packages"):
            origin = fields[2].removesuffix(" Packages")
            found.setdefault(fields[0], []).append(Available(version=fields[1], origin=origin))
    return {name: tuple(versions) for name, versions in found.items()}


def parse_candidates(text: str) -> dict[str, str]:
    """Candidate version by package, from `apt-cache policy`; packages without one are left out."""
    found = {}
    name = ""
    for line in text.splitlines():
        if line.endswith(":") and not line.startswith(" "):
            name = line[:-1]
        elif name and (match := re.match(r"^  Candidate: (\S+)$", line)) and match[1] != "(none)":
            found[name] = match[1]
    return found


def parse_automatic(text: str) -> frozenset[str]:
    """Names apt marked as automatically installed, from its extended_states file."""
    found = set()
    name = ""
    for line in text.splitlines():
        if line.startswith("Package: "):
            name = line.removeprefix("Package: ").strip()
        elif line.strip() == "Auto-Installed: 1" and name:
            found.add(name)
    return frozenset(found)


def parse_print_uris(text: str) -> dict[str, Deb]:
    """Package files by package name, from `apt-get download --print-uris`."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"^'[^']+' (([^_\s/]+)_[^\s/]+\.deb) ([0-9]+) SHA256:([0-9a-f]{64})$", line)
        if match:
            found[match[2]] = Deb(file=match[1], size_bytes=int(match[3]), sha256=match[4])
    return found


def read_installed(host: Connection, engine_names: Iterable[str]) -> Installed:
    """Read every package, with automatic marks for the engine's own."""
    listed = _read(host, ("dpkg-query", "-W", f"-f={_QUERY}"))
    packages = parse_dpkg_query(listed)
    # apt's own file instead of `apt-mark showauto`, which builds the whole dependency tree first
    states = _read(host, ("cat", "/var/lib/apt/extended_states"))
    marked = parse_automatic(states) & set(engine_names)
    audit = _read(host, ("dpkg", "--audit"), privileged=True).strip()
    return Installed(
        packages={
            name: package.model_copy(update={"auto": name in marked}) for name, package in packages.items()
        },
        audit=audit[:2000],
    )


def read_available(
    host: Connection, names: Iterable[str]
) -> tuple[dict[str, tuple[Available, ...]], dict[str, str]]:
    """Installable versions and candidates of these packages, from the index the host has now."""
    wanted = tuple(sorted(names))
    versions = parse_madison(_read(host, ("apt-cache", "madison", *wanted)))
    candidates = parse_candidates(_read(host, ("apt-cache", "policy", *wanted)))
    return versions, candidates


def read_obtainable(host: Connection, versions: Mapping[str, str]) -> dict[str, Deb]:
    """Package files of exactly these versions that the archive still offers, by package."""
    pinned = [f"{name}={version}" for name, version in sorted(versions.items())]
    argv = ("apt-get", "download", "--print-uris")
    found = parse_print_uris(_read(host, (*argv, *pinned))) if pinned else {}
    if len(found) < len(pinned):
        # apt answers nothing at all when one is missing
        for one in pinned:
            found |= parse_print_uris(_read(host, (*argv, one)))
    return found


def newer(host: Connection, left: str, right: str) -> bool:
    """Whether `left` is a later version than `right`; dpkg compares, as text cannot."""
    argv = ("dpkg", "--compare-versions", left, "gt", right)
    return host.run(Command(argv=argv, privileged=False)).ok


def _read(host: Connection, argv: tuple[str, ...], *, privileged: bool = False) -> str:
    """Output of a reading command; its exit code says nothing about the parts that are there."""
    command = Command(argv=argv, timeout_s=_TIMEOUT_S, privileged=privileged, output_limit_bytes=_LIMIT)
    return host.run(command).stdout.text
