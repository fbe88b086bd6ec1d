"""Hosts with a journal each, and the messages on their way to and from them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from orchestrator.campaign.events import Accepted, Ended, Event, Heartbeat, NotStarted, Rechecked, StopHeard
from tasks.model import Mode
from tasks.result import HostResult
from tests.orchestrator.campaign.worlds import CHANGED, LOST, OK, UNDONE, UNREACHABLE, failed, refused


class How(StrEnum):
    """How an attempt ends on the host."""

    OK = "ok"
    ALREADY_RIGHT = "already right"
    FAIL_CLEAN = "fails, nothing changed"
    FAIL_DIRTY = "fails, changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An order on its way to a host."""

    host: str
    attempt_id: str
    epoch: int
    mode: Mode
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class Entry:
    """What a host's journal says about one attempt."""

    epoch: int
    undo: bool
    accepted_at: datetime
    #: the worker that runs it is alive
    alive: bool = True
    seq: int = 0
    result: HostResult | None = None


@dataclass(slots=True, kw_only=True)
class SimHost:
    """One host: its journal, its fencing number, and whether it is changed now."""

    name: str
    epoch: int = 0
    journal: dict[str, Entry] = field(default_factory=dict)
    changed: bool = False
    #: how often a forward attempt, and an undo, took effect
    effects: int = 0
    returns: int = 0
    #: held by somebody else
    busy: bool = False
    #: attempts that are to do no further step
    halted: set[str] = field(default_factory=set)
    #: what the soak shows
    sound: bool = True

    def running(self) -> tuple[str, Entry] | None:
        """The attempt being worked on."""
        return next(((key, entry) for key, entry in self.journal.items() if entry.result is None), None)


class Fleet:
    """All hosts and all messages."""

    def __init__(self, names: list[str]) -> None:
        """Fresh hosts, no message on its way."""
        self.hosts = {name: SimHost(name=name) for name in names}
        self.orders: list[Letter] = []
        self.delivered: list[Letter] = []
        self.reports: list[Event] = []
        self.old_reports: list[Event] = []

    # -- orders ----------------------------------------------------------------------------------------------

    def deliver(self, letter: Letter, now: datetime) -> None:
        """The host's worker takes the order, as workers do."""
        host = self.hosts[letter.host]
        self.delivered.append(letter)
        ids: dict[str, Any] = {"host": letter.host, "attempt_id": letter.attempt_id, "epoch": letter.epoch}
        if letter.mode is Mode.CHECK:
            asked = host.journal.get(letter.attempt_id)
            good = UNDONE if asked is not None and asked.undo else OK
            result = good if host.sound else failed(changed=False, code="E_VERIFY_FAILED")
            self.reports.append(Rechecked(**ids, result=result))
            return
        if letter.mode is Mode.STOP:
            host.halted.add(letter.attempt_id)
            self.reports.append(StopHeard(**ids))
            return
        entry = host.journal.get(letter.attempt_id)
        if entry is not None:
            self._known(host, letter, entry)
            return
        code = self._refusal(host, letter, now)
        if code:
            said = refused(code, retryable=code != "E_STOPPED", at=now)
            self.reports.append(NotStarted(**ids, result=said))
            return
        host.epoch = letter.epoch
        host.journal[letter.attempt_id] = Entry(
            epoch=letter.epoch, undo=letter.mode is Mode.UNDO, accepted_at=now
        )
        self.reports.append(Accepted(**ids, worker="w"))

    def _known(self, host: SimHost, letter: Letter, entry: Entry) -> None:
        ids: dict[str, Any] = {"host": letter.host, "attempt_id": letter.attempt_id, "epoch": letter.epoch}
        if entry.result is not None:
            self.reports.append(Ended(**ids, result=entry.result))
        elif entry.alive:
            self.reports.append(Heartbeat(**ids, worker="w"))
        else:
            entry.alive, entry.seq = True, 0
            self.reports.append(Accepted(**ids, worker="w"))

    @staticmethod
    def _refusal(host: SimHost, letter: Letter, now: datetime) -> str:
        if letter.mode is Mode.RESUME:
            return "E_NOT_STARTED"
        if letter.attempt_id in host.halted:
            return "E_STOPPED"
        if letter.epoch <= host.epoch:
            return "E_STALE_EPOCH"
        if now > letter.expires_at:
            return "E_ORDER_EXPIRED"
        return "E_HOST_BUSY" if host.busy or host.running() is not None else ""

    def bounce(self, letter: Letter) -> None:
        """The gateway cannot reach the host: nothing is started."""
        ids: dict[str, Any] = {"host": letter.host, "attempt_id": letter.attempt_id, "epoch": letter.epoch}
        if letter.mode is Mode.CHECK:
            self.reports.append(Rechecked(**ids, result=UNREACHABLE))
        elif letter.mode is not Mode.STOP:
            self.reports.append(Ended(**ids, result=UNREACHABLE))

    # -- work ------------------------------------------------------------------------------------------------

    def beat(self, host: SimHost, step: str) -> None:
        """The worker sends a heartbeat."""
        found = host.running()
        if found is None or not found[1].alive:
            return
        attempt_id, entry = found
        entry.seq += 1
        self.reports.append(
            Heartbeat(host=host.name, attempt_id=attempt_id, epoch=entry.epoch, seq=entry.seq, step=step)
        )

    def finish(self, host: SimHost, how: How) -> None:
        """The worker comes to an end of what it does; the journal keeps the result."""
        found = host.running()
        if found is None or not found[1].alive:
            return
        attempt_id, entry = found
        if attempt_id in host.halted and how is not How.OK:
            # it stops before its only step, or after it
            host.effects += how is How.FAIL_DIRTY
            host.changed = host.changed or how is How.FAIL_DIRTY
            entry.result = failed(changed=how is How.FAIL_DIRTY, code="E_STOPPED")
        else:
            entry.result = self._undone(host, how) if entry.undo else self._done(host, how)
        self.reports.append(
            Ended(host=host.name, attempt_id=attempt_id, epoch=entry.epoch, result=entry.result)
        )

    @staticmethod
    def _done(host: SimHost, how: How) -> HostResult:
        if how is How.ALREADY_RIGHT:
            return OK
        if how is How.FAIL_CLEAN:
            return failed(changed=False)
        host.effects += 1
        host.changed = True
        return CHANGED if how is How.OK else failed(changed=True)

    @staticmethod
    def _undone(host: SimHost, how: How) -> HostResult:
        host.returns += 1
        if how in {How.OK, How.ALREADY_RIGHT}:
            host.changed, host.sound = False, True
            return UNDONE
        return replace(failed(changed=True), error=failed(changed=True, code="E_ROLLBACK_FAILED").error)

    def lose_worker(self, host: SimHost) -> None:
        """kill -9: no report, the journal stays as it is."""
        found = host.running()
        if found is not None:
            found[1].alive = False

    def lose_sight(self, host: SimHost) -> None:
        """The worker gives up on a link and can only say that it does not know."""
        found = host.running()
        if found is not None and found[1].alive:
            found[1].alive = False
            self.reports.append(Ended(host=host.name, attempt_id=found[0], epoch=found[1].epoch, result=LOST))
