"""Starts the children in order, keeps them running, stops them in order: one loop, one thread, one place."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

from orchestrator.up.child import Child, Program

#: seconds between looks at the children; a crash is noticed this late at worst
TICK_S = 0.25
#: seconds a child may take until it answers for the first time; a loaded machine takes long to import
READY_S = 90.0


class GaveUp(Exception):
    """A child does not come up, or crashes again and again; the message carries the end of its log."""


@dataclass(slots=True)
class Supervisor:
    """The children of one `dockwave up`."""

    #: started and awaited one stage after the other; stopped in the opposite order
    stages: Sequence[Sequence[Program]]
    #: called after every change, with the children and whether all of them answer
    changed: Callable[[Sequence[Child], bool], None]
    #: one line of progress for people
    say: Callable[[str], None]
    children: list[list[Child]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Start everything, watch it until a signal comes, stop everything; GaveUp when it cannot be kept up."""
        previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        for number in previous:
            signal.signal(number, self._on_signal)
        try:
            self._start()
            while not self.stop.wait(TICK_S):
                self._look()
        finally:
            self._stop()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop.set()

    def _all(self) -> list[Child]:
        return [child for stage in self.children for child in stage]

    def _start(self) -> None:
        for stage in self.stages:
            children = [Child(program=program) for program in stage]
            self.children.append(children)
            deadline = time.monotonic() + READY_S
            while not all(child.ready for child in children):
                self._look()
                late = next((child for child in children if not child.ready), None)
                if late is not None and time.monotonic() > deadline:
                    raise GaveUp(
                        f"{late.program.name} did not answer within {READY_S:.0f} s\n{late.last_lines()}"
                    )
                if self.stop.wait(0.1):
                    return

    def _look(self) -> None:
        for child in self._all():
            if child.process is None:
                if time.monotonic() >= child.not_before:
                    self._launch(child)
            elif child.ended() is not None:
                self._again(child)
            elif not child.ready and child.check():
                self.say(f"{child.program.name} is up (log: {child.program.log})")
                self._tell()

    def _launch(self, child: Child) -> None:
        try:
            child.start()
        except OSError as error:
            raise GaveUp(f"{child.program.name} cannot be started: {error}") from error
        self._tell()

    def _again(self, child: Child) -> None:
        status = child.ended()
        how = f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"
        if not child.schedule_restart():
            raise GaveUp(
                f"{child.program.name} ended {len(child.starts)} times within a minute (last: {how}); "
                f"end of {child.program.log}:\n{child.last_lines()}"
            )
        pause = max(0.0, child.not_before - time.monotonic())
        self.say(f"{child.program.name} ended ({how}); starting it again in {pause:.1f} s")
        self._tell()

    def _tell(self) -> None:
        complete = len(self.children) == len(self.stages)
        self.changed(self._all(), complete and all(child.ready for child in self._all()))

    def _stop(self) -> None:
        for stage in reversed(self.children):
            for child in stage:
                child.terminate()
            deadline = time.monotonic()
            for child in stage:
                child.finish(deadline + child.program.stop_s)
        sys.stdout.flush()
