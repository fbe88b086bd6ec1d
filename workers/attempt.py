"""One attempt on one host: gather -> plan -> apply -> verify, or undo; every step journalled before and after.

Everything is level-triggered: a worker that takes over reads the journal, collects the unit in flight, and plans
again from what the host is now. Losing the link is not an end: the caller opens a new connection and calls `apply`
again, and the journal says where to go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog

from tasks.catalog import AnyProcedure, find, parse_params
from tasks.connection import Connection
from tasks.errors import DockwaveError, TransportError
from tasks.model import Mode
from tasks.procedure import Draft, EngineStep, Facts, Params, Setting, Step
from tasks.result import Finding, HostResult, Outcome, Severity, StepResult, StepState
from tasks.wire import Order
from workers import outcome
from workers.approval import allowed, drifted, refuse_other_digest
from workers.comparing import ran_before
from workers.effects import Effects
from workers.host_record import Entry, EntryKind, HostRecord
from workers.journal import HostPaths, Journal
from workers.takeback import Target, find_target

log = structlog.get_logger()

#: gather and plan at most so often before the procedure is called non-converging
MAX_ROUNDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is being done right now, for heartbeats."""

    step: str = ""
    done: int = 0
    total: int = 0


class Attempt:
    """An order being carried out over one connection; changing work is done under the host's lock."""

    def __init__(
        self,
        order: Order,
        connection: Connection,
        *,
        progress: Callable[[Progress], None],
        check: Callable[[], None],
        paths: HostPaths | None = None,
    ) -> None:
        """Prepare; `progress` is told what is done, `check` raises when the lock or the link is gone."""
        self.order = order
        self._connection = connection
        self._progress = progress
        self._check = check
        self._paths = paths or HostPaths()
        self._journal = Journal(connection, order.attempt_id, self._paths)
        self._procedure: AnyProcedure = find(order.procedure)
        self._params: Params = parse_params(self._procedure, dict(order.params))
        self._effects = Effects(connection, order.attempt_id, self._journal.dir, beat=check)
        self._boot = ""
        #: some step was begun, by this worker or an earlier one
        self._began = False
        #: every step that ended, by key: the journal's own content, kept here so that it is read once
        self._ended: dict[str, StepResult] = {}
        #: ends of engine steps not written yet: they ride with the next intent, as losing one only means judging anew
        self._unwritten: list[Entry] = []

    # -- reading only --------------------------------------------------------------------------------------

    def read_only(self) -> HostResult:
        """Run a read-only procedure: gather and judge, against what was before an attempt where it is asked for."""
        of = self.order.undo_of
        before = None if of is None else ran_before(self._connection, self._paths, of)
        facts = self._gather(before)
        return outcome.read(self._procedure.verify(before or facts, facts, self._params, ()))

    def plan(self) -> HostResult:
        """Say what would be done now."""
        if self.order.undo_of is not None:
            return outcome.planned(
                self._way_back(self.order.undo_of).preview(self._gather, self._params, self._setting)
            )
        if self.order.proven_by is not None and self._still_right(self.order.proven_by):
            return outcome.planned(Draft(summary=f"still as {self.order.proven_by} left it"))
        facts = self._gather(None)
        return outcome.planned(self._procedure.plan(facts, self._params, self._setting(None)))

    def _still_right(self, attempt_id: str) -> bool:
        """Judge the host as that attempt's own verification did; without its journal nothing is proven."""
        journal = Journal(self._connection, attempt_id, self._paths)
        before = self._snapshot(journal)
        if before is None:
            return False
        now = self._gather(before)
        return self._procedure.verify(before, now, self._params, journal.read().steps).ok

    def recheck(self) -> HostResult:
        """Judge the host again as the attempt's own verification did, after the soak."""
        if self.order.undo_of is not None:
            return self._compared(self._way_back(self.order.undo_of))
        before = self._snapshot(self._journal)
        if before is None:
            return HostResult(outcome=Outcome.OK, summary="nothing was changed, nothing to check")
        self._ended = {step.key: step for step in self._journal.read().steps}
        return self._verify(before, ())

    # -- changing ------------------------------------------------------------------------------------------

    def apply(self, record: HostRecord) -> HostResult:
        """Carry the order out, or go on with it, to a journalled result; call under the host's lock."""
        self._boot = record.boot
        self._began = any(entry.kind is EntryKind.INTENT for entry in record.entries)
        self._ended = {step.key: step for step in record.steps}
        self._take_over(record)
        try:
            result = self._undo() if self.order.mode is Mode.UNDO else self._change()
        except TransportError:
            raise
        except DockwaveError as error:
            if error.code in {"E_TIMEOUT_STILL_RUNNING", "E_DAEMON_UNRESPONSIVE"}:
                raise
            result = self.give_up(error)
        except Exception as error:
            log.exception("procedure broke", action="attempt", attempt=self.order.attempt_id)
            result = self.give_up(
                DockwaveError(f"{self.order.procedure} broke: {type(error).__name__}: {error}")
            )
        self._write(self._entry(EntryKind.RESULT, result=result))
        return result

    def give_up(self, error: DockwaveError) -> HostResult:
        """Tell a clean failure from one that left the host different, by comparing with the snapshot."""
        steps = self._steps
        if self.order.mode is Mode.UNDO:
            # an order that was refused before its first step left the host as it found it
            return outcome.failed(error, changed=self._began, steps=steps)
        before = self._snapshot(self._journal)
        if before is None:
            return outcome.failed(error, steps=steps)
        try:
            differences = self._procedure.differences(before, self._gather(before))
        except TransportError:
            raise
        except DockwaveError as problem:
            # not comparable is not known to be clean: treated as changed, so that it is brought back
            finding = Finding(code=problem.code, severity=Severity.ERROR, detail=problem.message)
            return outcome.failed(error, changed=True, steps=steps, findings=(finding,))
        return outcome.failed(error, changed=bool(differences), steps=steps, differences=differences)

    def _take_over(self, record: HostRecord) -> None:
        """Collect what an earlier worker began; what nobody knows any more is marked lost and planned anew."""
        if record.steps or record.open_intents:
            self._write(self._entry(EntryKind.RESUMED))
        for intent in record.open_intents:
            ended = None if intent.intent is None else self._effects.collect(intent.intent)
            if ended is None:
                self._write(self._entry(EntryKind.LOST, key=intent.key))
            else:
                self._record_end(ended)

    def _change(self) -> HostResult:
        before, strict = self._snapshot(self._journal), self._procedure.spec.strict
        self._stop_on_failed_step()
        skipped: tuple[StepResult, ...] = ()
        for _ in range(MAX_ROUNDS):
            self._say("gather")
            facts = self._gather(before)
            draft = self._procedure.plan(facts, self._params, self._setting(before))
            if before is None:
                refuse_other_digest(self.order, draft, strict=strict)
                skipped = drifted(self.order, self._procedure, facts, draft)
            steps = allowed(self.order, draft, strict=strict)
            if before is None:
                if not steps:
                    return outcome.already_right(draft, skipped)
                self._journal.store("before.json", facts.model_dump_json().encode())
                before = facts
            if not self._round(steps):
                break
        return self._verify(before or facts, skipped)

    def _undo(self) -> HostResult:
        """Bring the host back to the snapshot of `undo_of`, and prove it by comparing."""
        target = self._way_back(self.order.undo_of or self.order.attempt_id)
        if target.snapshot is None:
            return self._compared(target)
        self._stop_on_failed_step()
        for number in range(MAX_ROUNDS):
            self._say("gather")
            facts = self._gather(target.snapshot)
            if not target.left(facts, self._snapshot(self._journal)):
                break
            if number == 0 and self._snapshot(self._journal) is None:
                self._journal.store("before.json", facts.model_dump_json().encode())
            setting = self._setting(target.snapshot)
            draft = self._procedure.undo(target.snapshot, facts, self._params, setting)
            if not self._round(draft.steps):
                break
        self._say("verify")
        return self._compared(target)

    def _way_back(self, undo_of: str) -> Target:
        """Find what that attempt left to return to; Refused when there is nothing, or the host has moved on."""
        return find_target(self._connection, self._paths, self.order, undo_of, self._procedure)

    def _compared(self, target: Target) -> HostResult:
        """Compare the host with the snapshot it had to return to; only an empty list of differences is a proof."""
        if target.snapshot is None:
            return outcome.undone(self._steps, target, ())
        now = self._gather(target.snapshot)
        started = self._snapshot(self._journal) or now
        return outcome.undone(self._steps, target, target.left(now, started), target.beyond(started))

    # -- rounds and steps ----------------------------------------------------------------------------------

    def _round(self, steps: Iterable[Step]) -> bool:
        """Do steps up to the first that asks for a new plan; whether another round is needed."""
        todo = [step for step in steps if step.key not in self._ended]
        for number, step in enumerate(todo):
            self._say(step.key, done=number, total=len(todo))
            self._check()
            self._intend(step)
            self._began = True
            self._record_end(self._effects.apply(step), at_once=not isinstance(step, EngineStep))
            self._stop_on_failed_step()
            if step.replan:
                return True
        return False

    def _record_end(self, step: StepResult, *, at_once: bool = True) -> None:
        self._ended[step.key] = step
        self._unwritten.append(self._entry(EntryKind.DONE, key=step.key, step=step))
        if at_once:
            self._write()
            self._effects.forget(step.key)

    def _intend(self, step: Step) -> None:
        """Write what is about to be done; between two steps is where an attempt that is to stop does."""
        intent = self._entry(EntryKind.INTENT, key=step.key, intent=step)
        if not self._journal.intend([*self._unwritten, intent]):
            done = sum(item.state is StepState.DONE for item in self._steps)
            raise outcome.stopped(self.order, f"before {step.title}, {done} steps done")
        self._unwritten.clear()

    def _write(self, *entries: Entry) -> None:
        self._journal.append([*self._unwritten, *entries])
        self._unwritten.clear()

    def _stop_on_failed_step(self) -> None:
        """A step that failed, under this worker or an earlier one, ends the attempt: nothing after it is done."""
        for step in self._steps:
            if step.state is StepState.FAILED:
                tail = step.output.strip().splitlines()[-3:]
                said = f" It said: {' / '.join(tail)}" if tail else ""
                raise DockwaveError(
                    f"Step {step.key} ({step.title}) failed: {step.detail}.{said}",
                    code=outcome.telling_code(step.output),
                    hint=f"The whole output is in {self._journal.dir} on the host.",
                )

    # -- small things --------------------------------------------------------------------------------------

    @property
    def _steps(self) -> tuple[StepResult, ...]:
        return tuple(self._ended.values())

    def _verify(self, before: Facts, skipped: tuple[StepResult, ...]) -> HostResult:
        self._say("verify")
        verdict = self._procedure.verify(before, self._gather(before), self._params, self._steps)
        return outcome.verified(verdict, self._steps, skipped, directory=self._journal.dir)

    def _gather(self, before: Facts | None) -> Facts:
        self._check()
        facts: Facts = self._procedure.gather(self._connection, self._params, self._setting(before))
        return facts

    def _snapshot(self, journal: Journal) -> Facts | None:
        content = journal.load("before.json")
        if content is None:
            return None
        facts: Facts = self._procedure.facts_type.model_validate_json(content)
        return facts

    def _setting(self, before: Facts | None) -> Setting:
        owner = self.order.undo_of or self.order.attempt_id
        return Setting(
            attempt_id=self.order.attempt_id,
            snapshot_dir=f"{self._paths.attempt(owner)}/snapshot",
            protect=self.order.protect,
            before=before,
        )

    def _say(self, step: str, *, done: int = 0, total: int = 0) -> None:
        self._progress(Progress(step=step, done=done, total=total))

    def _entry(self, kind: EntryKind, **fields: Any) -> Entry:
        return Entry(kind=kind, at=time.time(), boot=self._boot, **fields)
