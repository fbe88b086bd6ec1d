"""The model engine refuses what the Docker Engine refuses."""

from __future__ import annotations

import pytest

from tasks.connection import Engine
from tasks.errors import EngineError
from tasks.fake_engine import FakeEngine
from tests.tasks.disk.world import cache, container, engine_with, image, network, running, volume


def status_of(refused: pytest.ExceptionInfo[EngineError]) -> int:
    return refused.value.status


def test_it_is_an_engine() -> None:
    engine: Engine = FakeEngine()
    engine.ping()
    assert engine.api_version == (1, 41)
    assert engine.version()["ApiVersion"] == "1.41"


@pytest.mark.parametrize("state", ["running", "paused", "restarting"])
def test_a_container_with_a_process_is_not_removed(state: str) -> None:
    busy = container("busy", state=state)
    with pytest.raises(EngineError) as refused:
        engine_with(busy).remove_container(busy.id)
    assert status_of(refused) == 409


def test_removing_a_container_leaves_its_volumes() -> None:
    gone = container("gone", volumes=("data",))
    engine = engine_with(gone, volume("data"))
    engine.remove_container(gone.id)
    assert engine.removed == [f"container:{gone.id}"]
    assert "data" in engine.all_volumes


def test_a_volume_of_a_stopped_container_is_in_use() -> None:
    with pytest.raises(EngineError) as refused:
        engine_with(container("c", volumes=("data",)), volume("data")).remove_volume("data")
    assert status_of(refused) == 409


def test_a_network_of_a_stopped_container_is_removed_which_is_why_we_look_ourselves() -> None:
    net = network("net")
    engine = engine_with(net, container("c", networks=("net",)))
    engine.remove_network(net.id)
    assert net.id not in engine.all_networks


def test_a_network_with_endpoints_and_a_predefined_one_are_forbidden() -> None:
    net = network("net")
    engine = engine_with(net, running("c", networks=("net",)))
    bridge = next(item for item in engine.all_networks.values() if item.name == "bridge")
    for ref in (net.id, bridge.id):
        with pytest.raises(EngineError) as refused:
            engine.remove_network(ref)
        assert status_of(refused) == 403


def test_one_of_two_tags_of_an_image_in_use_is_removed_which_is_why_we_look_ourselves() -> None:
    app = image("app", "app:1", "app:2")
    engine = engine_with(app, running("c", app))
    engine.remove_image("app:2")
    assert engine.all_images[app.id].tags == ("app:1",)
    with pytest.raises(EngineError) as refused:
        engine.remove_image("app:1")
    assert status_of(refused) == 409


@pytest.mark.parametrize("tags", [("app:1", "app:2"), ("a:1", "b:1")])
def test_an_image_with_several_tags_is_not_removed_by_its_id(tags: tuple[str, ...]) -> None:
    app = image("app", *tags)
    with pytest.raises(EngineError) as refused:
        engine_with(app).remove_image(app.id)
    assert status_of(refused) == 409


def test_a_parent_whose_last_name_goes_stays_under_its_child() -> None:
    base = image("base", "base:1")
    child = image("child", "child:1", parent=base.id)
    engine = engine_with(base, child)
    engine.remove_image("base:1")
    assert base.id in engine.all_images
    assert [item["Id"] for item in engine.images()] == [child.id]
    engine.remove_image("child:1")
    assert engine.all_images == {}


def test_a_cache_record_others_are_built_on_is_kept_without_an_error() -> None:
    base = cache("base")
    top = cache("top", base)
    engine = engine_with(base, top)
    assert engine.prune_build_cache(keep_bytes=0, until_s=0, cache_ids=(base.id,))["CachesDeleted"] is None
    assert engine.prune_build_cache(keep_bytes=0, until_s=0, cache_ids=(top.id,))["CachesDeleted"] == [top.id]


@pytest.mark.parametrize("ref", ["container", "image", "network", "remove_container", "remove_image"])
def test_what_is_not_there_is_a_404(ref: str) -> None:
    with pytest.raises(EngineError) as refused:
        getattr(engine_with(), ref)("nothing")
    assert status_of(refused) == 404


def test_a_failure_put_into_it_comes_out() -> None:
    engine = engine_with(failures={"ping": EngineError("down", code="E_DAEMON_DOWN")})
    with pytest.raises(EngineError) as refused:
        engine.ping()
    assert refused.value.code == "E_DAEMON_DOWN"
