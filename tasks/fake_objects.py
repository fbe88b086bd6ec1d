"""The objects of FakeEngine: containers, images, volumes, networks and build cache; ship with the code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


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
