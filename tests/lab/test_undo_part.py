"""A part of a finished campaign is taken back on real hosts: one host, then one wave, then what is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import observed
from tests.lab.scene import Scene, by_state, scene

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.xdist_group("undo-part"),
    pytest.mark.timeout(600),
]

NAMES = ("part-1", "part-2", "part-3", "part-4")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("undo-part"), NAMES) as made:
        yield made


def _held(fleet: Scene) -> set[str]:
    return {name for name in NAMES if observed.holds(fleet.host(name))}


def _attempts(fleet: Scene) -> dict[str, int]:
    """How many attempts each host has accepted, as its own journal says."""
    kinds = {name: [entry["kind"] for entry in observed.journal(fleet.host(name))] for name in NAMES}
    return {name: found.count("accepted") for name, found in kinds.items()}


def _undo(fleet: Scene, campaign: str, *flags: str) -> dict[str, Any]:
    said = fleet.plane.ok(
        "undo", campaign, *flags, "--reason", "too early", "--yes", "--no-watch", "-o", "json"
    )
    return fleet.plane.wait(said.json["id"])


def test_one_host_goes_back_then_one_wave_then_what_is_left(fleet: Scene) -> None:
    plane = fleet.plane
    held = ("engine.hold", "part-*", "--set", "state=held", "--waves", "2,rest", "--parallel", "2")
    campaign = plane.campaign(*held)
    assert plane.wait(campaign)["state"] == "COMPLETE"
    assert _held(fleet) == set(NAMES)
    for nothing in (("--host", "part-9"), ("--wave", "3"), ("--wave", "1", "--host", "part-3")):
        assert plane.run("undo", campaign, *nothing, "--yes").code == 2

    shown = _undo(fleet, campaign, "--host", "part-1")
    assert (shown["state"], by_state(shown)) == ("COMPLETE", {"SUCCEEDED": {"part-1"}})
    assert _held(fleet) == {"part-2", "part-3", "part-4"}
    assert _attempts(fleet) == {"part-1": 2, "part-2": 1, "part-3": 1, "part-4": 1}

    shown = _undo(fleet, campaign, "--wave", "2")
    assert (shown["state"], by_state(shown)) == ("COMPLETE", {"SUCCEEDED": {"part-3", "part-4"}})
    assert _held(fleet) == {"part-2"}
    assert _attempts(fleet) == {"part-1": 2, "part-2": 1, "part-3": 2, "part-4": 2}

    shown = _undo(fleet, campaign)
    assert shown["state"] == "COMPLETE", shown
    assert by_state(shown) == {"SUCCEEDED": {"part-2"}, "ALREADY_RIGHT": {"part-1", "part-3", "part-4"}}
    assert _attempts(fleet) == dict.fromkeys(NAMES, 2), "no host goes back twice"
    for name in NAMES:
        fleet.back_to_snapshot(name)
    assert len(plane.show(campaign)["undone_by"]) == 3
