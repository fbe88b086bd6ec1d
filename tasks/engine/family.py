"""The two families of engine packages, and which of them a host has."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from tasks.facts.packages import Installed


class Family(StrEnum):
    """Who packaged the engine."""

    #: Debian's and Ubuntu's own packages
    DOCKER_IO = "docker.io"
    #: Docker's packages
    DOCKER_CE = "docker-ce"
    #: Microsoft's and Fedora's build; read, never changed
    MOBY = "moby"
    #: no engine package, or more than one family at once
    UNKNOWN = "unknown"


#: packages of each family; the main one, whose version is the engine's, comes first
MEMBERS: dict[Family, tuple[str, ...]] = {
    Family.DOCKER_IO: (
        *("docker.io", "docker-cli", "containerd", "runc", "docker-buildx", "docker-compose"),
        *("docker-compose-v2", "containerd-app", "runc-app"),
    ),
    Family.DOCKER_CE: (
        *("docker-ce", "docker-ce-cli", "containerd.io", "docker-ce-rootless-extras"),
        *("docker-buildx-plugin", "docker-compose-plugin"),
    ),
    Family.MOBY: ("moby-engine", "moby-cli", "moby-containerd", "moby-runc"),
    Family.UNKNOWN: (),
}
ALL_NAMES: tuple[str, ...] = tuple(name for members in MEMBERS.values() for name in members)
#: packages that carry the same version as the main one, because they are built from its source
SAME_VERSION: dict[Family, tuple[str, ...]] = {
    Family.DOCKER_IO: ("docker-cli",),
    Family.DOCKER_CE: ("docker-ce-cli", "docker-ce-rootless-extras"),
}
#: packages the main one needs to be of use but only recommends: docker.io gave up /usr/bin/docker to docker-cli
COMPANIONS: dict[Family, tuple[str, ...]] = {Family.DOCKER_IO: ("docker-cli",)}


def family_of(installed: Installed) -> Family:
    """The one family whose main package is on the host; UNKNOWN when there is none, or more than one."""
    found = [family for family, members in MEMBERS.items() if installed.present(members[:1])]
    return found[0] if len(found) == 1 else Family.UNKNOWN


def conflicting(installed: Installed) -> tuple[str, ...]:
    """Main packages on the host when there is more than one; () when all is well."""
    found = installed.present(members[0] for members in MEMBERS.values() if members)
    return found if len(found) > 1 else ()


def main_package(family: Family) -> str:
    """The package whose version is the engine's; "" for UNKNOWN."""
    return MEMBERS[family][0] if MEMBERS[family] else ""


def members_of(family: Family, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that belong to the family, sorted."""
    return tuple(sorted(set(MEMBERS[family]) & set(names)))
