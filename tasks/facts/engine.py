"""What the engine says about itself and its objects, and what is known about it when it does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from tasks.connection import Command, Connection, Engine, JsonObject
from tasks.errors import EngineError
from tasks.facts.services import services_named
from tasks.facts.units import CONTAINERD, DOCKER, Unit
from tasks.record import Record

#: looks at a daemon that is up but does not answer yet, each bounded by the ping's own deadline
_PINGS, _PING_TIMEOUT_S = 3, 5.0
#: restart policies that bring a container back after a reboot or a restart of the engine
RETURNING_POLICIES = frozenset({"always", "unless-stopped"})


class Container(Record):
    """One container, in whatever state."""

    id: str
    name: str
    state: str
    image_id: str = ""
    #: process id on the host; 0 when it does not run
    pid: int = 0
    started_at: str = ""
    restart_policy: str = ""
    #: healthy, unhealthy, starting, or "" without a health check
    health: str = ""
    #: times the engine restarted it by its policy since it was started by hand
    restarts: int = 0
    #: status its process ended with
    exit_code: int = 0
    #: it is removed when its process ends (docker run --rm)
    auto_remove: bool = False
    #: it mounts the engine's own socket, so it is a client of its API
    uses_socket: bool = False
    #: services it is a replica of (tasks.facts.services)
    services: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        """Whether it has a process."""
        return self.state in {"running", "paused"}

    @property
    def returns(self) -> bool:
        """Whether its restart policy starts it again with the engine."""
        return self.restart_policy in RETURNING_POLICIES


class Daemon(Record):
    """An engine that answers."""

    server_version: str
    api_version: str
    #: GET /info ID
    engine_id: str = ""
    #: versions by component name, lower case: containerd, runc, …
    components: dict[str, str] = Field(default_factory=dict)
    live_restore: bool = False
    swarm_active: bool = False
    root_dir: str = ""
    #: image store: overlay2, overlayfs, …
    driver: str = ""
    containerd_store: bool = False
    cgroup_version: str = ""
    security_options: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    containers: tuple[Container, ...] = ()
    #: image id -> its tags
    images: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    #: network name -> driver
    networks: dict[str, str] = Field(default_factory=dict)

    @property
    def running(self) -> tuple[Container, ...]:
        """Containers that have a process."""
        return tuple(container for container in self.containers if container.running)

    @property
    def foreign(self) -> str | None:
        """Why this is no Docker Engine we may change: Podman or rootless; None when it is one."""
        if any("podman" in name for name in self.components):
            return "Podman answers on the Docker socket"
        if any("rootless" in option for option in self.security_options):
            return "the engine is rootless"
        return None


class EngineState(Record):
    """The engine as found: answering, or why not."""

    daemon: Daemon | None = None
    #: code and sentence when it does not answer
    error_code: str = ""
    error: str = ""
    #: program the main process runs; "(deleted)" at the end once a package has replaced it
    running_exe: str = ""
    containerd_exe: str = ""

    @property
    def replaced(self) -> bool:
        """Whether the running daemon's program is no longer the one on disk."""
        return self.running_exe.endswith(" (deleted)")


def read_engine(host: Connection, units: Mapping[str, Unit]) -> EngineState:
    """Read the engine; its socket is touched only when systemd says that the daemon is up."""
    unit = units[DOCKER]
    exe = read_exe(host, unit.main_pid)
    containerd_exe = read_exe(host, units[CONTAINERD].main_pid)
    state = EngineState(running_exe=exe, containerd_exe=containerd_exe)
    if unit.load == "not-found":
        return _down(state, "E_UNSUPPORTED_ENGINE", "systemd knows no docker.service")
    if not unit.running:
        code = "E_START_LIMIT" if unit.start_limit_hit else "E_DAEMON_DOWN"
        why = f"docker.service is {unit.active} ({unit.sub}, {unit.result or 'no result'})"
        return _down(state, code, why)
    try:
        return state.model_copy(update={"daemon": _read_daemon(_answering(host))})
    except EngineError as error:
        return _down(state, error.code, error.message)


def read_exe(host: Connection, pid: int) -> str:
    """Read the program a process runs; "" when there is no such process."""
    if pid <= 0:
        return ""
    return host.run(Command(argv=("readlink", f"/proc/{pid}/exe"))).stdout.text.strip()


def uses_containerd_store(info: JsonObject) -> bool:
    """Whether images live in containerd's root (the default of a fresh engine 29) and not in the data root."""
    status = dict(pair for pair in info.get("DriverStatus") or [] if len(pair) == 2)
    return str(status.get("driver-type", "")).startswith("io.containerd.snapshotter")


def parse_daemon(version: JsonObject, info: JsonObject) -> Daemon:
    """Read /version and /info; a field an engine does not send stays at "not known", never at a wrong zero."""
    components = version.get("Components") or []
    return Daemon(
        server_version=str(version.get("Version", "")),
        api_version=str(version.get("ApiVersion", "")),
        engine_id=str(info.get("ID", "")),
        components={str(item.get("Name", "")).lower(): str(item.get("Version", "")) for item in components},
        live_restore=bool(info.get("LiveRestoreEnabled")),
        swarm_active=(info.get("Swarm") or {}).get("LocalNodeState") in {"active", "pending", "locked"},
        root_dir=str(info.get("DockerRootDir", "")),
        driver=str(info.get("Driver", "")),
        containerd_store=uses_containerd_store(info),
        cgroup_version=str(info.get("CgroupVersion", "")),
        security_options=tuple(str(item) for item in info.get("SecurityOptions") or ()),
        warnings=tuple(str(item)[:300] for item in info.get("Warnings") or ()),
    )


def parse_container(seen: JsonObject) -> Container:
    """Read GET /containers/{id}/json."""
    state: dict[str, Any] = seen.get("State") or {}
    policy = ((seen.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name")
    return Container(
        id=str(seen.get("Id", "")),
        name=str(seen.get("Name", "")).removeprefix("/"),
        state=str(state.get("Status", "")),
        image_id=str(seen.get("Image", "")),
        pid=int(state.get("Pid") or 0),
        started_at=str(state.get("StartedAt", "")),
        restart_policy=str(policy or ""),
        health=str((state.get("Health") or {}).get("Status", "")),
        restarts=int(seen.get("RestartCount") or 0),
        exit_code=int(state.get("ExitCode") or 0),
        auto_remove=bool((seen.get("HostConfig") or {}).get("AutoRemove")),
        services=services_named((seen.get("Config") or {}).get("Labels")),
        uses_socket=any("docker.sock" in str(mount.get("Source", "")) for mount in seen.get("Mounts") or ()),
    )


def _answering(host: Connection) -> Engine:
    """Give the host's engine once it answers, after a few bounded tries."""
    for attempt in range(_PINGS):
        engine = host.engine()
        try:
            engine.ping(_PING_TIMEOUT_S)
        except EngineError:
            if attempt == _PINGS - 1:
                raise
            host.reset_engine()
        else:
            break
    return engine


def _read_daemon(engine: Engine) -> Daemon:
    daemon = parse_daemon(engine.version(), engine.info())
    return daemon.model_copy(
        update={
            "containers": tuple(sorted(_containers(engine), key=lambda container: container.id)),
            "images": {
                str(image.get("Id", "")): tuple(sorted(_tags(image)))
                for image in sorted(engine.images(), key=lambda image: str(image.get("Id", "")))
            },
            "volumes": tuple(sorted(str(volume.get("Name", "")) for volume in engine.volumes())),
            "networks": {
                str(network.get("Name", "")): str(network.get("Driver", ""))
                for network in sorted(engine.networks(), key=lambda network: str(network.get("Name", "")))
            },
        }
    )


def _containers(engine: Engine) -> list[Container]:
    found = []
    for listed in engine.containers():
        try:
            found.append(parse_container(engine.container(str(listed.get("Id", "")))))
        except EngineError as error:
            if error.status != 404:
                raise
    return found


def _tags(image: JsonObject) -> list[str]:
    return [str(tag) for tag in image.get("RepoTags") or () if tag != "<none>:<none>"]


def _down(state: EngineState, code: str, why: str) -> EngineState:
    return state.model_copy(update={"error_code": code, "error": why[:500]})
