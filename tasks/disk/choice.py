"""A choice among the objects of one kind: the steps that remove some, and why each of the others stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tasks.disk import keys
from tasks.disk.objects import ContainerObject
from tasks.procedure import EngineStep, Kept

#: answers why an object stays, or None
Objection = Callable[[], "str | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What goes and what stays."""

    steps: tuple[EngineStep, ...] = ()
    kept: tuple[Kept, ...] = ()

    @property
    def object_ids(self) -> frozenset[str]:
        """Ids of the objects that go."""
        return frozenset(step.object_id for step in self.steps)


def first_objection(objections: Iterable[Objection]) -> str | None:
    """The first reason to keep an object, in the order they are asked."""
    return next((reason for ask in objections if (reason := ask()) is not None), None)


def strange(kind: str, object_id: str) -> str | None:
    """Why an object with this id stays: it is not of the form Docker gives."""
    if keys.well_formed(kind, object_id):
        return None
    return f"its id or name is not of the form Docker gives to a {kind}"


def used_by(containers: Sequence[ContainerObject]) -> str | None:
    """Why an object used by these containers stays."""
    if not containers:
        return None
    first = min(containers, key=lambda container: (container.state != "running", container.name))
    more = f" and {len(containers) - 1} more" if len(containers) > 1 else ""
    return f"in use by container {first.name} ({first.state}){more}"
