"""A PostgreSQL database is put back in mid-campaign by the manual's own commands: no engine is restarted twice."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import observed
from tests.lab.plane import Plane
from tests.lab.restarts import after_the_first_wave, in_mid_restart, restarts, starts_slowly
from tests.lab.scene import Scene, by_state, scene
from tests.lab.switchable import Probe, probe
from tests.support.postgres import PostgresCluster, running_postgres

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.xdist_group("postgres"),
    pytest.mark.timeout(600),
]

NAMES = ("pg-1", "pg-2", "pg-3")
OPERATING = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresCluster]:
    with running_postgres() as running:
        yield running


@pytest.fixture(scope="module")
def fleet(cluster: PostgresCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A control plane whose settings file, and nothing that is typed, names the database."""
    settings = tmp_path_factory.mktemp("settings")
    file = settings / "dockwave" / "config.toml"
    file.parent.mkdir()
    file.write_text(f'database_url = "{cluster.database_of("dockwave")}"\n')
    file.chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(settings))
        with scene(tmp_path_factory.mktemp("postgres"), NAMES) as made:
            yield made


@pytest.fixture
def gate() -> Iterator[Probe]:
    """What the campaign asks before each wave."""
    with probe() as service:
        yield service


def _commands() -> list[str]:
    """The block of the manual that puts a PostgreSQL database back, line by line."""
    section = OPERATING.partition("## Putting the database back\n")[2].partition("\n## ")[0]
    (block,) = (found for found in section.split("```")[1::2] if "pg_restore" in found)
    return [line.partition("  #")[0].strip() for line in block.strip().splitlines()]


def _as_superuser(cluster: PostgresCluster, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-eu", "-c", command],
        env=os.environ | cluster.client(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _dumped(cluster: PostgresCluster, file: Path) -> Path:
    """A copy made as the manual says while the orchestrator works."""
    (command,) = re.findall(r"`(pg_dump [^`]+)`", OPERATING)
    done = _as_superuser(cluster, command.replace("FILE", str(file)))
    assert done.returncode == 0, done.stderr
    return file


def _put_back(plane: Plane, cluster: PostgresCluster, copy: Path) -> None:
    """What docs/operating.md says, word for word."""
    commands = _commands()
    assert [line.split()[0] for line in commands].count("dockwave") == len(commands) - 3
    for line in commands:
        typed = line.replace("COPY", str(copy)).replace("HOST", f"127.0.0.1:{cluster.port}")
        if typed.startswith("dockwave "):
            plane.ok(*shlex.split(typed)[1:], timeout_s=120)
        else:
            done = _as_superuser(cluster, typed)
            assert done.returncode == 0, (typed, done.stderr)


def test_a_dump_of_before_the_second_wave_is_put_back_by_the_commands_of_the_manual(
    fleet: Scene, cluster: PostgresCluster, gate: Probe, tmp_path: Path
) -> None:
    plane = fleet.plane
    before = {name: observed.engine_starts(fleet.host(name)) for name in NAMES}
    starts_slowly(fleet.host("pg-2"))
    campaign = after_the_first_wave(fleet, gate, "pg-*")
    assert not list(plane.data.glob("*.db*")), "the truth is elsewhere"
    copy = _dumped(cluster, tmp_path / "copy.dump")
    gate.green = True
    plane.until(campaign, lambda _: in_mid_restart(fleet.host("pg-2")))
    plane.ok("pause", campaign, "--reason", "the shop is open")
    plane.until(campaign, lambda shown: plane.host_state(shown, "pg-2") == "SUCCEEDED")
    (rename,) = (line for line in _commands() if line.startswith("psql "))
    early = _as_superuser(cluster, rename)
    assert early.returncode != 0, "an orchestrator works on it"
    assert "accessed by other users" in early.stderr

    _put_back(plane, cluster, copy)

    shown = plane.until(campaign, lambda shown: any("restored" in line for line in shown["brakes"]))
    assert shown["state"] == "RUNNING", "the pause is forgotten"
    assert by_state(shown) == {"SUCCEEDED": {"pg-1"}, "PENDING": {"pg-2", "pg-3"}}
    url = f"postgresql://dockwave@127.0.0.1:{cluster.port}/dockwave"
    refused = plane.run("stop-all", "--database-url", url, "--reason", "too late")
    assert refused.code == 2, "an orchestrator works on it"
    said = plane.ok("audit", "list", "--database-url", f"{url}_before", "--campaign", campaign).out
    assert "the shop is open" in said, "the database of before tells what is to be said again"
    assert "the shop is open" not in plane.ok("audit", "list", "--campaign", campaign).out
    plane.ok("stop-all", "--release", "--reason", "looked at")
    shown = plane.wait(campaign)
    assert shown["state"] == "COMPLETE", plane.ok("why", campaign).out
    assert restarts(fleet, before) == dict.fromkeys(NAMES, 1), "a host answers what came of it before"
    plane.ok("audit", "verify")
