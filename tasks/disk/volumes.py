"""Which volumes go: anonymous ones nobody uses, and named ones only when they were named one by one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.disk import keys
from tasks.disk.choice import Choice, first_objection, strange, used_by
from tasks.disk.objects import ContainerObject, VolumeObject
from tasks.disk.rules import Rules, Target
from tasks.disk.survey import DiskFacts
from tasks.disk.wording import human_bytes
from tasks.model import UndoClass
from tasks.procedure import EngineStep, EngineVerb, Kept

ANONYMOUS_LABEL = "com.docker.volume.anonymous"
#: first API version whose engine labels the volumes it names itself
_LABELLED_SINCE = (1, 42)
_GENERATED_NAME = re.compile(r"[0-9a-f]{64}")


def is_anonymous(volume: VolumeObject, api_version: tuple[int, int]) -> bool:
    """Whether the engine named the volume itself; in doubt it is a named one.

    Older engines leave no label, so there only what nobody would choose counts: a generated name, the local
    driver, and neither labels nor options.
    """
    if ANONYMOUS_LABEL in volume.labels:
        return True
    if api_version >= _LABELLED_SINCE:
        return False
    plain = volume.driver == "local" and not volume.labels and not volume.options
    return plain and _GENERATED_NAME.fullmatch(volume.name) is not None


def choose_volumes(facts: DiskFacts, remaining: Sequence[ContainerObject], rules: Rules) -> Choice:
    """Removes volumes that no remaining container refers to, running or not."""
    steps: list[EngineStep] = []
    kept: list[Kept] = []
    for volume in facts.volumes:
        reason = _objection(volume, remaining, rules)
        key = keys.key(keys.VOLUME, volume.name)
        kind = "anonymous volume" if is_anonymous(volume, rules.api_version) else "named volume"
        if reason is not None:
            kept.append(Kept(key=key, title=f"{kind} {volume.name}", reason=reason))
            continue
        size = "" if volume.size_bytes is None else f" ({human_bytes(volume.size_bytes)})"
        steps.append(
            EngineStep(
                key=key,
                title=f"remove {kind} {volume.name}{size}",
                undo=UndoClass.ONE_WAY,
                verb=EngineVerb.REMOVE_VOLUME,
                object_id=volume.name,
                size_bytes=volume.size_bytes,
                keep_labels=rules.all_keep_labels,
            )
        )
    return Choice(steps=tuple(steps), kept=tuple(kept))


def volume_users(name: str, containers: Sequence[ContainerObject]) -> list[ContainerObject]:
    """The containers that mount a volume, running or not."""
    return [container for container in containers if name in container.volumes]


def _objection(volume: VolumeObject, remaining: Sequence[ContainerObject], rules: Rules) -> str | None:
    target = Target.ANONYMOUS_VOLUMES if is_anonymous(volume, rules.api_version) else Target.NAMED_VOLUMES
    return first_objection(
        (
            lambda: strange(keys.VOLUME, volume.name),
            lambda: "it belongs to a swarm" if volume.cluster or volume.scope != "local" else None,
            lambda: used_by(volume_users(volume.name, remaining)),
            lambda: rules.volume_name_reason(volume.name),
            lambda: rules.label_reason(volume.labels),
            lambda: _not_asked_for(volume, target, rules),
            lambda: rules.age_reason(volume.created_at_s, (target,)),
        )
    )


def _not_asked_for(volume: VolumeObject, target: Target, rules: Rules) -> str | None:
    if target not in rules.min_age_s:
        asked = "named" if target is Target.NAMED_VOLUMES else "anonymous"
        return f"{asked} volumes were not asked for"
    if target is Target.NAMED_VOLUMES and volume.name not in rules.volume_names:
        return "not in volume_names, the list of volumes that may go"
    return None
