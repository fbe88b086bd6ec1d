"""A staged upgrade of a real fleet, 20.10 to 26.1 in waves of 1, 2 and the rest, with containers running."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.lab import observed
from tests.lab.scene import UPGRADE, Scene, scene

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("upgrade"), pytest.mark.timeout(900)]

NAMES = ("app-1", "app-2", "app-3", "app-4", "app-5")


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, dict[str, object]]]:
    with scene(tmp_path_factory.mktemp("upgrade"), NAMES) as fleet:
        campaign = fleet.start("app-*", "--waves", "1,2,rest", "--parallel", "2", "--monitor", "2s")
        yield fleet, fleet.plane.wait(campaign, timeout_s=600)


def test_every_host_runs_the_new_engine_and_kept_its_containers(
    upgraded: tuple[Scene, dict[str, object]],
) -> None:
    fleet, shown = upgraded
    assert shown["state"] == "COMPLETE", shown
    assert shown["exit_code"] == 0
    for name in NAMES:
        fleet.upgraded(name)


def test_the_waves_were_one_two_and_the_rest_and_kept_their_order(
    upgraded: tuple[Scene, dict[str, object]],
) -> None:
    _, shown = upgraded
    waves = shown["waves"]
    assert isinstance(waves, list)
    assert [len(wave["hosts"]) for wave in waves] == [1, 2, 2]
    for earlier, later in itertools.pairwise(waves):
        ends = [host["ended_at"] for host in earlier["hosts"]]
        starts = [host["started_at"] for host in later["hosts"]]
        assert max(ends) <= min(starts)


def test_nothing_but_the_engine_set_was_upgraded(upgraded: tuple[Scene, dict[str, object]]) -> None:
    fleet, _ = upgraded
    for name in NAMES:
        changed = {
            package for action, package, _ in observed.dpkg_changes(fleet.host(name)) if action == "upgrade"
        }
        assert changed <= {"docker.io", "docker-cli", "containerd", "runc"}, (name, changed)


def test_the_previous_packages_are_cached_on_the_host(upgraded: tuple[Scene, dict[str, object]]) -> None:
    fleet, _ = upgraded
    for name in NAMES:
        cached = fleet.host(name).run("find", "/var/lib/dockwave/attempts", "-name", "*.deb").split()
        for package in ("docker.io", "containerd", "runc"):
            assert any(f"/{package}_" in path for path in cached), (name, cached)


def test_the_result_names_old_and_new_versions(upgraded: tuple[Scene, dict[str, object]]) -> None:
    _, shown = upgraded
    waves = shown["waves"]
    assert isinstance(waves, list)
    data = waves[0]["hosts"][0]["result"]["data"]
    assert "20.10" in str(data["from"])
    assert "26.1" in str(data["to"])


def test_a_second_campaign_is_already_right(upgraded: tuple[Scene, dict[str, object]]) -> None:
    fleet, _ = upgraded
    said = fleet.plane.ok(
        "run", *UPGRADE, "-i", str(fleet.plane.inventory), "--on", "app-*", "--yes", "-o", "json"
    )
    shown = fleet.plane.wait(said.json["id"])
    states = {host["state"] for wave in shown["waves"] for host in wave["hosts"]}
    assert states == {"ALREADY_RIGHT"}
    for name in NAMES:
        fleet.upgraded(name)
