"""disk.cleanup: removes exactly the objects nobody uses, by id, and says why every other one stays.

The daemon's prune endpoints are never asked to choose: their filters mean different things in different
releases, and one of them takes named volumes. What goes is decided here over enumerations; each removal names
one object and is checked again at the moment of effect (tasks.guard).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tasks.connection import Connection
from tasks.disk.build_cache import choose_build_cache
from tasks.disk.choice import Choice
from tasks.disk.cleanup_params import CleanupParams
from tasks.disk.containers import choose_containers
from tasks.disk.drift import why_gone
from tasks.disk.images import choose_images
from tasks.disk.networks import choose_networks
from tasks.disk.proof import prove, vanished
from tasks.disk.rules import Rules, Target
from tasks.disk.sizes import Bounds, bounds
from tasks.disk.survey import DiskFacts, Topic, survey
from tasks.disk.volumes import choose_volumes
from tasks.disk.wording import counted, human_bytes
from tasks.errors import Refused
from tasks.model import Kind, UndoClass
from tasks.procedure import Draft, EngineStep, EngineVerb, Kept, Setting, Spec, Verdict
from tasks.result import Finding, Severity, StepResult

_HOUR_S = 3600

_TOPICS: dict[Target, Topic] = {
    Target.NETWORKS: Topic.NETWORKS,
    Target.DANGLING_IMAGES: Topic.IMAGES,
    Target.UNUSED_IMAGES: Topic.IMAGES,
    Target.BUILD_CACHE: Topic.BUILD_CACHE,
    Target.ANONYMOUS_VOLUMES: Topic.VOLUMES,
    Target.NAMED_VOLUMES: Topic.VOLUMES,
}
_IMAGES = frozenset({Target.DANGLING_IMAGES, Target.UNUSED_IMAGES})
_NOUNS = {
    EngineVerb.REMOVE_CONTAINER: "container",
    EngineVerb.REMOVE_NETWORK: "network",
    EngineVerb.REMOVE_VOLUME: "volume",
    EngineVerb.REMOVE_IMAGE: "image",
    EngineVerb.PRUNE_BUILD_CACHE: "build cache record",
}


class Cleanup:
    """Removes unused objects; one way, so it offers no undo."""

    params_type = CleanupParams
    facts_type = DiskFacts
    spec = Spec(
        name="disk.cleanup",
        kind=Kind.DESTRUCTIVE,
        seed="2.2",
        summary="remove unused containers, networks, images, volumes and build cache, each by id",
        undo=UndoClass.ONE_WAY,
        timeout_s=1800,
    )

    def gather(self, host: Connection, params: CleanupParams, setting: Setting) -> DiskFacts:
        """The objects the targets name, what uses them, and the file systems under them."""
        topics = {_TOPICS[target] for target in params.ages if target in _TOPICS}
        # sizes make the plan readable; after the change the file systems tell more, and asking is expensive
        return survey(host, topics, sizes=setting.before is None)

    def plan(self, facts: DiskFacts, params: CleanupParams, setting: Setting) -> Draft:
        """The removals, in an order that works; a second clean-up finds none."""
        if facts.unsupported:
            raise Refused(
                f"disk.cleanup does not change this engine: {facts.unsupported}",
                code="E_UNSUPPORTED_ENGINE",
                hint="disk.usage can still read it.",
            )
        choice = choose(facts, make_rules(facts, params, setting))
        planned = bounds(facts, (step.key for step in choice.steps))
        if params.max_delete_bytes is not None and planned.high > params.max_delete_bytes:
            raise Refused(
                f"up to {human_bytes(planned.high)} would go, more than max_delete_bytes "
                f"({human_bytes(params.max_delete_bytes)}) allows",
                code="E_TOO_LARGE",
                hint="Choose fewer targets or older objects, or raise max_delete_bytes.",
            )
        return Draft(
            steps=choice.steps,
            kept=choice.kept,
            findings=_findings(facts, params),
            summary=_summary(choice.steps, planned),
            reclaim_low_bytes=planned.low,
            reclaim_high_bytes=planned.high,
        )

    def verify(
        self, before: DiskFacts, after: DiskFacts, params: CleanupParams, steps: tuple[StepResult, ...]
    ) -> Verdict:
        """The removed objects are absent and everything that ran still runs."""
        del params
        return prove(before, after, steps)

    def undo(self, before: DiskFacts, now: DiskFacts, params: CleanupParams, setting: Setting) -> Draft:
        """There is none: layers, logs and data that were removed exist nowhere else."""
        del params, setting
        gone = vanished(before, now)
        raise Refused(
            f"disk.cleanup cannot be undone; gone for good: {', '.join(gone[:5]) or 'nothing'}"
            + (f" and {len(gone) - 5} more" if len(gone) > 5 else ""),
            code="E_ROLLBACK_UNSAFE",
            hint="Pull images again by digest; restore volumes from their backups.",
        )

    def differences(self, before: DiskFacts, now: DiskFacts) -> tuple[str, ...]:
        """Objects that were there and are not, one line each."""
        return vanished(before, now)

    def why_gone(self, facts: DiskFacts, key: str) -> str:
        """Why an approved step is no longer one."""
        return why_gone(facts, key)


def make_rules(facts: DiskFacts, params: CleanupParams, setting: Setting) -> Rules:
    """The rules of one clean-up: its parameters and, on top, what the inventory protects."""
    return Rules(
        now_s=facts.now_s,
        min_age_s=params.ages,
        keep_labels=params.keep_labels,
        only_labels=params.only_labels,
        keep_images=params.keep_images,
        keep_last_tags=params.keep_last_tags,
        build_cache_keep_bytes=params.build_cache_keep_bytes,
        volume_names=frozenset(params.volume_names),
        protect=setting.protect,
        api_version=facts.api_version,
    )


def choose(facts: DiskFacts, rules: Rules) -> Choice:
    """Everything that goes, in the order containers, networks, volumes, images, build cache.

    What only a container that goes itself still uses goes with it; otherwise the next clean-up would find it.
    Should that container stay after all, the check at the moment of effect keeps what it uses.
    """
    targets = rules.min_age_s.keys()
    containers = choose_containers(facts, rules) if Target.CONTAINERS in targets else Choice()
    remaining = [item for item in facts.containers if item.id not in containers.object_ids]
    choices = [containers]
    if Target.NETWORKS in targets:
        choices.append(choose_networks(facts, remaining, rules))
    if targets & {Target.ANONYMOUS_VOLUMES, Target.NAMED_VOLUMES}:
        choices.append(choose_volumes(facts, remaining, rules))
    if targets & _IMAGES:
        choices.append(choose_images(facts, remaining, rules))
    if Target.BUILD_CACHE in targets:
        choices.append(choose_build_cache(facts, rules))
    return Choice(
        steps=tuple(step for choice in choices for step in choice.steps),
        kept=tuple(kept for choice in choices for kept in _once(choice.kept)),
    )


def _once(kept: Iterable[Kept]) -> Iterable[Kept]:
    return {item.key: item for item in kept}.values()


def _summary(steps: tuple[EngineStep, ...], planned: Bounds) -> str:
    if not steps:
        return "nothing to remove"
    counts = Counter(verb for verb, _ in {(step.verb, step.object_id) for step in steps})
    parts = [counted(counts[verb], noun) for verb, noun in _NOUNS.items() if counts[verb]]
    return f"{', '.join(parts)}; {planned}"


def _findings(facts: DiskFacts, params: CleanupParams) -> tuple[Finding, ...]:
    found: list[Finding] = []
    if params.min_age_s < _HOUR_S and params.ages.keys() & _IMAGES:
        detail = "images pulled or built less than an hour ago may go: a deployment under way could lose them"
        found.append(Finding(code="W_MIN_AGE_SHORT", detail=detail))
    if not facts.sizes_known and facts.sizes_problem != "not asked":
        detail = f"sizes are unknown: {facts.sizes_problem}"
        found.append(Finding(code="W_SIZES_UNKNOWN", detail=detail))
    if facts.now_s is None:
        detail = "the engine does not tell the time, so no age is known and nothing is old enough"
        found.append(Finding(code="W_CLOCK_UNKNOWN", detail=detail))
    present = {volume.name for volume in facts.volumes}
    for name in sorted(set(params.volume_names) - present):
        detail = "named in volume_names and not on this host"
        found.append(Finding(code="W_VOLUME_ABSENT", severity=Severity.INFO, object=name, detail=detail))
    return tuple(found)


PROCEDURE = Cleanup()
