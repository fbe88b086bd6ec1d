"""disk.cleanup as a whole: what it promises about a host, over tables and over arbitrary hosts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.catalog import find
from tasks.disk.cleanup import PROCEDURE
from tasks.errors import EngineError, Refused
from tasks.fake_engine import FakeEngine
from tasks.fake_objects import fake_id
from tasks.model import Kind, Protect, UndoClass
from tasks.procedure import EngineStep
from tasks.result import StepResult, StepState
from tests.tasks.disk.world import (
    ACTIVE_UNITS,
    ASLEEP_UNITS,
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


def test_containers_that_end_or_loop_the_way_they_always_do_are_told_and_no_failure() -> None:
    job, loop = running("job", auto_remove=True), running("loop", restarts=3)
    engine = engine_with(job, loop)
    params = make_params(targets="containers")
    before = gather(engine, params)
    del engine.all_containers[job.id]
    engine.all_containers[loop.id] = replace(loop, restarts=4, pid=99)
    verdict = PROCEDURE.verify(before, gather(engine, params, before), params, ())
    assert verdict.ok
    assert {(found.code, found.object) for found in verdict.findings} == {
        ("W_CONTAINER_CHANGED", "job"),
        ("W_CONTAINER_CHANGED", "loop"),
    }


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


def test_the_model_call_covers_every_verb() -> None:
    engine = a_host()
    for step in engine_steps(plan(engine)):
        call(engine, step)
    assert len(engine.removed) >= 6
    assert all(isinstance(step, EngineStep) for step in plan(engine).steps)


def test_the_answers_of_systemd_used_here_are_of_its_form() -> None:
    assert ACTIVE_UNITS.count("\n\n") == 3
