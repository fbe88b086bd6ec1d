"""Asks the host once more, at the moment of effect, whether an object may still go.

A plan is a photograph: between it and the removal somebody may start a container, move a tag or attach a
network. The engine refuses some of this by itself and not all of it (it takes a tag from an image in use when
another tag is left), so every removal is preceded by these questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from tasks.connection import Engine, JsonObject
from tasks.disk.choice import used_by
from tasks.disk.containers import network_borrowers
from tasks.disk.images import image_users
from tasks.disk.networks import belongs_to_engine, network_users
from tasks.disk.objects import STOPPED, ContainerObject, parse_container, parse_image, parse_network
from tasks.disk.rules import carries
from tasks.disk.volumes import volume_users
from tasks.procedure import EngineStep, EngineVerb


def still_eligible(engine: Engine, step: EngineStep) -> str | None:
    """None when the step may be done now, else why not; EngineError 404 when the object is gone already."""
    match step.verb:
        case EngineVerb.REMOVE_CONTAINER:
            return _container(engine, step)
        case EngineVerb.REMOVE_IMAGE:
            return _image(engine, step)
        case EngineVerb.REMOVE_VOLUME:
            return _volume(engine, step)
        case EngineVerb.REMOVE_NETWORK:
            return _network(engine, step)
        case EngineVerb.PRUNE_BUILD_CACHE:
            # The engine answers this one itself, under its own lock: it never prunes a record with users, and a
            # record that is gone prunes nothing. Asking /system/df again would walk every layer and volume of
            # the host for each record. What is left afterwards is read back by the procedure's verification.
            return None
        case _:
            assert_never(step.verb)


def _container(engine: Engine, step: EngineStep) -> str | None:
    page = engine.container(step.object_id)
    state = str((page.get("State") or {}).get("Status") or "unknown")
    if state not in STOPPED:
        return f"it is {state} now"
    protected = _protected(_config_labels(page), step.keep_labels)
    if protected:
        return protected
    others = _containers(engine)
    sharing = next((network_borrowers(item, others) for item in others if item.id == step.object_id), ())
    return f"container {sharing[0].name} shares its network now" if sharing else None


def _image(engine: Engine, step: EngineStep) -> str | None:
    page = engine.image(step.reference or step.object_id)
    if str(page.get("Id")) != step.object_id:
        return f"{step.reference} points to another image now"
    protected = _protected(_config_labels(page), step.keep_labels)
    if protected:
        return protected
    listed = {key: page.get(key) for key in ("Id", "RepoTags", "RepoDigests")}
    users = used_by(image_users(parse_image(listed, page, ()), _containers(engine)))
    return _now(users)


def _volume(engine: Engine, step: EngineStep) -> str | None:
    users = used_by(volume_users(step.object_id, _containers(engine)))
    if users:
        return _now(users)
    for volume in engine.volumes():
        if volume.get("Name") == step.object_id:
            return _protected(volume.get("Labels"), step.keep_labels)
    return None


def _network(engine: Engine, step: EngineStep) -> str | None:
    page = engine.network(step.object_id)
    network = parse_network(page, page)
    if network.endpoints:
        return f"{network.endpoints[0]} is attached to it now"
    users = used_by(network_users(network, _containers(engine)))
    return belongs_to_engine(network) or _now(users) or _protected(network.labels, step.keep_labels)


def _containers(engine: Engine) -> list[ContainerObject]:
    return [parse_container(listed, None) for listed in engine.containers()]


def _protected(labels: Mapping[str, Any] | None, selectors: Iterable[str]) -> str | None:
    known = {str(key): str(value) for key, value in (labels or {}).items()}
    found = next((selector for selector in selectors if carries(known, selector)), None)
    return f"protected by its label {found} now" if found else None


def _config_labels(page: JsonObject) -> Mapping[str, Any] | None:
    labels = (page.get("Config") or {}).get("Labels")
    return labels if isinstance(labels, dict) else None


def _now(reason: str | None) -> str | None:
    return f"{reason} now" if reason else None
