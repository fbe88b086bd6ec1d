"""The steps of one attempt, one after the other: each is journalled before and after, and one that failed is the last.

What an earlier worker did counts as done, and what it had begun is collected where somebody still knows its end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from tasks.errors import DockwaveError
from tasks.procedure import EngineStep, Step
from tasks.result import HostResult, StepResult, StepState
from tasks.wire import Order
from workers import outcome
from workers.effects import Effects
from workers.host_record import Entry, EntryKind, HostRecord
from workers.journal import Journal


class Steps:
    """What was done of an attempt, and the only one who does more of it; changing work under the host's lock."""

    def __init__(
        self,
        order: Order,
        journal: Journal,
        effects: Effects,
        *,
        say: Callable[[str, int, int], None],
        check: Callable[[], None],
    ) -> None:
        """Do steps of `order`; `say` is told which of how many is next, `check` raises when lock or link is gone."""
        self._order = order
        self._journal = journal
        self._effects = effects
        self._say = say
        self._check = check
        self._boot = ""
        #: some step was begun, by this worker or an earlier one
        self.begun = False
        #: every step that ended, by key: the journal's own content, kept here so that it is read once
        self._ended: dict[str, StepResult] = {}
        #: ends of engine steps not written yet: they ride with the next intent, as losing one only means judging anew
        self._unwritten: list[Entry] = []

    @property
    def ended(self) -> tuple[StepResult, ...]:
        """Every step that ended, in that order."""
        return tuple(self._ended.values())

    def recall(self, record: HostRecord) -> None:
        """Know again what the journal says was done."""
        self._ended = {step.key: step for step in record.steps}

    def take_over(self, record: HostRecord) -> None:
        """Collect what an earlier worker began; what nobody knows any more is marked lost and planned anew."""
        self.recall(record)
        self._boot = record.boot
        self.begun = any(entry.kind is EntryKind.INTENT for entry in record.entries)
        if record.steps or record.open_intents:
            self._write(self._entry(EntryKind.RESUMED))
        for intent in record.open_intents:
            ended = None if intent.intent is None else self._effects.collect(intent.intent)
            if ended is None:
                self._write(self._entry(EntryKind.LOST, key=intent.key))
            else:
                self._record_end(ended)

    def do(self, steps: Iterable[Step]) -> bool:
        """Do steps up to the first that asks for a new plan; whether another round is needed."""
        todo = [step for step in steps if step.key not in self._ended]
        for number, step in enumerate(todo):
            self._say(step.key, number, len(todo))
            self._check()
            self._intend(step)
            self.begun = True
            self._record_end(self._effects.apply(step), at_once=not isinstance(step, EngineStep))
            self.stop_on_failed()
            if step.replan:
                return True
        return False

    def stop_on_failed(self) -> None:
        """A step that failed, under this worker or an earlier one, ends the attempt: nothing after it is done."""
        for step in self.ended:
            if step.state is StepState.FAILED:
                tail = step.output.strip().splitlines()[-3:]
                said = f" It said: {' / '.join(tail)}" if tail else ""
                raise DockwaveError(
                    f"Step {step.key} ({step.title}) failed: {step.detail}.{said}",
                    code=outcome.telling_code(step.output),
                    hint=f"The whole output is in {self._journal.dir} on the host.",
                )

    def settle(self, result: HostResult) -> None:
        """Write the end of the attempt."""
        self._write(self._entry(EntryKind.RESULT, result=result))

    def _intend(self, step: Step) -> None:
        """Write what is about to be done; between two steps is where an attempt that is to stop does."""
        intent = self._entry(EntryKind.INTENT, key=step.key, intent=step)
        if not self._journal.intend([*self._unwritten, intent]):
            done = sum(item.state is StepState.DONE for item in self.ended)
            raise outcome.stopped(self._order, f"before {step.title}, {done} steps done")
        self._unwritten.clear()

    def _record_end(self, step: StepResult, *, at_once: bool = True) -> None:
        self._ended[step.key] = step
        self._unwritten.append(self._entry(EntryKind.DONE, key=step.key, step=step))
        if at_once:
            self._write()
            self._effects.forget(step.key)

    def _write(self, *entries: Entry) -> None:
        self._journal.append([*self._unwritten, *entries])
        self._unwritten.clear()

    def _entry(self, kind: EntryKind, **fields: Any) -> Entry:
        return Entry(kind=kind, at=time.time(), boot=self._boot, **fields)
