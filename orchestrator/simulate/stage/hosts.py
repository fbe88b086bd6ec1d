"""Hosts that do what orders say, as real ones do: with a journal, a fencing number, a lock and a clock of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from orchestrator.campaign.running_set import PROCEDURE
from orchestrator.loop.orders import reads_for_gate
from orchestrator.simulate.stage.vital_signs import running, vitals
from tasks.model import Mode, Protect
from tasks.procedure import Draft, RunStep
from tasks.result import HostError, HostResult, Outcome
from tasks.wire import Order, Report, ReportKind

#: what every scripted host would do: one step that can be taken back
DRAFT = Draft(steps=(RunStep(key="restart", title="restart the engine", argv=("true",)),), summary="restart")
_WOULD = HostResult(outcome=Outcome.OK, plan=DRAFT.model_dump(mode="json"))


#: what no campaign of a schedule may touch
PROTECT = Protect(labels=("keep", "dockwave.protect"))
#: the procedure of campaigns that only read
READING = "engine.info"


def would(*services: str) -> HostResult:
    """Give the dry run of a host whose containers belong to these services."""
    draft = DRAFT.model_copy(update={"services": services})
    return HostResult(outcome=Outcome.OK, plan=draft.model_dump(mode="json"))


class How(StrEnum):
    """How a change ends on a host."""

    OK = "ok"
    RIGHT = "already right"
    CLEAN = "fails with nothing changed"
    DIRTY = "fails when changed"
    #: works, and is broken when it is read again after its soak
    SOAK = "breaks in its soak"


@dataclass(slots=True, kw_only=True)
class Entry:
    """What the journal says about one attempt."""

    order: Order
    began: datetime
    #: the worker that runs it lives
    alive: bool = True
    #: which execution runs it: the timers of an earlier one are void
    run: int = 1
    seq: int = 0
    took_effect: bool = False
    result: HostResult | None = None
    #: what the host was before
    snapshot: str = ""
    #: a later change of another campaign stands, so this undo would destroy it
    overtaken: bool = False
    #: what makes its dry run fail made this change fail too
    spoiled: bool = False

    @property
    def back(self) -> bool:
        """Whether it takes back what its own campaign did; a campaign that takes back another one goes forward."""
        undone = self.order.undo_of
        return undone is not None and undone.split("/", 1)[0] == self.order.campaign_id


@dataclass(slots=True, kw_only=True)
class SimHost:
    """One host."""

    name: str
    machine_id: str
    #: how a campaign's change ends here, and whether its undo works
    fate: Callable[[str], How]
    undo_works: Callable[[str], bool]
    #: whether it stays well after it was brought back
    back_lasts: Callable[[str], bool] = lambda _campaign_id: True
    epoch: int = 0
    #: what was last done to it
    content: str = ""
    sound: bool = True
    journal: dict[str, Entry] = field(default_factory=dict)
    #: changes by campaign and direction: none may be above one
    effects: Counter[tuple[str, bool]] = field(default_factory=Counter)
    #: no connection
    dark: bool = False
    #: what it says when it is asked what would be done
    dry_run: HostResult = _WOULD
    #: what it would do is another thing after everything that was done to it
    drifts: bool = False
    #: the keys of what it said it would do, by campaign
    told: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    #: somebody else is at work on it: what is new is refused for now
    busy: bool = False
    #: what made its dry run fail, as it makes others' fail; "" = nothing
    sick: str = ""
    #: attempts it does no further step of
    halted: set[str] = field(default_factory=set)

    def running(self) -> Entry | None:
        """The attempt whose end is not in the journal."""
        return next((entry for entry in self.journal.values() if entry.result is None), None)

    def last(self) -> str:
        """Give the attempt that was the last to do anything to it; "" when none was."""
        return next((own for own, entry in reversed(self.journal.items()) if entry.took_effect), "")

    def take(self, order: Order, now: datetime) -> tuple[Report | None, Entry | None]:
        """Judge an order as a worker does; gives the answer, and the entry whose work begins or goes on now."""
        if order.mode is Mode.PLAN:
            sick = _failed(self.sick, changed=False) if self.sick else None
            return self.say(order, ReportKind.RESULT, sick or self._would(order)), None
        if order.mode is Mode.CHECK:
            return self.say(order, ReportKind.RESULT, self._checked(order)), None
        if reads_for_gate(order.attempt_id):
            broken = {} if self.sound else {"unhealthy": "CRITICAL"}
            reads_set = order.procedure == PROCEDURE
            said = running(order.undo_of, there=self.sound) if reads_set else vitals(broken)
            return self.say(order, ReportKind.RESULT, said), None
        known = self.journal.get(order.attempt_id)
        another = known is not None and known.order.undo_of != order.undo_of
        if order.mode is Mode.STOP:
            if known is None or (known.result is None and not another):
                self.halted.add(order.attempt_id)
            return self.say(order, ReportKind.RESULT, HostResult(outcome=Outcome.OK)), None
        if known is not None and not another:
            return self._known(order, known)
        code = self._refusal(order, now)
        if code:
            error = HostError(code=code, message=f"refused: {code}", retryable=code != "E_STOPPED")
            refused = HostResult(outcome=Outcome.SKIPPED, error=error, refuses_before=now.timestamp())
            return self.say(order, ReportKind.REFUSED, refused), None
        self.epoch = order.epoch
        entry = Entry(
            order=order,
            began=now,
            snapshot=self.content,
            overtaken=self._overtaken(order),
            spoiled=bool(self.sick),
        )
        self.journal[order.attempt_id] = entry
        return self.say(order, ReportKind.ACCEPTED, seq=1), entry

    def _would(self, order: Order) -> HostResult:
        """What it says it would do now."""
        if not self.drifts or self.dry_run.plan is None:
            return self.dry_run
        draft = Draft.model_validate(self.dry_run.plan)
        image = RunStep(key=f"image:{self.name}-{len(self.journal)}", title="remove an image", argv=("true",))
        draft = draft.model_copy(update={"steps": (*draft.steps, image)})
        self.told.setdefault(order.campaign_id, []).append(tuple(step.key for step in draft.steps))
        return replace(self.dry_run, plan=draft.model_dump(mode="json"))

    def _known(self, order: Order, entry: Entry) -> tuple[Report, Entry | None]:
        if entry.result is not None:
            return self.say(order, ReportKind.RESULT, entry.result), None
        if self.epoch > order.epoch:
            error = HostError(code="E_STALE_EPOCH", message="a newer order was accepted")
            return self.say(order, ReportKind.RESULT, HostResult(outcome=Outcome.UNKNOWN, error=error)), None
        if entry.alive:
            return self.say(order, ReportKind.BUSY), None
        entry.alive, entry.seq = True, 0
        entry.run += 1
        return self.say(order, ReportKind.ACCEPTED, seq=1), entry

    def _refusal(self, order: Order, now: datetime) -> str:
        if order.mode is Mode.RESUME:
            return "E_NOT_STARTED"
        if order.attempt_id in self.halted:
            return "E_STOPPED"
        if self._did(order):
            return "E_ATTEMPT_REUSED"
        if order.epoch <= self.epoch:
            return "E_STALE_EPOCH"
        if now.timestamp() > order.expires_at:
            return "E_ORDER_EXPIRED"
        return "E_HOST_BUSY" if self.busy or self.running() is not None else ""

    def _did(self, order: Order) -> bool:
        """Whether its campaign did to the host what is ordered, or had its number for something else."""
        mine = (
            entry.order for entry in self.journal.values() if entry.order.campaign_id == order.campaign_id
        )
        return any(item.attempt_id == order.attempt_id or item.undo_of == order.undo_of for item in mine)

    def _overtaken(self, order: Order) -> bool:
        """Whether a campaign changed the host after the attempt this order takes back, and its change stands."""
        back = self.journal.get(order.undo_of or "") if order.mode is Mode.UNDO else None
        if back is None:
            return False
        undone = {
            entry.order.undo_of
            for entry in self.journal.values()
            if entry.result is not None and entry.result.outcome is Outcome.UNDONE
        }
        return any(
            entry.took_effect
            and entry.order.mode is Mode.APPLY
            and entry.order.campaign_id != order.campaign_id
            and entry.order.epoch > back.order.epoch
            and entry.order.attempt_id not in undone
            for entry in self.journal.values()
        )

    def effect(self, entry: Entry) -> None:
        """Do the step; a step that was done is not done again."""
        how = self._fate_of(entry)
        undo = entry.order.mode is Mode.UNDO
        if entry.took_effect or entry.overtaken or (not undo and how in {How.RIGHT, How.CLEAN}):
            return
        if entry.order.attempt_id in self.halted:
            return
        entry.took_effect = True
        self.effects[entry.order.campaign_id, undo] += 1
        if not undo:
            self.content = entry.order.attempt_id
            self.sound = how is not How.SOAK
        elif self.undo_works(entry.order.campaign_id):
            before = self.journal.get(entry.order.undo_of or "")
            self.content = before.snapshot if before else self.content
            self.sound = self.back_lasts(entry.order.campaign_id)

    def finish(self, entry: Entry) -> Report:
        """Write the end into the journal and tell it."""
        entry.result = self._result(entry)
        return self.say(entry.order, ReportKind.RESULT, entry.result, seq=entry.seq + 1)

    def _result(self, entry: Entry) -> HostResult:
        campaign = entry.order.campaign_id
        if entry.overtaken:
            return _failed("E_HOST_MOVED_ON", changed=False)
        if entry.order.attempt_id in self.halted and not (entry.took_effect and self._has_one_step()):
            return _failed("E_STOPPED", changed=entry.took_effect)
        if entry.order.mode is Mode.UNDO:
            if self.undo_works(campaign):
                return HostResult(outcome=Outcome.UNDONE, changed=True, data={"differences": ()})
            return _failed("E_ROLLBACK_FAILED", changed=True)
        how = self._fate_of(entry)
        if how is How.RIGHT:
            return HostResult(outcome=Outcome.OK)
        if how in {How.CLEAN, How.DIRTY}:
            return _failed("E_STEP_FAILED", changed=how is How.DIRTY)
        return HostResult(outcome=Outcome.CHANGED, changed=True)

    def _fate_of(self, entry: Entry) -> How:
        return How.DIRTY if entry.spoiled else self.fate(entry.order.campaign_id)

    def _has_one_step(self) -> bool:
        """Whether a change is over with its first step; on others a stop between two steps finds more to do."""
        return int(self.machine_id, 16) % 2 == 0

    def _checked(self, order: Order) -> HostResult:
        if order.undo_of is not None and self.sound:
            return HostResult(outcome=Outcome.UNDONE, data={"differences": ()})
        return HostResult(outcome=Outcome.OK) if self.sound else _failed("E_VERIFY_FAILED", changed=False)

    def say(
        self, order: Order, kind: ReportKind, result: HostResult | None = None, *, seq: int = 0
    ) -> Report:
        """Report about an order, and who answers."""
        if result is not None:
            result = replace(result, identity={"machine_id": self.machine_id}, epoch_seen=self.epoch)
        return Report(
            attempt_id=order.attempt_id,
            epoch=order.epoch,
            host=self.name,
            mode=order.mode,
            kind=kind,
            seq=seq,
            worker=f"agent@{self.name}",
            result=result,
        )


def _failed(code: str, *, changed: bool) -> HostResult:
    error = HostError(code=code, message=f"it did not work: {code}")
    return HostResult(outcome=Outcome.FAILED, changed=changed, error=error)
