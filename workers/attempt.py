"""One attempt on one host: gather -> plan -> apply -> verify, or undo; every step journalled before and after.

Everything is level-triggered: a worker that takes over reads the journal, collects the unit in flight, and plans
again from what the host is now. Losing the link is not an end: the caller opens a new connection and calls `apply`
again, and the journal says where to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import structlog

from tasks.catalog import AnyProcedure, find, parse_params
from tasks.connection import Connection
from tasks.errors import DockwaveError, TransportError
from tasks.model import Mode
from tasks.procedure import Draft, Facts, Params, Setting
from tasks.result import Finding, HostResult, Outcome, Severity, StepResult
from tasks.wire import Order
from workers import outcome
from workers.approval import allowed, drifted, refuse_other_digest
from workers.comparing import ran_before
from workers.effects import Effects
from workers.host_record import HostRecord
from workers.journal import HostPaths, Journal
from workers.news import Progress
from workers.steps import Steps
from workers.takeback import Target, covered, find_target, fingerprint_of

log = structlog.get_logger()

#: gather and plan at most so often before the procedure is called non-converging
MAX_ROUNDS = 6


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
        effects = Effects(connection, order.attempt_id, self._journal.dir, beat=check)
        #: what the host was before this attempt's first change, and the fingerprint of that
        self._before: tuple[Facts, str] | None = None
        self._steps = Steps(order, self._journal, effects, say=self._say, check=check)

    # -- reading only --------------------------------------------------------------------------------------

    def read_only(self) -> HostResult:
        """Run a read-only procedure: gather and judge, against what was before an attempt where it is asked for."""
        of, taken = self.order.undo_of, self.order.snapshot_sha256
        before = None if of is None else ran_before(self._connection, self._paths, of, taken)
        facts = self._gather(before)
        return outcome.read(self._procedure.verify(before or facts, facts, self._params, ()))

    def plan(self) -> HostResult:
        """Say what would be done now."""
        if self.order.undo_of is not None:
            target = self._way_back(self.order.undo_of)
            return outcome.planned(target.preview(self._gather, self._params, self._setting), target)
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
        self._steps.recall(self._journal.read())
        return self._verify(before, ())

    # -- changing ------------------------------------------------------------------------------------------

    def apply(self, record: HostRecord) -> HostResult:
        """Carry the order out, or go on with it, to a journalled result; call under the host's lock."""
        self._steps.take_over(record)
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
        result = self._with_snapshot(result)
        self._steps.settle(result)
        return result

    def _with_snapshot(self, result: HostResult) -> HostResult:
        """The result of a change with what tells its snapshot from every other one; what it says stays on the host."""
        if self._before is None or self.order.mode is Mode.UNDO:
            return result
        facts, fingerprint = self._before
        told = {"snapshot_sha256": fingerprint, "snapshot_covers": list(covered(self._procedure, facts))}
        return replace(result, data={**result.data, **told})

    def give_up(self, error: DockwaveError) -> HostResult:
        """Tell a clean failure from one that left the host different, by comparing with the snapshot."""
        steps = self._steps.ended
        if self.order.mode is Mode.UNDO:
            # an order that was refused before its first step left the host as it found it
            return outcome.failed(error, changed=self._steps.begun, steps=steps)
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

    def _change(self) -> HostResult:
        before, strict = self._snapshot(self._journal), self._procedure.spec.strict
        self._steps.stop_on_failed()
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
                before = self._keep(facts)
            if not self._steps.do(steps):
                break
        return self._verify(before or facts, skipped)

    def _undo(self) -> HostResult:
        """Bring the host back to the snapshot of `undo_of`, and prove it by comparing."""
        target = self._way_back(self.order.undo_of or self.order.attempt_id)
        if target.snapshot is None:
            return self._compared(target)
        self._steps.stop_on_failed()
        for number in range(MAX_ROUNDS):
            self._say("gather")
            facts = self._gather(target.snapshot)
            if not target.left(facts, self._snapshot(self._journal)):
                break
            if number == 0 and self._snapshot(self._journal) is None:
                self._keep(facts)
            setting = self._setting(target.snapshot)
            draft = self._procedure.undo(target.snapshot, facts, self._params, setting)
            if not self._steps.do(draft.steps):
                break
        self._say("verify")
        return self._compared(target)

    def _way_back(self, undo_of: str) -> Target:
        """Find what that attempt left to return to; Refused when there is nothing, or the host has moved on."""
        return find_target(self._connection, self._paths, self.order, undo_of, self._procedure)

    def _compared(self, target: Target) -> HostResult:
        """Compare the host with the snapshot it had to return to; only an empty list of differences is a proof."""
        if target.snapshot is None:
            return outcome.undone(self._steps.ended, target, ())
        now = self._gather(target.snapshot)
        started = self._snapshot(self._journal) or now
        return outcome.undone(self._steps.ended, target, target.left(now, started), target.beyond(started))

    # -- small things --------------------------------------------------------------------------------------

    def _verify(self, before: Facts, skipped: tuple[StepResult, ...]) -> HostResult:
        self._say("verify")
        verdict = self._procedure.verify(before, self._gather(before), self._params, self._steps.ended)
        return outcome.verified(verdict, self._steps.ended, skipped, directory=self._journal.dir)

    def _gather(self, before: Facts | None) -> Facts:
        self._check()
        facts: Facts = self._procedure.gather(self._connection, self._params, self._setting(before))
        return facts

    def _snapshot(self, journal: Journal) -> Facts | None:
        content = journal.load("before.json")
        if content is None:
            return None
        facts: Facts = self._procedure.facts_type.model_validate_json(content)
        if journal is self._journal:
            self._before = facts, fingerprint_of(content)
        return facts

    def _keep(self, facts: Facts) -> Facts:
        """Write what the host is now as the snapshot of this attempt."""
        content = facts.model_dump_json().encode()
        self._journal.store("before.json", content)
        self._before = facts, fingerprint_of(content)
        return facts

    def _setting(self, before: Facts | None) -> Setting:
        owner = self.order.undo_of or self.order.attempt_id
        return Setting(
            attempt_id=self.order.attempt_id,
            snapshot_dir=f"{self._paths.attempt(owner)}/snapshot",
            protect=self.order.protect,
            before=before,
        )

    def _say(self, step: str, done: int = 0, total: int = 0) -> None:
        self._progress(Progress(step=step, done=done, total=total))
