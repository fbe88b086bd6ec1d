"""What `/system/df` says about space, whichever shape the engine answers in.

Up to API 1.51 the answer is lists of objects; from 1.52 on, totals with optional lists of items; both are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from tasks.connection import JsonObject
from tasks.disk.objects import CacheObject, parse_cache, size
from tasks.record import Record

_ACTIVE_STATES = frozenset({"running", "paused", "restarting"})


class Share(Record):
    """How much one kind of object takes, and how much of it nobody uses."""

    count: int | None = None
    active: int | None = None
    size_bytes: int | None = None
    #: upper bound: layers shared by several unused images are counted once per image
    reclaimable_bytes: int | None = None


class Accounting(Record):
    """The engine's own account of its space; None or absent where it did not say."""

    images: Share = Share()
    containers: Share = Share()
    volumes: Share = Share()
    build_cache: Share = Share()
    #: bytes of all image layers together, each counted once
    layers_bytes: int | None = None
    container_bytes: dict[str, int] = Field(default_factory=dict)
    #: image id -> bytes shared with other images
    image_shared_bytes: dict[str, int] = Field(default_factory=dict)
    image_bytes: dict[str, int] = Field(default_factory=dict)
    volume_bytes: dict[str, int] = Field(default_factory=dict)
    volume_users: dict[str, int] = Field(default_factory=dict)
    #: id -> what people call it, for images and containers
    names: dict[str, str] = Field(default_factory=dict)
    cache: tuple[CacheObject, ...] = ()
    #: every kind was told with its items
    complete: bool = True


def parse_accounting(answer: JsonObject) -> Accounting:
    """The account in an answer of `GET /system/df`."""
    images, image_total = _part(answer, "Images", ("ImageUsage", "ImagesUsage"))
    containers, container_total = _part(answer, "Containers", ("ContainerUsage", "ContainersUsage"))
    volumes, volume_total = _part(answer, "Volumes", ("VolumeUsage", "VolumesUsage"))
    records, cache_total = _part(answer, "BuildCache", ("BuildCacheUsage",))
    totals = (image_total, container_total, volume_total, cache_total)
    items = (images, containers, volumes, records)
    layers = size(answer.get("LayersSize"))
    if layers is None:
        layers = size(image_total.get("TotalSize"))
    cache = tuple(parse_cache(record) for record in records or ())
    return Accounting(
        images=_told(image_total) or _count_images(images, layers),
        containers=_told(container_total) or _count_containers(containers),
        volumes=_told(volume_total) or _count_volumes(volumes),
        build_cache=_told(cache_total) or _count_cache(records, cache, size(answer.get("BuilderSize"))),
        layers_bytes=layers,
        container_bytes=_by(containers, "Id", lambda item: size(item.get("SizeRw")) or 0),
        image_bytes=_by(images, "Id", lambda item: size(item.get("Size"))),
        image_shared_bytes=_by(images, "Id", lambda item: size(item.get("SharedSize"))),
        volume_bytes=_by(volumes, "Name", lambda item: size(_usage(item).get("Size"))),
        volume_users=_by(volumes, "Name", lambda item: size(_usage(item).get("RefCount"))),
        names=_called(images, "RepoTags") | _called(containers, "Names"),
        cache=cache,
        complete=all(_whole(total, part) for total, part in zip(totals, items, strict=True)),
    )


def _part(
    answer: JsonObject, old: str, new: tuple[str, ...]
) -> tuple[list[JsonObject] | None, Mapping[str, Any]]:
    """The items of one kind and, in the newer shape, its totals; the items are None when nothing was told."""
    for name in new:
        totals = answer.get(name)
        if isinstance(totals, dict):
            items = totals.get("Items") if totals.get("Items") is not None else answer.get(old)
            return (items if isinstance(items, list) else None), totals
    if old not in answer:
        return None, {}
    items = answer[old]
    return (items if isinstance(items, list) else []), {}


def _whole(totals: Mapping[str, Any], items: list[JsonObject] | None) -> bool:
    """Whether the items are all there; a kind without any object may leave its list out."""
    if items is not None:
        return True
    return bool(totals) and not totals.get("TotalCount")


def _told(totals: Mapping[str, Any]) -> Share | None:
    if not totals:
        return None
    # encoding/json leaves zero out, so inside a told total an absent number is zero
    return Share(
        count=size(totals.get("TotalCount", 0)),
        active=size(totals.get("ActiveCount", 0)),
        size_bytes=size(totals.get("TotalSize", 0)),
        reclaimable_bytes=size(totals.get("Reclaimable", 0)),
    )


def _count_images(images: list[JsonObject] | None, layers: int | None) -> Share:
    if images is None:
        return Share()
    active = [image for image in images if (size(image.get("Containers")) or 0) > 0]
    own = [(size(image.get("Size")) or 0) - (size(image.get("SharedSize")) or 0) for image in active]
    free = None if layers is None else max(0, layers - sum(own))
    return Share(count=len(images), active=len(active), size_bytes=layers, reclaimable_bytes=free)


def _count_containers(containers: list[JsonObject] | None) -> Share:
    if containers is None:
        return Share()
    active = [item for item in containers if item.get("State") in _ACTIVE_STATES]
    whole = sum(size(item.get("SizeRw")) or 0 for item in containers)
    used = sum(size(item.get("SizeRw")) or 0 for item in active)
    return Share(count=len(containers), active=len(active), size_bytes=whole, reclaimable_bytes=whole - used)


def _count_volumes(volumes: list[JsonObject] | None) -> Share:
    if volumes is None:
        return Share()
    active = [item for item in volumes if (size(_usage(item).get("RefCount")) or 0) > 0]
    whole = sum(size(_usage(item).get("Size")) or 0 for item in volumes)
    used = sum(size(_usage(item).get("Size")) or 0 for item in active)
    return Share(count=len(volumes), active=len(active), size_bytes=whole, reclaimable_bytes=whole - used)


def _count_cache(records: list[JsonObject] | None, cache: tuple[CacheObject, ...], told: int | None) -> Share:
    if records is None:
        return Share()
    active = sum(record.in_use for record in cache)
    free = sum(record.size_bytes for record in cache if not record.in_use and not record.shared)
    whole = sum(record.size_bytes for record in cache) if told is None else told
    return Share(count=len(cache), active=active, size_bytes=whole, reclaimable_bytes=free)


def _usage(item: JsonObject) -> Mapping[str, Any]:
    usage = item.get("UsageData")
    return usage if isinstance(usage, dict) else {}


def _by(items: list[JsonObject] | None, key: str, number: Any) -> dict[str, int]:
    pairs = ((str(item.get(key)), number(item)) for item in items or ())
    return {name: value for name, value in pairs if value is not None}


def _called(items: list[JsonObject] | None, key: str) -> dict[str, str]:
    named = ((str(item.get("Id")), item.get(key)) for item in items or ())
    return {ref: str(names[0]).lstrip("/") for ref, names in named if isinstance(names, list) and names}
