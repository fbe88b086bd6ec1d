"""Runs one program on an open SSH channel to its end, in bounded memory and time."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import Final

from tasks.connection import Output
from tasks.errors import DeadlineExceeded, Unreachable
from workers.connections.deadline import Deadline
from workers.connections.exec_channel import ExecChannel
from workers.connections.output import Capture

_READ_BYTES: Final = 1 << 16
_WRITE_BYTES: Final = 1 << 15
#: quiet seconds after the program's exit before a child that still holds its output is left alone
_LINGER_S: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a remote program ended."""

    #: 0..255, or 128+n after signal n
    exit_code: int
    #: what it wrote on standard output
    stdout: Output
    #: what it wrote on standard error
    stderr: Output


class RemoteProcess:
    """One program on one channel; it starts when this object is made."""

    def __init__(self, channel: ExecChannel, line: bytes, *, where: str, limit_bytes: int) -> None:
        """Ask the host to start the program; `line` is already quoted."""
        self._channel = channel
        self._where = where
        self._out = Capture(limit_bytes)
        self._err = Capture(limit_bytes)
        self._pending = memoryview(b"")
        self._heard_at = time.monotonic()
        self._input_ended = False
        # reads and writes never wait: the channel's wake event tells when there is something to do
        channel.settimeout(0.0)
        channel.start(line)

    def finish(self, stdin: bytes, deadline: Deadline) -> Ended:
        """Feed the program, collect what it writes, and return how it ended.

        Unreachable and DeadlineExceeded mean that its fate is unknown.
        """
        self._pending = memoryview(stdin)
        try:
            while not self._step(deadline):
                if deadline.expired:
                    self._channel.signal("TERM")
                    raise DeadlineExceeded(
                        f"{self._where}: the command did not end in time; it may still run there.",
                        hint="Look at the host before doing it again, or give the procedure more time.",
                    )
            return self._ended()
        except OSError as error:
            raise self._cut() from error
        finally:
            self._channel.close()

    def _step(self, deadline: Deadline) -> bool:
        """Move what can be moved now, then wait for more; whether the program is over and read to its end."""
        channel = self._channel
        channel.wake.rearm()
        # looked at before the reading: what came before the end is read below
        over = channel.closed or (self._exited and bool(channel.eof_received))
        more = self._read()
        if over:
            while more:
                more = self._read()
            return True
        if self._exited and time.monotonic() - self._heard_at > _LINGER_S:
            return True
        self._write()
        if not more:
            channel.wake.wait(min(1.0, deadline.remaining()))
        return False

    @property
    def _exited(self) -> bool:
        return self._channel.exit_status != -1 or bool(self._channel.exit_signal)

    def _read(self) -> bool:
        """Take some of what has come; whether there was anything.

        Not all of it: an endless writer must not keep us from looking at the deadline.
        """
        channel = self._channel
        out = channel.recv(_READ_BYTES) if channel.recv_ready() else b""
        err = channel.recv_stderr(_READ_BYTES) if channel.recv_stderr_ready() else b""
        if not out and not err:
            return False
        self._heard_at = time.monotonic()
        self._out.add(out)
        self._err.add(err)
        return True

    def _write(self) -> None:
        channel = self._channel
        if self._input_ended or self._exited or channel.closed:
            return
        try:
            while self._pending and channel.send_ready():
                sent = channel.send(bytes(self._pending[:_WRITE_BYTES]))
                if not sent:
                    return
                self._pending = self._pending[sent:]
            if not self._pending:
                channel.shutdown_write()
                self._input_ended = True
        except OSError:
            # a program may end before it has read everything; how it ended is read by the next step
            if not channel.closed:
                raise

    def _ended(self) -> Ended:
        status = self._channel.exit_status
        if self._channel.exit_signal:
            status = 128 + _signal_number(self._channel.exit_signal)
        elif status == -1:
            if self._channel.wire.is_active() and not self._channel.event_ready:
                raise Unreachable(
                    f"{self._where}: the host refuses to run commands for this user.",
                    hint="Look for ForceCommand, a nologin shell or a restricted key there.",
                )
            raise self._cut()
        return Ended(exit_code=status, stdout=self._out.output(), stderr=self._err.output())

    def _cut(self) -> Unreachable:
        return Unreachable(
            f"{self._where}: the connection was cut while a command ran; whether it ended is unknown.",
            hint="Read the host's journal before doing it again.",
        )


def _signal_number(name: str) -> int:
    """The number of an SSH signal name; 0 for names this system does not know."""
    try:
        return signal.Signals[f"SIG{name}"].value
    except KeyError:
        return 0
