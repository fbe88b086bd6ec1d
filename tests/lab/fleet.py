"""What lab tests ask of hosts again and again."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from deploy.lab.host import Host

ENGINE_PACKAGES = ("docker.io", "docker-cli", "containerd", "runc")
_TRANSACTION = re.compile(
    r"^\S+ \S+ (?P<verb>install|upgrade|remove|purge) (?P<package>[^:]+):\S+ (?P<from>\S+) (?P<to>\S+)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One line of a host's dpkg log that changed a package."""

    #: install, upgrade (downgrades included), remove or purge
    verb: str
    #: name without the architecture
    package: str
    #: version before, ``<none>`` for a new package
    before: str
    #: version after, ``<none>`` for a removed one
    after: str


def server_version(host: Host) -> str:
    """What the engine itself says its version is."""
    return host.docker("version", "--format", "{{.Server.Version}}").strip()


def installed(host: Host, packages: Iterable[str] = ENGINE_PACKAGES) -> dict[str, str]:
    """Versions of the packages that are fully installed."""
    shown = host.attempt(
        "dpkg-query", "--show", "--showformat", "${Package} ${Version} ${Status}\n", *packages
    )
    rows = (line.split(" ", 2) for line in shown.out.splitlines())
    return {package: version for package, version, status in rows if status == "install ok installed"}


def transactions(host: Host) -> list[Transaction]:
    """Every package change dpkg logged on the host since it was made, oldest first."""
    found = (_TRANSACTION.match(line) for line in host.run("cat", "/var/log/dpkg.log").splitlines())
    return [
        Transaction(verb=match["verb"], package=match["package"], before=match["from"], after=match["to"])
        for match in found
        if match
    ]


def listed(host: Host, kind: str, *filters: str) -> set[str]:
    """Full ids (names, for volumes and networks) of a host's objects: container, image, volume or network."""
    flags = [word for text in filters for word in ("--filter", text)]
    if kind in {"container", "image"}:
        flags += ["--all", "--no-trunc", "--quiet"]
    else:
        flags += ["--format", "{{.Name}}"]
    return set(host.docker(kind, "ls", *flags).split())


def upgrade(host: Host, *packages: str) -> None:
    """Plain apt installed these packages (``name`` or ``name=version``), as an operator would."""
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-q", "--allow-downgrades")
    host.run(*quiet, "install", *packages, timeout_s=300)


def restart_engine(host: Host, timeout_s: float = 60) -> bool:
    """Whether the engine's service came up again and its socket answers."""
    host.attempt("systemctl", "reset-failed", "docker.service", "docker.socket")
    restarted = host.attempt(
        "timeout", str(timeout_s), "systemctl", "restart", "docker.service", timeout_s=timeout_s + 10
    )
    asked = host.attempt("timeout", "10", "docker", "version", "--format", "{{.Server.Version}}")
    return restarted.status == 0 and asked.status == 0
