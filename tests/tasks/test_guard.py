"""The last question before a removal: what changed since the plan keeps the object."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks import guard
from tasks.errors import EngineError
from tasks.fake_engine import FakeEngine
from tasks.procedure import EngineStep
from tests.tasks.disk.world import (
    cache,
    container,
    engine_steps,
    engine_with,
    image,
    make_params,
    network,
    plan,
    running,
    volume,
)

APP = image("app", "app:1", "app:latest")
EVERYTHING = make_params(
    "containers,networks,unused_images,build_cache,named_volumes",
    volume_names=["data"],
    accept_data_loss=True,
)


def planned() -> tuple[FakeEngine, dict[str, EngineStep]]:
    """A host where one object of each kind may go, and the steps by kind."""
    engine = engine_with(
        image("app", "app:1", "app:latest"), container("job"), network("net"), volume("data"), cache("layer")
    )
    return engine, {step.key.partition(":")[0]: step for step in engine_steps(plan(engine, EVERYTHING))}


def test_what_did_not_change_may_go() -> None:
    engine, steps = planned()
    assert {kind: guard.still_eligible(engine, step) for kind, step in steps.items()} == dict.fromkeys(steps)


@pytest.mark.parametrize("state", ["running", "paused", "restarting", "removing", "unheard-of"])
def test_a_container_that_is_not_stopped_any_more_stays(state: str) -> None:
    engine, steps = planned()
    engine.all_containers[steps["container"].object_id].state = state
    assert guard.still_eligible(engine, steps["container"]) == f"it is {state} now"


@pytest.mark.parametrize("state", ["running", "exited", "created", "dead"])
def test_whatever_a_new_container_uses_stays(state: str) -> None:
    engine, steps = planned()
    engine.add(container("new", APP, state=state, volumes=("data",), networks=("net",)))
    assert guard.still_eligible(engine, steps["image"]) == f"in use by container new ({state}) now"
    assert guard.still_eligible(engine, steps["volume"]) == f"in use by container new ({state}) now"
    attached = "new is attached to it now" if state == "running" else f"in use by container new ({state}) now"
    assert guard.still_eligible(engine, steps["network"]) == attached


def test_a_tag_that_moved_is_not_removed() -> None:
    engine, steps = planned()
    engine.all_images[APP.id].tags = ("app:1",)
    engine.add(image("newer", "app:latest"))
    assert guard.still_eligible(engine, steps["image"]) == "app:latest points to another image now"


def test_a_container_whose_network_somebody_joined_stays() -> None:
    engine, steps = planned()
    engine.add(running("app", networks=("container:job",)))
    assert guard.still_eligible(engine, steps["container"]) == "container app shares its network now"


@pytest.mark.parametrize(
    ("kind", "find"),
    [
        ("container", lambda engine, ref: engine.all_containers[ref]),
        ("image", lambda engine, ref: engine.all_images[ref]),
        ("volume", lambda engine, ref: engine.all_volumes[ref]),
        ("network", lambda engine, ref: engine.all_networks[ref]),
    ],
)
def test_a_label_gained_since_the_plan_protects(kind: str, find: Callable[[FakeEngine, str], object]) -> None:
    engine, steps = planned()
    found = find(engine, steps[kind].object_id)
    found.labels = {"dockwave.protect": ""}  # type: ignore[attr-defined] # every model object has labels
    assert guard.still_eligible(engine, steps[kind]) == "protected by its label dockwave.protect now"


@pytest.mark.parametrize("kind", ["container", "image", "network"])
def test_an_object_that_is_gone_is_told_by_the_engines_own_404(kind: str) -> None:
    _, steps = planned()
    with pytest.raises(EngineError) as caught:
        guard.still_eligible(engine_with(), steps[kind])
    assert caught.value.status == 404


def test_a_volume_that_is_gone_is_left_to_the_removal_to_find_out() -> None:
    _, steps = planned()
    assert guard.still_eligible(engine_with(), steps["volume"]) is None


def test_an_engine_that_does_not_answer_is_not_taken_for_a_yes() -> None:
    engine, steps = planned()
    engine.failures["containers"] = EngineError("hangs", code="E_DAEMON_UNRESPONSIVE")
    for kind in ("container", "image", "volume", "network"):
        with pytest.raises(EngineError):
            guard.still_eligible(engine, steps[kind])


def test_build_cache_is_judged_by_the_engine_itself_without_another_walk_over_the_disk() -> None:
    engine, steps = planned()
    engine.calls.clear()
    assert guard.still_eligible(engine, steps["cache"]) is None
    assert engine.calls == []
