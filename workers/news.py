"""What the orchestrator hears of one order: numbered reports, and heartbeats while its host is at work and heard of."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tasks.result import HostResult
from tasks.wire import Order, Report, ReportKind

#: seconds between heartbeats while the host is in contact
BEAT_EVERY_S = 5.0
#: a heartbeat needs contact with the host not older than this, so that a silent host is not covered up
CONTACT_MAX_AGE_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is being done right now, for heartbeats."""

    step: str = ""
    done: int = 0
    total: int = 0


class News:
    """The reports about one order, in the order they are made; a worker that is alive is no news of its host."""

    def __init__(self, order: Order, send: Callable[[Report], None], *, worker: str) -> None:
        """Report about `order` as `worker`; what is told on the way goes to `send`, the end is given by `report`."""
        self._order = order
        self._send = send
        self._worker = worker
        self._contact = time.monotonic()
        #: the host is at work, reading or changing: heartbeats say so
        self._at_work = False
        self._progress = Progress()
        self._seq = 0
        self._seq_guard = threading.Lock()

    def begin_work(self) -> None:
        """Tell that the order was accepted; from now on there are heartbeats."""
        self._at_work = True
        self._send(self.report(ReportKind.ACCEPTED))

    def note(self, progress: Progress) -> None:
        """The host does this now; another step is told at once."""
        changed = progress.step != self._progress.step
        self._progress = progress
        self.touch()
        if changed and self._at_work:
            self._heartbeat()

    def touch(self) -> None:
        """The host was heard of."""
        self._contact = time.monotonic()

    def silent_s(self) -> float | None:
        """For how long nothing was heard of the host; None while that is not long enough to count."""
        age = time.monotonic() - self._contact
        return None if age < CONTACT_MAX_AGE_S else age

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Tell every few seconds what is being done, until the end."""
        stop = threading.Event()
        beats = threading.Thread(target=self._beat, args=(stop,), name="heartbeat", daemon=True)
        beats.start()
        try:
            yield
        finally:
            stop.set()
            beats.join()

    def report(self, kind: ReportKind, result: HostResult | None = None) -> Report:
        """The next report, with what is being done now where it is a heartbeat."""
        with self._seq_guard:
            self._seq += 1
            seq = self._seq
        order = self._order
        now = self._progress if kind is ReportKind.HEARTBEAT else Progress()
        return Report(
            attempt_id=order.attempt_id,
            epoch=order.epoch,
            host=order.host.name,
            mode=order.mode,
            kind=kind,
            seq=seq,
            worker=self._worker,
            step=now.step,
            done=now.done,
            total=now.total,
            result=result,
        )

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(BEAT_EVERY_S):
            if self._at_work and self.silent_s() is None:
                self._heartbeat()

    def _heartbeat(self) -> None:
        self._send(self.report(ReportKind.HEARTBEAT))
