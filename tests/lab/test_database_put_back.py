"""The database is put back to an earlier copy in mid-campaign: no engine is restarted twice, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from deploy.lab.host import Host
from tests.lab import observed
from tests.lab.plane import Plane
from tests.lab.restarts import after_the_first_wave, in_mid_restart, restarts, starts_slowly
from tests.lab.scene import Scene, by_state, scene
from tests.lab.switchable import Probe, probe

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.xdist_group("database"),
    pytest.mark.timeout(600),
]

KILLED = ("kill-1", "kill-2", "kill-3", "kill-4")
STOPPED = ("stop-1", "stop-2", "stop-3", "plan-1")
DATABASE = "dockwave.db"
OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("database"), (*KILLED, *STOPPED)) as made:
        yield made


@pytest.fixture
def gate() -> Iterator[Probe]:
    """What campaigns ask before each wave."""
    with probe() as service:
        yield service


def _copy(plane: Plane) -> Path:
    """What `sqlite3 dockwave.db ".backup FILE"` makes while the orchestrator works."""
    file = plane.data / "copy.db"
    with closing(sqlite3.connect(plane.data / DATABASE)) as live, closing(sqlite3.connect(file)) as copy:
        live.backup(copy)
    return file


def _put_back(plane: Plane, copy: Path) -> None:
    """What docs/operating.md says, word for word."""
    words = (line.partition(" #")[0].strip() for line in OPERATING.read_text().splitlines())
    told = [line for line in words if "mv dockwave.db*" in line or line.startswith("cp COPY ")]
    assert len(told) == 2
    script = "\n".join(told).replace("COPY", str(copy))
    subprocess.run(["sh", "-eu", "-c", script], cwd=plane.data, check=True)


def _aside(plane: Plane) -> Path:
    return plane.data / "before"


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / DATABASE}"


@contextmanager
def _orchestrator_killed(plane: Plane) -> Iterator[None]:
    """The orchestrator is dead meanwhile, and the gateway goes on: nobody starts it again before the end."""
    supervisor = json.loads((plane.data / "up.json").read_text())["supervisor"]["pid"]
    os.kill(supervisor, signal.SIGSTOP)
    try:
        plane.kill("orchestrator")
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)


def _accepted(host: Host, campaign: str) -> list[str]:
    """Every attempt of the campaign that the host ever accepted, as it keeps them."""
    listed = host.run("sh", "-c", f"grep -l accepted /var/lib/dockwave/attempts/{campaign}-*/journal || true")
    return listed.split()


def test_a_copy_of_before_the_second_wave_is_put_back_while_its_hosts_are_at_work(
    fleet: Scene, gate: Probe
) -> None:
    plane = fleet.plane
    before = {name: observed.engine_starts(fleet.host(name)) for name in KILLED}
    starts_slowly(fleet.host("kill-3"))
    campaign = after_the_first_wave(fleet, gate, "kill-*")
    copy = _copy(plane)
    # another campaign, of which the copy knows nothing, is done with a host this one has yet to come to
    other = plane.campaign("engine.hold", "kill-4", "--set", "state=held")
    assert plane.wait(other)["state"] == "COMPLETE"
    gate.green = True
    plane.until(campaign, lambda shown: plane.host_state(shown, "kill-2") == "SUCCEEDED")
    plane.until(campaign, lambda _: in_mid_restart(fleet.host("kill-3")))
    with _orchestrator_killed(plane):
        assert (plane.data / f"{DATABASE}-wal").stat().st_size > 0, "a killed process leaves its log behind"
        _put_back(plane, copy)
        (_aside(plane)).rename(plane.data / "before-the-kill")
    shown = plane.wait(campaign)
    assert shown["state"] == "COMPLETE", plane.ok("why", campaign).out
    assert by_state(shown) == {"SUCCEEDED": set(KILLED)}
    assert restarts(fleet, before) == dict.fromkeys(KILLED, 1)
    runs = plane.hosts(campaign)
    for name in KILLED:
        assert len(_accepted(fleet.host(name), campaign)) == 1, (
            "one attempt changed the host, whatever was ordered"
        )
        steps = {step["key"]: step["state"] for step in runs[name]["result"]["steps"]}
        assert steps["restart"] == "done", "what it did is known although the database had forgotten it"
        assert sorted(runs[name]["result"]["data"]["containers_after"]) == ["shop-1", "shop-2"]
    assert [len(runs[name]["attempts"]) for name in KILLED] == [1, 1, 1, 2], (
        "one number was taken by the other"
    )
    assert plane.run("show", other).code == 2, "it began after the copy"
    assert _accepted(fleet.host("kill-4"), other), "its host knows it"
    plane.ok("audit", "verify")


def test_what_people_had_said_after_the_copy_is_said_again_before_anything_starts(
    fleet: Scene, gate: Probe
) -> None:
    plane = fleet.plane
    before = {name: observed.engine_starts(fleet.host(name)) for name in STOPPED}
    starts_slowly(fleet.host("stop-2"))
    planned = plane.data / "made-before.plan"
    asked = ("engine.restart", "-i", str(plane.inventory), "--on", "plan-1")
    plane.ok("plan", *asked, "--out", str(planned))
    campaign = after_the_first_wave(fleet, gate, "stop-*")
    copy = _copy(plane)
    once = plane.ok("apply", str(planned), "--yes", "-o", "json").json["id"]
    assert plane.wait(once)["state"] == "COMPLETE"
    gate.green = True
    plane.until(campaign, lambda _: in_mid_restart(fleet.host("stop-2")))
    plane.ok("pause", campaign, "--reason", "the shop is open")
    plane.until(campaign, lambda shown: plane.host_state(shown, "stop-2") == "SUCCEEDED")

    plane.down()
    _put_back(plane, copy)
    plane.ok("stop-all", "--database-url", _url(plane.data), "--reason", "restored")
    plane.up()

    shown = plane.until(campaign, lambda shown: any("restored" in line for line in shown["brakes"]))
    assert shown["state"] == "RUNNING", "the pause is forgotten"
    assert by_state(shown) == {"SUCCEEDED": {"stop-1"}, "PENDING": {"stop-2", "stop-3"}}
    refused = plane.run("stop-all", "--database-url", _url(plane.data), "--reason", "too late")
    assert refused.code == 2, "an orchestrator works on it"
    said = plane.ok("audit", "list", "--database-url", _url(_aside(plane)), "--campaign", campaign).out
    assert "the shop is open" in said, "the database of before tells what is to be said again"
    plane.ok("pause", campaign, "--reason", "the shop is open")
    plane.ok("stop-all", "--release", "--reason", "looked at")
    plane.until(campaign, lambda shown: shown["state"] == "PAUSED")
    assert restarts(fleet, before) == {"stop-1": 1, "stop-2": 1, "stop-3": 0, "plan-1": 1}

    plane.ok("resume", campaign)
    shown = plane.wait(campaign)
    assert shown["state"] == "COMPLETE", plane.ok("why", campaign).out
    again = plane.ok("apply", str(planned), "--yes", "-o", "json").json["id"]
    assert again == once, "a plan that was applied after the copy may be applied again"
    assert by_state(plane.wait(again)) == {"SUCCEEDED": {"plan-1"}}
    assert restarts(fleet, before) == dict.fromkeys(STOPPED, 1), "and its host answers what came of it"
    plane.ok("audit", "verify")
