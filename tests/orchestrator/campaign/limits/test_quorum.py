"""Two replicas of one service are never down together: hosts that share one are a group, over all campaigns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.campaign.census import open_attempt
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.limits.disruption import keeps_budgets
from orchestrator.campaign.limits.quorum import kept_apart
from orchestrator.campaign.plan_document import plan_document
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import Budgets, Quorum, Share, StopAction
from orchestrator.campaign.states import FINAL_CAMPAIGN, HostState
from orchestrator.campaign.surroundings import Away, Surroundings
from tasks.model import Kind
from tests.orchestrator.campaign.worlds import CHANGED, UNDONE, World, draft, failed, hosts, planned

#: h1 and h2 have a replica of the shop each, h2 and h3 one of a Compose service, h4 is alone
SERVICES = {"h1": ["shop"], "h2": ["shop", "web/front"], "h3": ["web/front"], "h4": []}


def spread(quorum: Quorum, services: dict[str, list[str]] = SERVICES, **policy: Any) -> World:
    """A campaign over these hosts, all of them as soon as they may."""
    answers = {name: draft("install", services=tuple(mine)) for name, mine in services.items()}
    wanted: dict[str, Any] = {"waves": "all", "parallelism": 9, "max_failures": "100%", **policy}
    return World(planned(hosts(len(services)), answers=answers, quorum=quorum, **wanted))


@pytest.mark.parametrize(
    ("quorum", "started"),
    [
        (Quorum.OFF, ["h1", "h2", "h3", "h4"]),
        (Quorum.LABEL, ["h1", "h3", "h4"]),
        (Quorum.COMPOSE, ["h1", "h3", "h4"]),
    ],
)
def test_hosts_that_share_a_service_go_one_after_the_other(quorum: Quorum, started: list[str]) -> None:
    world = spread(quorum)
    world.run()
    assert world.ordered() == started


def test_compose_services_are_kept_apart_only_when_asked() -> None:
    for quorum, started in ((Quorum.LABEL, ["h2", "h3"]), (Quorum.COMPOSE, ["h2"])):
        world = spread(quorum, {"h1": [], "h2": ["web/front"], "h3": ["web/front"]})
        world.run()
        assert [name for name in world.ordered() if name != "h1"] == started


def test_the_next_one_goes_when_the_first_is_well_and_is_told_why_it_waits() -> None:
    world = spread(Quorum.COMPOSE)
    world.run()
    (shop, front) = sorted(explain(world.campaign, world.now).brakes, reverse=True)
    assert "service web/front: 1 of 1 hosts that may be away are (h3), so 1 wait" in shop
    assert "service shop: 1 of 1 hosts that may be away are (h1), so 1 wait" in front
    world.change("h1")
    assert "h2" not in world.ordered(), "h3 has the other one"
    world.change("h3")
    assert world.ordered()[-1] == "h2"


def test_a_host_another_campaign_keeps_counts_and_one_that_is_sick_goes_back_at_once() -> None:
    world = spread(Quorum.LABEL)
    away = (Away(host="old", campaign="c9", services=("shop", "web/front")),)
    world.tick(away=away)
    assert world.ordered() == ["h3", "h4"], "web/front is none of those this policy keeps apart"
    assert any("(old)" in line for line in explain(world.campaign, world.now, Surroundings(away=away)).brakes)
    world.tick()
    world.accept("h1")
    world.end("h1", failed(changed=True))
    world.tick()
    assert world.undos() == ["h1"]


def test_healthy_replicas_go_back_one_after_the_other() -> None:
    services = {"h1": ["shop"], "h2": ["shop"], "h3": []}
    world = spread(
        Quorum.LABEL,
        services,
        max_failures="0",
        on_breach=StopAction.ROLLBACK_CAMPAIGN,
        rollback_parallelism=9,
    )
    world.run()
    world.change("h1")
    world.change("h2")
    world.accept("h3")
    world.end("h3", failed(changed=True))
    world.run()
    assert world.undos() == ["h3", "h1"]
    world.end("h1", UNDONE)
    world.run()
    assert world.undos() == ["h3", "h1", "h2"]


def test_budgets_and_services_hold_together() -> None:
    world = spread(Quorum.LABEL)
    world.campaign = replace(
        world.campaign, policy=replace(world.campaign.policy, budgets=Budgets(fleet=Share(value=2)))
    )
    world.run()
    assert world.ordered() == ["h1", "h3"]


def test_the_plan_says_what_is_kept_apart_and_what_is_not() -> None:
    said = words(spread(Quorum.LABEL).campaign)
    assert any(line.startswith("replicas kept apart") and line.endswith(": shop on 2 hosts") for line in said)
    (loose,) = [line for line in said if line.startswith("replicas that may be away together")]
    assert loose.endswith("(--quorum compose keeps them apart): web/front on 2 hosts")
    off = [line for line in words(spread(Quorum.OFF).campaign) if line.startswith("replicas")]
    assert off == [
        "replicas that may be away together (--quorum compose keeps them apart): shop on 2 hosts, web/front on 2 hosts"
    ]
    alone = spread(Quorum.COMPOSE, {"h1": ["shop"], "h2": []})
    assert not [line for line in words(alone.campaign) if line.startswith("replicas")]


def test_services_are_in_the_document_that_is_approved() -> None:
    document = plan_document(spread(Quorum.LABEL).campaign)
    assert [(item["dry_run"] or {}).get("services") for item in document["hosts"]] == [
        ["shop"], ["shop", "web/front"], ["web/front"], None,
    ]  # fmt: skip
    assert document["policy"]["quorum"] == "label"


def test_reading_and_plans_without_services_ask_nobody_who_is_away() -> None:
    assert make_policy(Kind.READ_ONLY, quorum=Quorum.COMPOSE).quorum is Quorum.OFF
    assert not keeps_budgets(planned(3, quorum=Quorum.COMPOSE))
    assert keeps_budgets(spread(Quorum.LABEL).campaign)
    assert kept_apart(["a", "b/c"], Quorum.OFF) == ()


_MINE = st.lists(st.sampled_from(["shop", "cart", "web/front", "web/db"]), max_size=3, unique=True)


@settings(max_examples=60, deadline=None)
@given(
    services=st.lists(_MINE, min_size=2, max_size=5),
    quorum=st.sampled_from([Quorum.LABEL, Quorum.COMPOSE]),
    on_breach=st.sampled_from([StopAction.HALT, StopAction.ROLLBACK_CAMPAIGN]),
    script=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4), st.booleans()), max_size=40),
)
def test_no_two_hosts_of_a_service_are_away_together_over_two_campaigns(
    services: list[list[str]], quorum: Quorum, on_breach: StopAction, script: list[tuple[int, int, bool]]
) -> None:
    """Every start is judged against what is away, of whichever campaign; a host that fails goes back at no cost."""
    named = {f"h{number}": mine for number, mine in enumerate(services, start=1)}
    worlds = [
        spread(quorum, named, max_failures="1", on_breach=on_breach, rollback_parallelism=9) for _ in "ab"
    ]
    epochs: dict[str, int] = {}
    for number, world in enumerate(worlds):
        world.campaign = replace(world.campaign, id=f"c{number}")
        world.epochs = epochs

    def busy(world: World) -> set[str]:
        return {
            run.host.name
            for run in world.campaign.runs
            if open_attempt(run) is not None
            or (run.state is HostState.ROLLING_BACK and run.failed_as is not None)
        }

    for which, place, good in script:
        world, other = worlds[which], worlds[1 - which]
        name = f"h{place % len(named) + 1}"
        attempt = open_attempt(world.host(name))
        if attempt is not None:
            world.accept(name)
            world.end(name, (UNDONE if attempt.undo else CHANGED) if good else failed(changed=True))
        if world.campaign.state in FINAL_CAMPAIGN:
            continue
        kept = tuple(
            Away(host=host, campaign=item.campaign.id, services=tuple(named[host]))
            for item in worlds
            for host in busy(item)
        )
        before = busy(world) | busy(other)
        world.tick(blocked=frozenset(busy(other)), away=kept)
        for new in busy(world) - before:
            for host in (busy(world) | busy(other)) - {new}:
                shared = set(kept_apart(named[new], quorum)) & set(named[host])
                assert not shared, f"{new} was started while {host} is away: {shared}"
