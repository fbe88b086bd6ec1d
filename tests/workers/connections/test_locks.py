"""The host's lock is let go by itself once nobody speaks for it any more."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sshd import Sshd
from tests.workers.connections.conftest import QUICK
from workers.connections import locks
from workers.connections.locks import CONFLICT_EXIT, LEASE_S, holder_argv
from workers.connections.ssh import SshConnection


def _short(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The holder with a lease of one second."""
    assert f"-t {LEASE_S} " in argv[-1]
    return (*argv[:-1], argv[-1].replace(f"-t {LEASE_S} ", "-t 1 "))


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    argv = _short(holder_argv(str(tmp_path / "lock"), wait_s=0, shared=False))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        yield running
        running.kill()


def _say(holder: subprocess.Popen[bytes], line: bytes) -> bytes:
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write(line)
    holder.stdin.flush()
    return holder.stdout.readline()


def _taken(path: Path) -> bool:
    return subprocess.run(["flock", "-n", str(path), "true"], check=False).returncode == 1


def test_the_holder_answers_and_keeps_the_lock_while_spoken_to(
    holder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    for number in range(5):
        assert _say(holder, b"%d $(id) -n \\x\n" % number) == b"%d $(id) -n \\x\n" % number
        assert _taken(tmp_path / "lock")
        time.sleep(0.4)


def test_the_holder_lets_go_when_nobody_speaks_though_its_input_stays_open(
    holder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    _say(holder, b"hello\n")
    holder.wait(5)
    assert not _taken(tmp_path / "lock")


def test_the_holder_lets_go_at_the_end_of_its_input(holder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    _say(holder, b"hello\n")
    assert holder.stdin is not None
    holder.stdin.close()
    holder.wait(0.9)
    assert not _taken(tmp_path / "lock")


def test_a_taken_lock_starts_no_holder(holder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    _say(holder, b"hello\n")
    second = holder_argv(str(tmp_path / "lock"), wait_s=0.2, shared=True)
    done = subprocess.run(second, input=b"hello\n", capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (CONFLICT_EXIT, b"")


@pytest.mark.services
def test_an_idle_order_keeps_its_lock_by_beating(server: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/run/lock/dockwave-test-{server.port}.lock"
    monkeypatch.setattr(locks, "_BEAT_S", 0.2)
    monkeypatch.setattr(locks, "_HOLDER", _short(locks._HOLDER))
    opened = SshConnection(server.host(), settings=QUICK)
    with opened.lock(path) as lock:
        time.sleep(2.5)
        assert _taken(Path(path))
        assert lock.held()
    assert not _taken(Path(path))
    opened.close()
    Path(path).unlink()


@pytest.mark.services
def test_without_beats_the_lock_is_lost_and_known_to_be(
    server: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/run/lock/dockwave-test-{server.port}.lock"
    monkeypatch.setattr(locks, "_BEAT_S", 60.0)
    monkeypatch.setattr(locks, "_HOLDER", _short(locks._HOLDER))
    opened = SshConnection(server.host(), settings=QUICK)
    with opened.lock(path) as lock:
        time.sleep(2.0)
        assert not _taken(Path(path))
        assert not lock.held()
    opened.close()
    Path(path).unlink()


@pytest.mark.services
def test_a_silent_host_keeps_the_lock_for_no_longer_than_is_sure(
    own_server: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/run/lock/dockwave-test-{own_server.port}.lock"
    monkeypatch.setattr(locks, "_ECHO_S", 0.3)
    monkeypatch.setattr(locks, "_SURE_S", 2.0)
    opened = SshConnection(own_server.host(), settings=QUICK)
    with opened.lock(path) as lock:
        own_server.kill_sessions(signal.SIGSTOP)
        assert lock.held()
        time.sleep(2.0)
        assert not lock.held()
        own_server.kill_sessions(signal.SIGCONT)
        time.sleep(0.5)
        assert lock.held()
    opened.close()
    Path(path).unlink()


@pytest.mark.services
def test_a_lock_that_is_never_entered_takes_nothing(server: Sshd) -> None:
    path = Path(f"/run/lock/dockwave-test-{server.port}.lock")
    opened = SshConnection(server.host(), settings=QUICK)
    opened.lock(str(path))
    assert not path.exists()
    opened.close()
