"""The engine client keeps its promises against daemons that break theirs.

The other side is a real socket that says exactly what a test wants; test_engine_contract.py uses a real engine.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from tasks.errors import BadInput, EngineError
from tasks.model import Host, Transport
from workers.connections import engine_client
from workers.connections.local import LocalConnection

Answer = Callable[[str, str], bytes | None]


def http(status: int, body: object, *, raw: bytes | None = None) -> bytes:
    """An HTTP answer with a JSON body."""
    data = raw if raw is not None else json.dumps(body).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


class Daemon:
    """Listens on a Unix socket and answers each request by a function; None ends the connection."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.requests: list[str] = []
        self.connections = 0
        self.api = "1.41"
        self.answer: Answer = lambda _method, _path: http(200, {})
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(8)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(peer)
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        try:
            with peer, peer.makefile("rb") as lines:
                self._answers(peer, lines)
        except OSError:
            return  # whoever asked has hung up, with the answer unread or half read

    def _answers(self, peer: socket.socket, lines: BinaryIO) -> None:
        while head := lines.readline():
            while lines.readline() not in (b"\r\n", b""):
                continue
            method, path, _ = head.decode().split(" ")
            if path == "/version":
                peer.sendall(http(200, {"ApiVersion": self.api}))
                continue
            self.requests.append(f"{method} {path}")
            said = self.answer(method, path)
            if said is None:
                peer.shutdown(socket.SHUT_RDWR)
                return
            peer.sendall(said)

    def drop_all(self) -> None:
        """End every connection, as a restart does."""
        for peer in self._open:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._open.clear()

    def stop(self) -> None:
        """Stop listening and end every connection."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_all()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    running = Daemon(tmp_path / "docker.sock")
    yield running
    running.stop()


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[LocalConnection]:
    opened = LocalConnection(
        Host(name="agent-1", transport=Transport.LOCAL, socket=str(tmp_path / "docker.sock"))
    )
    yield opened
    opened.close()


def test_nothing_connects_before_the_first_call(daemon: Daemon, connection: LocalConnection) -> None:
    connection.engine()
    time.sleep(0.1)
    assert daemon.connections == 0


@pytest.mark.parametrize(
    "content", ['{"auths": {"registry.example": {"auth": "bm8gY29sb24="}}}', '{"proxies": 3}', "{"]
)
def test_registry_logins_of_the_worker_s_user_are_neither_read_nor_a_hindrance(
    content: str, daemon: Daemon, connection: LocalConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(content)
    monkeypatch.setenv("HOME", str(tmp_path))
    connection.engine().ping()
    assert daemon.requests == ["GET /_ping"]


def test_a_daemon_that_sends_us_elsewhere_is_not_followed(
    daemon: Daemon, connection: LocalConnection
) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    daemon.answer = lambda _method, _path: moved
    with pytest.raises(EngineError):
        connection.engine().info()


def test_one_connection_carries_all_calls(daemon: Daemon, connection: LocalConnection) -> None:
    engine = connection.engine()
    for _ in range(5):
        engine.ping()
        engine.info()
    assert daemon.connections == 1
    assert daemon.requests[:2] == ["GET /_ping", "GET /v1.41/info"]


def test_a_missing_socket_means_the_daemon_is_down(connection: LocalConnection) -> None:
    with pytest.raises(EngineError) as caught:
        connection.engine().ping()
    assert (caught.value.code, caught.value.status) == ("E_DAEMON_DOWN", 0)
    assert "agent-1" in caught.value.message


def test_a_socket_nobody_listens_on_means_the_daemon_is_down(
    tmp_path: Path, connection: LocalConnection
) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "docker.sock"))
    with pytest.raises(EngineError) as caught:
        connection.engine().ping()
    assert caught.value.code == "E_DAEMON_DOWN"


def test_a_daemon_that_accepts_and_never_answers_is_unresponsive_in_time(
    tmp_path: Path, connection: LocalConnection
) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "docker.sock"))
        silent.listen(8)
        started = time.monotonic()
        with pytest.raises(EngineError) as caught:
            connection.engine().ping(1.0)
        assert 0.9 < time.monotonic() - started < 3
    assert caught.value.code == "E_DAEMON_UNRESPONSIVE"
    assert caught.value.retryable


def test_a_daemon_whose_queue_is_full_is_unresponsive(tmp_path: Path, connection: LocalConnection) -> None:
    with socket.socket(socket.AF_UNIX) as stuck, socket.socket(socket.AF_UNIX) as first:
        stuck.bind(str(tmp_path / "docker.sock"))
        stuck.listen(0)
        first.connect(str(tmp_path / "docker.sock"))
        with pytest.raises(EngineError) as caught:
            connection.engine().ping(0.5)
    assert caught.value.code == "E_DAEMON_UNRESPONSIVE"


def test_a_daemon_that_sends_a_byte_at_a_time_meets_the_deadline(
    daemon: Daemon, connection: LocalConnection
) -> None:
    halt = threading.Event()

    def drip(_method: str, _path: str) -> bytes | None:
        peer = daemon._open[-1]
        peer.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n")
        while not halt.wait(0.1):
            try:
                peer.sendall(b"x")
            except OSError:
                break
        return None

    daemon.answer = drip
    started = time.monotonic()
    with pytest.raises(EngineError) as caught:
        connection.engine().disk_usage(1.0)
    assert time.monotonic() - started < 3
    assert caught.value.code == "E_DAEMON_UNRESPONSIVE"
    halt.set()


@pytest.mark.parametrize("status", [400, 404, 409, 500, 503])
def test_an_http_error_keeps_its_status_and_the_daemons_words(
    daemon: Daemon, connection: LocalConnection, status: int
) -> None:
    daemon.answer = lambda _method, _path: http(status, {"message": "no such \x1b[31mthing\r\nreally"})
    with pytest.raises(EngineError) as caught:
        connection.engine().container("abc")
    assert (caught.value.status, caught.value.code) == (status, "E_API")
    assert "no such [31mthing really" in caught.value.message.replace("\ufffd", "")
    assert caught.value.message.isprintable()


def test_a_running_prune_is_busy_not_broken(daemon: Daemon, connection: LocalConnection) -> None:
    daemon.answer = lambda _method, _path: http(409, {"message": "a prune operation is already running"})
    with pytest.raises(EngineError) as caught:
        connection.engine().remove_image("abc")
    assert caught.value.code == "E_PRUNE_BUSY"
    assert caught.value.retryable


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"null", b'"x"', b"\xff\xfe", b"[" * 200_000], ids=lambda body: repr(body[:8])
)
def test_an_answer_that_is_not_what_the_api_promises_is_an_error(
    daemon: Daemon, connection: LocalConnection, body: bytes
) -> None:
    daemon.answer = lambda _method, _path: http(200, None, raw=body)
    with pytest.raises(EngineError):
        connection.engine().info()
    with pytest.raises(EngineError):
        connection.engine().containers()


def test_an_answer_without_end_is_cut_off(
    daemon: Daemon, connection: LocalConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_client, "ANSWER_LIMIT_BYTES", 1_000_000)
    daemon.answer = lambda _method, _path: http(200, None, raw=b" " * 3_000_000)
    with pytest.raises(EngineError, match="was not read on"):
        connection.engine().info()
    daemon.answer = lambda _method, _path: http(200, {"ID": "x"})
    assert connection.engine().info() == {"ID": "x"}


@pytest.mark.parametrize("api", ["1.40", "1.12", "0.9"])
def test_an_engine_that_is_too_old_is_refused(daemon: Daemon, connection: LocalConnection, api: str) -> None:
    daemon.api = api
    with pytest.raises(EngineError) as caught:
        connection.engine().info()
    assert caught.value.code == "E_API_TOO_OLD"
    assert api in caught.value.message
    assert daemon.requests == []


@pytest.mark.parametrize("api", ["", "1", "x.y", "1.41/../../", "1.99999"])
def test_a_version_that_is_none_is_refused(daemon: Daemon, connection: LocalConnection, api: str) -> None:
    daemon.api = api
    with pytest.raises(EngineError):
        connection.engine().info()
    assert daemon.requests == []


def test_the_negotiated_version_is_the_servers_own(daemon: Daemon, connection: LocalConnection) -> None:
    daemon.api = "1.45"
    daemon.answer = lambda _method, _path: http(200, [])
    assert connection.engine().api_version == (1, 45)
    connection.engine().images()
    assert daemon.requests[-1] == "GET /v1.45/images/json?all=0"


def test_after_a_restart_the_next_read_opens_a_new_connection(
    daemon: Daemon, connection: LocalConnection
) -> None:
    engine = connection.engine()
    engine.ping()
    daemon.drop_all()
    engine.ping()
    assert daemon.connections == 2


def test_a_read_that_was_cut_is_repeated_and_a_change_is_not(
    daemon: Daemon, connection: LocalConnection
) -> None:
    def cut_once(method: str, path: str) -> bytes | None:
        cut = daemon.requests.count(f"{method} {path}") == 1
        return None if cut else http(200, {"ok": True})

    daemon.answer = cut_once
    assert connection.engine().info() == {"ok": True}
    with pytest.raises(EngineError, match="Whether it was done is unknown"):
        connection.engine().remove_container("abc")
    assert sum(request.startswith("DELETE") for request in daemon.requests) == 1


def test_a_daemon_exchanged_for_an_older_one_is_asked_in_its_own_version(
    daemon: Daemon, connection: LocalConnection
) -> None:
    daemon.api = "1.45"
    engine = connection.engine()
    engine.info()
    daemon.api = "1.41"

    def older(_method: str, path: str) -> bytes:
        if path.startswith("/v1.45"):
            return http(
                400, {"message": "client version 1.45 is too new. Maximum supported API version is 1.41"}
            )
        return http(200, {"ok": True})

    daemon.answer = older
    engine.remove_volume("v")
    assert daemon.requests[-2:] == ["DELETE /v1.45/volumes/v?force=0", "DELETE /v1.41/volumes/v?force=0"]
    assert engine.api_version == (1, 41)


@pytest.mark.parametrize("ref", ["", ".", "..", "a/b", "../images/x", "a\nb", "a\0b", "\x1b[m"])
def test_a_name_that_would_reach_another_path_is_refused(
    daemon: Daemon, connection: LocalConnection, ref: str
) -> None:
    engine = connection.engine()
    for call in (engine.container, engine.remove_container, engine.remove_volume, engine.remove_network):
        with pytest.raises(BadInput):
            call(ref)
    assert daemon.requests == []


@pytest.mark.parametrize("ref", ["", "/", "a//b", "../x", "a/./b", "a/..", "x\n"])
def test_an_image_reference_cannot_leave_its_path(
    daemon: Daemon, connection: LocalConnection, ref: str
) -> None:
    with pytest.raises(BadInput):
        connection.engine().remove_image(ref)
    assert daemon.requests == []


def test_names_are_escaped_in_the_path(daemon: Daemon, connection: LocalConnection) -> None:
    daemon.answer = lambda _method, _path: http(200, [])
    connection.engine().remove_image("reg.example:5000/a/b:1?force=1#x%2e")
    assert daemon.requests == [
        "DELETE /v1.41/images/reg.example:5000/a/b:1%3Fforce%3D1%23x%252e?force=0&noprune=0"
    ]


def test_no_id_prunes_nothing_and_asks_nothing(daemon: Daemon, connection: LocalConnection) -> None:
    answer = connection.engine().prune_build_cache(keep_bytes=0, until_s=0, cache_ids=())
    assert answer == {"CachesDeleted": [], "SpaceReclaimed": 0}
    assert daemon.connections == 0


@pytest.mark.parametrize("cache_id", ["", ".*", "a|b", "x y", "é"])
def test_an_id_that_is_a_pattern_prunes_nothing(
    daemon: Daemon, connection: LocalConnection, cache_id: str
) -> None:
    with pytest.raises(BadInput):
        connection.engine().prune_build_cache(keep_bytes=0, until_s=0, cache_ids=("good", cache_id))
    assert daemon.requests == []


def test_records_that_wait_for_others_are_asked_again_until_nothing_goes(
    daemon: Daemon, connection: LocalConnection
) -> None:
    # "parent" goes only after "child"; "kept" never goes
    gone: list[str] = []

    def prune(_method: str, path: str) -> bytes:
        for name, after in (("child", []), ("parent", ["child"])):
            if f"%5E{name}%24" in path and name not in gone and all(other in gone for other in after):
                gone.append(name)
                return http(200, {"CachesDeleted": [name], "SpaceReclaimed": 5})
        return http(200, {"CachesDeleted": None, "SpaceReclaimed": 0})

    daemon.answer = prune
    answer = connection.engine().prune_build_cache(
        keep_bytes=7, until_s=60, cache_ids=("kept", "parent", "child")
    )
    assert answer == {"CachesDeleted": ["child", "parent"], "SpaceReclaimed": 10}
    asked = [request for request in daemon.requests if request.startswith("POST")]
    assert all("keep-storage=7" in request and "60s" in request for request in asked)


def test_reset_forgets_the_kept_connection(daemon: Daemon, connection: LocalConnection) -> None:
    connection.engine().ping()
    connection.reset_engine()
    connection.reset_engine()
    connection.engine().ping()
    assert daemon.connections == 2


def test_the_workers_proxy_and_docker_settings_do_not_matter(
    daemon: Daemon, connection: LocalConnection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"HttpHeaders": {"X-Evil": "1"}, "currentContext": "elsewhere"}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    monkeypatch.setenv("all_proxy", "http://192.0.2.1:3128")
    connection.engine().ping()
    assert daemon.requests == ["GET /_ping"]
