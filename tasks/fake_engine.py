"""FakeEngine: an Engine over objects in memory that refuses what the Docker Engine refuses; ships with the code.

It is a model of the rules that decide, not of the whole API: who may be removed, what goes along, what stays.
tests/tasks/disk/test_real_engine.py asks the same questions of a real one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tasks.connection import JsonObject
from tasks.errors import EngineError
from tasks.fake_objects import FakeCache, FakeContainer, FakeImage, FakeNetwork, FakeVolume
from tasks.fake_pages import (
    account_page,
    container_entry,
    container_page,
    image_entry,
    image_page,
    info_page,
    network_entry,
    network_page,
    version_page,
    volume_entry,
)

T = TypeVar("T")
_RUNNING = frozenset({"running", "paused", "restarting"})


@dataclass(slots=True)
class FakeEngine:
    """The model; `removed` records every removal in order."""

    api_version: tuple[int, int] = (1, 41)
    now_s: float = 2_000_000_000.0
    all_containers: dict[str, FakeContainer] = field(default_factory=dict)
    all_images: dict[str, FakeImage] = field(default_factory=dict)
    all_volumes: dict[str, FakeVolume] = field(default_factory=dict)
    all_networks: dict[str, FakeNetwork] = field(default_factory=dict)
    cache: dict[str, FakeCache] = field(default_factory=dict)
    #: keys added to or put in place of what /info says
    more_info: JsonObject = field(default_factory=dict)
    #: method name -> error it raises instead of answering
    failures: dict[str, EngineError] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    #: name of every method called, in order
    calls: list[str] = field(default_factory=list)

    # -- building the model --------------------------------------------------------------------------------

    def add(self, *objects: FakeContainer | FakeImage | FakeVolume | FakeNetwork | FakeCache) -> None:
        """Put objects into the engine."""
        for item in objects:
            match item:
                case FakeContainer():
                    self.all_containers[item.id] = item
                case FakeImage():
                    self.all_images[item.id] = item
                case FakeVolume():
                    self.all_volumes[item.name] = item
                case FakeNetwork():
                    self.all_networks[item.id] = item
                case FakeCache():
                    self.cache[item.id] = item

    def removed_ids(self) -> frozenset[str]:
        """Ids and names of the objects that went."""
        return frozenset(entry.partition(":")[2] for entry in self.removed)

    # -- reading -------------------------------------------------------------------------------------------

    def ping(self, timeout_s: float = 5.0) -> None:
        """The daemon answers unless told otherwise."""
        del timeout_s
        self._called("ping")

    def version(self) -> JsonObject:
        """A Docker Engine."""
        self._called("version")
        return version_page(self.api_version)

    def info(self) -> JsonObject:
        """Clock, root and counts."""
        self._called("info")
        return info_page(self.now_s) | self.more_info

    def disk_usage(self, timeout_s: float = 300.0) -> JsonObject:
        """The account in the shape of API 1.41."""
        del timeout_s
        self._called("disk_usage")
        users = [container.image_id for container in self.all_containers.values()]
        return account_page(
            images=[(image, users.count(image.id)) for image in self._listed_images()],
            layers_bytes=sum(image.size_bytes for image in self.all_images.values()),
            containers=self.all_containers.values(),
            volumes=[(item, len(self._mounting(item.name))) for item in self.all_volumes.values()],
            cache=self.cache.values(),
        )

    def containers(self, timeout_s: float = 60.0) -> list[JsonObject]:
        """Every container, in whatever state."""
        del timeout_s
        self._called("containers")
        return [container_entry(container) for container in self.all_containers.values()]

    def container(self, ref: str) -> JsonObject:
        """One container's page."""
        self._called("container")
        return container_page(self._find(self.all_containers, ref, "container"))

    def images(self) -> list[JsonObject]:
        """Images with a name, and those without a name that nothing was built on."""
        self._called("images")
        return [image_entry(image) for image in self._listed_images()]

    def image(self, ref: str) -> JsonObject:
        """One image's page, by id, tag or digest."""
        self._called("image")
        return image_page(self._image(ref))

    def volumes(self) -> list[JsonObject]:
        """Every volume."""
        self._called("volumes")
        return [volume_entry(volume) for volume in self.all_volumes.values()]

    def networks(self) -> list[JsonObject]:
        """Every network, the predefined ones included."""
        self._called("networks")
        return [network_entry(network) for network in self.all_networks.values()]

    def network(self, ref: str) -> JsonObject:
        """One network's page, with what is attached to it now."""
        self._called("network")
        network = self._find(self.all_networks, ref, "network")
        return network_page(network, [item for item in self._joining(network) if item.state in _RUNNING])

    # -- changing ------------------------------------------------------------------------------------------

    def remove_container(self, ref: str) -> None:
        """A container without a process goes; its volumes stay."""
        self._called("remove_container")
        item = self._find(self.all_containers, ref, "container")
        if item.state in _RUNNING:
            raise _conflict(f"cannot remove a running container {item.id}")
        del self.all_containers[item.id]
        self.removed.append(f"container:{item.id}")

    def remove_image(self, ref: str) -> list[JsonObject]:
        """A name goes, or with the last name (or by id) the image and its nameless parents."""
        self._called("remove_image")
        image = self._image(ref)
        users = [item for item in self.all_containers.values() if item.image_id == image.id]
        names = (*image.tags, *image.digests)
        if ref in names:
            if len(names) == 1 and users:
                raise _conflict(f"{ref} is in use by container {users[0].id}")
            self._untag(image, ref)
            self.removed.append(f"tag:{ref}")
            if image.tags or image.digests:
                return [{"Untagged": ref}]
        else:
            repositories = {name.partition("@")[0].rpartition(":")[0] or name for name in image.digests}
            if users or len(image.tags) > 1 or len(repositories) > 1:
                raise _conflict(f"image {image.id} is in use or has several names")
            if self._children(image.id):
                raise _conflict(f"image {image.id} has dependent child images")
        self._delete_image(image)
        return [{"Deleted": image.id}]

    def remove_volume(self, name: str) -> None:
        """A volume no container refers to goes."""
        self._called("remove_volume")
        if name not in self.all_volumes:
            raise _not_found("volume", name)
        if self._mounting(name):
            raise _conflict(f"volume {name} is in use")
        del self.all_volumes[name]
        self.removed.append(f"volume:{name}")

    def remove_network(self, ref: str) -> None:
        """A network nothing is attached to goes, even when a stopped container is set to join it."""
        self._called("remove_network")
        network = self._find(self.all_networks, ref, "network")
        if network.name in {"bridge", "host", "none"}:
            raise EngineError(f"{network.name} is a pre-defined network", status=403)
        if any(item.state in _RUNNING for item in self._joining(network)):
            raise EngineError(f"network {network.name} has active endpoints", status=403)
        del self.all_networks[network.id]
        self.removed.append(f"network:{network.id}")

    def prune_build_cache(self, *, keep_bytes: int, until_s: int, cache_ids: Sequence[str]) -> JsonObject:
        """Records that no build and no other record uses go; others stay without an error."""
        del keep_bytes, until_s
        self._called("prune_build_cache")
        deleted, reclaimed = [], 0
        for cache_id in cache_ids:
            record = self.cache.get(cache_id)
            if record is None or record.in_use or any(cache_id in r.parents for r in self.cache.values()):
                continue
            del self.cache[cache_id]
            self.removed.append(f"cache:{cache_id}")
            deleted.append(cache_id)
            reclaimed += record.size_bytes
        return {"CachesDeleted": deleted or None, "SpaceReclaimed": reclaimed}

    # -- the model's own ------------------------------------------------------------------------------------

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failures:
            raise self.failures[name]

    def _find(self, items: Mapping[str, T], ref: str, kind: str) -> T:
        if ref not in items:
            raise _not_found(kind, ref)
        return items[ref]

    def _image(self, ref: str) -> FakeImage:
        for image in self.all_images.values():
            if ref in {image.id, *image.tags, *image.digests}:
                return image
        raise _not_found("image", ref)

    def _children(self, image_id: str) -> list[FakeImage]:
        return [image for image in self.all_images.values() if image.parent == image_id]

    def _listed_images(self) -> list[FakeImage]:
        images = self.all_images.values()
        return [item for item in images if item.tags or item.digests or not self._children(item.id)]

    def _untag(self, image: FakeImage, ref: str) -> None:
        image.tags = tuple(tag for tag in image.tags if tag != ref)
        image.digests = tuple(digest for digest in image.digests if digest != ref)
        repository = ref.partition("@")[0].rpartition(":")[0]
        if "@" not in ref and not any(tag.rpartition(":")[0] == repository for tag in image.tags):
            # the last tag of a repository takes the repository's digests along
            image.digests = tuple(d for d in image.digests if d.partition("@")[0] != repository)

    def _delete_image(self, image: FakeImage) -> None:
        if self._children(image.id):
            return  # it stays as a nameless layer under its children
        used = any(item.image_id == image.id for item in self.all_containers.values())
        if used:
            return
        del self.all_images[image.id]
        self.removed.append(f"image:{image.id}")
        parent = self.all_images.get(image.parent)
        if parent is not None and not (parent.tags or parent.digests):
            self._delete_image(parent)

    def _mounting(self, name: str) -> list[FakeContainer]:
        return [item for item in self.all_containers.values() if name in item.volumes]

    def _joining(self, network: FakeNetwork) -> list[FakeContainer]:
        return [item for item in self.all_containers.values() if network.name in item.networks]


def _not_found(kind: str, ref: str) -> EngineError:
    return EngineError(f"No such {kind}: {ref}", status=404)


def _conflict(text: str) -> EngineError:
    return EngineError(text, status=409)
