"""`why`: rule, limit, observed; causes with contrast; done, left, next."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.campaign.explaining.causes import signature
from orchestrator.campaign.explaining.why import explain
from orchestrator.campaign.states import CampaignState
from orchestrator.campaign.surroundings import Surroundings
from tasks.model import Host
from tests.orchestrator.campaign.worlds import CHANGED, UNDONE, UNREACHABLE, World, failed, host, planned


def broken_fleet() -> World:
    """h1 to h3 are fine, h4 and h5 lose containers and are rolled back, h6 is never started."""
    fleet: list[Host] = [host(f"h{n}", region="us", rack="a") for n in (1, 2, 3)]
    fleet += [host(f"h{n}", region="eu", rack="a") for n in (4, 5)]
    fleet += [host("h6", region="eu", rack="b")]
    world = World(planned(fleet, waves="all", max_failures="1"))
    world.run()
    world.change("h1")
    world.change("h2")
    world.change("h3")
    for number in (4, 5):
        name = f"h{number}"
        world.accept(name)
        world.end(
            name, failed(changed=True, message=f"{number} containers missing on {name} after 3.{number} s")
        )
        world.run()
        world.accept(name)
        world.end(name, UNDONE)
        world.run()
    return world


def test_a_stopped_campaign_explains_rule_limit_observed_cause_contrast_and_next_commands() -> None:
    world = broken_fleet()
    why = explain(world.campaign, world.now)
    assert why.state == "ROLLED_BACK"
    assert why.rule == "stop rule any > 1 in the campaign"
    assert why.limit == "1 of 6 hosts tolerated in the campaign"
    assert why.observed == "2 of 6 (2 failed)"
    (cause,) = why.groups
    assert cause.hosts == ("h4", "h5")
    assert cause.code == "E_STEP_FAILED"
    assert cause.common == ("label region=eu",)
    assert cause.healthy == 3
    assert why.done == (
        "rolled back and proven equal to the snapshot: 2 hosts (h4, h5)",
        "not started: 1 host (h6)",
    )
    assert why.left == ("changed, and left so: 3 hosts (h1, h2, h3)",)
    assert why.next == (
        "dockwave logs c1 h4",
        "dockwave plan engine.upgrade -i INVENTORY --on 'h4:h5:h6'  # once it is fixed",
        "dockwave show c1",
    )
    text = "\n".join(why.lines)
    assert "in common, and on none of 3 healthy hosts: label region=eu" in text


def test_without_a_healthy_host_nothing_is_claimed_to_be_special() -> None:
    world = World(planned([host("h1", region="eu"), host("h2", region="eu")]))
    world.run()
    world.accept("h1")
    world.end("h1", failed(changed=False))
    world.run()
    (cause,) = explain(world.campaign, world.now).groups
    assert cause.common == ()


def test_failed_and_unreachable_hosts_are_different_causes() -> None:
    world = World(planned(4, waves="all", parallelism=2, max_failures="100%"))
    world.run()
    world.accept("h1")
    world.end("h1", failed(changed=False))
    world.end("h2", UNREACHABLE)
    # no copy of its order can start any more
    world.run(seconds=76)
    world.end("h2", UNREACHABLE)
    world.run()
    kinds = {cause.kind: cause.hosts for cause in explain(world.campaign, world.now).groups}
    assert kinds == {"failed": ("h1",), "unreachable": ("h2",)}


def test_a_campaign_that_holds_says_for_whom() -> None:
    world = World(planned(2))
    world.run()
    world.accept("h1")
    world.run(seconds=30)
    why = explain(world.campaign, world.now)
    assert "nobody knows what became of h1" in why.headline
    assert "the journals of h1 are being asked what became of the attempt" in why.done
    assert "dockwave hosts check -i INVENTORY -l 'h1'" in why.next


def test_a_campaign_that_goes_on_and_one_that_is_complete_say_so() -> None:
    world = World(planned(1))
    assert explain(world.campaign, world.now).headline.startswith("it is going on")
    world.run()
    world.accept("h1")
    world.end("h1", CHANGED)
    world.run()
    why = explain(world.campaign, world.now)
    assert why.headline == "every host is as wanted"
    assert (why.rule, why.groups, why.at) == ("", (), None)


def test_a_campaign_that_waits_for_another_one_names_the_hosts() -> None:
    world = World(planned(2, waves="all"))
    held = frozenset({"h1", "h2"})
    world.tick(blocked=held)
    assert explain(world.campaign, world.now, Surroundings(blocked=held)).headline.endswith(
        "another campaign holds: h1, h2"
    )


def test_an_abort_names_the_person() -> None:
    world = World(planned(2))
    world.run()
    world.abort()
    world.run()
    why = explain(world.campaign, world.now)
    assert (why.rule, why.by, why.observed) == ("operator abort", "ops", "enough")
    assert "operator aborts" in why.headline


@pytest.mark.parametrize("state", list(CampaignState))
def test_every_state_has_an_explanation(state: CampaignState) -> None:
    campaign = replace(planned(2), state=state)
    assert all(explain(campaign, campaign.created_at).lines)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("step install failed on web-1 after 12.5 s", "step install failed on web-2 after 3 s"),
        ("container 0123456789ab is gone", "container fedcba987654321f is gone"),
        ("No space  left on web-1", "no space left on web-2"),
    ],
)
def test_errors_that_differ_by_names_ids_and_numbers_are_the_same_cause(one: str, other: str) -> None:
    assert signature("E", one, "web-1") == signature("E", other, "web-2")


def test_errors_with_other_words_or_codes_are_different_causes() -> None:
    assert signature("E_A", "broken", "h") != signature("E_B", "broken", "h")
    assert signature("E_A", "broken", "h") != signature("E_A", "bent", "h")


def test_hostile_text_stays_text() -> None:
    hostile: Any = "[red]\x1b[31m$(reboot)"
    world = World(planned(1))
    world.run()
    world.accept("h1")
    world.end("h1", failed(changed=False, message=hostile))
    world.run()
    (cause,) = explain(world.campaign, world.now).groups
    assert cause.message == hostile
    assert not any("reboot" in command for command in explain(world.campaign, world.now).next)
