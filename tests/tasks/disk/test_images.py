"""Which images a clean-up takes, and name by name."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.fake_objects import fake_id
from tasks.model import Protect, UndoClass
from tests.tasks.disk.world import (
    DAY,
    HOUR,
    NOW,
    chosen,
    clean,
    container,
    engine_steps,
    engine_with,
    image,
    make_params,
    plan,
    reason,
    running,
)

UNUSED: dict[str, Any] = {"targets": "unused_images"}
DANGLING: dict[str, Any] = {"targets": "dangling_images"}
DIGEST = "@sha256:" + fake_id("digest")


@pytest.mark.parametrize("state", ["running", "exited", "created", "dead", "paused"])
def test_an_image_of_any_container_in_any_state_stays(state: str) -> None:
    used = image("used", "app:1")
    draft = plan(engine_with(used, container("c", used, state=state)), make_params(**UNUSED))
    assert chosen(draft) == []
    assert reason(draft, used.id) == f"in use by container c ({state})"


def test_the_image_of_a_container_that_goes_too_goes_with_it() -> None:
    used = image("used", "app:1")
    stopped = container("c", used)
    engine = engine_with(used, stopped)
    draft, _, verdict = clean(engine, make_params(targets="containers,unused_images"))
    assert chosen(draft) == [f"container:{stopped.id}", f"image:{used.id}/app:1"]
    assert verdict.ok
    assert chosen(plan(engine, make_params(targets="containers,unused_images"))) == []


def test_dangling_is_what_has_no_tag_even_with_a_digest() -> None:
    bare, old = image("bare"), image("old", digests=("app" + DIGEST,))
    tagged = image("tagged", "app:1")
    draft = plan(engine_with(bare, old, tagged), make_params(**DANGLING))
    assert sorted(chosen(draft)) == sorted([f"image:{bare.id}", f"image:{old.id}"])
    assert reason(draft, tagged.id) == "it has a tag, and unused images were not asked for"


def test_an_image_without_tag_is_unused_too() -> None:
    bare = image("bare")
    assert chosen(plan(engine_with(bare), make_params(**UNUSED))) == [f"image:{bare.id}"]


def test_an_image_pulled_a_minute_ago_is_young_however_old_its_build() -> None:
    pulled = image("pulled", "app:1", created_s=NOW - 900 * DAY, tagged_s=NOW - 60)
    draft = plan(engine_with(pulled), make_params(**UNUSED, min_age_s=3600))
    assert reason(draft, pulled.id) == "younger than min_age: 60 s of 60 min"


def test_an_image_built_a_minute_ago_is_young_however_long_its_tag_exists() -> None:
    built = image("built", "app:1", created_s=NOW - 60, tagged_s=NOW - 900 * DAY)
    assert chosen(plan(engine_with(built), make_params(**UNUSED, min_age_s=3600))) == []


@pytest.mark.parametrize("created", [0.0, -62_135_596_800.0])
def test_an_image_without_any_date_stays(created: float) -> None:
    dateless = image("dateless", created_s=created, tagged_s=None)
    assert reason(plan(engine_with(dateless), make_params(**UNUSED)), dateless.id) == "its age is unknown"


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ("app:*", True),
        ("app", True),
        ("docker.io/library/app:1", True),
        ("a?p:1", True),
        ("app:2", False),
        ("other/*", False),
        ("*", True),
    ],
)
def test_keep_images_matches_names_as_people_write_them(pattern: str, kept: bool) -> None:
    app = image("app", "app:1")
    draft = plan(engine_with(app), make_params(**UNUSED, keep_images=[pattern]))
    assert (chosen(draft) == []) is kept
    # the inventory's policy means the same words
    policy = plan(engine_with(app), make_params(**UNUSED), Protect(images=(pattern,)))
    assert (chosen(policy) == []) is kept


def test_one_kept_name_keeps_every_name_of_the_image() -> None:
    app = image("app", "app:1", "junk:1")
    assert chosen(plan(engine_with(app), make_params(**UNUSED, keep_images=["app:1"]))) == []


def test_the_newest_images_of_each_repository_stay() -> None:
    apps = [image(f"app{n}", f"app:{n}", age=n * DAY) for n in range(1, 5)]
    db = image("db", "registry:5000/team/db:9", age=90 * DAY)
    draft = plan(engine_with(*apps, db), make_params(**UNUSED, keep_last_tags=2))
    assert chosen(draft) == sorted([f"image:{apps[2].id}/app:3", f"image:{apps[3].id}/app:4"])
    assert reason(draft, apps[1].id) == "one of the last 2 of app (keep_last_tags)"
    assert reason(draft, db.id) == "one of the last 2 of registry:5000/team/db (keep_last_tags)"


def test_two_tags_of_today_do_not_push_out_the_image_a_rollback_needs() -> None:
    today = image("today", "app:2", "app:latest", age=HOUR)
    yesterday = image("yesterday", "app:1", age=DAY)
    older = image("older", "app:0", age=2 * DAY)
    draft = plan(
        engine_with(today, running("c", today), yesterday, older), make_params(**UNUSED, keep_last_tags=2)
    )
    assert chosen(draft) == [f"image:{older.id}/app:0"]


def test_an_image_is_removed_name_by_name_and_its_bytes_count_once() -> None:
    app = image("app", "app:1", "b/app:1", digests=("app" + DIGEST, "mirror/app" + DIGEST))
    engine = engine_with(app)
    draft, results, verdict = clean(engine, make_params(**UNUSED))
    # the digest in app goes with the last tag of app; the one in mirror/app would hold the image
    assert [step.reference for step in engine_steps(draft)] == ["app:1", "b/app:1", "mirror/app" + DIGEST]
    assert [step.size_bytes for step in engine_steps(draft)] == [0, 0, 1000]
    assert verdict.ok
    assert engine.all_images == {}
    assert {result.state for result in results} == {"done"}


def test_digests_in_several_repositories_are_removed_one_by_one() -> None:
    app = image("app", digests=("a/app" + DIGEST, "b/app" + DIGEST))
    engine = engine_with(app)
    _, _, verdict = clean(engine, make_params(**DANGLING))
    assert verdict.ok
    assert engine.all_images == {}


def test_an_image_others_were_built_on_stays_as_long_as_they_do() -> None:
    base = image("base", "base:1")
    layer = image("layer", parent=base.id)
    child = image("child", "app:1", parent=layer.id)
    draft = plan(engine_with(base, layer, child, running("c", child)), make_params(**UNUSED))
    assert chosen(draft) == []
    assert reason(draft, base.id) == "image app:1, which stays, is built on it"


def test_a_family_of_images_goes_children_first() -> None:
    base = image("base", "base:1")
    layer = image("layer", parent=base.id)
    child = image("child", "app:1", parent=layer.id)
    engine = engine_with(base, layer, child)
    draft, _, verdict = clean(engine, make_params(**UNUSED))
    assert chosen(draft) == [f"image:{child.id}/app:1", f"image:{base.id}/base:1"]
    assert verdict.ok
    assert engine.all_images == {}


def test_only_an_image_with_a_digest_can_be_fetched_again() -> None:
    local, pulled = image("local", "local:1"), image("pulled", "pulled:1", digests=("pulled" + DIGEST,))
    draft = plan(engine_with(local, pulled), make_params(**UNUSED))
    undo = {step.key.partition("/")[2]: step.undo for step in draft.steps}
    assert undo == {"local:1": UndoClass.ONE_WAY, "pulled:1": UndoClass.RECREATABLE}


def test_a_name_too_long_for_a_key_still_has_one() -> None:
    long = image("long", "/".join(["registry.example.org", *(["x" * 60] * 4)]) + ":" + "t" * 120)
    draft = plan(engine_with(long), make_params(**UNUSED))
    assert len(chosen(draft)[0]) <= 300
    assert engine_steps(draft)[0].reference == long.tags[0]
