"""Replicas on hosts of different campaigns, kept apart by the real loop from what dry runs said."""

from __future__ import annotations

from typing import Any

from orchestrator.campaign.rollout import Quorum
from orchestrator.store.store import Store
from tasks.result import HostResult, Outcome
from tests.support.control import Control, over
from tests.support.hosts import DRAFT, ScriptedHosts, failed

_SHOP = DRAFT.model_copy(update={"services": ("shop",)})
SHOP = HostResult(outcome=Outcome.OK, plan=_SHOP.model_dump(mode="json"))


def test_replicas_of_two_campaigns_are_never_changed_together_and_a_broken_one_holds_the_other(
    sqlite_store: Store,
) -> None:
    hosts = ScriptedHosts(
        plans=dict.fromkeys(("web-1", "web-2"), SHOP), script={"web-1": failed(changed=True)}
    )
    control = Control(sqlite_store, hosts=hosts)
    policy: dict[str, Any] = {"quorum": Quorum.LABEL, "waves": "all", "parallelism": 5}
    planned = (
        control.plan(["web-1"], rollback_failed=False, **policy),
        control.plan(["web-2", "web-3"], **policy),
    )
    first, second = (control.service.apply(control.service.document(own)[0], "tester") for own in planned)
    control.tick(2)
    assert (control.states(first)["web-1"], control.states(second)["web-2"]) == ("ORDERED", "PENDING")
    control.run(first, over)
    control.restart()
    control.tick(2)
    assert control.states(second)["web-2"] == "PENDING"
    assert any("service shop" in line and "(web-1)" in line for line in control.service.why(second).brakes)
    control.service.release_host("web-1", "anna", "it is well again")
    control.run(second, over)
    assert set(control.states(second).values()) == {"COMPLETE", "SUCCEEDED"}
