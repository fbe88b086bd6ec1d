"""What a health check reads from a host, within a budget of seconds; what could not be read says why.

The order matters. systemd is asked first, because docker.socket starts a stopped dockerd for anybody who
connects: a check that connects would report a healthy engine that it had just started itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from pydantic import Field

from tasks.connection import Command, CommandResult, Connection, Engine, JsonObject
from tasks.errors import DeadlineExceeded, EngineError
from tasks.facts.disk import FileSystem, read_containerd_root, read_file_systems
from tasks.facts.units import CONTAINERD, DOCKER, SOCKET, Unit, parse_show
from tasks.procedure import Facts
from tasks.record import Record

DEFAULT_ROOT = "/var/lib/docker"
CONFIG = "/etc/docker/daemon.json"
#: seconds the whole check may take
BUDGET_S = 10.0
_COMMAND_S = 5.0
_UNITS = (DOCKER, SOCKET, CONTAINERD)
_PROPERTIES = "Id,LoadState,ActiveState,SubState,Result,Job,NRestarts,StateChangeTimestampMonotonic"

T = TypeVar("T")


class Seen(Record):
    """One container as the list shows it."""

    id: str
    name: str
    state: str
    #: healthy, unhealthy, starting; "" without a health check
    health: str = ""
    #: None when it was not inspected
    oom_killed: bool | None = None
    #: times its policy restarted it since it was made, or started by hand; None when it was not inspected
    restarts: int | None = None
    #: start of its last run, as the engine writes it
    started_at: str = ""


class HealthFacts(Facts):
    """Readings; None or absent where `problems` says why."""

    #: units by name; None when systemd could not be asked
    units: dict[str, Unit] | None
    #: milliseconds by call: ping, containers
    latency_ms: dict[str, float] = Field(default_factory=dict)
    containers: tuple[Seen, ...] | None = None
    file_systems: tuple[FileSystem, ...] = ()
    daemon_version: str = ""
    #: version of the dockerd on disk
    binary_version: str = ""
    live_restore: bool | None = None
    swarm_active: bool = False
    #: modification of daemon.json, Unix seconds; 0 = there is no such file, None = unknown
    config_changed_s: float | None = None
    #: since when the daemon runs with what it read, Unix seconds on the host's clock
    daemon_since_s: float | None = None
    #: host's clock minus the worker's, seconds
    skew_s: float | None = None
    #: the host's clock, Unix seconds, before its containers were looked at
    clock_s: float | None = None
    #: name of the reading -> stable code and sentence
    problems: dict[str, tuple[str, str]] = Field(default_factory=dict)


class Readings:
    """Reads one host; every reading either comes in time or leaves its reason."""

    def __init__(
        self, host: Connection, *, ping_timeout_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Start the budget now."""
        self._host = host
        self._ping_timeout_s = ping_timeout_s
        self._clock = clock
        self._end = clock() + BUDGET_S
        self._problems: dict[str, tuple[str, str]] = {}
        self._latency: dict[str, float] = {}

    def take(self) -> HealthFacts:
        """Everything, in the order that changes nothing on the host."""
        units = self._units()
        engine = self._engine(units)
        containers = self._containers(engine)
        info = self._ask("info", lambda: engine.info() if engine else None) or {}
        version = self._ask("version", lambda: engine.version() if engine else None) or {}
        root = str(info.get("DockerRootDir") or DEFAULT_ROOT)
        skew, now, uptime = self._times()
        since = None
        if units and units[DOCKER].running and now and uptime:
            since = now - (uptime - units[DOCKER].changed_at_s)
        return HealthFacts(
            units=units,
            latency_ms=self._latency,
            containers=self._with_ooms(engine, containers),
            file_systems=self._ask("disk", lambda: self._file_systems(root)) or (),
            daemon_version=str(version.get("Version") or ""),
            binary_version=self._binary_version(),
            live_restore=bool(info["LiveRestoreEnabled"]) if "LiveRestoreEnabled" in info else None,
            swarm_active=(info.get("Swarm") or {}).get("LocalNodeState") == "active",
            config_changed_s=self._config_changed(),
            daemon_since_s=since,
            skew_s=skew,
            clock_s=now,
            problems=self._problems,
        )

    def _units(self) -> dict[str, Unit] | None:
        argv = ("systemctl", "show", f"--property={_PROPERTIES}", "--", *_UNITS)
        result = self._run("units", argv)
        if result is None:
            return None
        found = parse_show(result.stdout.text)
        if not result.ok or not found:
            self._problem("units", "E_TOOL_MISSING", "systemd does not answer on this host")
            return {}
        return {name: found.get(name, Unit()) for name in _UNITS}

    def _engine(self, units: dict[str, Unit] | None) -> Engine | None:
        """The engine once it answered a ping; None when it is down, hangs, or may not be asked."""
        if units is None:
            self._problem("engine", "E_TIMEOUT", "not asked: whether it is asleep could not be read")
            return None
        service = units.get(DOCKER, Unit())
        if service.load == "loaded" and service.active not in {"active", "reloading"}:
            self._problem("engine", "E_DAEMON_DOWN", f"docker.service is {service.active} ({service.result})")
            return None
        engine = self._host.engine()
        began = self._clock()
        try:
            engine.ping(min(self._ping_timeout_s, self._left()))
        except EngineError as error:
            self._problem("engine", error.code, error.message)
            return None
        self._latency["ping"] = self._since(began)
        return engine

    def _containers(self, engine: Engine | None) -> list[JsonObject] | None:
        if engine is None:
            return None
        began = self._clock()
        try:
            listed = engine.containers(max(0.5, min(self._ping_timeout_s, self._left())))
        except EngineError as error:
            self._problem(
                "engine", error.code, f"it answers a ping and not the list of containers: {error.message}"
            )
            return None
        self._latency["containers"] = self._since(began)
        return listed

    def _with_ooms(self, engine: Engine | None, listed: list[JsonObject] | None) -> tuple[Seen, ...] | None:
        if engine is None or listed is None:
            return None
        return tuple(sorted((self._seen(engine, item) for item in listed), key=lambda seen: seen.name))

    def _seen(self, engine: Engine, listed: JsonObject) -> Seen:
        seen = parse_seen(listed)
        if self._left() < 1.0:
            text = "the budget of the check was spent before every container was looked at"
            self._problem("oom", "E_TIMEOUT", text)
            return seen
        try:
            page = engine.container(seen.id)
        except EngineError as error:
            if error.status == 404:  # gone meanwhile is no news
                return seen.model_copy(update={"restarts": 0})
            self._problem("oom", error.code, error.message)
            return seen
        state = page.get("State") or {}
        looked = {
            "oom_killed": bool(state.get("OOMKilled")),
            "restarts": int(page.get("RestartCount") or 0),
            "started_at": str(state.get("StartedAt") or ""),
        }
        return seen.model_copy(update=looked)

    def _file_systems(self, root: str) -> tuple[FileSystem, ...]:
        wait = min(_COMMAND_S, self._left())
        roots = (root, read_containerd_root(self._host, wait))
        return read_file_systems(self._host, roots, wait)

    def _binary_version(self) -> str:
        result = self._run("binary", ("dockerd", "--version"))
        return parse_binary_version(result.stdout.text) if result is not None and result.ok else ""

    def _config_changed(self) -> float | None:
        result = self._run("config", ("stat", "--format=%Y", "--", CONFIG))
        if result is None:
            return None
        text = result.stdout.text.strip()
        if result.ok and text.isdigit():
            return float(text)
        return 0.0 if "No such file" in result.stderr.text else None

    def _times(self) -> tuple[float | None, float | None, float | None]:
        """Skew between host and worker, the host's time and its uptime."""
        began = time.time()
        result = self._run("clock", ("date", "+%s.%N"))
        ended = time.time()
        now = _number(result.stdout.text) if result is not None and result.ok else None
        boot = self._run("uptime", ("cat", "/proc/uptime"))
        uptime = _number(boot.stdout.text.partition(" ")[0]) if boot is not None and boot.ok else None
        return clock_skew(now, began, ended), now, uptime

    def _run(self, name: str, argv: tuple[str, ...]) -> CommandResult | None:
        command = Command(argv=argv, timeout_s=max(0.5, min(_COMMAND_S, self._left())), privileged=False)
        return self._ask(name, lambda: self._host.run(command))

    def _ask(self, name: str, read: Callable[[], T]) -> T | None:
        """One reading; an answer that does not come in time is noted and is None."""
        if self._left() <= 0:
            self._problem(name, "E_TIMEOUT", "the budget of the check was spent before it was read")
            return None
        try:
            return read()
        except (DeadlineExceeded, EngineError) as error:
            self._problem(name, error.code, error.message)
            return None

    def _problem(self, name: str, code: str, text: str) -> None:
        self._problems.setdefault(name, (code, text))

    def _left(self) -> float:
        return self._end - self._clock()

    def _since(self, began: float) -> float:
        return round((self._clock() - began) * 1000, 1)


def parse_seen(listed: JsonObject) -> Seen:
    """A container from its list entry; its health is a field since API 1.52, and part of a sentence before."""
    names = listed.get("Names") or [str(listed.get("Id"))[:12]]
    health = listed.get("Health")
    told = (
        str(health.get("Status") or "")
        if isinstance(health, dict)
        else _health(str(listed.get("Status") or ""))
    )
    return Seen(
        id=str(listed.get("Id")),
        name=str(names[0]).lstrip("/"),
        state=str(listed.get("State") or "unknown"),
        health="" if told == "none" else told,
    )


def _health(status: str) -> str:
    """The health in a status such as "Up 3 minutes (unhealthy)"."""
    if not status.endswith(")") or not status.startswith("Up"):
        return ""
    told = status.rpartition("(")[2].rstrip(")").removeprefix("health: ")
    return told if told in {"healthy", "unhealthy", "starting"} else ""


def parse_binary_version(text: str) -> str:
    """The version in `dockerd --version`: "Docker version 20.10.24+dfsg1, build 5d6db84"."""
    head = text.strip().partition(",")[0]
    return head.removeprefix("Docker version ") if head.startswith("Docker version ") else ""


def clock_skew(now: float | None, began: float, ended: float) -> float | None:
    """The least the host's clock is off, given that it was read between two readings of ours."""
    if now is None:
        return None
    if now < began:
        return now - began
    return max(0.0, now - ended)


def _number(text: str) -> float | None:
    try:
        return float(text.strip())
    except ValueError:
        return None
