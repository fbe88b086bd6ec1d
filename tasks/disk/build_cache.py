"""Which build cache records go: idle ones, least recently used first, a child always before its parents."""

from __future__ import annotations

import heapq

from tasks.disk import keys
from tasks.disk.choice import Choice, first_objection, strange
from tasks.disk.objects import CacheObject
from tasks.disk.rules import Rules, Target
from tasks.disk.survey import DiskFacts
from tasks.disk.wording import human_bytes
from tasks.model import UndoClass
from tasks.procedure import EngineStep, EngineVerb, Kept

#: seconds within which uses of records count as one build's
_ONE_BUILD_S = 60.0


def choose_build_cache(facts: DiskFacts, rules: Rules) -> Choice:
    """Removes records until the cache is no larger than `build_cache_keep_bytes`.

    The daemon's own keep options changed their name and are ignored where unknown, which would empty the cache;
    so the choice is made here, record by record. Records shared with an image count: they stop being shared as
    soon as the image goes, and a second clean-up must find nothing left to do.
    """
    reasons = {record.id: _objection(record, rules) for record in facts.cache}
    gone = _least_recently_used(facts.cache, reasons, rules.build_cache_keep_bytes)
    removed = {record.id for record in gone}
    kept = tuple(
        Kept(
            key=keys.key(keys.CACHE, record.id),
            title=f"build cache {record.id[:12]}: {record.description}",
            reason=reasons[record.id] or _left_over(record, facts.cache, removed),
        )
        for record in facts.cache
        if record.id not in removed
    )
    return Choice(steps=tuple(_step(record) for record in _children_first(gone, facts.cache)), kept=kept)


def _objection(record: CacheObject, rules: Rules) -> str | None:
    return first_objection(
        (
            lambda: strange(keys.CACHE, record.id),
            lambda: "in use by a build" if record.in_use else None,
            lambda: rules.label_reason({}),
            lambda: rules.age_reason(record.idle_since_s, (Target.BUILD_CACHE,)),
        )
    )


def _least_recently_used(
    records: tuple[CacheObject, ...], reasons: dict[str, str | None], keep_bytes: int
) -> list[CacheObject]:
    """Records to remove in an order that works: the engine refuses a parent while a child is left."""
    by_id = {record.id: record for record in records}
    children = dict.fromkeys(by_id, 0)
    for record in records:
        for parent in record.parents:
            if parent in children:
                children[parent] += 1
    total = sum(record.size_bytes for record in records)
    ready = [_rank(record) for record in records if not children[record.id] and reasons[record.id] is None]
    heapq.heapify(ready)
    gone: list[CacheObject] = []
    while ready and (total > keep_bytes or not keep_bytes):
        record = by_id[heapq.heappop(ready)[-1]]
        gone.append(record)
        total -= record.size_bytes
        for parent in record.parents:
            if parent not in by_id:
                continue
            children[parent] -= 1
            if not children[parent] and reasons[parent] is None:
                heapq.heappush(ready, _rank(by_id[parent]))
    return gone


def _rank(record: CacheObject) -> tuple[float, float, str]:
    """Least recently used first; of those one build used together, the latest made first.

    A build touches a record an instant after the one it is built on, so a finer order would take parents first.
    """
    return ((record.idle_since_s or 0.0) // _ONE_BUILD_S, -(record.created_at_s or 0.0), record.id)


def _children_first(gone: list[CacheObject], records: tuple[CacheObject, ...]) -> list[CacheObject]:
    """The same records in an order the engine follows.

    Engines of API 1.42 and later do not tell what a record is built on. A child is always made after its parents,
    so there the latest made goes first.
    """
    if any(record.parents for record in records):
        return gone
    return sorted(gone, key=lambda record: (-(record.created_at_s or 0.0), record.id))


def _left_over(record: CacheObject, records: tuple[CacheObject, ...], removed: set[str]) -> str:
    child = next((r for r in records if record.id in r.parents and r.id not in removed), None)
    return (
        f"build cache {child.id[:12]}, which stays, is built on it"
        if child
        else "within build_cache_keep_bytes"
    )


def _step(record: CacheObject) -> EngineStep:
    shared = ", shared with an image" if record.shared else ""
    return EngineStep(
        key=keys.key(keys.CACHE, record.id),
        title=f"remove build cache {record.id[:12]} ({human_bytes(record.size_bytes)}{shared}): {record.description}",
        undo=UndoClass.RECREATABLE,
        verb=EngineVerb.PRUNE_BUILD_CACHE,
        object_id=record.id,
        size_bytes=record.size_bytes,
    )
