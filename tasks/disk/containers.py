"""Which containers go: stopped ones that have been idle long enough and that nothing needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    reasons = {container.id: _objection(container, rules) for container in facts.containers}
    borrowers = {
        container.id: network_borrowers(container, facts.containers) for container in facts.containers
    }
    _keep_lenders(borrowers, reasons)
    going = [container for container in facts.containers if reasons[container.id] is None]
    kept = tuple(
        Kept(key=keys.key(keys.CONTAINER, item.id), title=f"container {item.name}", reason=reason)
        for item in facts.containers
        if (reason := reasons[item.id]) is not None
    )
    ordered = _borrowers_first(going, borrowers)
    return Choice(steps=tuple(_step(container, facts, rules) for container in ordered), kept=kept)


def network_borrowers(
    lender: ContainerObject, containers: Sequence[ContainerObject]
) -> tuple[ContainerObject, ...]:
    """The other containers that live in the network of this one."""
    names = {f"container:{lender.id}", f"container:{lender.name}"}
    return tuple(item for item in containers if item.id != lender.id and names.intersection(item.networks))


def _objection(container: ContainerObject, rules: Rules) -> str | None:
    return first_objection(
        (
            lambda: strange(keys.CONTAINER, container.id),
            lambda: None if container.state in STOPPED else f"it is {container.state}",
            lambda: None if container.inspected else "the engine could not say more about it than its name",
            lambda: rules.label_reason(container.labels),
            lambda: rules.age_reason(container.idle_since_s, (Target.CONTAINERS,)),
        )
    )


def _keep_lenders(borrowers: Mapping[str, Sequence[ContainerObject]], reasons: dict[str, str | None]) -> None:
    """A container stays while one that stays shares its network, or that one could not start again."""
    changed = True
    while changed:
        changed = False
        for lender, sharing in borrowers.items():
            staying = [item for item in sharing if reasons[item.id] is not None]
            if reasons[lender] is None and staying:
                reasons[lender] = f"container {staying[0].name} shares its network"
                changed = True


def _borrowers_first(
    going: Sequence[ContainerObject], borrowers: Mapping[str, Sequence[ContainerObject]]
) -> list[ContainerObject]:
    """The same containers, each after those that share its network."""
    left = {container.id: container for container in going}
    ordered: list[ContainerObject] = []
    while left:
        free = [item for item in left.values() if not any(other.id in left for other in borrowers[item.id])]
        # two that share each other's network cannot be ordered; the check at the moment of effect decides
        ordered += [left.pop(container.id) for container in free or list(left.values())]
    return ordered


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
