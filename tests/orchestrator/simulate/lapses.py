"""Days in which hosts fall silent for good: locks run out, other campaigns come, and receipts arrive hours late.

The schedules of the simulator last minutes, and locks hours; so this is a play of its own, on the product's loop,
service and SQL. It judges every order that leaves by what hosts were told and have said, and never asks the engine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from orchestrator.campaign.events import PauseAsked, ResumeAsked
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.rollout import Budgets, LabelBudget, Share
from orchestrator.campaign.states import FINAL_CAMPAIGN, CampaignState
from orchestrator.loop.expiring import EXPIRED
from orchestrator.loop.planning import NewPlan
from orchestrator.simulate.laws.law import Law, Violation
from orchestrator.simulate.stage.dice import Dice
from orchestrator.simulate.stage.memory import MemoryStore
from tasks.errors import DockwaveError
from tasks.model import Kind, Mode
from tasks.result import Outcome
from tasks.wire import Order, Report, ReportKind
from tests.support.campaigns import plain_host
from tests.support.control import Control
from tests.support.hosts import ScriptedHosts

HOSTS = tuple(f"web-{number}" for number in range(1, 5))
#: all of them share it, and one may be away
RACK = {"rack": "a"}
#: of engine.restart
TIMEOUT = timedelta(seconds=180)
_WELL = frozenset({Outcome.OK, Outcome.CHANGED, Outcome.UNDONE})
_STEPS = (
    "go",
    "go",
    "go",
    "silence",
    "silence",
    "speak",
    "late",
    "late",
    "begin",
    "begin",
    "hold",
    "restart",
)
_PAUSES = (1.0, 5.0, 20.0, 20.0, 40.0, 90.0, 400.0, 4000.0)


@dataclass(slots=True)
class Truth:
    """What hosts were ordered and have said so far, as far as anybody can know it."""

    #: orders of each host that it has not answered, by attempt
    open: dict[str, dict[str, Order]] = field(default_factory=dict)
    #: highest epoch each host was ordered anything under
    newest: dict[str, int] = field(default_factory=dict)

    def away(self) -> set[str]:
        """Hosts nobody has proven well since they were ordered something."""
        return {host for host, orders in self.open.items() if orders}

    def ordered(self, order: Order) -> None:
        """An attempt is ordered for the first time."""
        host = order.host.name
        self.open.setdefault(host, {})[order.attempt_id] = order
        self.newest[host] = max(self.newest.get(host, 0), order.epoch)

    def said(self, report: Report) -> None:
        """A host says how an attempt has ended, or that it knows of none; later ones may say more."""
        mine = self.open.get(report.host, {})
        result = report.result
        if report.mode is Mode.PLAN or result is None:
            return
        if result.outcome in _WELL and report.epoch == self.newest.get(report.host):
            mine.clear()
        elif result.outcome in _WELL or (result.error and result.error.code == "E_NOT_STARTED"):
            mine.pop(report.attempt_id, None)


class Play:
    """One day."""

    def __init__(self, seed: int) -> None:
        """Prepare; `run` runs it."""
        self._dice = Dice(f"lapse {seed}")
        self._control = Control(MemoryStore(), hosts=ScriptedHosts())
        self._truth = Truth()
        self._silent: set[str] = set()
        #: answers that did not get through, and may do so later
        self._late: list[Report] = []
        self._campaigns: list[str] = []
        self._known: set[str] = set()
        self.found: list[Violation] = []

    def run(self, steps: int = 60) -> list[Violation]:
        """Play it; gives what was found."""
        for _ in range(steps):
            self._step(self._dice.among(_STEPS) if self._campaigns else "begin")
            self._go()
            self._control.clock.turn(self._dice.among(_PAUSES))
            if self.found:
                break
        return self.found

    @property
    def expired(self) -> int:
        """How many locks ran out."""
        lines = (line for own in self._campaigns for line in self._control.service.events(own, 0))
        return sum(line.kind == EXPIRED for line in lines)

    def _step(self, what: str) -> None:
        if what == "silence":
            self._silent.add(self._dice.among(HOSTS))
        elif what == "speak":
            self._silent.discard(self._dice.among(HOSTS))
        elif what == "late" and self._late:
            self._hear([self._late.pop(self._dice.whole(0, len(self._late) - 1))])
        elif what == "begin" and len(self._campaigns) < 9:
            self._begin()
        elif what == "hold":
            self._hold(self._dice.among(self._campaigns))
        elif what == "restart":
            self._control.restart()

    def _begin(self) -> None:
        policy = make_policy(Kind.CHANGING, waves="all", parallelism=4, max_failures="100%")
        budget = Budgets(labels=(LabelBudget(label="rack", most=Share(value=1)),))
        first, count = self._dice.whole(0, 3), self._dice.whole(1, 3)
        wanted = NewPlan(
            procedure="engine.restart",
            params={},
            hosts=tuple(
                replace(plain_host(HOSTS[(first + place) % 4]), labels=RACK) for place in range(count)
            ),
            # it gives silent hosts up while they may still be at work
            policy=replace(policy, budgets=budget, unknown_wait_s=30.0),
        )
        own = self._control.service.plan(wanted)
        for _ in range(3):
            self._go()
        if self._control.service.campaign(own).state is CampaignState.PLANNED:
            self._control.service.apply(self._control.service.document(own)[0], "tester")
            self._campaigns.append(own)

    def _hold(self, own: str) -> None:
        paused = self._control.service.campaign(own).state is CampaignState.PAUSED
        try:
            self._control.service.operate(own, ResumeAsked(by="ann") if paused else PauseAsked(by="ann"))
        except DockwaveError:
            # it is over: nothing to hold
            return

    def _go(self) -> None:
        """Let the loop look, and hosts answer what gets through."""
        self._control.tick()
        orders, self._control.outbox.waiting = self._control.outbox.waiting, []
        for order in orders:
            if order.mode in {Mode.APPLY, Mode.UNDO} and order.attempt_id not in self._known:
                self._known.add(order.attempt_id)
                self.found += self._judged(order)
                self._truth.ordered(order)
            if order.mode is not Mode.PLAN and order.host.name in self._silent:
                if self._dice.chance(0.5):
                    self._late += [
                        r for r in self._control.hosts.answer(order) if r.kind is ReportKind.RESULT
                    ]
                continue
            self._hear(self._control.hosts.answer(order))

    def _hear(self, reports: list[Report]) -> None:
        for report in reports:
            self._truth.said(report)
        self._control.say(*reports)

    def _judged(self, order: Order) -> Iterator[Violation]:
        host, campaign = order.host.name, order.attempt_id.split("/")[0]
        others = self._truth.away() - {host}
        if host not in self._truth.away() and others:
            yield Violation(
                law=Law.BUDGET, detail=f"{host} ordered while nobody has proven {sorted(others)} well"
            )
        for other in self._truth.open.get(host, {}).values():
            owner = other.attempt_id.split("/")[0]
            if owner == campaign:
                continue
            deadline = datetime.fromtimestamp(other.expires_at, UTC) + TIMEOUT
            at_work = self._control.service.campaign(owner).state not in FINAL_CAMPAIGN
            if at_work or self._control.clock() < deadline:
                yield Violation(
                    law=Law.ALONE, detail=f"{order.attempt_id} while {other.attempt_id} may be at work"
                )
