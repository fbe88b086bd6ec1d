"""A lab host as it really answered, replayed; and a model of what the steps of a plan do to its facts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tasks.connection import Command, JsonObject
from tasks.engine.binary import Binary
from tasks.engine.cached import CachedDeb
from tasks.engine.files import ConfigFile
from tasks.engine.host_facts import HostFacts, gather
from tasks.engine.resolve import Request
from tasks.engine.rollback_facts import RollbackFacts
from tasks.engine.version import upstream
from tasks.facts.packages import Package
from tasks.fake import Answer, FakeHost
from tasks.fake_engine import FakeEngine
from tasks.model import Protect
from tasks.procedure import Facts, RunStep, Setting, Step, WriteStep

CAPTURED = Path(__file__).parent.parent / "facts" / "captured"
OLD = {
    "containerd": "1.6.20~ds1-1+deb12u3",
    "docker.io": "20.10.24+dfsg1-1+deb12u1+b6",
    "runc": "1.1.5+ds1-1+deb12u1",
}
NEW = {
    "containerd": "1.7.24~ds1-6+deb13u1",
    "docker-cli": "26.1.5+dfsg1-9+deb13u1+b1",
    "docker.io": "26.1.5+dfsg1-9+deb13u1+b1",
    "runc": "1.1.15+ds1-2+b4",
}
DAEMON_JSON = b'{"live-restore": true}\n'
SNAPSHOT_DIR = "/var/lib/dockwave/attempts/c1-1-0123abcd/snapshot"
#: what dpkg answers about the versions of this world; text comparison would get some of them wrong
_ORDER = [*OLD.values(), *NEW.values()]


@cache
def captured(name: str) -> str:
    """Output of a real lab host."""
    return (CAPTURED / name).read_text()


@dataclass(slots=True)
class CapturedEngine(FakeEngine):
    """The pages a real 20.10 engine answered."""

    def _pages(self) -> dict[str, Any]:
        pages: dict[str, Any] = json.loads(captured("engine-20.10.json"))
        return pages

    def version(self) -> JsonObject:
        """GET /version."""
        answer: JsonObject = self._pages()["version"]
        return answer

    def info(self) -> JsonObject:
        """GET /info."""
        answer: JsonObject = self._pages()["info"] | self.more_info
        return answer

    def containers(self, timeout_s: float = 60.0) -> list[JsonObject]:
        """GET /containers/json."""
        answer: list[JsonObject] = self._pages()["containers"]
        return answer

    def container(self, ref: str) -> JsonObject:
        """GET /containers/{id}/json."""
        answer: JsonObject = self._pages()["inspect"][ref]
        return answer

    def images(self) -> list[JsonObject]:
        """GET /images/json."""
        answer: list[JsonObject] = self._pages()["images"]
        return answer

    def volumes(self) -> list[JsonObject]:
        """GET /volumes."""
        answer: list[JsonObject] = self._pages()["volumes"]
        return answer

    def networks(self) -> list[JsonObject]:
        """GET /networks."""
        answer: list[JsonObject] = self._pages()["networks"]
        return answer


def _compare(command: Command) -> tuple[int, str, str]:
    _, _, left, word, right = command.argv
    assert word == "gt"
    return (0 if _ORDER.index(left) > _ORDER.index(right) else 1, "", "")


def _systemctl(command: Command) -> str:
    if "docker.service" in command.argv:
        return captured("systemctl-show.txt")
    return "Id=apt-daily.service\nActiveState=inactive\nSubState=dead\n"


def answers(changes: Mapping[str, Answer] | None = None) -> dict[str, Answer]:
    """What the lab host answers to every command of a gathering, with changes."""
    scripted: dict[str, Answer] = {
        "systemctl show": _systemctl,
        "cat /proc/uptime": "3100.00 6000.00\n",
        "cat /etc/os-release": captured("os-release.txt"),
        "cat /proc/sys/kernel/random/boot_id": "694c6a75-c73b-4237-bfcd-8336286c4d96\n",
        "cat /proc/1/stat": "1 (systemd) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 113016 22 33\n",
        "cat /var/lib/apt/extended_states": captured("extended_states.txt"),
        "readlink": "/usr/sbin/dockerd\n",
        "journalctl": captured("journal-starts.json"),
        "timeout --kill-after=5 20 dockerd --version": "Docker version 20.10.24+dfsg1, build 297e128\n",
        "find -L": "644\t/etc/docker/daemon.json\0",
        "cat -- /etc/docker/daemon.json": DAEMON_JSON.decode(),
        "df": "    Avail\n81263149056\n81263149056\n",
        "dpkg-query": captured("dpkg-query.txt"),
        "dpkg --audit": "",
        "dpkg --compare-versions": _compare,
        "find": "",
        "apt-cache madison": captured("madison.txt"),
        "apt-cache policy": captured("policy.txt"),
        "apt-get -s": captured("simulate-upgrade.txt"),
        "apt-get download --print-uris": captured("print-uris.txt"),
    }
    return scripted | dict(changes or {})


def lab_host(changes: Mapping[str, Answer] | None = None, engine: FakeEngine | None = None) -> FakeHost:
    """The lab host at 20.10, with three containers running under live-restore."""
    return FakeHost(answers=answers(changes), fake_engine=engine or CapturedEngine())


def lab_facts(request: Request | None = "26.1", changes: Mapping[str, Answer] | None = None) -> HostFacts:
    """Facts of the lab host, as the procedures gather them."""
    return gather(lab_host(changes), snapshot_dir=SNAPSHOT_DIR, request=request)


def setting(before: Facts | None = None) -> Setting:
    """What the runner knows beside facts and parameters."""
    return Setting(attempt_id="c1/web-1/1", snapshot_dir=SNAPSHOT_DIR, protect=Protect(), before=before)


def after(facts: HostFacts, steps: Sequence[Step]) -> HostFacts:
    """Facts of a host on which these steps did what they say, in order."""
    for step in steps:
        facts = _after_step(facts, step)
    return facts


def one_round(steps: Sequence[Step], ended: Sequence[str] = ()) -> list[Step]:
    """The steps a runner takes before it looks again."""
    todo = []
    for step in steps:
        if step.key not in ended:
            todo.append(step)
            if step.replan:
                break
    return todo


def _after_step(facts: HostFacts, step: Step) -> HostFacts:
    if isinstance(step, WriteStep):
        return _written(facts, step)
    assert isinstance(step, RunStep), step
    match step.argv[0], step.key:
        case "apt-mark", _:
            return _marked(facts, step.argv[1], step.argv[2:])
        case "apt-get", "cache":
            return _cached(facts, [word for word in step.argv if "=" in word and "::" not in word])
        case "apt-get", "install" | "install-previous":
            return _installed(facts, step.argv[step.argv.index("install") + 1 :])
        case "systemctl", "restart" | "start":
            return _restarted(facts)
        case _:
            return facts


def _written(facts: HostFacts, step: WriteStep) -> HostFacts:
    files = {file.path: file for file in facts.files}
    files.pop(step.path, None)
    if step.content is not None:
        files[step.path] = ConfigFile(path=step.path, mode=step.mode, content=step.content)
    return facts.model_copy(update={"files": tuple(files[path] for path in sorted(files))})


def _cached(facts: HostFacts, words: Sequence[str]) -> HostFacts:
    pairs = [word.split("=", 1) for word in words]
    debs = tuple(
        CachedDeb(file=f"{name}_{version}_amd64.deb", package=name, version=version, sha256="0" * 64)
        for name, version in pairs
    )
    cache = facts.cache.model_copy(update={"directory": SNAPSHOT_DIR, "files": debs})
    return facts.model_copy(update={"cache": cache})


def _marked(facts: HostFacts, mark: str, names: Sequence[str]) -> HostFacts:
    packages = dict(facts.installed.packages)
    for name in names:
        package = packages[name]
        change: dict[str, object] = {
            "hold": {"status": "h" + package.status[1:]},
            "unhold": {"status": "i" + package.status[1:]},
            "auto": {"auto": True},
            "manual": {"auto": False},
        }[mark]  # type: ignore[assignment]  # values of one shape per mark
        packages[name] = package.model_copy(update=change)
    return _with_packages(facts, packages)


def _installed(facts: HostFacts, words: Sequence[str]) -> HostFacts:
    packages = dict(facts.installed.packages)
    for word in words:
        if word.endswith("-"):
            packages[word[:-1]] = packages[word[:-1]].model_copy(update={"status": "rc"})
            continue
        name, version = _named(facts, word)
        # naming a package in an installation takes its marks away
        packages[name] = Package(version=version, status="ii")
    engine = facts.engine.model_copy(update={"running_exe": "/usr/sbin/dockerd (deleted)"})
    binary = Binary(version=upstream(packages["docker.io"].version), validated=True)
    return _with_packages(facts.model_copy(update={"engine": engine, "binary": binary}), packages)


def _named(facts: HostFacts, word: str) -> tuple[str, str]:
    if word.startswith("/"):
        goal = facts.goal if isinstance(facts, RollbackFacts) else None
        kept = (*facts.cache.files, *(goal.cache.files if goal is not None else ()))
        file = next(deb for deb in kept if word.endswith(f"/{deb.file}"))
        return file.package, file.version
    name, _, version = word.partition("=")
    return name, version


def _restarted(facts: HostFacts) -> HostFacts:
    assert facts.engine.daemon is not None
    version = upstream(facts.installed.packages["docker.io"].version)
    components = {name: upstream(facts.installed.packages[name].version) for name in ("containerd", "runc")}
    daemon = facts.engine.daemon.model_copy(update={"server_version": version, "components": components})
    units = dict(facts.units)
    docker = units["docker.service"]
    units["docker.service"] = docker.model_copy(update={"main_pid": docker.main_pid + 1})
    engine = facts.engine.model_copy(update={"daemon": daemon, "running_exe": "/usr/sbin/dockerd"})
    return facts.model_copy(update={"engine": engine, "units": units})


def _with_packages(facts: HostFacts, packages: Mapping[str, Package]) -> HostFacts:
    installed = facts.installed.model_copy(update={"packages": dict(packages)})
    return facts.model_copy(update={"installed": installed})
