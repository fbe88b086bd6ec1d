"""Containers, images, volumes, networks and cache records as frozen records, parsed from the API's JSON.

Missing is None, never 0 and never "now": a decision that needs what the engine did not say keeps the object.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from tasks.connection import JsonObject
from tasks.record import Record

#: states of a container that owns no process and is about to own none
STOPPED = frozenset({"created", "exited", "dead"})
#: what the engine shows for "no name"
_NAMELESS = frozenset({"<none>:<none>", "<none>@<none>", "<none>"})


class ContainerObject(Record):
    """A container, in whatever state."""

    id: str
    name: str
    state: str
    #: id of the image it was made from, and the name it was asked for by
    image_id: str
    image_name: str
    labels: dict[str, str]
    created_at_s: float | None
    #: end of its last run; None when it never ran, or when it could not be inspected
    finished_at_s: float | None = None
    started_at: str = ""
    pid: int = 0
    #: the engine removes it by itself when it ends
    auto_remove: bool = False
    #: how often its policy restarted it
    restarts: int = 0
    #: False when the engine listed it and then could not say more about it
    inspected: bool = False
    volumes: tuple[str, ...] = ()
    #: names and ids of networks it is set to join
    networks: tuple[str, ...] = ()
    #: bytes of its writable layer; None when not asked
    size_bytes: int | None = None

    @property
    def idle_since_s(self) -> float | None:
        """When it was last of use: end of its last run, or its creation when it never ran."""
        if not self.inspected:
            return None
        return self.created_at_s if self.finished_at_s is None else self.finished_at_s


class ImageObject(Record):
    """An image the engine lists: tagged, known by digest only, or dangling."""

    id: str
    #: repository:tag
    tags: tuple[str, ...] = ()
    #: repository@digest
    digests: tuple[str, ...] = ()
    labels: dict[str, str]
    #: when it was built
    created_at_s: float | None
    #: when it last got a tag on this host: a pull counts
    tagged_at_s: float | None = None
    inspected: bool = False
    #: ids of the images it was built on, nearest first (classic builder only)
    ancestors: tuple[str, ...] = ()
    size_bytes: int | None = None
    #: bytes of layers it shares with other images; None when not known
    shared_bytes: int | None = None

    @property
    def arrived_at_s(self) -> float | None:
        """The latest moment known at which somebody made or fetched it.

        The build date alone says nothing: an image pulled a minute ago may be years old.
        """
        if not self.inspected:
            return None
        known = [moment for moment in (self.created_at_s, self.tagged_at_s) if moment is not None]
        return max(known, default=None)

    @property
    def title(self) -> str:
        """What people call it."""
        short = self.id.removeprefix("sha256:")[:12]
        return self.tags[0] if self.tags else f"{_first_repository(self.digests) or '<none>'} {short}"


class VolumeObject(Record):
    """A volume."""

    name: str
    driver: str
    scope: str = "local"
    labels: dict[str, str]
    options: dict[str, str] = Field(default_factory=dict)
    created_at_s: float | None
    #: managed by a swarm, not by this host
    cluster: bool = False
    size_bytes: int | None = None


class NetworkObject(Record):
    """A network."""

    id: str
    name: str
    driver: str
    scope: str
    labels: dict[str, str]
    created_at_s: float | None
    ingress: bool = False
    #: a template other networks take their settings from
    config_only: bool = False
    #: names of what is attached to it now
    endpoints: tuple[str, ...] = ()
    inspected: bool = False


class CacheObject(Record):
    """One record of the build cache."""

    id: str
    parents: tuple[str, ...] = ()
    kind: str = ""
    description: str = ""
    in_use: bool
    #: its bytes are also those of an image's layer, so removing it frees nothing yet
    shared: bool
    size_bytes: int
    created_at_s: float | None = None
    last_used_at_s: float | None = None

    @property
    def idle_since_s(self) -> float | None:
        """When a build last used it."""
        return self.created_at_s if self.last_used_at_s is None else self.last_used_at_s


def instant(value: object) -> float | None:
    """A moment the API names, in Unix seconds; None for nothing, nonsense, and Go's zero time.

    Numbers at or below zero are what a lost or deliberately erased date becomes, so they are no date either.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if value > 0 else None
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return None if moment.year <= 1970 else moment.timestamp()


def parse_container(listed: JsonObject, inspected: JsonObject | None) -> ContainerObject:
    """A container from its list entry and, where the engine gave it, its own page."""
    names = [str(name).lstrip("/") for name in _items(listed.get("Names"))]
    own = inspected or {}
    state = _mapping(own.get("State"))
    status = str(state.get("Status") or listed.get("State") or "unknown")
    return ContainerObject(
        id=str(listed["Id"]),
        name=min(names, key=lambda name: (name.count("/"), name), default=str(listed["Id"])[:12]),
        state=status,
        image_id=str(listed.get("ImageID") or ""),
        image_name=str(listed.get("Image") or ""),
        labels=_labels(listed.get("Labels")),
        created_at_s=instant(listed.get("Created")),
        finished_at_s=instant(state.get("FinishedAt")),
        started_at=str(state.get("StartedAt") or ""),
        pid=int(state.get("Pid") or 0),
        auto_remove=bool(_mapping(own.get("HostConfig")).get("AutoRemove")),
        restarts=int(own.get("RestartCount") or 0),
        inspected=inspected is not None,
        volumes=_volume_names(listed, own),
        networks=_network_names(listed, own),
    )


def _volume_names(listed: JsonObject, own: JsonObject) -> tuple[str, ...]:
    mounts = [*_items(listed.get("Mounts")), *_items(own.get("Mounts"))]
    names = {str(mount.get("Name")) for mount in mounts if mount.get("Type") == "volume"}
    return tuple(sorted(names - {"None", ""}))


def _network_names(listed: JsonObject, own: JsonObject) -> tuple[str, ...]:
    # a container that never started has the name of its network only, a running one also the id
    found: set[str] = set()
    for page in (listed, own):
        found.add(str(_mapping(page.get("HostConfig")).get("NetworkMode") or ""))
        for name, settings in _mapping(_mapping(page.get("NetworkSettings")).get("Networks")).items():
            found |= {str(name), str(_mapping(settings).get("NetworkID") or "")}
    return tuple(sorted(found - {""}))


def parse_image(listed: JsonObject, inspected: JsonObject | None, ancestors: tuple[str, ...]) -> ImageObject:
    """An image from its list entry and, where the engine gave it, its own page."""
    metadata = _mapping((inspected or {}).get("Metadata"))
    return ImageObject(
        id=str(listed["Id"]),
        tags=_names(listed.get("RepoTags")),
        digests=_names(listed.get("RepoDigests")),
        labels=_labels(listed.get("Labels")),
        created_at_s=instant(listed.get("Created")),
        tagged_at_s=instant(metadata.get("LastTagTime")),
        inspected=inspected is not None,
        ancestors=ancestors,
        size_bytes=size(listed.get("Size")),
        shared_bytes=size(listed.get("SharedSize")),
    )


def parse_volume(listed: JsonObject) -> VolumeObject:
    """A volume from its list entry."""
    return VolumeObject(
        name=str(listed["Name"]),
        driver=str(listed.get("Driver") or ""),
        scope=str(listed.get("Scope") or "local"),
        labels=_labels(listed.get("Labels")),
        options=_labels(listed.get("Options")),
        created_at_s=instant(listed.get("CreatedAt")),
        cluster=bool(listed.get("ClusterVolume")),
        size_bytes=size(_mapping(listed.get("UsageData")).get("Size")),
    )


def parse_network(listed: JsonObject, inspected: JsonObject | None) -> NetworkObject:
    """A network from its list entry and, where the engine gave it, its own page, which alone has endpoints."""
    attached = {
        **_mapping((inspected or {}).get("Containers")),
        **_mapping((inspected or {}).get("Services")),
    }
    names = (str(_mapping(item).get("Name") or key) for key, item in attached.items())
    return NetworkObject(
        id=str(listed["Id"]),
        name=str(listed.get("Name") or ""),
        driver=str(listed.get("Driver") or ""),
        scope=str(listed.get("Scope") or ""),
        labels=_labels(listed.get("Labels")),
        created_at_s=instant(listed.get("Created")),
        ingress=bool(listed.get("Ingress")),
        config_only=bool(listed.get("ConfigOnly")),
        endpoints=tuple(sorted(names)),
        inspected=inspected is not None,
    )


def parse_cache(listed: JsonObject) -> CacheObject:
    """A build cache record from `/system/df`; one that does not say whether it is in use counts as in use."""
    single = listed.get("Parent")
    parents = listed.get("Parents") or ([single] if single else [])
    return CacheObject(
        id=str(listed["ID"]),
        parents=tuple(sorted(str(parent) for parent in parents)),
        kind=str(listed.get("Type") or ""),
        description=str(listed.get("Description") or "")[:300],
        in_use=listed.get("InUse") is not False,
        shared=bool(listed.get("Shared")),
        size_bytes=size(listed.get("Size")) or 0,
        created_at_s=instant(listed.get("CreatedAt")),
        last_used_at_s=instant(listed.get("LastUsedAt")),
    )


def size(value: object) -> int | None:
    """A number of bytes; None when the engine did not compute it (it then says -1 or nothing)."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _first_repository(digests: tuple[str, ...]) -> str:
    return digests[0].partition("@")[0] if digests else ""


def _names(value: object) -> tuple[str, ...]:
    names = {str(name) for name in _items(value)}
    return tuple(sorted(name for name in names - _NAMELESS if not name.startswith("<none>")))


def _labels(value: object) -> dict[str, str]:
    return {str(key): str(text) for key, text in _mapping(value).items()}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
