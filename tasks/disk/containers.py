"""Which containers go: stopped ones that have been idle long enough and that nothing needs."""

from __future__ import annotations

from tasks.disk import keys
from tasks.disk.choice import Choice, first_objection, strange
from tasks.disk.objects import STOPPED, ContainerObject
from tasks.disk.rules import Rules, Target
from tasks.disk.survey import DiskFacts
from tasks.disk.wording import human_age, human_bytes
from tasks.model import UndoClass
from tasks.procedure import EngineStep, EngineVerb, Kept


def choose_containers(facts: DiskFacts, rules: Rules) -> Choice:
    """Removes stopped containers; a running one is never a candidate, whatever the rules say."""
    steps: list[EngineStep] = []
    kept: list[Kept] = []
    for container in facts.containers:
        reason = _objection(container, facts, rules)
        if reason is None:
            steps.append(_step(container, facts, rules))
        else:
            title = f"container {container.name}"
            kept.append(Kept(key=keys.key(keys.CONTAINER, container.id), title=title, reason=reason))
    return Choice(steps=tuple(steps), kept=tuple(kept))


def _objection(container: ContainerObject, facts: DiskFacts, rules: Rules) -> str | None:
    return first_objection(
        (
            lambda: strange(keys.CONTAINER, container.id),
            lambda: None if container.state in STOPPED else f"it is {container.state}",
            lambda: None if container.inspected else "the engine could not say more about it than its name",
            lambda: rules.label_reason(container.labels),
            lambda: _lender(container, facts),
            lambda: rules.age_reason(container.idle_since_s, (Target.CONTAINERS,)),
        )
    )


def _lender(container: ContainerObject, facts: DiskFacts) -> str | None:
    """A container whose network others share must stay for them to start again."""
    names = {f"container:{container.id}", f"container:{container.name}"}
    for other in facts.containers:
        if other.id != container.id and names.intersection(other.networks):
            return f"container {other.name} shares its network"
    return None


def _step(container: ContainerObject, facts: DiskFacts, rules: Rules) -> EngineStep:
    idle = ""
    if facts.now_s is not None and container.idle_since_s is not None:
        idle = f" for {human_age(facts.now_s - container.idle_since_s)}"
    size = "" if container.size_bytes is None else f", {human_bytes(container.size_bytes)}"
    return EngineStep(
        key=keys.key(keys.CONTAINER, container.id),
        title=f"remove container {container.name} ({container.state}{idle}{size}), image {container.image_name}",
        undo=UndoClass.ONE_WAY,
        verb=EngineVerb.REMOVE_CONTAINER,
        object_id=container.id,
        size_bytes=container.size_bytes,
        keep_labels=rules.all_keep_labels,
    )
