"""What a lab host shows behind Dockwave's back: the proof that tests compare with what Dockwave claims."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

from deploy.lab.host import Host

ENGINE_PACKAGES = ("docker.io", "docker-cli", "containerd", "runc")


def server_version(host: Host) -> str:
    """The version the running daemon answers with."""
    return host.docker("version", "--format", "{{.Server.Version}}").strip()


def packages(host: Host, names: Iterable[str] = ENGINE_PACKAGES) -> dict[str, str]:
    """Installed version of each package; absent ones are left out."""
    out = host.attempt("dpkg-query", "-W", "-f=${Package} ${db:Status-Abbrev}${Version}\\n", *names).out
    rows = [line.split() for line in out.splitlines()]
    return {row[0]: row[2] for row in rows if len(row) == 3 and row[1] == "ii"}


def holds(host: Host) -> set[str]:
    """Packages on hold."""
    return set(host.run("apt-mark", "showhold").split())


def running(host: Host) -> dict[str, tuple[int, str]]:
    """Process id and start time of every running container, by name."""
    names = host.docker("ps", "--format", "{{.Names}}").split()
    if not names:
        return {}
    rows = host.docker(
        "inspect", "--format", "{{.Name}} {{.State.Pid}} {{.State.StartedAt}}", *names
    ).splitlines()
    return {row.split()[0]: (int(row.split()[1]), row.split()[2]) for row in rows if row}


def engine_starts(host: Host) -> list[str]:
    """When the host's own systemd started its engine, oldest first, since the host was made."""
    said = host.run(
        "journalctl", "--quiet", "--unit=docker.service", "--output=json",
        "--output-fields=JOB_TYPE,JOB_RESULT,MESSAGE", "_PID=1",
    )  # fmt: skip
    lines = [json.loads(line) for line in said.splitlines()]
    return [line["__REALTIME_TIMESTAMP"] for line in lines if str(line["MESSAGE"]).startswith("Started ")]


def daemon_json(host: Host) -> bytes:
    """Bytes of the engine's configuration file."""
    return host.run("cat", "/etc/docker/daemon.json").encode()


def dpkg_changes(host: Host) -> list[tuple[str, str, str]]:
    """Every (action, package, new version) of dpkg's log since the host was made, installs and upgrades only."""
    log = host.attempt("cat", "/var/log/dpkg.log").out
    rows = [line.split() for line in log.splitlines()]
    return [
        (row[2], row[3].split(":")[0], row[5])
        for row in rows
        if len(row) >= 6 and row[2] in {"install", "upgrade"}
    ]


def package_transactions(host: Host, package: str = "docker.io") -> list[str]:
    """Versions the package was moved to, in order; one entry per transaction that touched it."""
    return [version for _, name, version in dpkg_changes(host) if name == package]


def forget_history(host: Host) -> None:
    """Start dpkg's log afresh, so that only what follows is seen."""
    host.run("truncate", "-s", "0", "/var/log/dpkg.log")


def images(host: Host) -> set[str]:
    """Full ids of all images, dangling ones included."""
    return set(host.docker("images", "--no-trunc", "--quiet").split())


def containers(host: Host) -> set[str]:
    """Full ids of all containers in any state."""
    return set(host.docker("ps", "--all", "--no-trunc", "--quiet").split())


def volumes(host: Host) -> set[str]:
    """Names of all volumes."""
    return set(host.docker("volume", "ls", "--quiet").split())


def journal(host: Host) -> list[dict[str, object]]:
    """Every entry of every attempt's journal on the host, oldest attempt first."""
    text = host.attempt("sh", "-c", "cat /var/lib/dockwave/attempts/*/journal 2>/dev/null").out
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def snapshot(host: Host) -> dict[str, object]:
    """All that a rollback must bring back, read in one go."""
    server, showed, configuration, names, *ids = host.run_all(
        ("docker", "version", "--format", "{{.Server.Version}}"),
        ("apt-mark", "showhold"),
        # as it is to the last byte, which answers as text are not
        ("base64", "--wrap=0", "/etc/docker/daemon.json"),
        ("docker", "ps", "--format", "{{.Names}}"),
        ("docker", "ps", "--all", "--no-trunc", "--quiet"),
        ("docker", "images", "--no-trunc", "--quiet"),
        ("docker", "volume", "ls", "--quiet"),
    )
    containers, images, volumes = (set(text.split()) for text in ids)
    return {
        "server": server,
        "packages": packages(host),
        "holds": set(showed.split()),
        "daemon.json": base64.b64decode(configuration),
        "running": running(host) if names else {},
        "containers": containers,
        "images": images,
        "volumes": volumes,
    }
