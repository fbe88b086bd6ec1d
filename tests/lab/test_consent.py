"""Campaigns that wait for people, by the real command line: gates people open, overrides, a watched rollback, clocks.

All scenarios share one fleet and one control plane. What has to wait a minute for an answer nobody gives begins
first, on hosts of its own, and is judged last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.lab import observed
from tests.lab.scene import Scene, by_state, scene
from tests.lab.switchable import probe

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.xdist_group("consent"),
    pytest.mark.timeout(600),
]

NAMES = ("ask-1", "ask-2", "late-1", "late-2")
HOLD = ("engine.hold", "--set", "state=held")
TWO = "{kind: human, group: sre, required: 2 of 3, at: wave, waves: [2]}"


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The campaigns nobody answers."""

    gate: str
    plan: str


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("consent"), NAMES) as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def unanswered(fleet: Scene) -> Unanswered:
    """Begin what is judged last: a gate that pauses, and a plan that goes on waiting."""
    gate = "gates=[{kind: human, at: wave, waves: [2], group: sre, expires: 1m, on_timeout: fail, action: pause}]"
    asked = ("--waves", "1,rest", "-O", gate)
    return Unanswered(
        gate=_campaign(fleet, "late-*", *asked),
        plan=_campaign(fleet, "late-2", "-O", "approval={required: 1, group: sre, expires: 1m}"),
    )


@pytest.fixture(autouse=True)
def _released(fleet: Scene, unanswered: Unanswered) -> None:
    """The hosts of the short scenarios are as they were."""
    for name in NAMES[:2]:
        fleet.host(name).run("apt-mark", "unhold", *observed.ENGINE_PACKAGES)


def _campaign(fleet: Scene, on: str, *flags: str) -> str:
    """A campaign planned and applied by an author who is nobody else; it may wait for an approval."""
    asked = ("run", *HOLD, "-i", str(fleet.plane.inventory), "--on", on, *flags)
    said = fleet.plane.ok(*asked, "--yes", "--no-watch", by="author", codes=(0, 6))
    return said.out.split()[0]


def _held(fleet: Scene) -> set[str]:
    return {name for name in NAMES[:2] if observed.holds(fleet.host(name))}


def _waits_for(fleet: Scene, campaign: str, *gates: str) -> None:
    """The first wave is done, and these gates keep the second closed."""
    fleet.plane.until(
        campaign,
        lambda shown: (
            by_state(shown) == {"SUCCEEDED": {"ask-1"}, "PENDING": {"ask-2"}}
            and {item["gate"] for item in shown["closed_gates"]} == set(gates)
        ),
    )
    assert _held(fleet) == {"ask-1"}


def test_a_plan_starts_once_two_people_agreed_of_whom_the_author_is_none(fleet: Scene) -> None:
    plane = fleet.plane
    campaign = _campaign(fleet, "ask-1", "--approval", "2 of 3:sre")
    assert plane.run("watch", campaign).code == 6
    refused = plane.run("approve", campaign, by="author")
    assert refused.code == 2
    assert "author" in refused.err
    for _ in range(2):
        plane.ok("approve", campaign, by="ann")
    assert plane.show(campaign)["state"] == "AWAITING_APPROVAL", "one person counts once"
    assert "1 missing" in plane.ok("why", campaign).out
    assert _held(fleet) == set()
    plane.ok("approve", campaign, by="bert")
    assert plane.wait(campaign)["state"] == "COMPLETE"
    assert _held(fleet) == {"ask-1"}
    assert plane.run("deny", campaign, "--reason", "late", by="carl").code == 2, "it has begun"


def test_a_gate_opens_for_two_people_of_whom_the_author_is_none(fleet: Scene) -> None:
    plane = fleet.plane
    campaign = _campaign(fleet, "ask-*", "--waves", "1,rest", "-O", f"gates=[{TWO}]")
    _waits_for(fleet, campaign, "human-1")
    refused = plane.run("approve", campaign, by="author")
    assert refused.code == 2
    assert "author" in refused.err
    assert plane.run("approve", campaign, "--gate", "human-2", by="ann").code == 2
    for _ in range(2):
        plane.ok("approve", campaign, "--gate", "human-1", by="ann")
    _waits_for(fleet, campaign, "human-1")
    assert "dockwave approve" in plane.ok("why", campaign).out
    plane.kill("orchestrator")
    plane.until(campaign, lambda shown: shown["state"] == "RUNNING")
    plane.ok("approve", campaign, "--reason", "the canary is well", by="bert")
    assert plane.wait(campaign)["state"] == "COMPLETE"
    assert _held(fleet) == {"ask-1", "ask-2"}
    log = plane.ok("audit", "list", "--campaign", campaign).out
    assert "ann@" in log
    assert "the canary is well" in log


def test_a_gate_one_person_denies_brings_back_what_was_changed(fleet: Scene) -> None:
    plane = fleet.plane
    gate = TWO.removesuffix("}") + ", action: rollback-campaign}"
    campaign = _campaign(fleet, "ask-*", "--waves", "1,rest", "-O", f"gates=[{gate}]")
    _waits_for(fleet, campaign, "human-1")
    plane.ok("approve", campaign, by="ann")
    assert plane.run("deny", campaign, by="bert").code == 2, "a denial has a reason"
    plane.ok("deny", campaign, "--reason", "disks are slow", by="bert")
    plane.ok("deny", campaign, "--reason", "disks are slow", "--gate", "human-1", by="bert")
    shown = plane.wait(campaign)
    assert (shown["state"], plane.run("watch", campaign).code) == ("ROLLED_BACK", 5)
    assert by_state(shown) == {"ROLLED_BACK": {"ask-1"}, "CANCELLED": {"ask-2"}}
    assert _held(fleet) == set()
    why = plane.ok("why", campaign).out
    assert "disks are slow" in why
    assert "bert" in why
    assert plane.run("approve", campaign, "--gate", "human-1", by="carl").code == 2


def test_an_override_opens_the_one_gate_it_names(fleet: Scene) -> None:
    plane = fleet.plane
    with probe() as first, probe() as second:
        first.green = second.green = False
        asked = ", ".join(
            f"{{kind: http, url: '{service.url}', at: wave, waves: [2], every: 5s, failures: 1000}}"
            for service in (first, second)
        )
        campaign = _campaign(fleet, "ask-*", "--waves", "1,rest", "-O", f"gates=[{asked}]")
        _waits_for(fleet, campaign, "http-1", "http-2")
        assert plane.run("override-gate", campaign, "http-1").code == 2, "an override has a reason"
        assert plane.run("override-gate", campaign, "http-9", "--reason", "x").code == 2
        for _ in range(2):
            plane.ok("override-gate", campaign, "http-1", "--reason", "the probe is broken", by="ann")
        _waits_for(fleet, campaign, "http-2")
        second.green = True
        shown = plane.wait(campaign)
    assert shown["state"] == "COMPLETE"
    assert _held(fleet) == {"ask-1", "ask-2"}
    (override,) = shown["overrides"]
    assert (override["gate"], override["wave"], override["reason"]) == ("http-1", 2, "the probe is broken")
    assert override["by"].startswith("ann@")
    assert "503" in plane.ok("why", campaign).out, "a fail stays a fail"
    assert plane.run("override-gate", campaign, "http-2", "--reason", "late").code == 2, "it is over"


def test_a_host_that_differs_again_while_its_rollback_is_watched_is_left_to_a_person(fleet: Scene) -> None:
    plane = fleet.plane
    with probe() as service:
        service.turns_red_after = 1
        gate = f"gates=[{{kind: http, url: '{service.url}', at: after-wave, failures: 1000}}]"
        campaign = _campaign(
            fleet, "ask-*", "--parallel", "2", "--waves", "rest", "--monitor", "5m", "-O", gate,
            "-O", "rollback={monitor: 10s, parallelism: 2}",
        )  # fmt: skip
        plane.until(campaign, lambda shown: by_state(shown) == {"SOAKING": set(NAMES[:2])})
        plane.ok("rollback", campaign, "--reason", "wrong packages", "--yes")
        plane.until(
            campaign,
            lambda shown: by_state(shown) == {"SOAKING": set(NAMES[:2])} and shown["state"] == "ROLLING_BACK",
        )
        assert _held(fleet) == set(), "they are back, and watched"
        fleet.host("ask-2").run("apt-mark", "hold", "docker.io")
        shown = plane.wait(campaign)
    assert shown["state"] == "ROLLBACK_INCOMPLETE", shown
    assert by_state(shown) == {"ROLLED_BACK": {"ask-1"}, "NEEDS_HUMAN": {"ask-2"}}
    assert "package docker.io is on hold, was not" in plane.ok("why", campaign).out
    quarantined = plane.ok("hosts", "quarantined", "-o", "json").json["quarantines"]
    assert [item["host"] for item in quarantined] == ["ask-2"]
    plane.ok("hosts", "release", "ask-2", "--reason", "looked at it")
    fleet.back_to_snapshot("ask-1")


def test_a_campaign_that_takes_longer_than_it_may_starts_no_further_host(fleet: Scene) -> None:
    plane = fleet.plane
    clock = "clocks={campaign: {warn: 1s, stop: 20s, action: %s}}"
    stopped = _campaign(fleet, "ask-*", "--waves", "1,rest", "--delay", "5m", "-O", clock % "halt")
    shown = plane.wait(stopped)
    assert (shown["state"], plane.run("watch", stopped).code) == ("HALTED", 4)
    assert by_state(shown) == {"SUCCEEDED": {"ask-1"}, "CANCELLED": {"ask-2"}}
    assert _held(fleet) == {"ask-1"}
    assert any("campaign" in line for line in shown["notices"]), "it warned first"
    why = plane.ok("why", stopped).out
    for text in ("clock campaign", "stop after 20s", "not started: 1 host (ask-2)"):
        assert text in why, why


def test_a_gate_nobody_answers_pauses_until_somebody_resumes_and_opens_it(
    fleet: Scene, unanswered: Unanswered
) -> None:
    plane = fleet.plane
    shown = plane.until(unanswered.gate, lambda shown: shown["state"] == "PAUSED")
    assert by_state(shown) == {"SUCCEEDED": {"late-1"}, "PENDING": {"late-2"}}
    assert plane.run("watch", unanswered.gate).code == 4
    why = plane.ok("why", unanswered.gate).out
    assert "human-1" in why
    assert f"dockwave resume {unanswered.gate}" in why
    plane.ok("resume", unanswered.gate)
    plane.until(unanswered.gate, lambda shown: bool(shown["closed_gates"]))
    plane.ok("approve", unanswered.gate, by="ann")
    assert plane.wait(unanswered.gate)["state"] == "COMPLETE"


def test_a_plan_that_holds_on_goes_on_waiting_after_its_question_expired(
    fleet: Scene, unanswered: Unanswered
) -> None:
    plane = fleet.plane
    plane.until(unanswered.plan, lambda _: "overdue" in plane.ok("why", unanswered.plan).out)
    assert plane.show(unanswered.plan)["state"] == "AWAITING_APPROVAL"
    plane.ok("approve", unanswered.plan, by="ann")
    shown = plane.wait(unanswered.plan)
    assert shown["state"] == "COMPLETE"
    assert by_state(shown) == {"ALREADY_RIGHT": {"late-2"}}, "the other campaign did it meanwhile"
