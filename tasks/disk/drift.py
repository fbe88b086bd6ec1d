"""Why an object that was approved for removal is no longer to be removed, in words for the report."""

from __future__ import annotations

from collections.abc import Callable

from tasks.disk import keys
from tasks.disk.choice import used_by
from tasks.disk.images import image_users
from tasks.disk.networks import network_users
from tasks.disk.objects import STOPPED
from tasks.disk.survey import DiskFacts
from tasks.disk.volumes import volume_users

GONE = "gone already"
#: the object is there, idle and unused, so a rule changed its mind: a label, its age, its rank, the policy
NO_LONGER_CHOSEN = (
    "there and unused, but no longer to go by the rules: protected, kept, or younger than it was"
)


def why_gone(facts: DiskFacts, key: str) -> str:
    """What became of the object a key names."""
    named = keys.parse(key)
    ask = _ANSWERS.get(named.kind)
    if ask is None:
        return f"{named.kind} is no kind of object this procedure knows"
    return ask(facts, named)


def _container(facts: DiskFacts, named: keys.Named) -> str:
    found = next((item for item in facts.containers if item.id == named.object_id), None)
    if found is None:
        return GONE
    return NO_LONGER_CHOSEN if found.state in STOPPED else f"container {found.name} is {found.state} now"


def _image(facts: DiskFacts, named: keys.Named) -> str:
    found = next((item for item in facts.images if item.id == named.object_id), None)
    if found is None:
        return GONE
    users = used_by(image_users(found, facts.containers))
    if users:
        return f"now {users}"
    key = keys.reference_key(found.id, named.reference) if named.reference else keys.key(keys.IMAGE, found.id)
    if key not in keys.image_keys(found):
        return "its names changed: this one is gone or points to another image now"
    return NO_LONGER_CHOSEN


def _volume(facts: DiskFacts, named: keys.Named) -> str:
    if all(item.name != named.object_id for item in facts.volumes):
        return GONE
    users = used_by(volume_users(named.object_id, facts.containers))
    return f"now {users}" if users else NO_LONGER_CHOSEN


def _network(facts: DiskFacts, named: keys.Named) -> str:
    found = next((item for item in facts.networks if item.id == named.object_id), None)
    if found is None:
        return GONE
    if found.endpoints:
        return f"now in use: {found.endpoints[0]} is attached to it"
    users = used_by(network_users(found, facts.containers))
    return f"now {users}" if users else NO_LONGER_CHOSEN


def _cache(facts: DiskFacts, named: keys.Named) -> str:
    found = next((item for item in facts.cache if item.id == named.object_id), None)
    if found is None:
        return GONE
    return "now in use by a build" if found.in_use else NO_LONGER_CHOSEN


_ANSWERS: dict[str, Callable[[DiskFacts, keys.Named], str]] = {
    keys.CONTAINER: _container,
    keys.IMAGE: _image,
    keys.VOLUME: _volume,
    keys.NETWORK: _network,
    keys.CACHE: _cache,
}
