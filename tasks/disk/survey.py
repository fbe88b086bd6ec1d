"""Everything a clean-up decides on, read from one host at one moment; reading changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from tasks.connection import Connection, Engine, JsonObject
from tasks.disk.accounting import Accounting, parse_accounting
from tasks.disk.objects import (
    CacheObject,
    ContainerObject,
    ImageObject,
    NetworkObject,
    VolumeObject,
    instant,
    parse_container,
    parse_image,
    parse_network,
    parse_volume,
)
from tasks.errors import EngineError, Refused
from tasks.facts.disk import FileSystem, read_containerd_root, read_file_systems
from tasks.facts.engine import uses_containerd_store
from tasks.facts.units import DOCKER, SOCKET, read_units
from tasks.procedure import Facts
from tasks.running_set import RunningContainer

_NOT_FOUND, _CONFLICT = 404, 409
#: images of the classic builder form chains of at most 127 layers, each with its intermediate image
_LONGEST_CHAIN = 512


class Topic(StrEnum):
    """A kind of object that can be surveyed; containers always are, as they are what uses the others."""

    IMAGES = "images"
    VOLUMES = "volumes"
    NETWORKS = "networks"
    BUILD_CACHE = "build-cache"


class DiskFacts(Facts):
    """What there is on a host and what uses what."""

    #: the host's own clock, in Unix seconds: ages are judged by it and by no other
    now_s: float | None
    server_version: str
    api_version: tuple[int, int]
    root_dir: str
    #: why this engine is not one that may be changed; "" when it may
    unsupported: str = ""
    containers: tuple[ContainerObject, ...]
    images: tuple[ImageObject, ...] = ()
    volumes: tuple[VolumeObject, ...] = ()
    networks: tuple[NetworkObject, ...] = ()
    cache: tuple[CacheObject, ...] = ()
    #: bytes of all image layers, each counted once; None when not asked or not told
    layers_bytes: int | None = None
    #: False when the engine's account could not be had, so that sizes are unknown
    sizes_known: bool = False
    #: why not
    sizes_problem: str = ""
    #: file systems of the data root and, where images live there, of containerd's root
    file_systems: tuple[FileSystem, ...] = ()

    @property
    def running_set(self) -> tuple[RunningContainer, ...]:
        """The containers that ran."""
        return tuple(
            RunningContainer(id=item.id, name=item.name, image_id=item.image_id)
            for item in self.containers
            if item.state == "running"
        )

    @property
    def used_bytes(self) -> int | None:
        """Bytes used on the engine's file systems together; None when they could not be measured."""
        if not self.file_systems:
            return None
        return sum(system.used_bytes for system in self.file_systems)


def survey(host: Connection, topics: Iterable[Topic], *, sizes: bool, timeout_s: float = 300.0) -> DiskFacts:
    """The host's objects of these topics; EngineError or Refused when the engine cannot be read."""
    refuse_sleeping_engine(host)
    wanted = frozenset(topics)
    engine = host.engine()
    info, version = engine.info(), engine.version()
    account, problem = _account(engine, needed=Topic.BUILD_CACHE in wanted, sizes=sizes, timeout_s=timeout_s)
    root = str(info.get("DockerRootDir") or "")
    return DiskFacts(
        now_s=instant(info.get("SystemTime")),
        server_version=str(info.get("ServerVersion") or ""),
        api_version=engine.api_version,
        root_dir=root,
        unsupported=why_unsupported(info, version),
        containers=_containers(engine, account),
        images=_images(engine, account) if Topic.IMAGES in wanted else (),
        volumes=_volumes(engine, account) if Topic.VOLUMES in wanted else (),
        networks=_networks(engine) if Topic.NETWORKS in wanted else (),
        cache=account.cache if Topic.BUILD_CACHE in wanted else (),
        layers_bytes=account.layers_bytes,
        sizes_known=sizes and not problem,
        sizes_problem=problem,
        file_systems=read_file_systems(host, _roots(host, root, info)),
    )


def _roots(host: Connection, root: str, info: JsonObject) -> tuple[str, ...]:
    """Directories a clean-up frees bytes in; on other disks the measurement would count what others do there."""
    containerd = (read_containerd_root(host),) if uses_containerd_store(info) else ()
    return tuple(path for path in (root, *containerd) if path)


def refuse_sleeping_engine(host: Connection) -> None:
    """The engine is not merely asleep behind docker.socket, where looking at it would start it."""
    asleep = sleeping_engine(host)
    if asleep:
        hint = "Look at `systemctl status docker` there, start it with engine.restart, then plan again."
        raise Refused(f"{host.host_name}: {asleep}", code="E_DAEMON_DOWN", hint=hint)


def sleeping_engine(host: Connection) -> str:
    """Why the engine may not be asked: it is down and docker.socket would start it; "" when it may be asked."""
    units = read_units(host)
    service, socket = units[DOCKER], units[SOCKET]
    if (
        service.load == "loaded"
        and service.active not in {"active", "reloading"}
        and socket.active == "active"
    ):
        return f"docker.service is {service.active} ({service.result}); asking the engine would start it"
    return ""


def why_unsupported(info: JsonObject, version: JsonObject) -> str:
    """Why an engine is none that changes are made to; "" for a plain Docker Engine on Linux."""
    components = {str(part.get("Name")) for part in version.get("Components") or () if isinstance(part, dict)}
    if any(name.startswith("Podman") for name in components):
        return "it is Podman, not the Docker Engine"
    if info.get("OSType") not in {None, "linux"}:
        return f"it runs {info.get('OSType')} containers"
    if info.get("OperatingSystem") == "Docker Desktop":
        return "it is Docker Desktop"
    if any("name=rootless" in str(option) for option in info.get("SecurityOptions") or ()):
        return "it is rootless"
    if str(info.get("DockerRootDir") or "").startswith("/var/snap/"):
        return "it was installed by snap"
    return ""


def _account(engine: Engine, *, needed: bool, sizes: bool, timeout_s: float) -> tuple[Accounting, str]:
    if not (needed or sizes):
        return Accounting(), "not asked"
    try:
        account = parse_accounting(engine.disk_usage(timeout_s))
    except EngineError as error:
        if error.status == _CONFLICT:
            text = "The engine is already counting its space for somebody else"
            raise EngineError(text, status=_CONFLICT, code="E_PRUNE_BUSY", hint="Try again later.") from error
        if needed:
            raise
        return Accounting(), error.message
    if needed and not account.complete:
        raise EngineError(
            "The engine's /system/df does not list its build cache, so nothing in it can be named"
        )
    return account, ""


def _containers(engine: Engine, account: Accounting) -> tuple[ContainerObject, ...]:
    found = []
    for listed in engine.containers():
        container = parse_container(listed, _look(engine.container, str(listed["Id"])))
        size = account.container_bytes.get(container.id)
        found.append(container.model_copy(update={"size_bytes": size}))
    return tuple(sorted(found, key=lambda container: container.id))


def _images(engine: Engine, account: Accounting) -> tuple[ImageObject, ...]:
    listed = {str(image["Id"]): image for image in engine.images()}
    pages = {ref: _look(engine.image, ref) for ref in listed}
    parents = {ref: str(image.get("ParentId") or "") for ref, image in listed.items()}
    found = []
    for ref, image in listed.items():
        parsed = parse_image(image, pages[ref], _ancestors(ref, parents, engine))
        shared = account.image_shared_bytes.get(ref, parsed.shared_bytes)
        found.append(parsed.model_copy(update={"shared_bytes": shared}))
    return tuple(sorted(found, key=lambda image: image.id))


def _ancestors(ref: str, parents: dict[str, str], engine: Engine) -> tuple[str, ...]:
    """The images `ref` was built on, nearest first; intermediate ones are listed nowhere and asked one by one."""
    chain: list[str] = []
    parent = parents.get(ref, "")
    while parent and parent not in chain and len(chain) < _LONGEST_CHAIN:
        chain.append(parent)
        if parent not in parents:
            parents[parent] = str((_look(engine.image, parent) or {}).get("Parent") or "")
        parent = parents[parent]
    return tuple(chain)


def _volumes(engine: Engine, account: Accounting) -> tuple[VolumeObject, ...]:
    volumes = [parse_volume(listed) for listed in engine.volumes()]
    sized = [
        v.model_copy(update={"size_bytes": account.volume_bytes.get(v.name, v.size_bytes)}) for v in volumes
    ]
    return tuple(sorted(sized, key=lambda volume: volume.name))


def _networks(engine: Engine) -> tuple[NetworkObject, ...]:
    pages = ((listed, _look(engine.network, str(listed["Id"]))) for listed in engine.networks())
    return tuple(sorted((parse_network(*page) for page in pages), key=lambda network: network.id))


def _look(read: Callable[[str], JsonObject], ref: str) -> JsonObject | None:
    """One object's own page; None when the engine answers with an error, so that the object counts as unknown."""
    try:
        return read(ref)
    except EngineError as error:
        if error.status == 0:
            raise
        return None
