"""One execution of one order, from connection to report; a lost link, daemon or lock is tried again, never guessed.

Only three things end it: a result from the host's journal, a refusal before anything was started, or the attempt's
own deadline, which answers UNKNOWN and never FAILED.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

import structlog

from tasks.catalog import find
from tasks.connection import Connection, HostLock
from tasks.errors import DockwaveError, OrderRefused, TransportError
from tasks.model import Host, Kind, Mode
from tasks.result import HostResult, Outcome
from tasks.wire import Order, Report, ReportKind
from workers import outcome
from workers.admission import Admission, Decision, admit, is_another, refuses_before
from workers.attempt import Attempt
from workers.host_record import Entry, EntryKind, HostRecord
from workers.journal import HostPaths, Journal
from workers.news import News

log = structlog.get_logger()

#: first and longest pause before a lost link is tried again
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 10.0
#: how often an unresponsive engine is tried again before the attempt fails
ENGINE_PATIENCE = 3
#: seconds to wait for the host's lock before it counts as busy
LOCK_WAIT_S = 2.0


class Pool(Protocol):
    """Where connections come from."""

    def get(self, host: Host) -> AbstractContextManager[Connection]:
        """Give a warm connection to the host for the time of the `with`."""
        ...


class Execution:
    """What a lost link must not lose: deadline, acceptance, progress."""

    def __init__(
        self,
        order: Order,
        pool: Pool,
        send: Callable[[Report], None],
        *,
        worker: str,
        sleep: Callable[[float], None] = time.sleep,
        paths: HostPaths | None = None,
    ) -> None:
        """Prepare to run `order`; reports on the way go to `send`, the last one is returned by `run`."""
        self._order = order
        self._pool = pool
        self._worker = worker
        self._news = News(order, send, worker=worker)
        self._sleep = sleep
        self._paths = paths or HostPaths()
        self._began = time.monotonic()
        self._deadline = self._began + order.timeout_s
        #: the host's journal has the order: from here on only the journal ends it
        self._accepted = False

    def run(self) -> Report:
        """Run to the end and give the last report."""
        with self._news.beating():
            try:
                return self._until_settled()
            except Exception as error:
                log.exception("execution broke", action="execute", attempt=self._order.attempt_id)
                broken = DockwaveError(f"The worker broke: {type(error).__name__}: {error}")
                if self._accepted:
                    return self._end(outcome.not_settled(Outcome.UNKNOWN, broken))
                return self._end(self._before_acceptance(broken))

    def silence_of_host(self) -> HostResult | None:
        """UNKNOWN, with since when, while the host is out of contact; None while it is heard of."""
        age = self._news.silent_s()
        if age is None:
            return None
        error = TransportError(
            f"No contact with {self._order.host.name} for {age:.0f} s; the worker keeps trying, its units go on",
            hint="It is picked up where it really is as soon as it answers.",
        )
        return outcome.not_settled(Outcome.UNKNOWN, error)

    def _until_settled(self) -> Report:
        pause, patience = FIRST_RETRY_S, ENGINE_PATIENCE
        while True:
            try:
                with self._pool.get(self._order.host) as connection:
                    return self._once(connection, patient=patience > 0)
            except DockwaveError as error:
                lost = error
            if isinstance(lost, OrderRefused) and not self._accepted:
                return self._news.report(ReportKind.REFUSED, outcome.failed(lost))
            if not self._accepted:
                return self._end(self._before_acceptance(lost))
            if time.monotonic() > self._deadline:
                return self._end(outcome.not_settled(Outcome.UNKNOWN, lost))
            patience -= lost.code == "E_DAEMON_UNRESPONSIVE"
            log.info(
                "will ask the journal again", action="retry", attempt=self._order.attempt_id, error=lost.code
            )
            self._sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, LAST_RETRY_S)

    def _before_acceptance(self, lost: DockwaveError) -> HostResult:
        """What a failure means before this execution had the host's word: a RESUME proves nothing about its attempt."""
        if isinstance(lost, TransportError):
            return outcome.not_settled(Outcome.UNREACHABLE, lost)
        if self._order.mode is Mode.RESUME:
            return outcome.not_settled(Outcome.UNKNOWN, lost)
        return outcome.failed(lost)

    def _once(self, connection: Connection, *, patient: bool) -> Report:
        if self._order.mode is Mode.PLAN:
            return self._end(self._look(connection, Attempt.plan))
        if self._order.mode is Mode.CHECK:
            return self._end(self._look(connection, Attempt.recheck))
        if self._order.mode is Mode.STOP:
            return self._end(self._halt(connection))
        if find(self._order.procedure).spec.kind is Kind.READ_ONLY:
            self._news.begin_work()
            return self._end(self._look(connection, Attempt.read_only))
        return self._change(connection, patient=patient)

    def _look(self, connection: Connection, work: Callable[[Attempt], HostResult]) -> HostResult:
        """Do something that changes nothing, and say which machine answered; a refusal is an answer too."""
        record = Journal(connection, self._order.attempt_id, self._paths).read()
        self._news.touch()
        if (refused := self._other_machine(record)) is not None:
            return refused
        try:
            result = work(self._attempt(self._order, connection, self._news.touch))
        except TransportError:
            raise
        except DockwaveError as error:
            result = outcome.failed(error)
            if self._order.mode is Mode.PLAN:
                result = replace(result, outcome=Outcome.SKIPPED)
        return self._identified(result, record)

    def _halt(self, connection: Connection) -> HostResult:
        """Let no worker do a further step of the attempt; which one is at it does not matter."""
        journal = Journal(connection, self._order.attempt_id, self._paths)
        record = journal.read()
        self._news.touch()
        if (refused := self._other_machine(record)) is not None:
            return refused
        if record.result is None and not is_another(self._order, record):
            journal.halt(f"{self._order.campaign_id} was aborted")
        return self._identified(HostResult(outcome=Outcome.OK, summary="it does no further step"), record)

    def _other_machine(self, record: HostRecord) -> HostResult | None:
        """The refusal of a machine that is not the one the order is for; None when it is."""
        if not self._order.machine_id or record.machine_id == self._order.machine_id:
            return None
        refusal = admit(self._order, record, now=time.time())
        return self._identified(HostResult(outcome=Outcome.SKIPPED, error=refusal.error), record)

    def _change(self, connection: Connection, *, patient: bool) -> Report:
        journal = Journal(connection, self._order.attempt_id, self._paths)
        settled = self._settled_by(self._admit(journal.read()))
        if settled is not None:
            return settled
        try:
            with connection.lock(self._paths.lock, wait_s=LOCK_WAIT_S) as lock:
                record = journal.read()
                admission = self._admit(record)
                settled = self._settled_by(admission)
                if settled is not None:
                    return settled
                return self._locked(connection, journal, record, admission, lock, patient=patient)
        except OrderRefused as error:
            record = journal.read()
            if record.known:
                return self._news.report(ReportKind.BUSY)
            return self._news.report(ReportKind.REFUSED, self._refused(outcome.failed(error), record))

    def _locked(
        self,
        connection: Connection,
        journal: Journal,
        record: HostRecord,
        admission: Admission,
        lock: HostLock,
        *,
        patient: bool,
    ) -> Report:
        order = self._order
        if admission.decision is Decision.START:
            entry = Entry(
                kind=EntryKind.ACCEPTED,
                at=time.time(),
                boot=record.boot,
                detail=self._worker,
                undo_of=order.undo_of or "",
            )
            journal.accept(order, entry)
        else:
            # the order as the host accepted it is the one that counts
            order = journal.order() or order
        self._accepted = True
        self._news.begin_work()

        def check() -> None:
            if not lock.held():
                raise TransportError(f"The lock of {order.host.name} was lost with the link")
            self._news.touch()

        attempt = self._attempt(order, connection, check)
        try:
            result = attempt.apply(record)
        except DockwaveError as error:
            if error.code != "E_DAEMON_UNRESPONSIVE" or patient:
                raise
            result = attempt.give_up(error)
        return self._end(self._identified(result, record))

    def _admit(self, record: HostRecord) -> Admission:
        self._news.touch()
        admission = admit(self._order, record, now=time.time())
        if admission.result is not None:
            return replace(admission, result=self._identified(admission.result, record))
        if admission.error is not None:
            refused = HostResult(outcome=Outcome.SKIPPED, error=admission.error)
            return replace(admission, result=self._refused(refused, record))
        return admission

    def _settled_by(self, admission: Admission) -> Report | None:
        if admission.decision is Decision.ANSWER:
            return self._news.report(ReportKind.RESULT, admission.result)
        if admission.decision is Decision.REFUSE:
            return self._news.report(ReportKind.REFUSED, admission.result)
        return None

    def _attempt(self, order: Order, connection: Connection, check: Callable[[], None]) -> Attempt:
        return Attempt(order, connection, progress=self._news.note, check=check, paths=self._paths)

    def _refused(self, result: HostResult, record: HostRecord) -> HostResult:
        """Why the host does not start the order, and whether another copy of it could still be started."""
        refused = replace(result, refuses_before=refuses_before(record, now=time.time()))
        return self._identified(refused, record)

    def _identified(self, result: HostResult, record: HostRecord) -> HostResult:
        known = {"machine_id": record.machine_id, "boot_id": record.boot, "kernel": record.kernel}
        identity = {**known, **result.identity}
        seen = max(record.epoch, self._order.epoch if self._accepted else 0)
        duration = result.duration_s or time.monotonic() - self._began
        return replace(result, identity=identity, epoch_seen=seen, duration_s=duration)

    def _end(self, result: HostResult) -> Report:
        return self._news.report(ReportKind.RESULT, result)
