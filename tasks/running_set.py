"""The containers that run on a host at one moment, and how two such sets differ."""

from __future__ import annotations

from collections.abc import Iterable

from tasks.connection import JsonObject
from tasks.record import Record


class RunningContainer(Record):
    """A container whose state was `running`."""

    id: str
    name: str
    image_id: str


def parse_running(listed: Iterable[JsonObject]) -> tuple[RunningContainer, ...]:
    """Those that run, from the list of containers, by name."""
    found = (
        RunningContainer(
            id=str(item.get("Id") or ""),
            name=str((item.get("Names") or [""])[0]).lstrip("/") or str(item.get("Id") or "")[:12],
            image_id=str(item.get("ImageID") or ""),
        )
        for item in listed
        if item.get("State") == "running"
    )
    return tuple(sorted(found, key=lambda container: (container.name, container.id)))


def not_among(some: Iterable[RunningContainer], others: Iterable[RunningContainer]) -> tuple[str, ...]:
    """Names of those that are not among the others, neither by id nor, made anew, by name and image; sorted."""
    there = tuple(others)
    ids = {item.id for item in there}
    made_anew = {(item.name, item.image_id) for item in there}
    return tuple(
        sorted(
            item.name for item in some if item.id not in ids and (item.name, item.image_id) not in made_anew
        )
    )
