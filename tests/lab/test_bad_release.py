"""Releases that do not work: the campaign turns back by itself, proves it, and says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.lab import faults, repo
from deploy.lab.repo import Release
from tests.lab import agent, observed
from tests.lab.scene import UPGRADE, Scene, by_state, scene

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("bad-release"), pytest.mark.timeout(900)]

NAMES = ("db-1", "db-2", "db-3", "db-4")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("bad"), NAMES) as made:
        yield made


@pytest.fixture
def another_fleet(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path, NAMES) as made:
        yield made


def _remember(fleet: Scene) -> None:
    """What the hosts are once the fault is prepared: that is what a rollback must bring back."""
    for name, host in fleet.hosts.items():
        observed.forget_history(host)
        fleet.before[name] = observed.snapshot(host)


def test_a_release_that_does_not_start_is_rolled_back_on_the_canary_and_goes_no_further(fleet: Scene) -> None:
    version = repo.offer(list(fleet.hosts.values()), Release.BROKEN)
    _remember(fleet)
    plane = fleet.plane
    said = plane.run(
        "run", "engine.upgrade", "-i", str(plane.inventory), "--on", "db-*", "--set", f"version={version}",
        *UPGRADE[3:], "--waves", "1,rest", "--yes", "--watch", timeout_s=600,
    )  # fmt: skip
    assert said.code == 5, (said.out[-3000:], said.err[-3000:])
    campaign = plane.ok("ls", "-o", "json").json["campaigns"][0]["id"]
    shown = plane.show(campaign)
    assert shown["state"] == "ROLLED_BACK"
    assert by_state(shown) == {"ROLLED_BACK": {"db-1"}, "CANCELLED": {"db-2", "db-3", "db-4"}}
    fleet.back_to_snapshot("db-1")
    for name in ("db-2", "db-3", "db-4"):
        fleet.untouched(name)
    why = plane.ok("why", campaign).out
    assert "wave 1" in why
    assert "db-1" in why
    assert "dockwave " in why, "the next command is named"
    flower = _rolled_back_tasks(fleet)
    assert any("db-1" in task for task in flower), flower


def test_a_host_with_its_own_trouble_is_rolled_back_and_the_campaign_with_it(fleet: Scene) -> None:
    """On the hosts of the test before: an upgrade that was rolled back is no obstacle to the next."""
    states = _third_has_trouble(fleet, tolerated="0", state="ROLLED_BACK", code=5)
    assert states["SUCCEEDED"] == {"db-1", "db-2"}
    fleet.untouched("db-4")


# the same on the hosts; what tolerance makes of it is decided by the campaign alone
@pytest.mark.full
def test_a_host_with_its_own_trouble_is_rolled_back_and_tolerated(another_fleet: Scene) -> None:
    states = _third_has_trouble(another_fleet, tolerated="1", state="COMPLETE_WITH_EXCEPTIONS", code=3)
    assert states["SUCCEEDED"] == {"db-1", "db-2", "db-4"}


def _third_has_trouble(fleet: Scene, *, tolerated: str, state: str, code: int) -> dict[str, set[str]]:
    """The release refuses a key of daemon.json that only one host of wave 2 has; hosts by their states."""
    version = repo.offer(list(fleet.hosts.values()), Release.REFUSES_KEY)
    faults.configure_engine(fleet.host("db-3"), **{repo.REFUSED_KEY: 5})
    _remember(fleet)
    plane = fleet.plane
    said = plane.run(
        "run", "engine.upgrade", "-i", str(plane.inventory), "--on", "db-*", "--set", f"version={version}",
        *UPGRADE[3:], "--waves", "1,2,rest", "--max-failures", tolerated, "--yes", "--watch", timeout_s=600,
    )  # fmt: skip
    assert said.code == code, (said.out[-3000:], said.err[-3000:])
    shown = plane.show(plane.ok("ls", "-o", "json").json["campaigns"][0]["id"])
    assert shown["state"] == state
    states = by_state(shown)
    assert states["ROLLED_BACK"] == {"db-3"}
    fleet.back_to_snapshot("db-3")
    for name in states["SUCCEEDED"]:
        assert observed.packages(fleet.host(name))["docker.io"] == version
        assert observed.running(fleet.host(name)) == fleet.before[name]["running"]
    return states


def _rolled_back_tasks(fleet: Scene) -> list[str]:
    tasks = agent.flower_tasks(fleet.plane)
    return [task["kwargs"] for task in tasks.values() if task["state"] == "ROLLEDBACK"]
