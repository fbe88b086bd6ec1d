"""Runs orders for one worker process: each attempt once at a time, every end reported."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tasks.model import Mode
from tasks.wire import Order, Report, ReportKind
from workers.execution import Execution, Pool
from workers.journal import HostPaths

#: modes that change nothing of the host itself, so that any number of them may run beside a change
_BESIDE = frozenset({Mode.CHECK, Mode.STOP})


class Runner:
    """Runs orders; one instance per worker process, used by many threads."""

    def __init__(
        self,
        pool: Pool,
        send: Callable[[Report], None],
        *,
        worker: str,
        sleep: Callable[[float], None] = time.sleep,
        paths: HostPaths | None = None,
    ) -> None:
        """Take connections from `pool`, hand reports to `send`."""
        self._pool = pool
        self._send = send
        self._worker = worker
        self._sleep = sleep
        self._paths = paths
        #: attempts at work right now; None until the execution exists, and for dry runs
        self._running: dict[str, Execution | None] = {}
        self._guard = threading.Lock()

    def run(self, order: Order) -> Report:
        """Carry the order out; its last report is sent and returned."""
        with self._claim(order) as free:
            report = self._execute(order) if free else self._elsewhere(order)
        self._send(report)
        return report

    def _execute(self, order: Order) -> Report:
        execution = Execution(
            order, self._pool, self._send, worker=self._worker, sleep=self._sleep, paths=self._paths
        )
        if order.mode not in _BESIDE | {Mode.PLAN}:
            self._running[order.attempt_id] = execution
        return execution.run()

    def _elsewhere(self, order: Order) -> Report:
        """Answer for an attempt another thread works on: busy while it hears of the host, else unknown.

        A dry run is always busy: its question comes again while the host is slow, and a second copy would slow it more.
        """
        execution = self._running.get(order.attempt_id)
        lost = None if execution is None else execution.silence_of_host()
        return Report(
            attempt_id=order.attempt_id,
            epoch=order.epoch,
            host=order.host.name,
            mode=order.mode,
            kind=ReportKind.BUSY if lost is None else ReportKind.RESULT,
            worker=self._worker,
            result=lost,
        )

    @contextmanager
    def _claim(self, order: Order) -> Iterator[bool]:
        """Whether this process may work on the attempt now: a look may always, anything else once at a time."""
        if order.mode in _BESIDE:
            yield True
            return
        with self._guard:
            free = order.attempt_id not in self._running
            if free:
                self._running[order.attempt_id] = None
        try:
            yield free
        finally:
            if free:
                with self._guard:
                    del self._running[order.attempt_id]
