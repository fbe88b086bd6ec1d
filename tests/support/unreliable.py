"""A host on this machine without systemd or root: real shell, real files, units imitated, link that can be cut."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tasks.connection import Command, CommandResult, Engine, HostLock
from tasks.errors import Unreachable
from tasks.fake import output
from tasks.model import Host, Transport
from workers.connections.local import LocalConnection


def answer(command: Command, code: int = 0, text: str = "") -> CommandResult:
    """A program that ended at once."""
    return CommandResult(
        argv=command.argv, exit_code=code, stdout=output(text), stderr=output(""), duration_s=0
    )


@dataclass(slots=True)
class Machine:
    """The host itself: outlives every connection to it."""

    #: unit name -> exit code; what systemd remembers
    units: dict[str, int] = field(default_factory=dict)
    #: commands that reached the host since the last `cut_at` was set
    count: int = 0
    #: the link breaks at this command: before it (False) or after its effect (True)
    cut_at: int | None = None
    cut_after: bool = False
    #: names of units started, in order: the transactions that ran
    started: list[str] = field(default_factory=list)
    #: the machine reboots when the link is cut: systemd forgets its units
    reboots: bool = False
    #: programs that exit 1 whatever they are asked
    broken: set[str] = field(default_factory=set)

    def connect(self) -> UnreliableConnection:
        """Open a connection."""
        return UnreliableConnection(self)

    @contextmanager
    def get(self, host: Host) -> Iterator[UnreliableConnection]:
        """Be a pool of connections to this one machine."""
        yield self.connect()


class UnreliableConnection:
    """LocalConnection with an imitation of systemd and a link that breaks on demand."""

    host_name = "machine"

    def __init__(self, machine: Machine) -> None:
        """Connect to the machine."""
        self._machine = machine
        self._local = LocalConnection(Host(name="machine", transport=Transport.LOCAL))

    def run(self, command: Command) -> CommandResult:
        """Run a command, or lose the link on the way there or back."""
        self._machine.count += 1
        now = self._machine.count == self._machine.cut_at
        if now and not self._machine.cut_after:
            self._lose()
        result = self._dispatch(command)
        if now:
            self._lose()
        return result

    def _lose(self) -> None:
        self._machine.cut_at = None
        if self._machine.reboots:
            self._machine.units.clear()
        raise Unreachable("the link broke")

    def _dispatch(self, command: Command) -> CommandResult:
        if command.argv[0] in self._machine.broken:
            return answer(command, 1)
        if command.argv[0] == "systemd-run":
            return self._start(command)
        if command.argv[:2] == ("systemctl", "show"):
            return self._show(command)
        if command.argv[0] == "systemctl":
            self._machine.units.pop(command.argv[-1], None)
            return answer(command)
        return self._local.run(command)

    def _start(self, command: Command) -> CommandResult:
        unit = command.argv[1].removeprefix("--unit=")
        if unit in self._machine.units:
            return answer(command, 1)
        split = command.argv.index("--")
        out = next(a for a in command.argv if a.startswith("--property=StandardOutput=append:")).split(
            ":", 1
        )[1]
        with Path(out).open("ab") as file:
            done = subprocess.run(command.argv[split + 1 :], stdout=file, stderr=file, check=False)
        self._machine.units[unit] = done.returncode
        self._machine.started.append(unit)
        return answer(command)

    def _show(self, command: Command) -> CommandResult:
        code = self._machine.units.get(command.argv[-1])
        if code is None:
            return answer(command, 0, "LoadState=not-found\nActiveState=inactive\nSubState=dead\n")
        state = (
            "active\nSubState=exited\nResult=success"
            if code == 0
            else "failed\nSubState=failed\nResult=exit-code"
        )
        return answer(
            command, 0, f"LoadState=loaded\nActiveState={state}\nExecMainCode=1\nExecMainStatus={code}\n"
        )

    def lock(
        self, path: str, *, wait_s: float = 0.0, shared: bool = False
    ) -> AbstractContextManager[HostLock]:
        """Hold a real flock."""
        return self._local.lock(path, wait_s=wait_s, shared=shared)

    def engine(self) -> Engine:
        """No engine here."""
        raise AssertionError("the toy procedure has no engine")

    def reset_engine(self) -> None:
        """Nothing kept."""

    def close(self) -> None:
        """Nothing open."""
