"""Changing commands as transient systemd units: they outlive the worker and the link, and run once per name."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from tasks.connection import Command, Connection
from tasks.errors import DockwaveError, TransportError
from tasks.procedure import RunStep
from workers.host_record import slug

#: what systemd tells about a unit
_PROPERTIES = "LoadState,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus"
#: seconds between looks at a running unit: fast at first, then once a second
_FIRST_LOOK_S, _LAST_LOOK_S = 0.05, 1.0
#: exit status of a program that is not there
_NO_PROGRAM = 127
#: bytes of a unit's output kept in results
TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReport:
    """What systemd knows about a unit."""

    #: systemd still has it
    known: bool
    running: bool
    #: exit status of the command; None while it runs or when it is not known
    exit_code: int | None
    #: systemd's word: success, exit-code, signal, oom-kill, timeout …
    result: str


def unit_name(attempt_id: str, key: str) -> str:
    """Name of the unit of this attempt and step; unusual characters in the key are replaced, kept apart by a hash."""
    safe = re.sub(r"[^A-Za-z0-9_.-]", "-", key)
    if safe != key or len(safe) > 80:
        safe = f"{safe[:80]}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    return f"dockwave-{slug(attempt_id)}-{safe}.service"


def start_argv(unit: str, step: RunStep, output_path: str) -> tuple[str, ...]:
    """Build the systemd-run command line of a step; never killed by time, as a package transaction must not be."""
    options = [
        "systemd-run",
        f"--unit={unit}",
        "--quiet",
        "--no-block",
        "--no-ask-password",
        "--remain-after-exit",
        "--service-type=oneshot",
        f"--description=Dockwave {unit}",
        "--property=TimeoutStartSec=infinity",
        "--property=StandardInput=null",
        f"--property=StandardOutput=append:{output_path}",
        f"--property=StandardError=append:{output_path}",
        "--setenv=LC_ALL=C",
    ]
    if step.cwd:
        options.append(f"--working-directory={step.cwd}")
    options += [f"--setenv={name}={value}" for name, value in sorted(step.env.items())]
    return (*options, "--", *step.argv)


def parse_show(text: str) -> UnitReport:
    """Read `systemctl show`: an unknown unit is `known=False`."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    active, sub = values.get("ActiveState", ""), values.get("SubState", "")
    running = active in {"activating", "reloading", "deactivating"} or (
        active == "active" and sub != "exited"
    )
    known = values.get("LoadState") == "loaded" and active != "inactive"
    code = values.get("ExecMainStatus", "")
    finished = known and not running and code.isdigit()
    exit_code = int(code) + (128 if values.get("ExecMainCode") in {"2", "3"} else 0) if finished else None
    return UnitReport(known=known, running=running, exit_code=exit_code, result=values.get("Result", ""))


class Units:
    """Transient units on one host."""

    def __init__(self, connection: Connection, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Talk to the host's systemd through this connection."""
        self._connection = connection
        self._sleep = sleep

    def start(self, unit: str, step: RunStep, output_path: str) -> None:
        """Start the step's unit; a unit of that name that exists already is left as it is."""
        result = self._connection.run(Command(argv=start_argv(unit, step, output_path)))
        # without the program there is no systemd to ask either
        if result.ok or (result.exit_code != _NO_PROGRAM and self.look(unit).known):
            return
        raise DockwaveError(
            f"systemd on {self._connection.host_name} did not start {unit}: "
            f"{result.stderr.text.strip()[:300] or f'exit {result.exit_code}'}",
            code="E_UNIT",
            hint="Check `systemctl status` on the host; Dockwave needs systemd to run changing commands.",
        )

    def look(self, unit: str) -> UnitReport:
        """Ask systemd about a unit; TransportError when systemd does not answer, as on a host that goes down.

        Of a unit it does not know systemd says so, with success; no answer says nothing about the unit.
        """
        command = Command(argv=("systemctl", "show", f"--property={_PROPERTIES}", "--", unit), timeout_s=30)
        said = self._connection.run(command)
        if not said.ok or "LoadState=" not in said.stdout.text:
            raise TransportError(
                f"systemd on {self._connection.host_name} tells nothing of {unit}: "
                f"{said.stderr.text.strip()[:300] or f'exit {said.exit_code}'}",
                hint="A host that goes down or comes up is asked again; if it stays so, type on it: "
                "systemctl is-system-running",
            )
        return parse_show(said.stdout.text)

    def wait(self, unit: str, *, timeout_s: float, beat: Callable[[], None]) -> UnitReport:
        """Watch a unit until it ends; after `timeout_s` it is left running and E_TIMEOUT_STILL_RUNNING is raised."""
        end = time.monotonic() + timeout_s
        pause = _FIRST_LOOK_S
        while True:
            report = self.look(unit)
            beat()
            if not report.running:
                return report
            if time.monotonic() > end:
                raise DockwaveError(
                    f"{unit} on {self._connection.host_name} still runs after {timeout_s:.0f} s; it was not killed",
                    code="E_TIMEOUT_STILL_RUNNING",
                    hint=f"On the host: systemctl status {unit}. Its end is collected by the next look.",
                )
            self._sleep(pause)
            pause = min(pause * 1.5, _LAST_LOOK_S)

    def output_tail(self, output_path: str) -> str:
        """Last bytes the unit wrote; empty when there is no such file."""
        command = Command(argv=("tail", "-c", str(TAIL_BYTES), "--", output_path), timeout_s=30)
        return self._connection.run(command).stdout.text

    def forget(self, unit: str) -> None:
        """Let systemd forget an ended unit; its status is in the journal by now."""
        self._connection.run(Command(argv=("systemctl", "stop", "--", unit), timeout_s=30))
        self._connection.run(Command(argv=("systemctl", "reset-failed", "--", unit), timeout_s=30))
