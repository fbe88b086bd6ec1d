"""Whether this process may write: it leads while its lease in SQL is fresh, and stands by otherwise."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from orchestrator.store.errors import Deposed
from orchestrator.store.store import Store

log = structlog.get_logger()

#: after this long without renewal another orchestrator takes over
LEASE = timedelta(seconds=9)


def own_name() -> str:
    """Name this process so that no other process, of this machine or another, is ever taken for it."""
    pid = str(os.getpid())
    return ":".join((*_machine(), pid, _started(pid) or ""))


def is_gone(owner: str) -> bool:
    """Whether an owner was a process of this very machine and start of it that no longer runs.

    A killed orchestrator is followed at once then; of all others it is not known, and their lease is waited for.
    """
    parts = owner.rsplit(":", 2)
    if len(parts) != 3 or tuple(parts[0].split(":", 2)) != _machine():
        return False
    return _started(parts[1]) != parts[2]


def _machine() -> tuple[str, str, str]:
    # processes of another container have other numbers than ours
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return socket.gethostname().replace(":", "-"), boot, str(Path("/proc/self/ns/pid").stat().st_ino)


def _started(pid: str) -> str | None:
    """Give the start time of a process (clock ticks since boot), or None when there is none of that number."""
    if not pid.isdigit():
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # the name in parentheses may hold spaces; the start time is the 20th field after it
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


class Lead:
    """The right to write, as far as this process knows; SQL checks it again at every write."""

    def __init__(
        self, store: Store, *, owner: str, now: Callable[[], datetime], passing: bool = False
    ) -> None:
        """Lead nothing yet; `ensure` tries. Who is only `passing` says so nowhere: it is no orchestrator."""
        self._store = store
        self._owner = owner
        self._now = now
        self._epoch: int | None = None
        self._renew_at: datetime | None = None
        self._guard = threading.Lock()
        self._passing = passing

    @property
    def held(self) -> bool:
        """Whether this process believes it leads."""
        return self._epoch is not None

    @property
    def epoch(self) -> int:
        """Number every write carries; Deposed while this process stands by."""
        if self._epoch is None:
            raise Deposed(
                "This orchestrator stands by: another one has the lead, or it has just started",
                hint="Try again in a few seconds, or ask the leading orchestrator",
            )
        return self._epoch

    def ensure(self) -> bool:
        """Take the lead or renew it when that is due; False while another orchestrator has it."""
        with self._guard:
            now = self._now()
            if self._epoch is None:
                return self._take(now)
            if self._renew_at is None or now >= self._renew_at:
                self._renew(now)
            return self._epoch is not None

    def lose(self) -> None:
        """Note that a write was refused: another orchestrator has taken over."""
        with self._guard:
            self._epoch = None

    def give_up(self) -> None:
        """Let a standby take over at once."""
        with self._guard:
            epoch, self._epoch = self._epoch, None
            if epoch is not None:
                try:
                    self._store.give_up_lead(epoch, self._now())
                except Deposed:
                    log.info("The lead was lost before it was given up", action="lead")

    def _take(self, now: datetime) -> bool:
        self._epoch = self._store.take_lead(self._owner, now, LEASE, gone=is_gone)
        self._renew_at = now + LEASE / 3
        if self._epoch is not None and not self._passing:
            log.info("This orchestrator leads", action="lead", epoch=self._epoch)
        return self._epoch is not None

    def _renew(self, now: datetime) -> None:
        try:
            self._store.renew_lead(self.epoch, now, LEASE)
        except Deposed:
            log.warning("Another orchestrator has taken over; this one stands by", action="lead")
            self._epoch = None
            return
        self._renew_at = now + LEASE / 3
