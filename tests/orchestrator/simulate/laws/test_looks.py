"""Each law of the look at untouched hosts is broken by hand once."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.control import Control, Found
from orchestrator.simulate.laws import looks
from orchestrator.simulate.laws.law import Law
from orchestrator.simulate.laws.undos import PERSON, SHARED
from tasks.result import HostError
from tests.orchestrator.simulate.laws.test_undos import LOOK, failed, stop, undone
from tests.support.campaigns import NOON
from tests.support.started import started

SICK = Control(host="web-2", answered_at=NOON, reached=True, error=HostError(code="E_DNS", message="no name"))
ASKING = replace(failed(control_hosts=1), looks=(LOOK,))


def broken(before: Campaign, after: Campaign, taken: AbstractSet[str] = frozenset()) -> set[Law]:
    """The laws that this save breaks."""
    return {item.law for item in looks.on_save(before, after, taken)}


def test_a_way_back_before_anybody_untouched_was_asked_is_seen() -> None:
    before = failed(control_hosts=1)
    assert broken(before, undone(before)) == {Law.LOOK}
    assert broken(before, undone(before), {"web-2"}) == set()
    just_now = looks.on_save(before, undone(before), frozenset(), {"web-2"})
    assert not list(just_now)
    wanted = replace(before, stops=(stop(PERSON),))
    assert broken(wanted, undone(wanted)) == set()
    careless = failed(control_hosts=0)
    assert broken(careless, undone(careless)) == set()


def test_a_look_that_ends_unheard_is_seen() -> None:
    ended = replace(ASKING, looks=(replace(LOOK, ended_at=NOON, found=Found.WELL, controls=(SICK,)),))
    assert broken(ASKING, ended) == {Law.LOOK}
    assert broken(ASKING, replace(ended, stops=(stop(SHARED),))) == set()
    assert broken(ASKING, ended, {"web-2"}) == set()


def test_what_a_host_said_counts_also_when_it_is_ordered_in_the_turn_that_ends_the_look() -> None:
    well = replace(SICK, error=None)
    sick = replace(SICK, host="web-3")
    ended = replace(ASKING, looks=(replace(LOOK, ended_at=NOON, found=Found.WELL, controls=(well, sick)),))
    assert broken(ASKING, started(ended, 1)) == set()
    assert broken(started(ASKING, 1), started(ended, 1)) == {Law.LOOK}


def test_a_look_at_hosts_that_are_well_stops_nothing() -> None:
    well = replace(SICK, error=None)
    ended = replace(ASKING, looks=(replace(LOOK, ended_at=NOON, found=Found.WELL, controls=(well,)),))
    assert broken(ASKING, ended) == set()
