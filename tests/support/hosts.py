"""Hosts that answer orders by a script, with a journal as real ones have: an attempt takes effect once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from orchestrator.campaign.running_set import PROCEDURE
from orchestrator.campaign.vitals import CHECKS
from orchestrator.loop.orders import reads_for_gate
from tasks.model import Mode
from tasks.procedure import Draft, RunStep
from tasks.result import HostError, HostResult, Outcome
from tasks.wire import Order, Report, ReportKind

#: a plan with one step that can be taken back
DRAFT = Draft(steps=(RunStep(key="restart", title="restart the engine", argv=("true",)),), summary="restart")


def ok(*, changed: bool = True) -> HostResult:
    """What a host says that was changed and proven."""
    return HostResult(outcome=Outcome.CHANGED if changed else Outcome.OK, changed=changed, summary="done")


def failed(*, changed: bool) -> HostResult:
    """What a host says on which it did not work."""
    error = HostError(code="E_VERIFY_FAILED", message="it did not come up", hint="look at its log")
    return HostResult(outcome=Outcome.FAILED, changed=changed, error=error)


def undone(*, changed: bool = True) -> HostResult:
    """What a host says that compared itself with its snapshot and found no difference."""
    return HostResult(outcome=Outcome.UNDONE, changed=changed, data={"differences": []}, summary="as it was")


def healthy(**levels: str) -> HostResult:
    """What a host says of its health: every check OK but for those that are named."""
    checks = [{"name": name, "level": levels.get(name, "OK"), "value": 1} for name in CHECKS]
    return HostResult(outcome=Outcome.OK, data={"checks": checks, "restarts": []})


def running(order: Order, *missing: str) -> HostResult:
    """What a host says of its containers: web runs; compared with a snapshot these are missing."""
    web = {"id": "a" * 64, "name": "web", "image_id": f"sha256:{'b' * 64}"}
    data = {
        "compared_with": order.undo_of or "",
        "missing": list(missing),
        "extra": [],
        "count": 1,
        "running": [] if order.undo_of else [web],
    }
    return HostResult(outcome=Outcome.OK, data=data)


def report(order: Order, kind: ReportKind, result: HostResult | None = None, *, seq: int = 0) -> Report:
    """A report about this order."""
    return Report(
        attempt_id=order.attempt_id,
        epoch=order.epoch,
        host=order.host.name,
        mode=order.mode,
        kind=kind,
        seq=seq,
        worker="scripted@test",
        result=result,
    )


@dataclass
class ScriptedHosts:
    """Answers orders; `script` says what an apply comes to on each host, by name."""

    script: Mapping[str, HostResult] = field(default_factory=dict)
    plans: Mapping[str, HostResult] = field(default_factory=dict)
    #: hosts that never answer anything but planning
    silent: frozenset[str] = frozenset()
    #: hosts that are no longer as an attempt proved them
    spoiled: frozenset[str] = frozenset()
    #: effects by attempt id: what a real host would have done to itself
    effects: Counter[str] = field(default_factory=Counter)
    #: attempts that are to do no further step
    halted: set[str] = field(default_factory=set)
    #: hosts that are still at work: an attempt of theirs ends when it is stopped
    slow: frozenset[str] = frozenset()
    journal: dict[str, HostResult] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    #: what a host says of its health, by name
    vitals: Mapping[str, HostResult] = field(default_factory=dict)
    #: every order seen, oldest first
    orders: list[Order] = field(default_factory=list)
    machine_id: Callable[[str], str] = lambda name: f"{abs(hash(name)):032x}"[:32]

    def answer(self, order: Order) -> list[Report]:
        """Do what a worker and its host do; the same order twice is answered from the journal."""
        self.orders.append(order)
        name = order.host.name
        if order.mode is Mode.PLAN:
            return self._would(order)
        if name in self.silent:
            return []
        if reads_for_gate(order.attempt_id):
            well = running(order) if order.procedure == PROCEDURE else healthy()
            said = self._identified(name, self.vitals.get(name, well))
            return [report(order, ReportKind.ACCEPTED, seq=1), report(order, ReportKind.RESULT, said, seq=2)]
        if order.mode is Mode.CHECK:
            return [report(order, ReportKind.RESULT, self._identified(name, ok(changed=False)), seq=1)]
        if order.mode is Mode.STOP:
            return self._stop(order)
        if order.attempt_id in self.journal:
            return [report(order, ReportKind.RESULT, self.journal[order.attempt_id], seq=1)]
        if order.mode is Mode.RESUME:
            return [self._refused(order, "E_NOT_STARTED")]
        if order.attempt_id in self.halted:
            return [self._refused(order, "E_STOPPED", retryable=False)]
        if order.epoch <= self.epochs.get(name, 0):
            return [self._refused(order, "E_STALE_EPOCH")]
        return self._run(order)

    def _would(self, order: Order) -> list[Report]:
        name = order.host.name
        if order.proven_by in self.journal and name not in self.spoiled:
            right = HostResult(outcome=Outcome.OK, plan=Draft(summary="still right").model_dump(mode="json"))
            return [report(order, ReportKind.RESULT, self._identified(name, right), seq=1)]
        plan = self.plans.get(name, HostResult(outcome=Outcome.OK, plan=DRAFT.model_dump(mode="json")))
        return [report(order, ReportKind.RESULT, self._identified(name, plan), seq=1)]

    def _run(self, order: Order) -> list[Report]:
        name = order.host.name
        self.epochs[name] = order.epoch
        self.effects[order.attempt_id] += 1
        if name in self.slow and order.mode is Mode.APPLY:
            return [report(order, ReportKind.ACCEPTED, seq=1), report(order, ReportKind.HEARTBEAT, seq=2)]
        result = undone() if order.mode is Mode.UNDO else self.script.get(name, ok())
        self.journal[order.attempt_id] = self._identified(name, result)
        return [
            report(order, ReportKind.ACCEPTED, seq=1),
            report(order, ReportKind.HEARTBEAT, seq=2),
            report(order, ReportKind.RESULT, self.journal[order.attempt_id], seq=3),
        ]

    def _stop(self, order: Order) -> list[Report]:
        name, begun = order.host.name, order.attempt_id in self.effects
        heard = report(order, ReportKind.RESULT, self._identified(name, ok(changed=False)), seq=1)
        if order.attempt_id in self.halted or not begun or order.attempt_id in self.journal:
            self.halted.add(order.attempt_id)
            return [heard]
        self.halted.add(order.attempt_id)
        error = HostError(code="E_STOPPED", message=f"{order.attempt_id} was stopped")
        result = HostResult(outcome=Outcome.FAILED, changed=True, error=error)
        self.journal[order.attempt_id] = self._identified(name, result)
        ended = report(
            order.model_copy(update={"mode": Mode.APPLY}),
            ReportKind.RESULT,
            self.journal[order.attempt_id],
            seq=9,
        )
        return [heard, ended]

    def _refused(self, order: Order, code: str, *, retryable: bool = True) -> Report:
        error = HostError(code=code, message="not here", retryable=retryable)
        result = HostResult(outcome=Outcome.SKIPPED, error=error)
        return report(order, ReportKind.REFUSED, self._identified(order.host.name, result), seq=1)

    def _identified(self, name: str, result: HostResult) -> HostResult:
        identity = {"machine_id": self.machine_id(name), **result.identity}
        return replace(result, identity=identity, epoch_seen=self.epochs.get(name, 0))
