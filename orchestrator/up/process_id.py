"""A process by its id and its start time: a number alone may belong to somebody else by now."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessId:
    """One process of this machine's present boot."""

    pid: int
    #: clock ticks between boot and its start (field 22 of /proc/PID/stat)
    started: int
    #: the boot it belongs to
    boot: str

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return self.boot == boot_id() and _started(self.pid) == self.started

    def send(self, number: signal.Signals) -> None:
        """Signal this one process, if it is still the one we knew."""
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return  # it ended between the look and the signal

    def stop_group(self, number: signal.Signals) -> None:
        """Signal its process group, if it is still the one we knew."""
        if self.alive():
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                return  # it ended between the look and the signal

    def wait(self, seconds: float) -> bool:
        """Whether it ends within that time."""
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
        return True


def boot_id() -> str:
    """The present boot of this machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def process_id(pid: int) -> ProcessId | None:
    """The process with that number now; None when there is none."""
    started = _started(pid)
    return None if started is None else ProcessId(pid=pid, started=started, boot=boot_id())


def _started(pid: int) -> int | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # the name in brackets may itself contain spaces and brackets: count from the last one
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])
