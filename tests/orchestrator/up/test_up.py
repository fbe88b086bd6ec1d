"""`dockwave up` for real: everything answers, a killed child comes back, `down` leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from orchestrator.up.process_id import process_id
from tests.orchestrator.up.test_parts import free_base

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]


@dataclass(frozen=True)
class Machine:
    """One data directory and the command line for it."""

    data: Path
    base: int

    def run(self, *argv: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        """Run `dockwave`."""
        return subprocess.run(
            [sys.executable, "-m", "orchestrator.cli", *argv],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    @property
    def environ(self) -> dict[str, str]:
        """An environment without settings but these."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("DOCKWAVE_", "FLOWER_"))
        }
        return kept | {"DOCKWAVE_DATA_DIR": str(self.data), "DOCKWAVE_PORT_BASE": str(self.base)}

    def children(self) -> dict[str, int]:
        """Process ids by name."""
        state = json.loads((self.data / "up.json").read_text())
        return {name: int(child["pid"]) for name, child in state["children"].items()}

    def until(self, holds: Callable[[], bool], seconds: float = 90) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, (self.data / "logs/up.log").read_text()
            time.sleep(0.2)

    def flower(self, *credentials: str) -> httpx.Client:
        """A client of its Flower."""
        auth = (credentials[0], credentials[1]) if credentials else None
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.base + 2}", auth=auth, trust_env=False, timeout=30
        )

    def secret(self, name: str) -> str:
        """The content of a secret file."""
        return (self.data / name).read_text().strip()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A control plane that is up, once for all tests here."""
    running = Machine(data=tmp_path_factory.mktemp("up") / "data", base=free_base())
    done = running.run("up", "--detach", "--pool", "default", "--agent", "this-one", "--listen", "127.0.0.2")
    try:
        assert done.returncode == 0, done.stderr
        yield running
    finally:
        running.run("down")


def test_everything_answers_and_status_says_where(machine: Machine) -> None:
    done = machine.run("status", "-o", "json")
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert body["healthy"] is True
    assert set(body["processes"]) == {"redis", "orchestrator", "flower", "gateway default", "agent this-one"}
    assert str(machine.base + 2) in body["urls"]["Flower"]
    assert machine.run("ls", "-o", "json").stdout.strip().startswith("{")


def test_no_password_is_in_a_process_list_log_or_output(machine: Machine) -> None:
    secrets = [machine.secret(name) for name in ("token", "redis.password", "flower.password")]
    shown = machine.run("status").stdout + machine.run("config", "show").stdout
    shown += "".join(path.read_text(errors="replace") for path in (machine.data / "logs").glob("*.log"))
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            shown += command.read_text(errors="replace")
        except OSError:
            continue  # it has just ended
    assert not [secret for secret in secrets if secret in shown]
    for name in (
        "token",
        "redis.password",
        "flower.password",
        "endpoints.json",
        "up.json",
        "redis/redis.conf",
    ):
        assert (machine.data / name).stat().st_mode & 0o077 == 0, name


def test_redis_listens_where_it_was_told_and_asks_for_the_password(machine: Machine) -> None:
    for address in ("127.0.0.1", "127.0.0.2"):
        with socket.create_connection((address, machine.base + 1), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            assert connection.recv(100).startswith(b"-NOAUTH")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.3", machine.base + 1), timeout=5)
    agent = machine.data / "agent.env"
    assert agent.read_text().startswith("DOCKWAVE_BROKER_URL=redis://:")
    assert f"@127.0.0.2:{machine.base + 1}/0" in agent.read_text()
    assert agent.stat().st_mode & 0o077 == 0


def test_flower_asks_for_its_password_and_changes_nothing(machine: Machine) -> None:
    for path in ("/", "/tasks", "/api/tasks", "/api/workers"):
        with machine.flower() as stranger, machine.flower("dockwave", "wrong") as liar:
            assert stranger.get(path).status_code == 401, path
            assert liar.get(path).status_code == 401, path
    with machine.flower("dockwave", machine.secret("flower.password")) as friend:
        assert friend.get("/api/tasks").status_code == 200
        for path in (
            "/api/worker/shutdown/gw-default-1@x",
            "/api/worker/pool/restart/gw-default-1@x",
            "/api/task/revoke/some-task",
            "/api/task/apply/disk.cleanup",
            "/api/task/send-task/disk.cleanup",
        ):
            assert friend.post(path, json={"args": []}).status_code == 403, path


def test_a_second_up_in_the_same_place_is_refused(machine: Machine) -> None:
    done = machine.run("up")
    assert done.returncode == 2
    assert "already runs" in done.stderr
    assert "dockwave down" in done.stderr


def test_taken_ports_are_named_with_their_holder(machine: Machine, tmp_path: Path) -> None:
    done = Machine(data=tmp_path / "other", base=machine.base).run("up", "--detach")
    assert done.returncode == 2
    assert f"Port {machine.base} for the API is taken by" in done.stderr
    assert "--port-base" in done.stderr


@pytest.mark.parametrize("name", ["orchestrator", "redis", "gateway default", "flower"])
def test_a_killed_child_is_started_again(machine: Machine, name: str) -> None:
    before = machine.children()[name]
    os.killpg(before, signal.SIGKILL)
    machine.until(lambda: machine.children().get(name, before) != before)
    machine.until(lambda: machine.run("status").returncode == 0)
    assert machine.run("ls").returncode == 0


def test_down_stops_all_of_it_and_nothing_else(machine: Machine) -> None:
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    known = [process_id(pid) for pid in machine.children().values()]
    done = machine.run("down")
    assert done.returncode == 0, done.stderr
    assert not [child for child in known if child is not None and child.alive()]
    assert other.poll() is None
    other.kill()
    other.wait()
    assert not (machine.data / "up.json").exists()
    for offset in range(3):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", machine.base + offset))
    assert machine.run("status").returncode == 9
    assert "Nothing is running" in machine.run("down").stderr


def test_what_a_killed_supervisor_left_is_cleared_by_the_next_start(machine: Machine) -> None:
    assert machine.run("up", "--detach").returncode == 0
    state = json.loads((machine.data / "up.json").read_text())
    orphans = [process_id(pid) for pid in machine.children().values()]
    os.kill(state["supervisor"]["pid"], signal.SIGKILL)
    assert machine.run("up", "--detach").returncode == 0
    assert not [orphan for orphan in orphans if orphan is not None and orphan.alive()]
    assert machine.run("ls").returncode == 0
    assert machine.run("down").returncode == 0


def test_ctrl_c_stops_all_of_it(machine: Machine) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator.cli", "up"],
        env=machine.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("Dockwave is up"):
            break
    known = [process_id(pid) for pid in machine.children().values()]
    assert len(known) == 4, said
    process.send_signal(signal.SIGINT)
    said += process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == 0, said
    assert not [child for child in known if child is not None and child.alive()]
