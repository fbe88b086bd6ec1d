"""What a clean-up may take and what it must leave, as plain questions that answer with a reason.

Every question answers None for "no objection" or with the reason to keep the object. Rules can only add
reasons: the inventory's policy protects more than the parameters do, never less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from tasks.disk.wording import human_age
from tasks.model import Protect

DAY_S = 86_400
WEEK_S = 7 * DAY_S


class Target(StrEnum):
    """A kind of object a clean-up may remove; there is no "all"."""

    #: stopped ones: created, exited or dead
    CONTAINERS = "containers"
    #: custom ones nothing is attached to and no container is set to join
    NETWORKS = "networks"
    #: images without a tag
    DANGLING_IMAGES = "dangling_images"
    #: images no container was made from, with or without a tag
    UNUSED_IMAGES = "unused_images"
    BUILD_CACHE = "build_cache"
    #: volumes the engine named itself, used by no container
    ANONYMOUS_VOLUMES = "anonymous_volumes"
    #: only the volumes named one by one
    NAMED_VOLUMES = "named_volumes"


class Preset(StrEnum):
    """A tried choice of targets; none contains volumes."""

    #: build cache and dangling images: all of it can be made again
    SAFE = "safe"
    #: and containers stopped for a day, and networks
    STANDARD = "standard"
    #: and images unused for a week
    DEEP = "deep"


_SAFE = (Target.BUILD_CACHE, Target.DANGLING_IMAGES)
_STANDARD = (*_SAFE, Target.CONTAINERS, Target.NETWORKS)
#: preset -> target -> least age in seconds, below which no parameter goes
PRESETS: Mapping[Preset, Mapping[Target, int]] = {
    Preset.SAFE: dict.fromkeys(_SAFE, 0),
    Preset.STANDARD: {**dict.fromkeys(_STANDARD, 0), Target.CONTAINERS: DAY_S},
    Preset.DEEP: {**dict.fromkeys(_STANDARD, 0), Target.CONTAINERS: DAY_S, Target.UNUSED_IMAGES: WEEK_S},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of one clean-up on one host at one moment."""

    #: the host's clock
    now_s: float | None
    #: target -> least age in seconds; a target that is absent may not be touched at all
    min_age_s: Mapping[Target, int]
    keep_labels: tuple[str, ...] = ()
    #: None = any object; otherwise the object must carry every one of these
    only_labels: tuple[str, ...] | None = None
    keep_images: tuple[str, ...] = ()
    keep_last_tags: int = 0
    build_cache_keep_bytes: int = 0
    volume_names: frozenset[str] = frozenset()
    #: the inventory's policy
    protect: Protect = field(default_factory=Protect)
    #: API version of the engine: it decides how anonymous volumes are known
    api_version: tuple[int, int] = (1, 41)

    @property
    def all_keep_labels(self) -> tuple[str, ...]:
        """Label selectors that protect, from parameters and inventory."""
        return tuple(dict.fromkeys((*self.keep_labels, *self.protect.labels)))

    def label_reason(self, labels: Mapping[str, str]) -> str | None:
        """Why an object with these labels stays."""
        for selector in self.protect.labels:
            if carries(labels, selector):
                return f"protected by the inventory: it carries the label {selector}"
        for selector in self.keep_labels:
            if carries(labels, selector):
                return f"protected by its label {selector}"
        missing = [selector for selector in self.only_labels or () if not carries(labels, selector)]
        if missing:
            return f"it does not carry the label {missing[0]} that only_labels asks for"
        return None

    def age_reason(self, since_s: float | None, targets: Iterable[Target]) -> str | None:
        """Why an object idle since then stays; an unknown age is not an old one."""
        least = min(self.min_age_s[target] for target in targets if target in self.min_age_s)
        if since_s is None or self.now_s is None:
            return "its age is unknown"
        age = self.now_s - since_s
        if age < 0:
            return "it is dated in the future, so its age is unknown"
        if age < least:
            return f"younger than min_age: {human_age(age)} of {human_age(least)}"
        return None

    def image_name_reason(self, references: Iterable[str]) -> str | None:
        """Why an image with one of these names stays."""
        for reference in references:
            for pattern in self.protect.images:
                if matches_image(reference, pattern):
                    return f"protected by the inventory: {reference} matches {pattern}"
            for pattern in self.keep_images:
                if matches_image(reference, pattern):
                    return f"kept by keep_images: {reference} matches {pattern}"
        return None

    def volume_name_reason(self, name: str) -> str | None:
        """Why a volume of this name stays."""
        for pattern in self.protect.volumes:
            if fnmatchcase(name, pattern):
                return f"protected by the inventory: its name matches {pattern}"
        return None


def carries(labels: Mapping[str, str], selector: str) -> bool:
    """Whether the labels hold `key` (with any value) or `key=value`."""
    key, equals, value = selector.partition("=")
    return key in labels and (not equals or labels[key] == value)


def matches_image(reference: str, pattern: str) -> bool:
    """Whether an image name matches a glob, written with or without tag and with or without Docker Hub's prefix."""
    plain, glob = familiar(reference), familiar(pattern)
    return fnmatchcase(plain, glob) or fnmatchcase(repository(plain), glob)


def familiar(name: str) -> str:
    """An image name as people write it, without Docker Hub's host."""
    for prefix in ("docker.io/library/", "index.docker.io/library/", "docker.io/", "index.docker.io/"):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def repository(reference: str) -> str:
    """An image name without tag and digest; a registry's port is no tag."""
    name = reference.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name
