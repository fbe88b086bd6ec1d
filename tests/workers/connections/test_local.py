"""What only a local connection can promise: nothing leaks into children, nothing outlives its deadline."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tasks.connection import Command
from tasks.errors import DeadlineExceeded, OrderRefused
from tasks.model import Host, Transport
from workers.connections.local import LocalConnection


@pytest.fixture
def connection() -> LocalConnection:
    return LocalConnection(Host(name="agent-1", transport=Transport.LOCAL))


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_children_see_nothing_of_the_workers_environment(
    connection: LocalConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKWAVE_BROKER_PASSWORD", "hunter2")
    monkeypatch.setenv("PYTHONPATH", "/evil")
    shown = connection.run(Command(argv=("env",))).stdout.text
    assert "hunter2" not in shown
    assert "PYTHONPATH" not in shown
    assert "LC_ALL=C" in shown.splitlines()
    assert "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" in shown.splitlines()


def test_children_inherit_no_open_file(connection: LocalConnection, tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as held:
        os.set_inheritable(held.fileno(), True)
        shown = connection.run(Command(argv=("ls", "-l", "/proc/self/fd"))).stdout.text
    assert "secret" not in shown


def test_at_the_deadline_the_whole_process_group_is_killed(
    connection: LocalConnection, tmp_path: Path
) -> None:
    script = f"trap '' TERM; sleep 60 & echo $! $$ > {tmp_path}/pids; wait; sleep 60"
    with pytest.raises(DeadlineExceeded):
        connection.run(Command(argv=("sh", "-c", script), timeout_s=1.0))
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    end = time.monotonic() + 3
    while any(map(_alive, pids)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(_alive, pids))


def test_a_lock_file_that_is_a_link_is_not_followed(connection: LocalConnection, tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OrderRefused), connection.lock(str(tmp_path / "lock")):
        pytest.fail("followed a link")
    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_whose_file_was_replaced_is_no_longer_held(
    connection: LocalConnection, tmp_path: Path
) -> None:
    path = tmp_path / "lock"
    with connection.lock(str(path)) as lock:
        assert lock.held()
        path.unlink()
        assert not lock.held()
        path.touch()
        assert not lock.held()


def test_a_program_that_closes_its_output_is_still_waited_for(connection: LocalConnection) -> None:
    result = connection.run(Command(argv=("sh", "-c", "exec >&- 2>&-; sleep 0.5; exit 4"), timeout_s=10))
    assert result.exit_code == 4
    assert result.duration_s >= 0.5
    with pytest.raises(DeadlineExceeded):
        connection.run(Command(argv=("sh", "-c", "exec >&- 2>&-; sleep 30"), timeout_s=0.5))
