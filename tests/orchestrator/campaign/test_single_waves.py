"""A wave may have a name and a parallelism of its own; what is not said of it is as for all."""

from __future__ import annotations

import pytest

from orchestrator.campaign.explaining.progress import whole_s
from orchestrator.campaign.explaining.words import words
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.states import CampaignState
from tasks.model import Kind
from tests.orchestrator.campaign.worlds import World, failed, planned


def test_each_wave_has_so_many_slots_as_it_says_from_its_very_first_order() -> None:
    world = World(planned(7, waves="3,1,rest", parallelism=2, wave_parallelism=(3, 1, None)))
    world.run()
    assert world.ordered() == ["h1", "h2", "h3"]
    world.change("h1", "h2", "h3")
    assert world.ordered()[3:] == ["h4"], "the slots of the wave before are not taken along"
    world.change("h4")
    assert world.ordered()[4:] == ["h5", "h6"]
    world.change("h5")
    assert world.ordered()[6:] == ["h7"]


def test_the_last_wave_repeats_with_its_parallelism_and_its_name() -> None:
    campaign = planned(5, waves="1,2", wave_parallelism=(None, 2), wave_names=("canary", "rest"))
    policy = campaign.policy
    assert [policy.slots(wave) for wave in range(1, 5)] == [1, 2, 2, 2]
    assert [policy.called(wave) for wave in (0, 1, 2, 3)] == [
        "wave 0",
        "wave 1 (canary)",
        "wave 2 (rest)",
        "wave 3 (rest)",
    ]
    said = words(campaign)
    assert any(line.startswith("wave 1 (canary): 1 host, 1 at a time") for line in said)
    assert any(line.startswith("waves 2 to 3 (rest): 2 hosts, 2 at a time") for line in said)


def test_one_wave_that_reads_like_the_next_keeps_its_name() -> None:
    said = words(planned(2, waves="1,1", max_failures="0", wave_names=("eu", "")))
    assert [line.partition(":")[0] for line in said if line.startswith("wave ")] == ["wave 1 (eu)", "wave 2"]


def test_the_possible_overshoot_is_that_of_the_widest_wave() -> None:
    said = words(planned(10, waves="1,rest", wave_parallelism=(None, 5), max_failures="0"))
    assert any(line.startswith("campaign:") and "up to 4 more may be changing then" in line for line in said)


def test_a_rollback_takes_no_more_slots_than_the_wave_at_work_has() -> None:
    world = World(planned(3, waves="3", parallelism=9, wave_parallelism=(2,), rollback_parallelism=9))
    world.run()
    for name in ("h1", "h2"):
        world.accept(name)
        world.end(name, failed(changed=True))
    world.run()
    assert world.undos() == ["h1", "h2"]
    assert world.state() is CampaignState.ROLLING_BACK


def test_the_expected_duration_counts_the_slots_of_each_wave() -> None:
    assert whole_s(planned(9, waves="1,rest", wave_parallelism=(None, 4)), 10.0) == 30.0


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"wave_parallelism": (1,)}, "wave_parallelism has 1 entries for 2 waves"),
        ({"wave_names": ("a", "b", "c")}, "wave_names has 3 entries for 2 waves"),
        ({"wave_parallelism": (0, None)}, "wave_parallelism is 0; it must be a whole number from 1 to 1000"),
        ({"wave_names": ("a", "a")}, "wave_names has 'a' twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(policy: dict[str, tuple[str, ...]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_policy(Kind.CHANGING, waves="1,rest", **policy)  # type: ignore[arg-type] # the table says what is meant
