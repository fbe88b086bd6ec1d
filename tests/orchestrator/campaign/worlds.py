"""A campaign on a table: builders for records, and a World that ticks it and speaks for its hosts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.campaign.actions import Action, AskJournal, Dispatch, Recheck, Resend, StopNow, WakeAt
from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.decide import decide
from orchestrator.campaign.events import (
    AbortAsked,
    Accepted,
    Ended,
    Event,
    Heartbeat,
    NotStarted,
    Rechecked,
    Started,
)
from orchestrator.campaign.observe import observe
from orchestrator.campaign.plan import PlanRequest, make_plan
from orchestrator.campaign.policy import make_policy
from orchestrator.campaign.record import record
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.surroundings import CALM, Away
from tasks.model import Host, Kind, Transport
from tasks.result import HostError, HostResult, Outcome

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

OK = HostResult(outcome=Outcome.OK)
CHANGED = HostResult(outcome=Outcome.CHANGED, changed=True)
UNDONE = HostResult(outcome=Outcome.UNDONE, changed=True, data={"differences": ()})


def failed(*, changed: bool, code: str = "E_STEP_FAILED", message: str = "it broke") -> HostResult:
    """An attempt that did not work."""
    return HostResult(outcome=Outcome.FAILED, changed=changed, error=HostError(code=code, message=message))


def refused(code: str, *, retryable: bool = True, at: datetime | None = None) -> HostResult:
    """An order the host would not start; a worker of an earlier release does not say when."""
    error = HostError(code=code, message=f"refused: {code}", retryable=retryable)
    when = at.timestamp() if at is not None else 0.0
    return HostResult(outcome=Outcome.SKIPPED, error=error, refuses_before=when)


UNREACHABLE = HostResult(
    outcome=Outcome.UNREACHABLE, error=HostError(code="E_UNREACHABLE", message="no route", retryable=True)
)
LOST = HostResult(outcome=Outcome.UNKNOWN, error=HostError(code="E_TIMEOUT", message="no answer in time"))


def host(name: str, **labels: str) -> Host:
    """A host of the inventory."""
    return Host(name=name, transport=Transport.LOCAL, labels=labels)


def hosts(count: int) -> tuple[Host, ...]:
    """h1, h2, …"""
    return tuple(host(f"h{number}") for number in range(1, count + 1))


def draft(*keys: str, undo: str = "exact", **extra: Any) -> HostResult:
    """What a host answers in PLAN mode."""
    plan = {
        "steps": [{"key": key, "undo": undo} for key in keys],
        "digest": "d" * 64,
        "summary": "1 step",
        **extra,
    }
    return HostResult(outcome=Outcome.OK, plan=plan, identity={"machine_id": "m1"})


def planned(
    count: int | Iterable[Host],
    *,
    kind: Kind = Kind.CHANGING,
    answers: Mapping[str, HostResult | None] | None = None,
    tune: Mapping[str, Any] | None = None,
    allow_unreachable: bool = False,
    **policy: Any,
) -> Campaign:
    """A plan over hosts that all need one step, unless `answers` says otherwise."""
    chosen = hosts(count) if isinstance(count, int) else tuple(count)
    request = PlanRequest(
        campaign_id="c1",
        procedure="engine.upgrade" if kind is not Kind.READ_ONLY else "engine.info",
        kind=kind,
        params={"version": "26.1"},
        policy=replace(make_policy(kind, **policy), **(tune or {})),
        hosts=chosen,
        created_at=START,
        expires_at=START + timedelta(hours=24),
        allow_unreachable=allow_unreachable,
        allow_empty=True,
    )
    said: dict[str, HostResult | None] = {item.name: draft("install") for item in chosen}
    return make_plan(request, said | dict(answers or {}))


class World:
    """One campaign, its clock and its epochs; hosts answer when the test says so."""

    def __init__(self, campaign: Campaign, *, start: bool = True) -> None:
        """Start the campaign unless told otherwise."""
        self.campaign = campaign
        self.now = START
        self.epochs: dict[str, int] = {}
        self.log: list[Action] = []
        #: what holds in the world outside, as long as the test leaves it so
        self.around = CALM
        if start:
            self.see(Started(by="ops"))

    # -- the shell -------------------------------------------------------------------------------------------

    def tick(
        self, *, blocked: frozenset[str] = frozenset(), away: tuple[Away, ...] = ()
    ) -> tuple[Action, ...]:
        """Decide and record once; WakeAt is left out of the answer."""
        around = replace(self.around, blocked=blocked, away=away)
        actions = decide(self.campaign, self.now, around)
        for action in actions:
            if isinstance(action, Dispatch):
                self.epochs[action.host] = self.epochs.get(action.host, 0) + 1
        self.campaign = record(self.campaign, actions, self.now, self.epochs)
        done = tuple(action for action in actions if not isinstance(action, WakeAt))
        self.log += done
        return done

    def run(self, *, seconds: float = 0.0) -> tuple[Action, ...]:
        """Let time pass, then tick until nothing more is asked."""
        self.now += timedelta(seconds=seconds)
        done: list[Action] = []
        while more := self.tick():
            done += more
        return tuple(done)

    def see(self, event: Event) -> None:
        """Take in an event."""
        self.campaign = observe(self.campaign, event, self.now)

    # -- what hosts say --------------------------------------------------------------------------------------

    def host(self, name: str) -> HostRun:
        """The run of a host."""
        run = self.campaign.run_of(name)
        assert run is not None
        return run

    def _ids(self, name: str) -> dict[str, Any]:
        attempt = self.host(name).attempt
        assert attempt is not None
        return {"host": name, "attempt_id": attempt.id, "epoch": attempt.epoch}

    def accept(self, *names: str) -> None:
        """The journals accept."""
        for name in names:
            self.see(Accepted(**self._ids(name), worker=f"agent@{name}"))

    def beat(self, name: str, seq: int, step: str = "install") -> None:
        """A heartbeat."""
        self.see(Heartbeat(**self._ids(name), seq=seq, step=step, done=1, total=2))

    def end(self, name: str, result: HostResult) -> None:
        """The attempt ends."""
        self.see(Ended(**self._ids(name), result=result))

    def decline(self, name: str, result: HostResult) -> None:
        """The attempt was not started."""
        self.see(NotStarted(**self._ids(name), result=result))

    def recheck(self, name: str, result: HostResult) -> None:
        """The host is read again after its soak."""
        self.see(Rechecked(**self._ids(name), result=result))

    def change(self, *names: str) -> None:
        """Hosts accept, are changed and proven; then the engine goes on."""
        for name in names:
            self.accept(name)
            self.end(name, CHANGED)
        self.run()

    def abort(self) -> None:
        """An operator aborts."""
        self.see(AbortAsked(by="ops", reason="enough"))

    # -- what a test asks ------------------------------------------------------------------------------------

    def state(self) -> CampaignState:
        """State of the campaign."""
        return self.campaign.state

    def states(self) -> dict[str, HostState]:
        """State of each host."""
        return {run.host.name: run.state for run in self.campaign.runs}

    def ordered(self) -> list[str]:
        """Hosts with a forward order, in the order of the orders."""
        return [action.host for action in self.log if isinstance(action, Dispatch) and not action.undo]

    def undos(self) -> list[str]:
        """Hosts with an undo order, likewise."""
        return [action.host for action in self.log if isinstance(action, Dispatch) and action.undo]

    def count(self, kind: type[Action]) -> int:
        """How many actions of a kind were asked for."""
        return sum(isinstance(action, kind) for action in self.log)


__all__ = [
    "CHANGED",
    "LOST",
    "OK",
    "START",
    "UNDONE",
    "UNREACHABLE",
    "AskJournal",
    "Recheck",
    "Resend",
    "StopNow",
    "World",
    "draft",
    "failed",
    "host",
    "hosts",
    "planned",
    "refused",
]
