"""What the demo and the tests need from the machine, how to see it is there, and which Debian package brings it."""

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

PROGRAM_PATHS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


class Purpose(StrEnum):
    """What the machine is being prepared for."""

    PYTHON = "python"  # a virtual environment: make setup, make test-unit
    DEMO = "demo"  # a fleet and a control plane: make demo
    LAB = "lab"  # the demo's needs, and services the tests start: make test


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing the machine must have."""

    #: Debian package
    package: str
    #: what for, in words an operator understands
    why: str
    #: answers whether the machine has it already
    present: Callable[[], bool]
    #: what it is needed for
    purposes: frozenset[Purpose]


def program(*names: str) -> Callable[[], bool]:
    """Every one of these programs is installed, on PATH or where only root looks."""
    path = ":".join(PROGRAM_PATHS)
    return lambda: all(shutil.which(name) or shutil.which(name, path=path) for name in names)


def any_file(*patterns: str) -> Callable[[], bool]:
    """Some file matches one of these absolute patterns."""
    return lambda: any(next(Path("/").glob(pattern.lstrip("/")), None) is not None for pattern in patterns)


def module(name: str) -> Callable[[], bool]:
    """This Python can import the module."""
    return lambda: importlib.util.find_spec(name) is not None


EVERY = frozenset(Purpose)
FLEET = frozenset({Purpose.DEMO, Purpose.LAB})
TESTS = frozenset({Purpose.LAB})

NEEDS = (
    Need(package="python3-venv", why="the virtual environment", present=module("ensurepip"), purposes=EVERY),
    Need(
        package="docker.io",
        why="the outer engine, whose containers are the lab's hosts",
        present=program("docker", "dockerd"),
        purposes=FLEET,
    ),
    Need(package="iptables", why="the outer engine's network", present=program("iptables"), purposes=FLEET),
    Need(package="iproute2", why="a free network for the fleet", present=program("ip"), purposes=FLEET),
    Need(
        package="mmdebstrap", why="building the hosts' image", present=program("mmdebstrap"), purposes=FLEET
    ),
    Need(
        package="debian-archive-keyring",
        why="checking the signatures of what the image is built from",
        present=any_file("/usr/share/keyrings/debian-archive-keyring.*"),
        purposes=FLEET,
    ),
    Need(
        package="ca-certificates",
        why="HTTPS archives",
        present=any_file("/etc/ssl/certs/ca-certificates.crt"),
        purposes=FLEET,
    ),
    Need(
        package="busybox-static",
        why="application images without a registry",
        present=any_file("/usr/share/doc/busybox-static", "/var/lib/dpkg/info/busybox-static.list"),
        purposes=FLEET,
    ),
    Need(
        package="openssh-client",
        why="SSH keys, and proof that hosts answer",
        present=program("ssh", "ssh-keygen"),
        purposes=FLEET,
    ),
    Need(package="redis-server", why="the queue", present=program("redis-server"), purposes=FLEET),
    Need(
        package="openssh-server",
        why="tests start their own sshd",
        present=any_file("/usr/sbin/sshd"),
        purposes=TESTS,
    ),
    Need(
        package="sudo",
        why="tests of users who are root by sudo only",
        present=program("sudo"),
        purposes=TESTS,
    ),
    Need(package="rsync", why="tests of moved data directories", present=program("rsync"), purposes=TESTS),
    Need(
        package="e2fsprogs", why="small disks that tests fill", present=program("mkfs.ext4"), purposes=TESTS
    ),
    Need(
        package="postgresql",
        why="tests run the store on PostgreSQL too",
        present=any_file("/usr/lib/postgresql/*/bin/postgres"),
        purposes=TESTS,
    ),
    Need(
        package="prometheus",
        why="tests ask gates of a real one",
        present=program("prometheus"),
        purposes=TESTS,
    ),
)
