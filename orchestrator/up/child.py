"""One process of the control plane: started in a group of its own, logged, restarted with patience, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.up.process_id import ProcessId, process_id

#: a log beyond this is moved aside (one generation is kept) when its process starts
LOG_LIMIT = 16 * 1024 * 1024
#: so many starts within WINDOW_S are a fault that restarting does not mend
MOST_STARTS = 6
WINDOW_S = 60.0
LONGEST_PAUSE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run, and how to see that it works."""

    name: str
    argv: tuple[str, ...]
    #: whole environment; secrets travel here or in 0600 files, never in argv
    environ: Mapping[str, str]
    log: Path
    #: whether it answers; called until it does, after each start
    healthy: Callable[[], bool]
    #: seconds it may take to end by itself before it is killed
    stop_s: float = 10.0


@dataclass(slots=True, kw_only=True)
class Child:
    """A Program and its present process."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    identity: ProcessId | None = None
    restarts: int = -1
    starts: list[float] = field(default_factory=list)
    #: not before this instant (monotonic) is it started again
    not_before: float = 0.0
    ready: bool = False

    def start(self) -> None:
        """Start it in its own process group, so that Ctrl-C reaches us alone and we decide the order."""
        _rotate(self.program.log)
        descriptor = os.open(
            self.program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        try:
            self.process = subprocess.Popen(
                self.program.argv,
                env=dict(self.program.environ),
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
                cwd="/",
            )
        finally:
            os.close(descriptor)
        self.identity = process_id(self.process.pid)
        self.restarts += 1
        self.ready = False
        now = time.monotonic()
        self.starts = [at for at in self.starts if now - at < WINDOW_S] + [now]

    def ended(self) -> int | None:
        """Its exit status if it has ended."""
        return None if self.process is None else self.process.poll()

    def check(self) -> bool:
        """Whether it answers; remembered once it did."""
        if not self.ready and self.ended() is None and self.process is not None:
            self.ready = self.program.healthy()
        return self.ready

    def schedule_restart(self) -> bool:
        """Plan the next start; False when it has crashed too often to go on."""
        if self.process is not None:
            _signal_group(self.process.pid, signal.SIGKILL)  # what it may have left behind in its group
        self.process = None
        self.ready = False
        now = time.monotonic()
        recent = [at for at in self.starts if now - at < WINDOW_S]
        if len(recent) >= MOST_STARTS:
            return False
        self.not_before = now + min(LONGEST_PAUSE_S, 0.25 * 2 ** (len(recent) - 1))
        return True

    def terminate(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.process.poll() is None:
            _signal_group(self.process.pid, signal.SIGTERM)

    def finish(self, deadline: float) -> None:
        """Wait until it has ended, at most until `deadline`; then kill its whole group."""
        if self.process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, deadline - time.monotonic()))
        _signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.process = None
        self.ready = False

    def last_lines(self, count: int = 8) -> str:
        """The end of its log."""
        try:
            with self.program.log.open("rb") as file:
                file.seek(max(0, self.program.log.stat().st_size - 8192))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-count:])


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # gone already is what we want
        os.killpg(pid, number)


def _rotate(log: Path) -> None:
    try:
        if log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
    except FileNotFoundError:
        return  # first start
