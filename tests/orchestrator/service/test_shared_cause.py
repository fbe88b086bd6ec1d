"""Untouched hosts are read the ordinary way: committed first, asked again after a restart, judged once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.campaign.control import Found
from orchestrator.campaign.events import ResumeAsked
from orchestrator.screens.viewing import campaign_line
from orchestrator.store.store import Store
from tasks.model import Mode
from tasks.result import HostError, HostResult, Outcome
from tasks.wire import Order
from tests.support.control import Control, over
from tests.support.hosts import ScriptedHosts, failed

NAMES = ("web-1", "web-2", "web-3", "web-4")
DOWN = HostResult(
    outcome=Outcome.SKIPPED, error=HostError(code="E_DAEMON_DOWN", message="docker.service is failed")
)


@dataclass
class Begun:
    """A campaign whose first host failed, and the questions to untouched hosts, held back."""

    control: Control
    own: str
    questions: list[Order]

    def say(self, plans: Mapping[str, HostResult]) -> None:
        """Let the untouched hosts answer: as the table says, else that they are well."""
        self.control.hosts.plans = plans
        for order in self.questions:
            self.control.say(*self.control.hosts.answer(order))


def _begun(store: Store) -> Begun:
    control = Control(store, hosts=ScriptedHosts(script={"web-1": failed(changed=True)}))
    own = control.apply(NAMES, waves="1,rest", control_hosts=2)
    held: list[Order] = []

    def hold(order: Order) -> bool:
        # what a host is asked while it is planned has the number 1
        asked = order.mode is Mode.PLAN and order.epoch > 1
        held.extend([order] if asked else [])
        return asked

    control.run(own, lambda campaign: bool(campaign.looks), lose=hold)
    assert [order.host.name for order in held] == ["web-2", "web-3"]
    return Begun(control, own, held)


def test_hosts_that_are_well_let_the_rollback_go_on(sqlite_store: Store) -> None:
    begun = _begun(sqlite_store)
    control, own = begun.control, begun.own
    control.tick(3)
    assert control.states(own)["web-1"] == "ROLLING_BACK"
    begun.say({"web-2": DOWN})
    control.run(own, over)
    assert control.states(own)["web-1"] == "ROLLED_BACK"
    lines = control.kinds(own)
    assert lines.index("ask-control") < lines.index("control-answered") < lines.index("end-look")
    log = control.service.events(own, 0)
    undo = next(line for line in log if line.data.get("undo"))
    ends = next(line for line in log if line.kind == "end-look")
    assert ends.seq < undo.seq


def test_when_they_fail_too_it_waits_over_a_restart_until_a_person_resumes_it(sqlite_store: Store) -> None:
    begun = _begun(sqlite_store)
    control, own = begun.control, begun.own
    begun.say(dict.fromkeys(NAMES, DOWN))
    control.run(own, lambda campaign: campaign.looks[0].found is Found.SHARED)
    control.restart()
    for _ in range(30):
        control.tick()
        control.work()
        control.clock.turn(20)
    assert control.states(own)["web-1"] == "ROLLING_BACK"
    assert control.hosts.effects[f"{own}/web-1/2"] == 0
    assert "shared-cause check" in control.service.why(own).rule
    assert campaign_line(control.service.campaign(own)).exit_code == 4, (
        "whoever follows it is told that a person has to look"
    )
    control.service.operate(own, ResumeAsked(by="anna", reason="the engines are up again"))
    assert campaign_line(control.service.campaign(own)).exit_code is None, "it goes on by itself"
    control.run(own, over)
    assert control.states(own)["web-1"] == "ROLLED_BACK"


def test_questions_that_never_left_are_asked_again_after_a_restart(sqlite_store: Store) -> None:
    begun = _begun(sqlite_store)
    control, own = begun.control, begun.own
    control.restart()
    control.tick()
    assert [order.attempt_id for order in control.outbox.sent] == [
        item.attempt_id for item in begun.questions
    ]
    control.run(own, over)
    assert control.service.campaign(own).looks[0].found is Found.WELL


def test_answers_that_come_twice_or_too_late_are_kept_as_evidence_and_change_nothing(
    sqlite_store: Store,
) -> None:
    begun = _begun(sqlite_store)
    control, own = begun.control, begun.own
    control.run(own, lambda campaign: bool(campaign.looks[0].ended_at), lose=lambda _order: True, seconds=5)
    assert control.service.campaign(own).looks[0].found is Found.NO_ANSWER
    for _ in range(2):
        begun.say(dict.fromkeys(NAMES, DOWN))
    control.run(own, over)
    assert control.states(own)["web-1"] == "ROLLED_BACK"
    ignored = [line for line in control.service.events(own, 0) if line.kind == "ignored"]
    assert len(ignored) == 4
