"""Campaigns in each other's way take turns or are refused, and name each other."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.campaign.explaining.remarks import brake_lines
from orchestrator.campaign.limits.conflict import OnConflict
from orchestrator.campaign.rollout import Budgets, Quorum, Share
from orchestrator.store.store import Store
from tasks.errors import Refused
from tasks.result import HostResult, Outcome
from tests.support.control import Control, over
from tests.support.hosts import DRAFT, ScriptedHosts


def _apply(control: Control, own: str, on_conflict: OnConflict = OnConflict.QUEUE) -> str:
    return control.service.apply(control.service.document(own)[0], "tester", on_conflict=on_conflict)


def test_a_plan_that_would_have_to_wait_is_refused_by_name_and_stays_applicable(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    first, second = control.plan(["web-1", "web-2"]), control.plan(["web-2", "web-3"])
    _apply(control, first, OnConflict.REFUSE)
    with pytest.raises(
        Refused, match=rf"campaign {first} \(engine\.restart, RUNNING\).* hosts web-2 too"
    ) as caught:
        _apply(control, second, OnConflict.REFUSE)
    assert caught.value.code == "E_CONFLICT"
    assert f"dockwave watch {first}" in caught.value.hint
    assert "refused:apply" in control.kinds(second)
    control.run(first, over)
    _apply(control, second, OnConflict.REFUSE)
    control.run(second, over)
    assert control.states(second)[""] == "COMPLETE"


def test_by_default_they_take_turns_and_both_logs_name_the_other(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    first, second = control.plan(["web-1", "web-2"]), control.plan(["web-2", "web-3"])
    for own in (first, second):
        _apply(control, own)
    assert [rival.campaign for rival in control.service.rivals(second)] == [first]
    for own, other in ((first, second), (second, first)):
        (line,) = [line for line in control.service.events(own, 0) if line.kind == "in-the-way"]
        assert (line.data["campaign"], line.data["hosts"]) == (other, ["web-2"])
    for own in (first, second):
        control.run(own, over)
        assert control.states(own)[""] == "COMPLETE"
    assert control.service.rivals(second) == ()


@pytest.mark.parametrize(
    ("policy", "group"),
    [({"quorum": Quorum.LABEL}, "service shop"), ({"fleet": 1}, "the fleet"), ({}, "")],
)
def test_a_shared_budget_or_service_is_a_conflict_whichever_of_them_keeps_it(
    sqlite_store: Store, policy: dict[str, Any], group: str
) -> None:
    plan = DRAFT.model_copy(update={"services": ("shop",)}).model_dump(mode="json")
    shop = HostResult(outcome=Outcome.OK, plan=plan)
    control = Control(sqlite_store, hosts=ScriptedHosts(plans=dict.fromkeys(("web-1", "web-2"), shop)))
    wanted = {key: value for key, value in policy.items() if key != "fleet"}
    budgets = Budgets(fleet=Share(value=1)) if "fleet" in policy else None
    first, second = control.plan(["web-1"]), control.plan(["web-2"], budgets=budgets, **wanted)
    _apply(control, first)
    found = control.service.rivals(second)
    assert [rival.groups for rival in found] == ([(group,)] if group else [])
    if group:
        with pytest.raises(Refused, match=f"the budget of {group} too"):
            _apply(control, second, OnConflict.REFUSE)


def test_a_finished_campaign_that_still_keeps_a_host_is_in_the_way(sqlite_store: Store) -> None:
    control = Control(sqlite_store, hosts=ScriptedHosts(silent=frozenset({"web-1"})))
    first = control.apply(["web-1"])
    control.run(first, over, ticks=2000, seconds=20)
    assert control.states(first)["web-1"] == "UNKNOWN"
    second = control.plan(["web-1"])
    with pytest.raises(Refused, match=rf"campaign {first} \(engine\.restart, over, and keeps them\)"):
        _apply(control, second, OnConflict.REFUSE)


def test_reading_is_in_nobodys_way(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    first, second = control.plan(["web-1"]), control.plan(["web-1"], procedure="engine.info")
    _apply(control, first)
    _apply(control, second, OnConflict.REFUSE)


def test_the_one_that_waits_says_who_holds_its_hosts(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    first, second = control.plan(["web-1"]), control.plan(["web-1"])
    for own in (first, second):
        _apply(control, own)
    control.tick()
    assert control.service.why(second).headline.endswith(f"another campaign holds: web-1 (campaign {first})")


def test_show_and_watch_say_too_who_holds_the_hosts_whose_turn_has_come(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    first, second = control.plan(["web-1"]), control.plan(["web-1", "web-2"], waves="1,rest")
    for own in (first, second):
        _apply(control, own)
    control.tick()
    campaign = control.service.campaign(second)
    (line,) = brake_lines(campaign, control.clock(), control.service.around(campaign))
    assert line.startswith(f"campaign {first} keeps web-1: ")
    assert "dockwave hosts locks" in line
    campaign = control.service.campaign(first)
    assert brake_lines(campaign, control.clock(), control.service.around(campaign)) == ()


def test_two_campaigns_over_the_same_hosts_in_opposite_order_cannot_deadlock(sqlite_store: Store) -> None:
    control = Control(sqlite_store)
    names = ["web-1", "web-2", "web-3", "web-4"]
    policy: dict[str, Any] = {"waves": "2,rest", "parallelism": 2}
    both = control.plan(names, **policy), control.plan(names[::-1], **policy)
    for own in both:
        _apply(control, own)
    for own in both:
        control.run(own, over)
        assert control.states(own)[""] == "COMPLETE"
    assert max(control.hosts.effects.values()) == 1
    assert len(control.hosts.effects) == 8
