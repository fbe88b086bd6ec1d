"""A finished upgrade of a real fleet is taken back by a second campaign, each host proven equal to its snapshot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.scene import Scene, scene

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("undo"), pytest.mark.timeout(900)]

NAMES = ("app-1", "app-2")


@pytest.fixture(scope="module")
def undone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, str, dict[str, object]]]:
    with scene(tmp_path_factory.mktemp("undo"), NAMES) as fleet:
        upgrade = fleet.start("app-*", "--waves", "1,rest")
        assert fleet.plane.wait(upgrade, timeout_s=600)["state"] == "COMPLETE"
        said = fleet.plane.ok(
            "undo", upgrade, "--reason", "wrong release", "--yes", "--no-watch", "-o", "json"
        )
        yield fleet, upgrade, fleet.plane.wait(said.json["id"], timeout_s=600)


def _hosts(shown: dict[str, object]) -> list[dict[str, object]]:
    waves = shown["waves"]
    assert isinstance(waves, list)
    return [host for wave in waves for host in wave["hosts"]]


def test_every_host_is_back_at_its_snapshot_with_the_proof_in_its_result(
    undone: tuple[Scene, str, dict[str, object]],
) -> None:
    fleet, upgrade, shown = undone
    assert shown["state"] == "COMPLETE", shown
    assert shown["undoes"] == upgrade
    for host in _hosts(shown):
        assert host["state"] == "SUCCEEDED", host
        result = host["result"]
        assert isinstance(result, dict)
        assert result["data"]["differences"] == []
        assert result["data"]["compared"]
    for name in NAMES:
        fleet.back_to_snapshot(name)


def test_the_last_wave_went_back_first(undone: tuple[Scene, str, dict[str, object]]) -> None:
    _, _, shown = undone
    assert [host["host"] for host in _hosts(shown)] == ["app-2", "app-1"]


def test_both_campaigns_name_each_other_and_an_undo_is_not_undone(
    undone: tuple[Scene, str, dict[str, object]],
) -> None:
    fleet, upgrade, shown = undone
    links = fleet.plane.ok("show", upgrade, "-o", "json").json["undone_by"]
    assert links == [{"id": shown["id"], "state": "COMPLETE"}]
    assert fleet.plane.run("undo", str(shown["id"]), "--yes").code == 2
