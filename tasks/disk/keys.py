"""Step keys of a clean-up: which object a step is about, in the alphabet plans allow."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from tasks.disk.objects import ImageObject
from tasks.disk.rules import repository

CONTAINER, NETWORK, VOLUME, IMAGE, CACHE = "container", "network", "volume", "image", "cache"

#: what Docker itself makes; an object named otherwise is not touched, because it is not what it claims to be
VOLUME_NAME = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}$"
_OBJECT_ID = {
    CONTAINER: re.compile(r"[0-9a-f]{64}"),
    NETWORK: re.compile(r"[0-9a-f]{64}"),
    VOLUME: re.compile(VOLUME_NAME.strip("^$")),
    IMAGE: re.compile(r"sha256:[0-9a-f]{64}"),
    CACHE: re.compile(r"[a-z0-9]{12,64}"),
}
#: the longest key a plan takes
_LONGEST = 300
_PLAIN = re.compile(r"[A-Za-z0-9:@/._+-]+")


class Named(NamedTuple):
    """What a key names."""

    kind: str
    object_id: str
    #: the tag, or what stands for it; "" for the whole object
    reference: str


def well_formed(kind: str, object_id: str) -> bool:
    """Whether an id or name is of the form Docker gives to objects of this kind."""
    return _OBJECT_ID[kind].fullmatch(object_id) is not None


def key(kind: str, object_id: str) -> str:
    """The key of a step about a whole object, or of an object that is kept."""
    return f"{kind}:{object_id}"


def reference_key(image_id: str, reference: str) -> str:
    """The key of a step about one tag; a name too long or too strange for a key is stood for by its hash."""
    plain = f"{IMAGE}:{image_id}/{reference}"
    if len(plain) <= _LONGEST and _PLAIN.fullmatch(plain):
        return plain
    return f"{IMAGE}:{image_id}/{hashlib.sha256(reference.encode()).hexdigest()}"


def references(image: ImageObject) -> tuple[str, ...]:
    """The names that must go, one by one, for the image to go; () when its id alone is enough.

    The last tag of a repository takes that repository's digests with it; digests of other repositories would
    hold the image, and an image with digests in several repositories cannot be removed by its id.
    """
    tagged = {repository(tag) for tag in image.tags}
    loose = tuple(digest for digest in image.digests if repository(digest) not in tagged)
    if image.tags:
        return (*image.tags, *loose)
    return loose if len({repository(digest) for digest in loose}) > 1 else ()


def image_keys(image: ImageObject) -> tuple[str, ...]:
    """Keys of the steps that remove the image; the last one frees its bytes."""
    names = references(image)
    return tuple(reference_key(image.id, name) for name in names) or (key(IMAGE, image.id),)


def parse(text: str) -> Named:
    """What a key names; a text that is no such key names nothing."""
    kind, _, rest = text.partition(":")
    if kind != IMAGE:
        return Named(kind, rest, "")
    image_id, _, reference = rest.partition("/")
    return Named(kind, image_id, reference)
