"""A real Docker Engine, reached in every way there is, answers alike."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tasks.connection import Connection, Engine
from tasks.errors import EngineError
from tests.support.dockerd import Dockerd
from tests.workers.connections.conftest import ENGINE_KINDS, connect, make_host

pytestmark = [pytest.mark.services, pytest.mark.parametrize("kind", ENGINE_KINDS)]


@pytest.fixture
def connection(kind: str, engine: Dockerd, request: pytest.FixtureRequest) -> Iterator[Connection]:
    opened = connect(make_host(kind, request, str(engine.socket)))
    yield opened
    opened.close()


def _docker(engine: Dockerd, *argv: str, data: bytes = b"") -> str:
    done = subprocess.run(
        ["docker", "--host", f"unix://{engine.socket}", *argv], input=data, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def _archive(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _build(engine: Dockerd, context: bytes) -> None:
    """Build with BuildKit through the API: newer docker commands need a plug-in for it."""
    client = docker.APIClient(base_url=f"unix://{engine.socket}", version="1.41")
    answer = client.post(f"{client.base_url}/v1.41/build?version=2", data=context)
    assert answer.status_code == 200
    assert "error" not in answer.text
    client.close()


def _build_records(api: Engine) -> dict[str, bool]:
    """Ids of build records, and whether a record may go."""
    records = api.disk_usage()["BuildCache"] or []
    return {record["ID"]: not record["InUse"] and not record["Shared"] for record in records}


def test_the_engine_tells_who_it_is(connection: Connection) -> None:
    engine = connection.engine()
    engine.ping()
    assert engine.api_version >= (1, 41)
    assert engine.version()["ApiVersion"] == "{}.{}".format(*engine.api_version)
    assert engine.info()["ID"]
    assert set(engine.disk_usage()) >= {"Images", "Containers", "Volumes", "BuildCache"}
    assert {network["Name"] for network in engine.networks()} >= {"host", "none"}


def test_objects_are_listed_read_and_removed_by_id(connection: Connection, engine: Dockerd) -> None:
    image = _docker(
        engine, "import", "-c", 'CMD ["/x"]', "-", "reg.example/team/app:1", data=_archive(x=b"#!")
    )
    container = _docker(engine, "create", "--label", "a=b", image)
    volume = _docker(engine, "volume", "create", "data-1")
    api = connection.engine()
    assert api.container(container)["Config"]["Labels"] == {"a": "b"}
    assert [found["Id"] for found in api.containers()] == [container]
    assert api.image("reg.example/team/app:1")["Id"] == image
    assert image in [found["Id"] for found in api.images()]
    assert volume in [found["Name"] for found in api.volumes()]
    with pytest.raises(EngineError) as in_use:
        api.remove_image(image)
    assert in_use.value.status == 409
    api.remove_container(container)
    assert api.remove_image("reg.example/team/app:1")
    api.remove_volume(volume)
    for call, name in ((api.container, container), (api.image, image)):
        with pytest.raises(EngineError) as gone:
            call(name)
        assert gone.value.status == 404
    assert api.containers() == []
    assert volume not in [found["Name"] for found in api.volumes()]


def test_networks_are_removed_by_id(connection: Connection, engine: Dockerd) -> None:
    network = _docker(engine, "network", "create", "--internal", "net-1")
    api = connection.engine()
    assert api.network(network)["Name"] == "net-1"
    api.remove_network(network)
    with pytest.raises(EngineError):
        api.network(network)


def test_only_the_named_build_records_are_pruned(connection: Connection, engine: Dockerd) -> None:
    for _ in range(2):
        _build(engine, _archive(x=os.urandom(50_000), Dockerfile=b"FROM scratch\nCOPY x /\n"))
    api = connection.engine()
    before = _build_records(api)
    chosen = next(record for record, free in before.items() if free)
    answer = api.prune_build_cache(keep_bytes=0, until_s=0, cache_ids=(chosen,))
    assert answer["CachesDeleted"] == [chosen]
    assert set(before) - set(_build_records(api)) == {chosen}
    # a second time there is nothing left of that name, and nothing else goes instead
    assert api.prune_build_cache(keep_bytes=0, until_s=0, cache_ids=(chosen,))["CachesDeleted"] == []
    assert set(before) - set(_build_records(api)) == {chosen}
    _docker(engine, "builder", "prune", "-af")
    _docker(engine, "image", "prune", "-af")


def test_a_stopped_daemon_process_is_unresponsive_in_bounded_time(
    connection: Connection, engine: Dockerd
) -> None:
    api = connection.engine()
    api.ping()
    _stop(engine.pid)
    try:
        started = time.monotonic()
        with pytest.raises(EngineError) as caught:
            api.ping(1.5)
        assert time.monotonic() - started < 5
        assert caught.value.code == "E_DAEMON_UNRESPONSIVE"
        # and on a fresh connection too
        connection.reset_engine()
        with pytest.raises(EngineError) as again:
            connection.engine().ping(3.0)
        assert again.value.code == "E_DAEMON_UNRESPONSIVE"
    finally:
        os.kill(engine.pid, signal.SIGCONT)
    connection.engine().ping(10.0)


def _stop(pid: int) -> None:
    """Stop the process, and return when each of its threads stands: until then one may still answer."""
    os.kill(pid, signal.SIGSTOP)
    while any(
        stat.read_text().rpartition(")")[2].split()[0] != "T"
        for stat in Path(f"/proc/{pid}/task").glob("*/stat")
    ):
        time.sleep(0.01)


def test_a_missing_socket_means_down(kind: str, request: pytest.FixtureRequest) -> None:
    opened = connect(make_host(kind, request, "/run/no-such-docker.sock"))
    with pytest.raises(EngineError) as caught:
        opened.engine().ping()
    assert caught.value.code == "E_DAEMON_DOWN"
    assert "/run/no-such-docker.sock" in caught.value.message
    opened.close()
