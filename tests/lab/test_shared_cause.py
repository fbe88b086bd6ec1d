"""A release that vanishes for every host while the first one fails with it: nobody is rolled back blind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.lab import repo
from deploy.lab.repo import Release
from tests.lab import observed
from tests.lab.scene import UPGRADE, Scene, by_state, scene

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.xdist_group("shared-cause"),
    pytest.mark.timeout(600),
]

NAMES = ("db-1", "db-2", "db-3")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("shared"), NAMES) as made:
        yield made


def _fail_while_the_archive_is_gone(fleet: Scene) -> str:
    """A campaign whose first host meets a broken engine, and whose archive loses that release for all meanwhile."""
    hosts = list(fleet.hosts.values())
    version = repo.offer(hosts, Release.BROKEN)
    for name, host in fleet.hosts.items():
        observed.forget_history(host)
        fleet.before[name] = observed.snapshot(host)
    campaign = fleet.plane.campaign(
        UPGRADE[0], "db-*", "--set", f"version={version}", *UPGRADE[3:], "--waves", "1,rest"
    )
    fleet.plane.until(campaign, lambda _: _begun(fleet, campaign))
    for name in NAMES[1:]:
        repo.withdraw(fleet.host(name))
    return campaign


def _begun(fleet: Scene, campaign: str) -> bool:
    """Whether the first host works on it, by its own journal."""
    script = 'cat /var/lib/dockwave/attempts/"$1"-*/journal 2>/dev/null'
    return '"intent"' in fleet.host("db-1").attempt("sh", "-c", script, "sh", campaign).out


def test_it_pauses_instead_and_goes_back_when_a_person_says_so(fleet: Scene) -> None:
    plane = fleet.plane
    campaign = _fail_while_the_archive_is_gone(fleet)
    shown = plane.until(
        campaign, lambda shown: any(stop["rule"] == "shared-cause check" for stop in shown["stops"])
    )
    assert not shown["final"]
    assert by_state(shown)["CANCELLED"] == {"db-2", "db-3"}, "nothing new starts either"
    assert observed.packages(fleet.host("db-1")) != fleet.before["db-1"]["packages"], "nobody went back yet"
    assert plane.run("watch", campaign).code == 4, "a person has to look"
    why = plane.ok("why", campaign).out
    assert "untouched" in why
    for text in ("db-2", "db-3", f"dockwave resume {campaign}"):
        assert text in why, why
    plane.ok("resume", campaign, "--reason", "the archive was cleaned up on purpose")
    shown = plane.wait(campaign)
    assert shown["state"] == "ROLLED_BACK", shown
    assert by_state(shown) == {"ROLLED_BACK": {"db-1"}, "CANCELLED": {"db-2", "db-3"}}
    for name in NAMES[1:]:
        fleet.untouched(name)
    assert observed.packages(fleet.host("db-1")) == fleet.before["db-1"]["packages"]
    assert observed.server_version(fleet.host("db-1")) == fleet.before["db-1"]["server"]
