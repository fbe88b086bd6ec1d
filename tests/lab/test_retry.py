"""`dockwave retry` on real engines: only what is left is restarted, and what was restarted keeps its engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.lab.archive import File
from tests.lab import observed
from tests.lab.scene import Scene, by_state, scene
from tests.lab.switchable import probe

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.xdist_group("retry"), pytest.mark.timeout(600)]

ABORTED = ("stop-1", "stop-2", "stop-3", "stop-4")
FAILED = ("fail-1", "fail-2", "fail-3", "fail-4")
DAEMON_JSON = "etc/docker/daemon.json"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("retry"), (*ABORTED, *FAILED)) as made:
        yield made


def _starts(fleet: Scene, names: tuple[str, ...]) -> dict[str, list[str]]:
    return {name: observed.engine_starts(fleet.host(name)) for name in names}


def _restarted(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, int]:
    """How often each engine was started in between, of those that were."""
    assert all(after[name][: len(starts)] == starts for name, starts in before.items())
    return {name: len(after[name]) - len(before[name]) for name in before if after[name] != before[name]}


def _retry(fleet: Scene, campaign: str, *flags: str) -> dict[str, object]:
    """Plan what is left, apply that plan, and wait for its end."""
    file = fleet.plane.data / f"again-{campaign}-{'-'.join(flags)}.plan"
    fleet.plane.ok("retry", campaign, *flags, "--reason", "now it may", "--out", str(file))
    again = fleet.plane.ok("apply", str(file), "--yes", "-o", "json").json["id"]
    return fleet.plane.wait(again)


def test_what_an_aborted_campaign_left_is_restarted_and_what_it_had_done_keeps_its_engine(
    fleet: Scene,
) -> None:
    plane = fleet.plane
    before = _starts(fleet, ABORTED)
    with probe() as gate:
        gate.turns_red_after = 1
        asked = f"gates=[{{kind: http, url: '{gate.url}', at: wave, every: 10s, failures: 1000}}]"
        campaign = plane.campaign(
            "engine.restart", "stop-*", "--waves", "2,1", "--parallel", "2", "-O", asked
        )
        done = {"SUCCEEDED": set(ABORTED[:2]), "PENDING": set(ABORTED[2:])}
        plane.until(campaign, lambda shown: gate.asked > 1 and by_state(shown) == done)
        plane.ok("abort", campaign, "--reason", "the shop opens early")
        shown = plane.wait(campaign)
        assert (shown["state"], shown["exit_code"]) == ("ABORTED", 4)
        assert by_state(shown) == {"SUCCEEDED": set(ABORTED[:2]), "CANCELLED": set(ABORTED[2:])}
        half = _starts(fleet, ABORTED)
        assert _restarted(before, half) == {"stop-1": 1, "stop-2": 1}
        gate.green = True
        again = _retry(fleet, campaign)
    assert again["state"] == "COMPLETE", again
    assert by_state(again) == {"ALREADY_RIGHT": set(ABORTED[:2]), "SUCCEEDED": set(ABORTED[2:])}
    assert _restarted(half, _starts(fleet, ABORTED)) == {"stop-3": 1, "stop-4": 1}
    for name in ABORTED:
        accepted = [entry for entry in observed.journal(fleet.host(name)) if entry["kind"] == "accepted"]
        assert len(accepted) == 1, "each host was ordered once, in the one campaign or in the other"
        assert observed.running(fleet.host(name)) == fleet.before[name]["running"]


def test_hosts_that_never_began_and_one_that_failed_are_retried_one_kind_after_the_other(
    fleet: Scene,
) -> None:
    plane, broken = fleet.plane, fleet.host("fail-2")
    before = _starts(fleet, FAILED)
    good = observed.daemon_json(broken)
    file = plane.data / "first.plan"
    asked = ("--waves", "2,1", "--parallel", "2")
    plane.ok(
        "plan", "engine.restart", "-i", str(plane.inventory), "--on", "fail-*", *asked, "--out", str(file)
    )
    # after the plan, somebody leaves a configuration behind with which the engine would not come up
    broken.put({DAEMON_JSON: File(data=good.replace(b"}", b","))})
    campaign = plane.ok("apply", str(file), "--yes", "-o", "json").json["id"]
    shown = plane.wait(campaign)
    assert shown["state"] == "HALTED", shown
    assert by_state(shown) == {
        "SUCCEEDED": {"fail-1"}, "FAILED_CLEAN": {"fail-2"}, "CANCELLED": {"fail-3", "fail-4"},
    }  # fmt: skip
    first = _starts(fleet, FAILED)
    assert _restarted(before, first) == {"fail-1": 1}, "the engine that would not have come up runs on"

    again = _retry(fleet, campaign, "--only", "not-started")
    assert again["state"] == "COMPLETE", again
    assert by_state(again) == {"SUCCEEDED": {"fail-3", "fail-4"}}
    second = _starts(fleet, FAILED)
    assert _restarted(first, second) == {"fail-3": 1, "fail-4": 1}

    broken.put({DAEMON_JSON: File(data=good)})
    last = _retry(fleet, campaign, "--only", "failed,verified")
    assert last["state"] == "COMPLETE", last
    assert by_state(last) == {"ALREADY_RIGHT": {"fail-1"}, "SUCCEEDED": {"fail-2"}}
    assert _restarted(second, _starts(fleet, FAILED)) == {"fail-2": 1}
    assert _restarted(before, _starts(fleet, FAILED)) == dict.fromkeys(FAILED, 1)
