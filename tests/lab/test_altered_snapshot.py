"""A snapshot somebody wrote to on the host is no proof of a way back, however equal the host is to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import observed
from tests.lab.scene import Scene, by_state, scene

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.xdist_group("snapshot"),
    pytest.mark.timeout(600),
]

NAMES = ("snap-1", "snap-2", "snap-3")
HOLD = ("engine.hold", "snap-*", "--set", "state=held", "--waves", "rest", "--parallel", "3")
#: by hand: the holds the campaign sets are made to look as if they had been there before
ALTER = """
set -eu
cd /var/lib/dockwave/attempts/{campaign}-1-*
grep -q '"status":"ii"' before.json
sed -i 's/"status":"ii"/"status":"hi"/g' before.json
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("snapshot"), NAMES) as made:
        yield made


@pytest.fixture(autouse=True)
def _released(fleet: Scene) -> Iterator[None]:
    """The hosts are as they were, and no campaign keeps one, as a person leaves them."""
    yield
    for item in fleet.plane.ok("hosts", "quarantined", "-o", "json").json["quarantines"]:
        fleet.plane.ok("hosts", "release", item["host"], "--reason", "looked at it")
    for name in NAMES:
        fleet.host(name).run("apt-mark", "unhold", *observed.ENGINE_PACKAGES)


def _altered(fleet: Scene, name: str, campaign: str) -> None:
    fleet.host(name).run("sh", "-c", ALTER.format(campaign=campaign))


def _held(fleet: Scene) -> set[str]:
    return {name for name in NAMES if observed.holds(fleet.host(name))}


def _why(fleet: Scene, campaign: str) -> str:
    """What `why` says, whatever the width of the screen."""
    return " ".join(fleet.plane.ok("why", campaign).out.split())


def test_a_rollback_to_an_altered_snapshot_needs_a_person_and_the_other_hosts_go_back(fleet: Scene) -> None:
    plane = fleet.plane
    campaign = plane.campaign(*HOLD, "--monitor", "10m")
    plane.until(campaign, lambda shown: by_state(shown) == {"SOAKING": set(NAMES)})
    assert _held(fleet) == set(NAMES)
    _altered(fleet, "snap-1", campaign)
    plane.ok("rollback", campaign, "--reason", "wrong release", "--yes")
    shown = plane.wait(campaign)
    assert shown["state"] == "ROLLBACK_INCOMPLETE", shown
    assert by_state(shown) == {"NEEDS_HUMAN": {"snap-1"}, "ROLLED_BACK": {"snap-2", "snap-3"}}
    run = plane.hosts(campaign)["snap-1"]
    assert run["error"]["code"] == "E_SNAPSHOT_CHANGED"
    assert run["result"]["changed"] is False, "nothing was brought back to what somebody wrote there"
    assert _held(fleet) == {"snap-1"}, "and it is not what it was"
    fleet.back_to_snapshot("snap-2")
    why = _why(fleet, campaign)
    assert "E_SNAPSHOT_CHANGED" in why
    assert f"snap-1 has another snapshot, not the one {campaign}/snap-1/1 took" in why
    assert f"`dockwave logs {campaign} snap-1`" in why
    assert "`dockwave hosts release snap-1 --reason TEXT`" in why
    quarantined = plane.ok("hosts", "quarantined", "-o", "json").json["quarantines"]
    assert [(item["host"], item["campaign"]) for item in quarantined] == [("snap-1", campaign)]


def test_an_undo_leaves_out_a_host_with_an_altered_snapshot_and_does_not_touch_what_is_altered_later(
    fleet: Scene,
) -> None:
    plane = fleet.plane
    campaign = plane.campaign(*HOLD)
    assert plane.wait(campaign)["state"] == "COMPLETE"
    _altered(fleet, "snap-3", campaign)
    asked = ("undo", campaign, "--reason", "wrong release", "--approval", "1:sre", "--yes", "--no-watch")
    undo = plane.ok(*asked, "-o", "json", codes=(0, 6), by="author").json["id"]
    left_out = plane.hosts(undo)["snap-3"]
    assert left_out["state"] == "SKIPPED"
    assert left_out["error"]["code"] == "E_SNAPSHOT_CHANGED"
    _altered(fleet, "snap-1", campaign)
    plane.ok("approve", undo, by="ann")
    shown = plane.wait(undo)
    assert by_state(shown) == {"FAILED_CLEAN": {"snap-1"}, "SUCCEEDED": {"snap-2"}, "SKIPPED": {"snap-3"}}
    assert plane.hosts(undo)["snap-1"]["error"]["code"] == "E_SNAPSHOT_CHANGED"
    assert _held(fleet) == {"snap-1", "snap-3"}
    why = _why(fleet, undo)
    assert f"snap-1 has another snapshot, not the one {campaign}/snap-1/1 took" in why
    plane.ok("audit", "verify")
