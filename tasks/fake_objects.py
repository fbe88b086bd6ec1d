"""The objects of FakeEngine, and how the Engine API writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tasks.connection import JsonObject

_ZERO = "0001-01-01T00:00:00Z"


@dataclass(slots=True, kw_only=True)
class FakeContainer:
    """A container of the model."""

    id: str
    name: str
    image_id: str
    state: str = "exited"
    image_name: str = ""
    created_s: float = 0.0
    finished_s: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ("bridge",)
    pid: int = 0
    health: str = ""
    size_bytes: int = 0
    oom_killed: bool = False
    auto_remove: bool = False
    restarts: int = 0


@dataclass(slots=True, kw_only=True)
class FakeImage:
    """An image of the model; `parent` is the image it was built on by the classic builder."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    created_s: float = 0.0
    tagged_s: float | None = None
    parent: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int = 0
    shared_bytes: int = 0


@dataclass(slots=True, kw_only=True)
class FakeVolume:
    """A volume of the model."""

    name: str
    created_s: float = 0.0
    driver: str = "local"
    labels: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    size_bytes: int = 0


@dataclass(slots=True, kw_only=True)
class FakeNetwork:
    """A network of the model."""

    id: str
    name: str
    created_s: float = 0.0
    driver: str = "bridge"
    scope: str = "local"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class FakeCache:
    """A build cache record of the model."""

    id: str
    parents: tuple[str, ...] = ()
    in_use: bool = False
    shared: bool = False
    size_bytes: int = 0
    created_s: float | None = None
    last_used_s: float = 0.0
    #: False makes the engine keep its parents to itself, as engines of API 1.42 and later do
    parents_told: bool = True


def fake_id(*parts: object) -> str:
    """A 64-digit id that is always the same for the same parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def stamp(moment: float | None) -> str:
    """A moment as the API writes it."""
    return _ZERO if moment is None else datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


def container_entry(item: FakeContainer) -> JsonObject:
    """A container as the list of containers shows it."""
    mode = item.networks[0] if item.networks else "none"
    return {
        "Id": item.id,
        "Names": [f"/{item.name}"],
        "Image": item.image_name or item.image_id,
        "ImageID": item.image_id,
        "Created": int(item.created_s),
        "State": item.state,
        "Status": _status(item),
        "Labels": dict(item.labels),
        "HostConfig": {"NetworkMode": mode},
        # a container that never started knows its network by name only
        "NetworkSettings": {"Networks": {name: {"NetworkID": ""} for name in item.networks}},
        "Mounts": [{"Type": "volume", "Name": name, "Driver": "local"} for name in item.volumes],
    }


def _status(item: FakeContainer) -> str:
    """The sentence about a container, which is where its health is until API 1.52."""
    if item.state != "running":
        return item.state
    return f"Up 3 minutes ({item.health})" if item.health else "Up 3 minutes"


def image_entry(image: FakeImage) -> JsonObject:
    """An image as the list of images shows it."""
    return {
        "Id": image.id,
        "ParentId": image.parent,
        "RepoTags": list(image.tags) or None,
        "RepoDigests": list(image.digests) or None,
        "Created": int(image.created_s),
        "Labels": dict(image.labels) or None,
        "Size": image.size_bytes,
        "SharedSize": -1,
        "Containers": -1,
    }


def volume_entry(volume: FakeVolume) -> JsonObject:
    """A volume as the list of volumes shows it."""
    return {
        "Name": volume.name,
        "Driver": volume.driver,
        "Scope": "local",
        "CreatedAt": stamp(volume.created_s),
        "Labels": dict(volume.labels) or None,
        "Options": dict(volume.options) or None,
    }


def network_entry(network: FakeNetwork) -> JsonObject:
    """A network as the list of networks shows it."""
    return {
        "Id": network.id,
        "Name": network.name,
        "Driver": network.driver,
        "Scope": network.scope,
        "Created": stamp(network.created_s),
        "Labels": dict(network.labels),
        "Containers": {},
        "Ingress": False,
        "ConfigOnly": False,
    }


def cache_entry(record: FakeCache) -> JsonObject:
    """A build cache record as /system/df shows it."""
    # one parent until API 1.41, a list or nothing since
    told = record.parents if record.parents_told else ()
    several: JsonObject = {"Parents": list(told)} if len(told) > 1 else {}
    return several | {
        "ID": record.id,
        "Parent": told[0] if told else "",
        "Type": "regular",
        "Description": "model",
        "InUse": record.in_use,
        "Shared": record.shared,
        "Size": record.size_bytes,
        "CreatedAt": stamp(record.last_used_s if record.created_s is None else record.created_s),
        "LastUsedAt": stamp(record.last_used_s),
    }
