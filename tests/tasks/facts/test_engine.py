"""What real engines answered, and what is known about one that answers nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.errors import EngineError
from tasks.facts.engine import Container, Daemon, parse_container, parse_daemon, read_engine
from tasks.facts.units import CONTAINERD, DOCKER, SOCKET, Unit
from tasks.fake import FakeHost
from tests.tasks.engine.world import CapturedEngine, captured

UP = Unit(load="loaded", active="active", sub="running", main_pid=118)


def _pages(name: str) -> dict[str, Any]:
    pages: dict[str, Any] = json.loads(captured(name))
    return pages


def _units(docker: Unit) -> dict[str, Unit]:
    return {DOCKER: docker, SOCKET: UP, CONTAINERD: UP}


def _host(engine: CapturedEngine | None = None, exe: str = "/usr/sbin/dockerd") -> FakeHost:
    return FakeHost(answers={"readlink": f"{exe}\n"}, fake_engine=engine)


@pytest.mark.parametrize(
    ("page", "server", "api", "containerd"),
    [
        ("engine-20.10.json", "20.10.24+dfsg1", "1.41", "1.6.20~ds1"),
        ("engine-26.1.json", "26.1.5+dfsg1", "1.45", "1.7.24~ds1"),
    ],
)
def test_both_generations_of_engines_are_read(page: str, server: str, api: str, containerd: str) -> None:
    pages = _pages(page)
    daemon = parse_daemon(pages["version"], pages["info"])
    assert (daemon.server_version, daemon.api_version) == (server, api)
    assert daemon.components["containerd"] == containerd
    assert daemon.live_restore
    assert (daemon.driver, daemon.containerd_store) == ("overlay2", False)
    assert daemon.foreign is None


def test_an_answering_engine_is_read_with_its_objects() -> None:
    state = read_engine(_host(CapturedEngine()), _units(UP))
    assert state.daemon is not None
    assert sorted(container.name for container in state.daemon.running) == ["app1", "app2", "norestart"]
    assert len(state.daemon.containers) == 4
    assert all(container.pid > 0 and container.started_at for container in state.daemon.running)
    assert state.daemon.volumes == ("v1",)
    assert set(state.daemon.networks) == {"bridge", "host", "none"}
    assert not state.replaced


def test_a_stopped_engine_is_never_connected_to_because_that_would_start_it() -> None:
    down = Unit(load="loaded", active="inactive", sub="dead", result="success")
    state = read_engine(_host(), _units(down))
    assert state.daemon is None
    assert state.error_code == "E_DAEMON_DOWN"


@pytest.mark.parametrize(
    ("unit", "code"),
    [
        (Unit(load="loaded", active="failed", sub="failed", result="start-limit-hit"), "E_START_LIMIT"),
        (Unit(load="loaded", active="activating", sub="auto-restart", result="exit-code"), "E_DAEMON_DOWN"),
        (Unit(load="loaded", active="active", sub="running", job=True), "E_DAEMON_DOWN"),
        (Unit(), "E_UNSUPPORTED_ENGINE"),
    ],
)
def test_every_way_of_being_down_has_its_code(unit: Unit, code: str) -> None:
    state = read_engine(_host(), _units(unit))
    assert (state.daemon, state.error_code) == (None, code)


def test_an_engine_that_accepts_and_never_answers_is_asked_a_bounded_number_of_times() -> None:
    silent = CapturedEngine(
        failures={"ping": EngineError("no answer within 5 s", code="E_DAEMON_UNRESPONSIVE")}
    )
    state = read_engine(_host(silent), _units(UP))
    assert (state.daemon, state.error_code) == (None, "E_DAEMON_UNRESPONSIVE")
    assert silent.calls == ["ping"] * 3


def test_a_daemon_whose_program_was_replaced_is_seen() -> None:
    state = read_engine(_host(CapturedEngine(), exe="/usr/sbin/dockerd (deleted)"), _units(UP))
    assert state.replaced


def test_an_empty_page_reads_as_not_known() -> None:
    daemon = parse_daemon({}, {"DriverStatus": None, "Swarm": None, "Warnings": None})
    assert daemon == Daemon(server_version="", api_version="")
    assert parse_container({}) == Container(id="", name="", state="")


def test_the_image_store_podman_rootless_and_swarm_are_told() -> None:
    status = [["driver-type", "io.containerd.snapshotter.v1"]]
    store = parse_daemon({}, {"DriverStatus": status, "Swarm": {"LocalNodeState": "active"}})
    assert store.containerd_store
    assert store.swarm_active
    assert parse_daemon({"Components": [{"Name": "Podman Engine", "Version": "4"}]}, {}).foreign
    assert parse_daemon({}, {"SecurityOptions": ["name=rootless"]}).foreign


def test_a_client_of_the_engines_own_socket_is_told() -> None:
    container = parse_container(
        {"Id": "a", "Mounts": [{"Source": "/var/run/docker.sock"}], "RestartCount": 2}
    )
    assert container.uses_socket
    assert container.restarts == 2
