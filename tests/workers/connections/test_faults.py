"""SSH connections fail in the right way, in time, when the host, the network or a key misbehaves."""

from __future__ import annotations

import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.connection import Command
from tasks.errors import (
    AuthFailed,
    DeadlineExceeded,
    EngineError,
    HostKeyChanged,
    HostKeyUnknown,
    OrderRefused,
    TransportError,
    Unreachable,
)
from tasks.model import Host
from tests.support import sshd
from tests.support.sshd import Sshd, free_port, make_key, start_sshd
from tests.workers.connections.conftest import QUICK
from workers.connections import locks
from workers.connections.exec_channel import ExecChannel
from workers.connections.ssh import SshConnection

pytestmark = pytest.mark.services

TRUE = Command(argv=("true",), timeout_s=10.0)


def _with(host: Host, **fields: object) -> Host:
    assert host.ssh is not None
    return replace(host, ssh=replace(host.ssh, **fields))  # type: ignore[arg-type]  # fields of a test


def _fails(host: Host, kind: type[TransportError], *, within_s: float = 10.0) -> TransportError:
    """The error that running a program on `host` ends with, which must be of that very kind and in time."""
    opened = SshConnection(host, settings=QUICK)
    started = time.monotonic()
    with pytest.raises(kind) as caught:
        opened.run(TRUE)
    assert time.monotonic() - started < within_s
    opened.close()
    return caught.value


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_refused_connection_is_unreachable_at_once(server: Sshd) -> None:
    error = _fails(_with(server.host(), port=free_port()), Unreachable, within_s=2.0)
    assert "refused" in error.message
    assert error.code == "E_UNREACHABLE"
    assert error.retryable


@pytest.mark.parametrize("address", ["no-such-host.invalid", "a..b", "x" * 70 + ".invalid"])
def test_a_name_that_cannot_be_resolved_is_unreachable(server: Sshd, address: str) -> None:
    assert address[:20] in _fails(_with(server.host(), address=address), Unreachable).message


def test_a_server_that_never_greets_is_given_up_at_the_deadline(server: Sshd, silent_port: int) -> None:
    opened = SshConnection(_with(server.host(), port=silent_port), settings=QUICK)
    started = time.monotonic()
    with pytest.raises(TransportError) as caught:
        opened.run(Command(argv=("true",), timeout_s=2.0))
    assert 1.5 < time.monotonic() - started < 5
    assert caught.value.retryable
    opened.close()


def test_a_server_that_is_no_sshd_is_unreachable(server: Sshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 100_000)

        threading.Thread(target=greet, daemon=True).start()
        _fails(_with(server.host(), port=listener.getsockname()[1]), Unreachable, within_s=12.0)
        listener.shutdown(socket.SHUT_RDWR)


def test_an_unknown_host_key_names_fingerprint_and_command(server: Sshd, tmp_path: Path) -> None:
    error = _fails(_with(server.host(), known_hosts=str(tmp_path / "none")), HostKeyUnknown)
    assert "SHA256:" in error.message
    assert "dockwave hosts trust web-1" in error.hint
    # looking did not make it known
    _fails(_with(server.host(), known_hosts=str(tmp_path / "none")), HostKeyUnknown)


def test_a_changed_host_key_is_another_error_with_both_fingerprints(server: Sshd, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other")
    kind, text = other.with_suffix(".pub").read_text().split()[:2]
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {kind} {text}\n")
    error = _fails(_with(server.host(), known_hosts=str(known)), HostKeyChanged)
    assert error.message.count("SHA256:") == 2


def test_no_key_is_offered_to_a_host_that_is_not_known(server: Sshd, tmp_path: Path) -> None:
    before = server.log.count("Accepted publickey")
    _fails(_with(server.host(), known_hosts=str(tmp_path / "none")), HostKeyUnknown)
    time.sleep(0.2)
    assert server.log.count("Accepted publickey") == before


def test_a_wrong_key_is_an_authentication_failure_naming_user_and_key(server: Sshd, tmp_path: Path) -> None:
    error = _fails(_with(server.host(), identity=str(make_key(tmp_path / "wrong"))), AuthFailed)
    assert "root" in error.message
    assert "SHA256:" in error.message
    assert error.code == "E_SSH_AUTH"


def test_a_user_who_does_not_exist_is_an_authentication_failure(server: Sshd) -> None:
    _fails(server.host(user="no-such-user-x"), AuthFailed)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_keys_work_on_both_sides(server_folder: Path, kind: str) -> None:
    if why := sshd.missing():
        pytest.skip(why)
    folder = server_folder / f"keys-{kind}"
    folder.mkdir()
    make_key(folder / "client", kind=kind)
    running = start_sshd(folder, host_key=kind)
    opened = SshConnection(running.host(), settings=QUICK)
    assert opened.run(TRUE).ok
    opened.close()
    running.stop()


def test_only_weak_algorithms_are_refused_before_anything_is_sent(server_folder: Path) -> None:
    if why := sshd.missing():
        pytest.skip(why)
    folder = server_folder / "weak"
    folder.mkdir()
    running = start_sshd(folder, {"Ciphers": "aes128-cbc"})
    assert "no common SSH algorithm" in _fails(running.host(), Unreachable).message
    running.stop()


def test_a_user_whom_sudo_asks_for_a_password_is_an_error_of_its_own(
    server: Sshd, nobody_special: str, tmp_path: Path
) -> None:
    opened = SshConnection(server.host(user=nobody_special, sudo=True), settings=QUICK)
    with pytest.raises(TransportError) as caught:
        opened.run(Command(argv=("id", "-u")))
    assert caught.value.code == "E_SUDO"
    assert nobody_special in caught.value.message
    assert opened.run(Command(argv=("id", "-u"), privileged=False)).ok
    with pytest.raises(TransportError) as of_lock, opened.lock("/run/lock/dockwave-test-sudo.lock"):
        pytest.fail("locked without sudo")
    assert of_lock.value.code == "E_SUDO"
    opened.close()


def test_a_nologin_user_gets_a_status_and_no_hang(server: Sshd) -> None:
    opened = SshConnection(server.host(user="nobody"), settings=QUICK)
    try:
        assert not opened.run(TRUE).ok
    except (AuthFailed, Unreachable):
        pass
    finally:
        opened.close()


def test_a_server_killed_during_a_command_leaves_its_fate_unknown(own_server: Sshd) -> None:
    opened = SshConnection(own_server.host(), settings=QUICK)
    opened.run(TRUE)
    killer = threading.Timer(1.0, own_server.kill_sessions)
    killer.start()
    started = time.monotonic()
    with pytest.raises(Unreachable, match="unknown"):
        opened.run(Command(argv=("sleep", "30"), timeout_s=25))
    assert time.monotonic() - started < 5
    # the next one reconnects by itself
    assert opened.run(TRUE).ok
    opened.close()


def test_a_stopped_server_is_noticed_by_its_silence_long_before_the_deadline(own_server: Sshd) -> None:
    opened = SshConnection(own_server.host(), settings=QUICK)
    opened.run(TRUE)
    threading.Timer(0.5, own_server.kill_sessions, (signal.SIGSTOP,)).start()
    started = time.monotonic()
    with pytest.raises(Unreachable):
        opened.run(Command(argv=("sleep", "60"), timeout_s=55))
    assert time.monotonic() - started < 25
    opened.close()


def test_a_stale_connection_is_replaced_before_a_command_starts(own_server: Sshd) -> None:
    opened = SshConnection(own_server.host(), settings=replace(QUICK, channel_s=1.0, dead_after_s=60.0))
    opened.run(TRUE)
    own_server.kill_sessions(signal.SIGSTOP)
    started = time.monotonic()
    assert opened.run(Command(argv=("echo", "x"), timeout_s=20)).stdout.data == b"x\n"
    assert time.monotonic() - started < 8
    opened.close()


def test_a_stopped_server_does_not_hold_an_engine_call_or_a_lock(own_server: Sshd) -> None:
    own = replace(QUICK, channel_s=1.0, connect_s=3.0, dead_after_s=60.0)
    opened = SshConnection(own_server.host(), settings=own)
    lock_path = f"/run/lock/dockwave-test-{own_server.port}.lock"
    with opened.lock(lock_path) as lock:
        own_server.kill_sessions(signal.SIGSTOP)
        own_server.process.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        # a slow host keeps the lock: its lease has not run out
        assert lock.held()
        with pytest.raises((EngineError, TransportError)):
            opened.engine().ping(2.0)
        assert time.monotonic() - started < 12
        own_server.process.send_signal(signal.SIGCONT)
        own_server.kill_sessions(signal.SIGCONT)
    opened.close()
    Path(lock_path).unlink(missing_ok=True)


def test_a_lock_is_free_again_after_its_connection_was_cut(own_server: Sshd) -> None:
    lock_path = f"/run/lock/dockwave-test-{own_server.port}.lock"
    first = SshConnection(own_server.host(), settings=QUICK)
    second = SshConnection(own_server.host(), settings=QUICK)
    with first.lock(lock_path) as lost:
        own_server.kill_sessions()
        assert not lost.held()
        with second.lock(lock_path, wait_s=10) as taken:
            assert taken.held()
    first.close()
    second.close()
    Path(lock_path).unlink(missing_ok=True)


def test_a_flood_of_connects_gets_through_a_small_max_startups(server_folder: Path) -> None:
    if why := sshd.missing():
        pytest.skip(why)
    folder = server_folder / "startups"
    folder.mkdir()
    running = start_sshd(folder, {"MaxStartups": "2:100:2"})

    def one(_: int) -> bool:
        opened = SshConnection(running.host(), settings=replace(QUICK, connect_s=60.0))
        try:
            return opened.run(Command(argv=("true",), timeout_s=60)).ok
        finally:
            opened.close()

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(one, range(16)))
    assert "drop connection" in running.log or "MaxStartups" in running.log
    running.stop()


def test_a_jump_host_that_forbids_forwarding_is_named(server: Sshd, server_folder: Path) -> None:
    folder = server_folder / "no-forwarding"
    folder.mkdir()
    middle = start_sshd(folder, {"AllowTcpForwarding": "no"})
    error = _fails(server.host(jumps=(middle.hop(),)), Unreachable)
    assert "jump host" in error.message
    middle.stop()


def test_every_hop_is_checked(server: Sshd, jump: Sshd, tmp_path: Path) -> None:
    unknown = replace(jump.hop(), known_hosts=str(tmp_path / "none"))
    error = _fails(server.host(jumps=(unknown,)), HostKeyUnknown)
    assert "jump host" in error.message
    behind = _with(server.host(jumps=(jump.hop(),)), known_hosts=str(tmp_path / "none"))
    assert "web-1" in _fails(behind, HostKeyUnknown).message


def test_a_host_behind_a_jump_host_that_is_down_is_unreachable(server: Sshd, jump: Sshd) -> None:
    behind = _with(server.host(jumps=(jump.hop(),)), port=free_port())
    _fails(behind, Unreachable)


def test_too_many_sessions_on_one_connection_are_refused_and_others_go_on(server_folder: Path) -> None:
    if why := sshd.missing():
        pytest.skip(why)
    folder = server_folder / "sessions"
    folder.mkdir()
    running = start_sshd(folder, {"MaxSessions": "1"})
    opened = SshConnection(running.host(), settings=QUICK)
    lock_path = f"/run/lock/dockwave-test-{running.port}.lock"
    with opened.lock(lock_path) as lock:
        with pytest.raises(Unreachable) as caught:
            opened.run(TRUE)
        assert "MaxSessions" in caught.value.hint
        assert lock.held()
    assert opened.run(TRUE).ok
    opened.close()
    running.stop()
    Path(lock_path).unlink(missing_ok=True)


def test_a_forced_command_or_noise_on_login_does_not_hang(server_folder: Path) -> None:
    if why := sshd.missing():
        pytest.skip(why)
    folder = server_folder / "forced"
    folder.mkdir()
    running = start_sshd(folder, {"ForceCommand": "/bin/false"})
    opened = SshConnection(running.host(), settings=QUICK)
    assert opened.run(Command(argv=("echo", "x"))).exit_code == 1
    with pytest.raises(OrderRefused), opened.lock("/run/lock/dockwave-test-forced.lock"):
        pytest.fail("a lock without flock")
    opened.close()
    running.stop()


def _ended(channel: ExecChannel) -> ExecChannel:
    """The same channel, once the other side has closed it."""
    end = time.monotonic() + 10
    while not channel.closed and time.monotonic() < end:
        time.sleep(0.01)
    assert channel.closed
    return channel


def test_a_lock_that_is_refused_before_it_is_asked_for_says_why(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The channel of a command that ended at once is closed before the first word to it."""
    if why := sshd.missing():
        pytest.skip(why)
    folder = server_folder / "quick"
    folder.mkdir()
    running = start_sshd(folder, {"ForceCommand": "/bin/false"})
    opened = SshConnection(running.host(), settings=QUICK)
    begin = locks.RemoteLock.__init__

    def late(
        lock: locks.RemoteLock, host: str, path: str, start: Callable[[], ExecChannel], *, wait_s: float
    ) -> None:
        begin(lock, host, path, lambda: _ended(start()), wait_s=wait_s)

    monkeypatch.setattr(locks.RemoteLock, "__init__", late)
    with pytest.raises(OrderRefused), opened.lock("/run/lock/dockwave-test-quick.lock"):
        pytest.fail("a lock without flock")
    opened.close()
    running.stop()


def test_no_way_to_the_engine_is_a_clear_error(
    strict_server: Sshd, nobody_special: str, tmp_path: Path
) -> None:
    if shutil.which("docker") is None:
        pytest.skip("NO ENGINE TESTS: install docker.io")
    with socket.socket(socket.AF_UNIX) as closed:
        path = f"/tmp/dockwave-test-{strict_server.port}.sock"
        closed.bind(path)
        Path(path).chmod(0o600)
        closed.listen(1)
        opened = SshConnection(strict_server.host(user=nobody_special, socket=path), settings=QUICK)
        with pytest.raises(EngineError) as caught:
            opened.engine().ping(8.0)
        assert caught.value.code == "E_SUDO"
        opened.close()
        Path(path).unlink()


def test_a_deadline_includes_the_connect(server: Sshd, silent_port: int) -> None:
    behind = server.host(jumps=(replace(server.hop(), port=silent_port),))
    opened = SshConnection(behind, settings=QUICK)
    started = time.monotonic()
    with pytest.raises((DeadlineExceeded, Unreachable)):
        opened.run(Command(argv=("true",), timeout_s=1.5))
    assert time.monotonic() - started < 4
    opened.close()
