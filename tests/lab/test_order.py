"""In which order real hosts are started: by rank, by label, shuffled, spread and with canaries, as the plan told."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lab import observed
from tests.lab.scene import Scene, by_state, scene

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.xdist_group("order"), pytest.mark.timeout(600)]

LABELS = {
    "n-1": {"zone": "east", "rank": "30", "site": "site-10"},
    "n-2": {"zone": "east", "rank": "5", "site": "site-9"},
    "n-3": {"zone": "east", "rank": "10", "site": "site-2"},
    "n-4": {"zone": "west", "rank": "20", "site": "site-10"},
    "n-5": {"zone": "west", "rank": "40", "tier": "canary"},
    "n-6": {"zone": "west", "site": "site-2"},
}
#: the order a seed of 7 throws, on every machine and in every release
SHUFFLED = ["n-4", "n-3", "n-5", "n-1", "n-6", "n-2"]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("order"), tuple(LABELS), labels=LABELS) as made:
        yield made


def _plan(fleet: Scene, state: str, file: str, *flags: str) -> list[list[str]]:
    """Plan to hold or release the packages of all hosts; the hosts of each wave, as the plan file has them."""
    plane = fleet.plane
    where = plane.data / file
    asked = ("engine.hold", "--set", f"state={state}", "-i", str(plane.inventory), "--on", "all")
    plane.ok("plan", *asked, *flags, "--out", str(where))
    document = json.loads(where.read_text())
    waves: dict[int, list[str]] = {}
    for run in document["document"]["hosts"]:
        waves.setdefault(run["wave"], []).append(run["host"]["name"])
    assert list(waves) == sorted(waves)
    return list(waves.values())


def _started(fleet: Scene, file: str) -> list[str]:
    """Apply the plan and see it through; its hosts in the order in which the log says that they were ordered."""
    plane = fleet.plane
    campaign = plane.ok("apply", str(plane.data / file), "--yes", "-o", "json").json["id"]
    shown = plane.wait(campaign)
    assert shown["state"] == "COMPLETE", shown
    assert by_state(shown) == {"SUCCEEDED": set(LABELS)}
    log = plane.ok("audit", "list", "--all", "--campaign", campaign, "--limit", "5000", "-o", "json").json
    lines = sorted(log["lines"], key=lambda line: line["seq"])
    return [line["host"] for line in lines if line["kind"] == "dispatch"]


def _accepted(fleet: Scene) -> list[str]:
    """The hosts in the order in which they accepted their last order, as their own journals say."""
    at = {
        name: max(float(str(entry["at"])) for entry in observed.journal(host) if entry["kind"] == "accepted")
        for name, host in fleet.hosts.items()
    }
    return sorted(at, key=lambda name: at[name])


def test_a_canary_goes_first_and_then_by_rank_as_far_apart_as_zones_allow(fleet: Scene) -> None:
    how = ("-O", "order={by: rank, label: rank}", "-O", "spread=zone", "-O", "canary=tier=canary")
    waves = _plan(fleet, "held", "rank.plan", *how)
    assert waves[0] == ["n-5"], "a wave of its own, whatever its rank"
    told = [name for wave in waves for name in wave]
    assert told == ["n-5", "n-2", "n-4", "n-3", "n-6", "n-1"], (
        "no rank is the last rank; no two of a zone in a row"
    )
    assert _started(fleet, "rank.plan") == told
    assert _accepted(fleet) == told


def test_hosts_go_by_a_label_as_people_sort_it_and_together_where_they_may(fleet: Scene) -> None:
    how = ("-O", "order={by: label, label: site}", "--waves", "2,rest", "--parallel", "3")
    waves = _plan(fleet, "released", "label.plan", *how)
    assert waves == [["n-3", "n-6"], ["n-2", "n-1", "n-4", "n-5"]], "site-2, site-9, site-10, none"
    assert _started(fleet, "label.plan") == [name for wave in waves for name in wave]


def test_a_shuffle_with_a_seed_is_the_same_twice_and_hosts_go_by_it(fleet: Scene) -> None:
    asked = ("--waves", "rest")
    seven, other = (("-O", f"order={{by: shuffle, seed: {seed}}}") for seed in (7, 8))
    first = _plan(fleet, "held", "once.plan", *seven, *asked)
    assert first == [SHUFFLED]
    assert _plan(fleet, "held", "twice.plan", *seven, *asked) == first
    assert _plan(fleet, "held", "other.plan", *other, *asked) != first
    assert _started(fleet, "twice.plan") == SHUFFLED
    assert _accepted(fleet) == SHUFFLED
