"""How the Engine API writes the objects of FakeEngine: entries of lists, pages of one object, the account.

They have the shape of API 1.41, and of it what procedures read; ship with the code.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from tasks.connection import JsonObject
from tasks.fake_objects import FakeCache, FakeContainer, FakeImage, FakeNetwork, FakeVolume

_ZERO = "0001-01-01T00:00:00Z"


def stamp(moment: float | None) -> str:
    """A moment as the API writes it."""
    return _ZERO if moment is None else datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")


def version_page(api_version: tuple[int, int]) -> JsonObject:
    """What /version says of an engine with this API."""
    return {"Version": "20.10.24", "ApiVersion": "{}.{}".format(*api_version), "Components": []}


def info_page(now_s: float) -> JsonObject:
    """What /info says at that moment: clock, root, what is switched on."""
    return {
        "ID": "FAKE",
        "SystemTime": stamp(now_s),
        "ServerVersion": "20.10.24",
        "DockerRootDir": "/var/lib/docker",
        "OSType": "linux",
        "OperatingSystem": "Debian GNU/Linux",
        "SecurityOptions": ["name=seccomp,profile=default"],
        "LiveRestoreEnabled": True,
    }


def account_page(
    *,
    images: Iterable[tuple[FakeImage, int]],
    layers_bytes: int,
    containers: Iterable[FakeContainer],
    volumes: Iterable[tuple[FakeVolume, int]],
    cache: Iterable[FakeCache],
) -> JsonObject:
    """What /system/df says; beside an image stands how many containers are of it, beside a volume how many mount it."""
    records = list(cache)
    return {
        "LayersSize": layers_bytes,
        "Images": [
            {**image_entry(image), "SharedSize": image.shared_bytes, "Containers": users}
            for image, users in images
        ],
        "Containers": [{**container_entry(item), "SizeRw": item.size_bytes} for item in containers],
        "Volumes": [
            {**volume_entry(item), "UsageData": {"Size": item.size_bytes, "RefCount": users}}
            for item, users in volumes
        ],
        "BuildCache": [cache_entry(record) for record in records],
        "BuilderSize": sum(record.size_bytes for record in records),
    }


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


def container_page(item: FakeContainer) -> JsonObject:
    """A container as its own page shows it."""
    entry = container_entry(item)
    started = None if item.state == "created" else item.created_s
    state: JsonObject = {
        "Status": item.state,
        "Pid": item.pid,
        "StartedAt": stamp(started),
        "FinishedAt": stamp(item.finished_s),
        "OOMKilled": item.oom_killed,
    }
    if item.health:
        state["Health"] = {"Status": item.health}
    return {
        "Id": item.id,
        "Name": f"/{item.name}",
        "Created": stamp(item.created_s),
        "State": state,
        "RestartCount": item.restarts,
        "Image": item.image_id,
        "Config": {"Labels": dict(item.labels), "Image": item.image_name},
        "HostConfig": entry["HostConfig"] | {"AutoRemove": item.auto_remove},
        "NetworkSettings": entry["NetworkSettings"],
        "Mounts": entry["Mounts"],
    }


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


def image_page(image: FakeImage) -> JsonObject:
    """An image as its own page shows it."""
    return {
        "Id": image.id,
        "RepoTags": list(image.tags),
        "RepoDigests": list(image.digests),
        "Parent": image.parent,
        "Created": stamp(image.created_s),
        "Config": {"Labels": dict(image.labels)},
        "Metadata": {"LastTagTime": stamp(image.tagged_s)},
        "Size": image.size_bytes,
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


def network_page(network: FakeNetwork, attached: Iterable[FakeContainer]) -> JsonObject:
    """A network as its own page shows it, with what is attached to it now."""
    return {**network_entry(network), "Containers": {item.id: {"Name": item.name} for item in attached}}


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
