"""Everywhere something that was not to be told could end up: what is searched for planted secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from deploy.lab.host import Host
from tests.lab import agent, observed
from tests.lab.plane import Plane

#: files of a control plane that hold its secrets on purpose; nobody but its user reads them
KEEPERS = frozenset(
    {"token", "redis.password", "flower.password", "endpoints.json", "up.json", "redis.conf", "agent.env"}
)
#: where a host keeps what it needs to go back, configuration files included; for root alone
SNAPSHOTS = "/var/lib/dockwave/attempts/*/snapshot*"


def own_secrets(plane: Plane) -> dict[str, str]:
    """What the control plane made up for itself, by file."""
    names = ("token", "redis.password", "flower.password")
    return {name: (plane.data / name).read_text().strip() for name in names}


def told(
    secrets: Mapping[str, str], plane: Plane, hosts: Iterable[Host], campaigns: Iterable[str]
) -> list[str]:
    """Where each secret is told, one line each; empty when nowhere."""
    found = []
    for place, text in _everything(plane, tuple(hosts), tuple(campaigns)):
        found += [f"{name} is in {place}" for name, secret in secrets.items() if secret.encode() in text]
    return found


def _everything(
    plane: Plane, hosts: tuple[Host, ...], campaigns: tuple[str, ...]
) -> Iterator[tuple[str, bytes]]:
    yield from _files(plane)
    yield from _printed(plane, campaigns)
    yield from _reports(plane, campaigns)
    yield "Flower", repr(agent.flower_tasks(plane)).encode()
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield str(command), command.read_bytes()
        except OSError:
            continue  # it has just ended
    for host in hosts:
        yield from _host(host)


def _files(plane: Plane) -> Iterator[tuple[str, bytes]]:
    """Database with its log lines and plans, files of plans, Redis' own file, logs."""
    for path in sorted(plane.data.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name not in KEEPERS:
            yield str(path.relative_to(plane.data)), path.read_bytes()


def _printed(plane: Plane, campaigns: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    commands = [("status",), ("config", "show"), ("ls",), ("audit", "list")]
    for campaign in campaigns:
        commands += [("show", campaign), ("why", campaign), ("logs", campaign)]
    for argv in commands:
        for output in ("table", "json"):
            said = plane.run(*argv, "-o", output)
            yield f"dockwave {' '.join(argv)} -o {output}", (said.out + said.err).encode()


def _reports(plane: Plane, campaigns: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for campaign in campaigns:
        for flag in ("html", "json", "junit"):
            file = plane.data.parent / f"{campaign}.{flag}"
            plane.ok("report", campaign, f"--{flag}", str(file))
            yield f"report --{flag}", file.read_bytes()


def _host(host: Host) -> Iterator[tuple[str, bytes]]:
    journal = host.run(
        "find", "/var/lib/dockwave", "-type", "f", "-not", "-path", SNAPSHOTS, "-exec", "cat", "{}", "+"
    )
    yield f"the record of {host.name}", journal.encode()
    yield f"the journal of {host.name}", repr(observed.journal(host)).encode()
    yield f"the log of {host.name}", host.run("journalctl", "--quiet", "--output=cat").encode()
    yield f"the processes of {host.name}", host.run("ps", "-eo", "args").encode()
