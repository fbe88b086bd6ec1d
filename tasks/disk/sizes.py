"""How many bytes a clean-up frees: bounds from the engine's account, and what the file systems say after."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tasks.disk import keys
from tasks.disk.survey import DiskFacts
from tasks.disk.wording import human_bytes

_MEGABYTE = 1_000_000


class Bounds(NamedTuple):
    """At least and at most so many bytes."""

    low: int
    high: int

    def __str__(self) -> str:
        """For people: "1.2 to 1.9 GB"."""
        low, high = human_bytes(self.low), human_bytes(self.high)
        if low == high:
            return high
        number, _, unit = low.partition(" ")
        return f"{number} to {high}" if high.endswith(f" {unit}") else f"{low} to {high}"


def bounds(facts: DiskFacts, step_keys: Iterable[str]) -> Bounds:
    """Bounds of what the steps free together.

    Low counts what each object has for itself, high what it would free if everything it shares went too; images
    together cannot free more than all layers of the host.
    """
    chosen = frozenset(step_keys)
    images = [image for image in facts.images if keys.image_keys(image)[-1] in chosen]
    cache = [record for record in facts.cache if keys.key(keys.CACHE, record.id) in chosen]
    own = sum(_own(image.size_bytes, image.shared_bytes) for image in images)
    layers = sum(image.size_bytes or 0 for image in images)
    if images:
        # cache records shared with an image are bytes of its layers, freed once the last of both is gone
        layers += sum(record.size_bytes for record in cache if record.shared)
    if facts.layers_bytes is not None:
        layers = min(layers, facts.layers_bytes)
    rest = sum(record.size_bytes for record in cache if not record.shared)
    rest += sum(
        item.size_bytes or 0 for item in facts.containers if keys.key(keys.CONTAINER, item.id) in chosen
    )
    rest += sum(item.size_bytes or 0 for item in facts.volumes if keys.key(keys.VOLUME, item.name) in chosen)
    return Bounds(low=min(own, layers) + rest, high=layers + rest)


def freed_bytes(before: DiskFacts, after: DiskFacts) -> int | None:
    """Bytes that came free on the engine's file systems, negative when others wrote more; None if not measured."""
    old = {system.mount: system.used_bytes for system in before.file_systems}
    new = {system.mount: system.used_bytes for system in after.file_systems}
    both = old.keys() & new.keys()
    return sum(old[mount] - new[mount] for mount in both) if both else None


def shortfall(planned: Bounds, measured: int | None) -> str | None:
    """What is odd about the bytes that came free; a clean-up that frees nothing is no success."""
    if measured is None:
        return "what came free could not be measured on the file systems"
    if planned.low < _MEGABYTE or measured >= planned.low // 2:
        return None
    freed = human_bytes(max(0, measured))
    return (
        f"{freed} freed on the file systems, {planned} planned: "
        "other writers filled the space meanwhile, or something still holds it (deleted files that are open)"
    )


def _own(size: int | None, shared: int | None) -> int:
    """Bytes only this object has; nothing is certain when either number is unknown."""
    return 0 if size is None or shared is None else max(0, size - shared)
