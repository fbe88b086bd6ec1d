"""What a clean-up came to, read back: removed objects are absent, running containers are the same processes."""

from __future__ import annotations

from typing import Any

from tasks.disk import keys
from tasks.disk.objects import ContainerObject
from tasks.disk.sizes import Bounds, bounds, freed_bytes, shortfall
from tasks.disk.survey import DiskFacts
from tasks.disk.wording import counted, human_bytes
from tasks.procedure import Verdict
from tasks.result import Finding, StepResult, StepState

_ENDED_WELL = frozenset({StepState.DONE, StepState.ALREADY})
_PLURALS = {
    keys.CONTAINER: "containers",
    keys.IMAGE: "images",
    keys.VOLUME: "volumes",
    keys.NETWORK: "networks",
    keys.CACHE: "build_cache",
}
_NOUNS = {plural: "build cache record" if kind == keys.CACHE else kind for kind, plural in _PLURALS.items()}


def prove(before: DiskFacts, after: DiskFacts, steps: tuple[StepResult, ...]) -> Verdict:
    """Judge the host after a clean-up, with the result fields of disk.cleanup."""
    done = [step for step in steps if step.state in _ENDED_WELL]
    left, cache_kept = _left_over(after, done)
    failed = [f"{step.key} failed: {step.detail}" for step in steps if step.state is StepState.FAILED]
    lost, usual = _lost(before, after)
    bad = [*failed, *left, *lost]
    planned = bounds(before, (step.key for step in done))
    measured = freed_bytes(before, after)
    findings = [_drift(step.key, step.detail) for step in steps if step.state is StepState.SKIPPED]
    findings += [_drift(key, reason) for key, reason in cache_kept.items()]
    findings += usual
    odd = shortfall(planned, measured) if done else None
    if odd:
        findings.append(Finding(code="W_FREED_LESS", detail=odd))
    gone = len(done) - len(left) - len(cache_kept)
    same = _running(before) - len(lost) - len(usual)
    good = f"{gone} removed objects are absent, {same} running containers are the same processes"
    return Verdict(
        ok=not bad,
        evidence=(*bad, good),
        data=_data(before, after, steps, cache_kept, planned, measured),
        findings=tuple(findings),
    )


def vanished(before: DiskFacts, after: DiskFacts) -> tuple[str, ...]:
    """Objects that were there and are not, one line each."""
    gone = _present(before) - _present(after)
    return tuple(f"{key} is gone" for key in sorted(gone))


def _data(
    before: DiskFacts,
    after: DiskFacts,
    steps: tuple[StepResult, ...],
    cache_kept: dict[str, str],
    planned: Bounds,
    measured: int | None,
) -> dict[str, Any]:
    gone = _present(before) - _present(after)
    ended = {_whole(step.key) for step in steps if step.state in _ENDED_WELL}
    deleted = {
        plural: sorted(keys.parse(key).object_id for key in gone & ended if keys.parse(key).kind == kind)
        for kind, plural in _PLURALS.items()
    }
    skipped = [
        {"id": step.key, "reason": step.detail} for step in steps if step.state is StepState.SKIPPED
    ] + [{"id": key, "reason": reason} for key, reason in cache_kept.items()]
    # layers that several images share are in the number of each: together they are no more than the upper bound
    reported = min(planned.high, sum(step.freed_bytes or 0 for step in steps if step.state is StepState.DONE))
    unfinished = {StepState.FAILED, StepState.NOT_RUN, StepState.SKIPPED}
    return {
        "deleted": deleted,
        "skipped": skipped,
        "planned_low_bytes": planned.low,
        "planned_high_bytes": planned.high,
        "reclaimed_bytes_reported": reported,
        "reclaimed_bytes_fs": measured,
        "partial": bool(cache_kept) or any(step.state in unfinished for step in steps),
        "summary": _summary(deleted, planned, measured),
    }


def _summary(deleted: dict[str, list[str]], planned: Bounds, measured: int | None) -> str:
    parts = [counted(len(deleted[plural]), noun) for plural, noun in _NOUNS.items() if deleted[plural]]
    if not parts:
        return "nothing was removed"
    # both, because the file systems may be shared with others who write and delete meanwhile
    seen = (
        "not measured"
        if measured is None
        else f"{human_bytes(max(0, measured))} measured on the file systems"
    )
    return f"removed {', '.join(parts)}; {planned} by the engine's account, {seen}"


def _left_over(after: DiskFacts, done: list[StepResult]) -> tuple[list[str], dict[str, str]]:
    """Evidence about objects that are still there; and cache records the engine kept, with the reason.

    A build may take a record into use at any moment. The engine then prunes nothing and calls it success, so this
    is where it shows; it has the last word, and a record of a cache is not worth a failed host.
    """
    present = _present(after)
    records = {keys.key(keys.CACHE, record.id): record for record in after.cache}
    names = {key for image in after.images for key in keys.image_keys(image)}
    left: list[str] = []
    cache_kept: dict[str, str] = {}
    for step in done:
        if step.key in records:
            busy = records[step.key].in_use
            cache_kept[step.key] = (
                "a build uses it now" if busy else "the engine kept it: something else needs it"
            )
        elif keys.parse(step.key).reference:
            # a tag: gone when no image has it under this id, whatever other names the image keeps
            if step.key in names:
                left.append(f"{step.key} is still there")
        elif step.key in present:
            left.append(f"{step.key} is still there")
    return left, cache_kept


def _lost(before: DiskFacts, after: DiskFacts) -> tuple[list[str], list[Finding]]:
    """Containers that ran before and are not the same processes now: lost, or gone the way they always do."""
    now = {container.id: container for container in after.containers}
    lost: list[str] = []
    usual: list[Finding] = []
    for old in before.containers:
        new = now.get(old.id)
        text = _fate(old, new) if old.state == "running" else None
        if text is None:
            continue
        ended = new is None and old.auto_remove
        looping = new is not None and old.restarts > 0 and new.restarts > old.restarts
        if ended or looping:
            usual.append(Finding(code="W_CONTAINER_CHANGED", object=old.name, detail=text))
        else:
            lost.append(text)
    return lost, usual


def _fate(old: ContainerObject, new: ContainerObject | None) -> str | None:
    if new is None:
        return f"container {old.name} ran before and is gone"
    if new.state != "running":
        return f"container {old.name} ran before and is {new.state}"
    if not (old.inspected and new.inspected):
        return None
    if (old.pid, old.started_at) != (new.pid, new.started_at):
        return f"container {old.name} was restarted: pid {old.pid} since {old.started_at}, now {new.pid}"
    return None


def _running(facts: DiskFacts) -> int:
    return sum(container.state == "running" for container in facts.containers)


def _present(facts: DiskFacts) -> set[str]:
    return {
        *(keys.key(keys.CONTAINER, item.id) for item in facts.containers),
        *(keys.key(keys.IMAGE, item.id) for item in facts.images),
        *(keys.key(keys.VOLUME, item.name) for item in facts.volumes),
        *(keys.key(keys.NETWORK, item.id) for item in facts.networks),
        *(keys.key(keys.CACHE, item.id) for item in facts.cache),
    }


def _whole(key: str) -> str:
    named = keys.parse(key)
    return keys.key(named.kind, named.object_id)


def _drift(key: str, reason: str) -> Finding:
    return Finding(code="W_PLAN_DRIFT", object=key, detail=reason)
