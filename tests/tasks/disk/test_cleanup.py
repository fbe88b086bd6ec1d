"""disk.cleanup as a whole: what it promises about a host, over tables and over arbitrary hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.catalog import find
from tasks.disk.cleanup import PROCEDURE
from tasks.errors import EngineError, Refused
from tasks.fake_engine import FakeEngine
from tasks.fake_objects import FakeContainer, FakeImage, fake_id
from tasks.model import Kind, Protect, UndoClass
from tasks.procedure import EngineStep
from tasks.result import StepResult, StepState
from tests.tasks.disk.world import (
    ACTIVE_UNITS,
    ASLEEP_UNITS,
    DAY,
    HOUR,
    NOW,
    cache,
    call,
    chosen,
    clean,
    container,
    df,
    engine_steps,
    engine_with,
    gather,
    image,
    make_host,
    make_params,
    make_setting,
    network,
    perform,
    plan,
    reason,
    running,
    volume,
)


def a_host() -> FakeEngine:
    """A host with something of everything, used and unused."""
    app, old, bare = image("app", "app:2"), image("old", "app:1"), image("bare")
    return engine_with(
        app,
        old,
        bare,
        running("web", app, volumes=("data",), networks=("front",)),
        container("job", old, volumes=(fake_id("anonymous"),), networks=("jobs",)),
        volume("data"),
        volume(fake_id("anonymous")),
        network("front"),
        network("jobs"),
        cache("layer"),
    )


def test_the_catalogue_knows_it_as_destructive_and_one_way() -> None:
    spec = find("disk.cleanup").spec
    assert (spec.kind, spec.undo, spec.seed, spec.strict) == (
        Kind.DESTRUCTIVE,
        UndoClass.ONE_WAY,
        "2.2",
        False,
    )


def test_objects_go_in_the_order_containers_networks_volumes_images_cache() -> None:
    draft, results, verdict = clean(a_host())
    kinds = [key.partition(":")[0] for key in chosen(draft)]
    assert kinds == ["container", "network", "volume", "image", "image", "cache"]
    assert {result.state for result in results} == {StepState.DONE}
    assert verdict.ok
    assert draft.summary.startswith("1 container, 1 network, 1 volume, 2 images, 1 build cache record; ")


def test_everything_targeted_either_goes_or_has_a_reason_to_stay() -> None:
    engine = a_host()
    draft = plan(engine)
    told = {key.partition("/")[0] for key in chosen(draft)} | {kept.key for kept in draft.kept}
    assert told == (
        {f"container:{ref}" for ref in engine.all_containers}
        | {f"image:{ref}" for ref in engine.all_images}
        | {f"volume:{ref}" for ref in engine.all_volumes}
        | {f"network:{ref}" for ref in engine.all_networks}
        | {f"cache:{ref}" for ref in engine.cache}
    )
    assert all(kept.reason for kept in draft.kept)


def test_the_result_names_what_went_and_what_it_freed() -> None:
    engine = a_host()
    params = make_params()
    host = make_host(engine, df=lambda _: df(used=40_000_000_000 if engine.cache else 39_000_000_000))
    before = gather(engine, params, host=host)
    draft = PROCEDURE.plan(before, params, make_setting())
    results = tuple(perform(engine, step) for step in engine_steps(draft))
    verdict = PROCEDURE.verify(before, gather(engine, params, before, host), params, results)
    assert verdict.data["deleted"]["volumes"] == [fake_id("anonymous")]
    assert len(verdict.data["deleted"]["images"]) == 2
    assert verdict.data["reclaimed_bytes_fs"] == 1_000_000_000
    assert verdict.data["reclaimed_bytes_reported"] == sum(result.freed_bytes or 0 for result in results)
    assert (verdict.data["partial"], verdict.data["skipped"]) == (False, [])
    assert "1.0 GB measured on the file systems" in verdict.data["summary"]


def test_freeing_nothing_where_much_was_planned_is_a_warning() -> None:
    big = image("big", "app:1", size_bytes=7_000_000_000)
    _, _, verdict = clean(engine_with(big), make_params(targets="unused_images"))
    assert verdict.ok
    assert [found.code for found in verdict.findings] == ["W_FREED_LESS"]
    assert "0 B freed on the file systems, 7.0 GB planned" in verdict.findings[0].detail


def test_bounds_know_that_shared_layers_may_stay() -> None:
    one = image("one", "a:1", size_bytes=1000, shared_bytes=900)
    two = image("two", "b:1", size_bytes=1000, shared_bytes=900)
    engine = engine_with(one, two, container("c", size_bytes=50))
    draft = plan(engine)
    assert (draft.reclaim_low_bytes, draft.reclaim_high_bytes) == (250, 2050)


def test_more_than_max_delete_bytes_refuses_instead_of_choosing_some() -> None:
    with pytest.raises(Refused) as caught:
        plan(engine_with(image("big", size_bytes=5000)), make_params(max_delete_bytes=4999))
    assert caught.value.code == "E_TOO_LARGE"
    assert chosen(plan(engine_with(image("big", size_bytes=5000)), make_params(max_delete_bytes=5000)))


@pytest.mark.parametrize(
    ("info", "why"),
    [
        ({"SecurityOptions": ["name=seccomp", "name=rootless"]}, "rootless"),
        ({"OperatingSystem": "Docker Desktop"}, "Docker Desktop"),
        ({"OSType": "windows"}, "windows"),
        ({"DockerRootDir": "/var/snap/docker/common/var-lib-docker"}, "snap"),
    ],
)
def test_an_engine_that_is_no_plain_docker_engine_is_not_changed(info: dict[str, object], why: str) -> None:
    with pytest.raises(Refused) as caught:
        plan(engine_with(more_info=info))
    assert caught.value.code == "E_UNSUPPORTED_ENGINE"
    assert why in caught.value.message


def test_an_engine_asleep_behind_its_socket_is_not_woken() -> None:
    engine = engine_with()
    host = make_host(engine, **{"systemctl show": ASLEEP_UNITS})
    with pytest.raises(Refused) as caught:
        gather(engine, make_params(), host=host)
    assert caught.value.code == "E_DAEMON_DOWN"
    assert engine.calls == []


def test_an_engine_that_counts_already_is_busy_and_may_be_asked_again() -> None:
    busy = EngineError("a disk usage operation is already running", status=409)
    with pytest.raises(EngineError) as caught:
        plan(engine_with(failures={"disk_usage": busy}))
    assert caught.value.code == "E_PRUNE_BUSY"
    assert caught.value.retryable


def test_without_an_account_sizes_are_unknown_and_the_choice_is_the_same() -> None:
    engine = a_host()
    params = make_params(targets="containers,unused_images")
    expected = chosen(plan(engine, params))
    engine.failures["disk_usage"] = EngineError("too slow", code="E_DAEMON_UNRESPONSIVE")
    draft = plan(engine, params)
    assert chosen(draft) == expected
    assert "W_SIZES_UNKNOWN" in {found.code for found in draft.findings}


def test_without_an_account_there_is_no_build_cache_to_choose_from() -> None:
    slow = EngineError("too slow", code="E_DAEMON_UNRESPONSIVE")
    with pytest.raises(EngineError):
        plan(engine_with(failures={"disk_usage": slow}), make_params(targets="build_cache"))


def test_an_engine_without_a_clock_has_nothing_old() -> None:
    old = container("old")
    draft = plan(engine_with(old, more_info={"SystemTime": ""}))
    assert chosen(draft) == []
    assert reason(draft, old.id) == "its age is unknown"
    assert "W_CLOCK_UNKNOWN" in {found.code for found in draft.findings}


def test_short_ages_with_images_are_told() -> None:
    assert {found.code for found in plan(engine_with(), make_params(min_age_s=3599)).findings} == {
        "W_MIN_AGE_SHORT"
    }
    assert plan(engine_with(), make_params(min_age_s=3600)).findings == ()
    assert plan(engine_with(), make_params(targets="containers", min_age_s=0)).findings == ()


def test_the_inventory_protects_more_than_the_parameters() -> None:
    engine = a_host()
    protect = Protect(images=("app:*",), volumes=("*",), labels=("x",))
    kept = chosen(plan(engine, make_params(keep_labels=[]), protect))
    assert set(kept) < set(chosen(plan(engine, make_params(keep_labels=[]))))


def test_a_removed_object_that_is_still_there_is_no_proof() -> None:
    old = container("old")
    engine = engine_with(old)
    params = make_params(targets="containers")
    before = gather(engine, params)
    claimed = StepResult(key=f"container:{old.id}", title="", state=StepState.DONE)
    verdict = PROCEDURE.verify(before, gather(engine, params, before), params, (claimed,))
    assert not verdict.ok
    assert verdict.evidence[0] == f"container:{old.id} is still there"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"state": "exited", "pid": 0}, "container web ran before and is exited"),
        ({"pid": 99}, "container web was restarted"),
        ({"created_s": NOW - 5}, "container web was restarted"),
        (None, "container web ran before and is gone"),
    ],
)
def test_a_running_container_that_is_not_the_same_process_afterwards_fails_the_host(
    change: dict[str, object] | None, says: str
) -> None:
    web = running("web")
    engine = engine_with(web)
    params = make_params(targets="containers")
    before = gather(engine, params)
    if change is None:
        del engine.all_containers[web.id]
    else:
        engine.all_containers[web.id] = replace(web, **change)  # type: ignore[arg-type] # a table of fields
    verdict = PROCEDURE.verify(before, gather(engine, params, before), params, ())
    assert not verdict.ok
    assert verdict.evidence[0].startswith(says)


def test_a_cache_record_taken_into_use_meanwhile_is_kept_by_the_engine_and_told() -> None:
    record = cache("layer")
    engine = engine_with(record)
    params = make_params(targets="build_cache")
    before = gather(engine, params)
    (step,) = engine_steps(PROCEDURE.plan(before, params, make_setting()))
    record.in_use = True
    verdict = PROCEDURE.verify(before, gather(engine, params, before), params, (perform(engine, step),))
    assert verdict.ok
    assert verdict.data["partial"]
    assert verdict.data["skipped"] == [{"id": f"cache:{record.id}", "reason": "a build uses it now"}]
    assert [found.code for found in verdict.findings] == ["W_PLAN_DRIFT"]


def test_there_is_no_undo_and_it_says_what_is_gone() -> None:
    engine = a_host()
    params = make_params()
    before = gather(engine, params)
    clean(engine)
    now = gather(engine, params, before)
    with pytest.raises(Refused) as caught:
        PROCEDURE.undo(before, now, params, make_setting(before=before))
    assert caught.value.code == "E_ROLLBACK_UNSAFE"
    assert len(PROCEDURE.differences(before, now)) == 6
    assert PROCEDURE.differences(now, now) == ()


def drifted(engine: FakeEngine, key: str) -> str:
    return PROCEDURE.why_gone(gather(engine, make_params()), key)


def test_why_an_approved_object_no_longer_goes_is_said_in_words() -> None:
    app, other = image("app", "app:1"), image("other", "other:1")
    c, v, n, r = container("job"), volume("data"), network("net"), cache("layer")
    engine = engine_with(app, other, c, v, n, r)
    keys = {
        "container": f"container:{c.id}",
        "image": f"image:{app.id}/app:1",
        "volume": "volume:data",
        "network": f"network:{n.id}",
        "cache": f"cache:{r.id}",
    }
    assert all("no longer to go by the rules" in drifted(engine, key) for key in keys.values())
    engine.add(running("web", app, volumes=("data",), networks=("net",)))
    c.state, r.in_use = "running", True
    assert drifted(engine, keys["container"]) == "container job is running now"
    assert drifted(engine, keys["image"]) == "now in use by container web (running)"
    assert drifted(engine, keys["volume"]) == "now in use by container web (running)"
    assert drifted(engine, keys["network"]) == "now in use: web is attached to it"
    assert drifted(engine, keys["cache"]) == "now in use by a build"
    other.tags = ("other:2",)
    assert drifted(engine, f"image:{other.id}/other:1").startswith("its names changed")
    empty = engine_with()
    assert {drifted(empty, key) for key in keys.values()} == {"gone already"}


# -- arbitrary hosts ---------------------------------------------------------------------------------------

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
    engine: FakeEngine, params: object, protect: Protect
) -> None:
    draft, results, verdict = clean(engine, params, protect)  # type: ignore[arg-type] # built by hypothesis
    assert verdict.ok, verdict.evidence
    assert {result.state for result in results} <= {StepState.DONE}
    assert chosen(plan(engine, params, protect)) == []  # type: ignore[arg-type] # built by hypothesis
    assert len(set(chosen(draft))) == len(draft.steps)


@settings(deadline=None, max_examples=60)
@given(hosts(), WISHES, POLICIES)
def test_nothing_protected_and_nothing_that_stays_in_use_is_ever_chosen(
    engine: FakeEngine, params: object, protect: Protect
) -> None:
    steps = engine_steps(plan(engine, params, protect))  # type: ignore[arg-type] # built by hypothesis
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
    engine: FakeEngine, params: object, data: st.DataObject
) -> None:
    steps = engine_steps(plan(engine, params))  # type: ignore[arg-type] # built by hypothesis
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


def test_the_model_call_covers_every_verb() -> None:
    engine = a_host()
    for step in engine_steps(plan(engine)):
        call(engine, step)
    assert len(engine.removed) >= 6
    assert all(isinstance(step, EngineStep) for step in plan(engine).steps)


def test_the_answers_of_systemd_used_here_are_of_its_form() -> None:
    assert ACTIVE_UNITS.count("\n\n") == 3
