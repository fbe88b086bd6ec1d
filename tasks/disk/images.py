"""Which images go: those no container was made from, minus what is young, wanted, or built upon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tasks.disk import keys
from tasks.disk.choice import Choice, first_objection, strange, used_by
from tasks.disk.objects import ContainerObject, ImageObject
from tasks.disk.rules import Rules, Target, repository
from tasks.disk.survey import DiskFacts
from tasks.disk.wording import human_age, human_bytes
from tasks.model import UndoClass
from tasks.procedure import EngineStep, EngineVerb, Kept


def choose_images(facts: DiskFacts, remaining: Sequence[ContainerObject], rules: Rules) -> Choice:
    """Removes images tag by tag, children before the images they were built on.

    An image goes whole or not at all: a tag taken from an image that stays would free nothing and lose a name.
    """
    reasons = _reasons(facts.images, remaining, rules)
    steps: list[EngineStep] = []
    for image in sorted(facts.images, key=lambda item: (-len(item.ancestors), item.id)):
        if reasons[image.id] is None:
            steps += _steps(image, facts, rules)
    kept = tuple(
        Kept(key=keys.key(keys.IMAGE, image.id), title=f"image {image.title}", reason=reason)
        for image in facts.images
        if (reason := reasons[image.id]) is not None
    )
    return Choice(steps=tuple(steps), kept=kept)


def image_users(image: ImageObject, containers: Iterable[ContainerObject]) -> list[ContainerObject]:
    """The containers made from an image, by its id or by a name that is still its own."""
    names = {image.id, *image.tags, *image.digests}
    return [item for item in containers if item.image_id == image.id or item.image_name in names]


def _reasons(
    images: Sequence[ImageObject], remaining: Sequence[ContainerObject], rules: Rules
) -> dict[str, str | None]:
    newest = _newest_of_each_repository(images, rules.keep_last_tags)
    reasons = {image.id: _objection(image, remaining, rules, newest) for image in images}
    # an image that others were built on stays as long as one of them does
    for image in sorted(images, key=lambda item: (-len(item.ancestors), item.id)):
        if reasons[image.id] is None:
            continue
        for ancestor in image.ancestors:
            if ancestor in reasons and reasons[ancestor] is None:
                reasons[ancestor] = f"image {image.title}, which stays, is built on it"
    return reasons


def _objection(
    image: ImageObject, remaining: Sequence[ContainerObject], rules: Rules, newest: dict[str, str]
) -> str | None:
    targets = _targets(image, rules)
    return first_objection(
        (
            lambda: strange(keys.IMAGE, image.id),
            lambda: used_by(image_users(image, remaining)),
            lambda: rules.image_name_reason((*image.tags, *image.digests)),
            lambda: rules.label_reason(image.labels),
            lambda: None if targets else "it has a tag, and unused images were not asked for",
            lambda: None if image.inspected else "the engine could not say more about it than its name",
            lambda: rules.age_reason(image.arrived_at_s, targets),
            lambda: newest.get(image.id) if image.tags else None,
        )
    )


def _targets(image: ImageObject, rules: Rules) -> tuple[Target, ...]:
    """The targets an image falls under; an image without a tag is both dangling and unused."""
    kinds = (Target.UNUSED_IMAGES,) if image.tags else (Target.DANGLING_IMAGES, Target.UNUSED_IMAGES)
    return tuple(kind for kind in kinds if kind in rules.min_age_s)


def _newest_of_each_repository(images: Sequence[ImageObject], count: int) -> dict[str, str]:
    """Image id -> why it is kept: among the last `count` images of a repository, used ones included.

    Images are counted, not tags: two tags of today's image must not push out yesterday's, which is what a
    rollback needs.
    """
    by_repository: dict[str, list[tuple[float, str]]] = {}
    for image in images:
        if image.arrived_at_s is None:
            continue
        for name in {repository(tag) for tag in image.tags}:
            by_repository.setdefault(name, []).append((-image.arrived_at_s, image.id))
    reasons: dict[str, str] = {}
    for name, ranked in sorted(by_repository.items()):
        for _, image_id in sorted(ranked)[:count]:
            reasons.setdefault(image_id, f"one of the last {count} of {name} (keep_last_tags)")
    return reasons


def _steps(image: ImageObject, facts: DiskFacts, rules: Rules) -> list[EngineStep]:
    names: tuple[str | None, ...] = keys.references(image) or (None,)
    # with a digest the same image can be fetched again; without one it exists here only
    undo = UndoClass.RECREATABLE if image.digests else UndoClass.ONE_WAY
    age = ""
    if facts.now_s is not None and image.arrived_at_s is not None:
        age = f", {human_age(facts.now_s - image.arrived_at_s)} old"
    size = "size unknown" if image.size_bytes is None else human_bytes(image.size_bytes)
    return [
        EngineStep(
            key=key,
            title=f"remove image {name or image.title} ({size}{age})",
            undo=undo,
            verb=EngineVerb.REMOVE_IMAGE,
            object_id=image.id,
            reference=name,
            # only the last name of an image frees its layers
            size_bytes=image.size_bytes if name == names[-1] else 0,
            keep_labels=rules.all_keep_labels,
        )
        for name, key in zip(names, keys.image_keys(image), strict=True)
    ]
