"""What apt would do and what it is told to do: the simulation, its judgement, and the command lines.

`purge` is used nowhere: the removal script of docker.io deletes /var/lib/docker when purged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from tasks.connection import Command, Connection
from tasks.engine.family import MEMBERS, Family
from tasks.record import Record

#: nothing asks, nothing lists, nothing restarts services behind our back, configuration files are kept
APT_ENV: dict[str, str] = {
    "DEBIAN_FRONTEND": "noninteractive",
    "NEEDRESTART_SUSPEND": "1",
    "NEEDRESTART_MODE": "l",
    "APT_LISTCHANGES_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
}
#: with these, apt knows nothing but what is installed and the files it is given
_OFFLINE = (
    *("-o", "Dir::Etc::sourcelist=/dev/null", "-o", "Dir::Etc::sourceparts=/dev/null"),
    *("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="),
)
_CONFFILES = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
_SIMULATION_TIMEOUT_S = 120.0
_INST = re.compile(r"^Inst (?P<name>\S+)(?: \[(?P<old>[^\]]*)\])? \((?P<new>\S+) ")
_REMV = re.compile(r"^Remv (?P<name>\S+)(?: \[(?P<old>[^\]]*)\])?")


class Action(StrEnum):
    """What apt would do with a package."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    REMOVE = "remove"


class Change(Record):
    """One package apt would touch."""

    action: Action
    name: str
    #: version now; "" when it is not installed
    old: str = ""
    #: version then; "" when it goes away
    new: str = ""


class Simulation(Record):
    """What `apt-get -s install` answered."""

    ok: bool
    changes: tuple[Change, ...] = ()
    #: apt's own error text when it refused
    error: str = ""

    def target(self, family: Family) -> dict[str, str]:
        """Exact version of every engine package it would install or upgrade."""
        return {
            change.name: change.new
            for change in self.changes
            if change.new and change.name in MEMBERS[family]
        }

    def added(self) -> tuple[str, ...]:
        """Packages it would install that the host does not have, sorted."""
        return tuple(sorted(change.name for change in self.changes if change.action is Action.INSTALL))


def parse_simulation(text: str) -> tuple[Change, ...]:
    """Changes in apt's order, from the output of `apt-get -s`."""
    found = []
    for line in text.splitlines():
        if match := _INST.match(line):
            old = match["old"] or ""
            action = Action.UPGRADE if old else Action.INSTALL
            found.append(Change(action=action, name=match["name"], old=old, new=match["new"]))
        elif match := _REMV.match(line):
            name = match["name"]
            found.append(Change(action=Action.REMOVE, name=name, old=match["old"] or ""))
    return tuple(found)


def simulate(host: Connection, wanted: Mapping[str, str], *, downgrade: bool = False) -> Simulation:
    """Ask the host's apt what installing exactly these versions would do; changes nothing, locks nothing."""
    flags = ("--allow-downgrades",) if downgrade else ()
    argv = (
        "apt-get",
        "-s",
        "-q",
        "--no-install-recommends",
        "--allow-change-held-packages",
        *flags,
        "install",
    )
    command = Command(
        argv=(*argv, *pinned(wanted)), env=APT_ENV, timeout_s=_SIMULATION_TIMEOUT_S, privileged=False
    )
    result = host.run(command)
    changes = parse_simulation(result.stdout.text)
    errors = [line for line in result.stderr.text.splitlines() if line.startswith("E:")]
    reasons = [line for line in result.stdout.text.splitlines() if line.startswith(" ") and ":" in line]
    return Simulation(ok=result.ok, changes=changes, error="; ".join(errors + reasons)[:600])


def unexpected(simulation: Simulation, wanted: Mapping[str, str], family: Family) -> tuple[str, ...]:
    """Reasons against running it: it may only bring engine packages to the versions wanted.

    A new library an engine package needs is allowed, because it changes nothing that was there; nothing is ever
    removed, and no package outside the family is moved to another version.
    """
    reasons = []
    for change in simulation.changes:
        if change.action is Action.REMOVE:
            reasons.append(f"would remove {change.name} {change.old}")
        elif change.name in MEMBERS[family]:
            if wanted.get(change.name) != change.new:
                reasons.append(f"would bring {change.name} to {change.new}, which is not what was asked for")
        elif change.action is Action.UPGRADE:
            reasons.append(f"would change {change.name} {change.old} to {change.new}, no engine package")
        elif any(change.name in members for members in MEMBERS.values()):
            reasons.append(f"would install {change.name} of another family")
    return tuple(reasons)


def pinned(versions: Mapping[str, str]) -> tuple[str, ...]:
    """Write packages as `name=version`, sorted."""
    return tuple(f"{name}={version}" for name, version in sorted(versions.items()))


def update_argv(lock_timeout_s: int) -> tuple[str, ...]:
    """Refresh the package index; the versions to install are exact already, so it can add none."""
    return ("apt-get", "-q", "-o", f"DPkg::Lock::Timeout={lock_timeout_s}", "update")


def install_argv(versions: Mapping[str, str], lock_timeout_s: int) -> tuple[str, ...]:
    """Install exactly these versions from the archive; gives up when anything would be removed."""
    return (*_install(lock_timeout_s), "--no-remove", "install", *pinned(versions))


def downgrade_argv(
    versions: Mapping[str, str], removed: Iterable[str], lock_timeout_s: int
) -> tuple[str, ...]:
    """Install exactly these older versions from the archive, and remove (never purge) what they contain themselves."""
    going = tuple(f"{name}-" for name in sorted(removed))
    guard = () if going else ("--no-remove",)
    return (*_install(lock_timeout_s), *guard, "--allow-downgrades", "install", *pinned(versions), *going)


def restore_argv(files: Iterable[str], removed: Iterable[str], lock_timeout_s: int) -> tuple[str, ...]:
    """Install these package files without any archive, and remove (never purge) what was not there before."""
    going = tuple(f"{name}-" for name in sorted(removed))
    flags = ("--allow-downgrades",)
    return (*_install(lock_timeout_s), *_OFFLINE, *flags, "install", *sorted(files), *going)


def download_argv(versions: Mapping[str, str]) -> tuple[str, ...]:
    """Fetch package files into the working directory, checked against the index by apt."""
    return ("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *pinned(versions))


def mark_argv(mark: str, names: Iterable[str]) -> tuple[str, ...]:
    """Mark packages: hold, unhold, auto or manual."""
    return ("apt-mark", mark, *sorted(names))


def _install(lock_timeout_s: int) -> tuple[str, ...]:
    lock = ("-o", f"DPkg::Lock::Timeout={lock_timeout_s}")
    return (
        "apt-get",
        "-y",
        "-q",
        *lock,
        *_CONFFILES,
        "--no-install-recommends",
        "--allow-change-held-packages",
    )
