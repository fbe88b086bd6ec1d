"""disk.cleanup over arbitrary hosts: what must hold whatever uses whatever."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.disk.cleanup_params import CleanupParams
from tasks.fake_engine import FakeEngine
from tasks.fake_objects import FakeContainer, FakeImage, fake_id
from tasks.model import Protect
from tasks.result import StepState
from tests.tasks.disk.world import (
    DAY,
    HOUR,
    cache,
    chosen,
    clean,
    container,
    engine_steps,
    engine_with,
    image,
    make_params,
    network,
    perform,
    plan,
    running,
    volume,
)

LABELS = st.sampled_from([{}, {}, {}, {"dockwave.protect": "1"}, {"team": "a"}])
AGES = st.sampled_from([0.0, HOUR, 2 * DAY, 30 * DAY])


@st.composite
def hosts(draw: st.DrawFn) -> FakeEngine:
    """An engine with a few objects of each kind that use each other in arbitrary ways."""
    engine = engine_with(api_version=draw(st.sampled_from([(1, 41), (1, 45)])))
    images: list[FakeImage] = []
    for n in range(draw(st.integers(0, 5))):
        parent = draw(st.sampled_from(["", *(known.id for known in images)]))
        tags = draw(st.lists(st.sampled_from(["app", "db", "web"]), max_size=2, unique=True))
        digests = draw(st.sampled_from([(), (f"app@sha256:{n:064}",), (f"x/y@sha256:{n:064}",)]))
        made = image(
            f"i{n}",
            *(f"{tag}:{n}" for tag in tags),
            age=draw(AGES),
            parent=parent,
            digests=digests,
            labels=draw(LABELS),
            size_bytes=draw(st.integers(0, 999)),
        )
        images.append(made)
    volumes = [volume(draw(st.sampled_from([f"v{n}", fake_id("v", n)])), age=draw(AGES)) for n in range(3)]
    networks = [network(f"n{n}", age=draw(AGES), labels=draw(LABELS)) for n in range(2)]
    engine.add(*images, *volumes, *networks)
    for n in range(draw(st.integers(0, 5))):
        engine.add(
            container(
                f"c{n}",
                draw(st.sampled_from(images)) if images else None,
                state=draw(st.sampled_from(["running", "exited", "created", "dead", "paused", "restarting"])),
                age=draw(AGES),
                labels=draw(LABELS),
                volumes=tuple(
                    draw(st.lists(st.sampled_from([v.name for v in volumes]), max_size=2, unique=True))
                ),
                networks=(draw(st.sampled_from(["bridge", "n0", "n1", f"container:c{n - 1}"])),),
            )
        )
    records = [cache("r0", age=draw(AGES), in_use=draw(st.booleans()))]
    records.append(cache("r1", records[0], age=draw(AGES), shared=draw(st.booleans())))
    engine.add(*records)
    return engine


WISHES = st.builds(
    make_params,
    targets=st.lists(
        st.sampled_from(
            [
                "containers",
                "networks",
                "dangling_images",
                "unused_images",
                "build_cache",
                "anonymous_volumes",
                "named_volumes",
            ]
        ),
        min_size=1,
        unique=True,
    ).map(lambda targets: ",".join([*targets, "named_volumes"])),
    volume_names=st.sampled_from([["v0"], ["v0", "v1", "v2"]]),
    accept_data_loss=st.just(True),
    min_age_s=st.sampled_from([0, 86_400]),
    keep_last_tags=st.integers(0, 2),
    build_cache_keep_bytes=st.sampled_from([0, 100, 150]),
    only_labels=st.sampled_from([None, None, ["team"]]),
)
POLICIES = st.builds(
    Protect,
    images=st.sampled_from([(), ("app:*",)]),
    volumes=st.sampled_from([(), ("v1",)]),
    labels=st.sampled_from([(), ("dockwave.protect",), ("team=a",)]),
)


@settings(deadline=None, max_examples=60)
@given(hosts(), WISHES, POLICIES)
def test_after_any_clean_up_the_proof_holds_and_a_second_one_finds_nothing(
    engine: FakeEngine, params: CleanupParams, protect: Protect
) -> None:
    draft, results, verdict = clean(engine, params, protect)
    assert verdict.ok, verdict.evidence
    assert {result.state for result in results} <= {StepState.DONE}
    assert chosen(plan(engine, params, protect)) == []
    assert len(set(chosen(draft))) == len(draft.steps)


@settings(deadline=None, max_examples=60)
@given(hosts(), WISHES, POLICIES)
def test_nothing_protected_and_nothing_that_stays_in_use_is_ever_chosen(
    engine: FakeEngine, params: CleanupParams, protect: Protect
) -> None:
    steps = engine_steps(plan(engine, params, protect))
    going = {step.object_id for step in steps}
    stays = [item for item in engine.all_containers.values() if item.id not in going]
    for item in engine.all_containers.values():
        if item.id in going:
            assert item.state in {"exited", "created", "dead"}
            assert "dockwave.protect" not in item.labels
    assert not going & {item.image_id for item in stays}
    assert not going & {name for item in stays for name in item.volumes}
    names = {name for item in stays for name in item.networks}
    assert not going & {item.id for item in engine.all_networks.values() if item.name in names}
    assert not going & {record.id for record in engine.cache.values() if record.in_use}
    if "v1" in protect.volumes:
        assert "v1" not in going
    for known in engine.all_images.values():
        if known.id in going:
            assert "dockwave.protect" not in known.labels
            assert not (protect.images and any(tag.startswith("app:") for tag in known.tags))


@settings(deadline=None, max_examples=60)
@given(hosts(), WISHES, st.data())
def test_whatever_comes_into_use_between_plan_and_removal_survives(
    engine: FakeEngine, params: CleanupParams, data: st.DataObject
) -> None:
    steps = engine_steps(plan(engine, params))
    newcomer = _newcomer(engine, data)
    engine.add(newcomer)
    for step in steps:
        perform(engine, step)
    assert newcomer.id in engine.all_containers
    assert newcomer.image_id not in engine.removed_ids()
    assert set(newcomer.volumes) <= engine.all_volumes.keys()
    assert set(newcomer.networks) <= {item.name for item in engine.all_networks.values()}
    kept = engine.all_images.get(newcomer.image_id)
    assert kept is None or newcomer.image_name in {*kept.tags, kept.id, ""}


def _newcomer(engine: FakeEngine, data: st.DataObject) -> FakeContainer:
    images = sorted(engine.all_images)
    made = data.draw(st.sampled_from(images)) if images else fake_id("no image")
    known = engine.all_images.get(made)
    return running(
        "newcomer",
        image_id=made,
        image_name=known.tags[0] if known and known.tags else made,
        volumes=(data.draw(st.sampled_from(sorted(engine.all_volumes))),),
        networks=(data.draw(st.sampled_from(["n0", "n1"])),),
    )
