"""Reaches the host this process runs on: child processes, the local lock, the local engine socket."""

from __future__ import annotations

import errno
import os
import pwd
import selectors
import signal
import subprocess
import time
from contextlib import AbstractContextManager, suppress
from typing import IO, TYPE_CHECKING, Final

from tasks.connection import Command, CommandResult, Engine, HostLock
from tasks.errors import BadInput, DeadlineExceeded, EngineError, Unreachable
from tasks.model import Host
from workers.connections.argv import host_argv, raise_sudo_refusal
from workers.connections.deadline import Deadline
from workers.connections.locks import LocalLock
from workers.connections.output import Capture
from workers.connections.streams import ByteStream, SocketStream

if TYPE_CHECKING:
    # an idle agent does without the docker SDK: a quarter of its memory
    from workers.connections.engine import DockerEngine

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_READ_BYTES: Final = 1 << 16
#: seconds between SIGTERM and SIGKILL of a program that is out of time
_GRACE_S: Final = 2.0
#: quiet seconds after the program's exit before a child that still holds its output is left alone
_LINGER_S: Final = 3.0


class LocalConnection:
    """The host this process runs on; nothing is opened before it is used."""

    def __init__(self, host: Host) -> None:
        """Speak for `host`, which is this machine."""
        self._host = host
        self._sudo = host.sudo and os.geteuid() != 0
        self._engine: DockerEngine | None = None

    @property
    def host_name(self) -> str:
        """The host's name in the inventory."""
        return self._host.name

    def run(self, command: Command) -> CommandResult:
        """Run one program to its end, in a process group of its own that is killed at the deadline."""
        argv = host_argv(command, sudo=self._sudo)
        started = time.monotonic()
        with _Child(self._host.name, command, argv) as child:
            code = child.finish(Deadline.after(command.timeout_s))
        result = CommandResult(
            argv=command.argv,
            exit_code=code,
            stdout=child.out.output(),
            stderr=child.err.output(),
            duration_s=time.monotonic() - started,
        )
        if self._sudo and command.privileged:
            raise_sudo_refusal(result, host=self._host.name, user=pwd.getpwuid(os.geteuid()).pw_name)
        return result

    def lock(
        self, path: str, *, wait_s: float = 0.0, shared: bool = False
    ) -> AbstractContextManager[HostLock]:
        """Hold flock(2) on `path` until exit; OrderRefused(E_HOST_BUSY) when it stays taken."""
        return LocalLock(self._host.name, path, wait_s=wait_s, shared=shared)

    def engine(self) -> Engine:
        """The Docker Engine behind the host's socket."""
        if self._engine is None:
            from workers.connections.engine import DockerEngine  # noqa: PLC0415 - see TYPE_CHECKING above

            self._engine = DockerEngine(self._dial, where=self._host.name)
        return self._engine

    def reset_engine(self) -> None:
        """Forget the kept engine connection; the next engine() opens a new one."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def close(self) -> None:
        """Close everything; safe to call twice."""
        self.reset_engine()

    def _dial(self, deadline: Deadline) -> ByteStream:
        path = self._host.socket
        where = f"{self._host.name}: the Docker Engine socket {path}"
        try:
            return SocketStream(path, deadline)
        except PermissionError as error:
            raise EngineError(
                f"{where} may not be used by this worker.",
                code="E_SUDO",
                hint="Run the worker as root or add its user to the docker group.",
            ) from error
        except (TimeoutError, BlockingIOError) as error:
            raise EngineError(
                f"{where} accepts no connection in time.", code="E_DAEMON_UNRESPONSIVE"
            ) from error
        except OSError as error:
            raise EngineError(
                f"{where} does not answer: {error.strerror or error}.",
                code="E_DAEMON_DOWN",
                hint="Look at `systemctl status docker` there.",
            ) from error


class _Child:
    """One child process: fed, read and ended within a deadline."""

    def __init__(self, where: str, command: Command, argv: tuple[str, ...]) -> None:
        self._where = where
        self._command = command
        self._pending = memoryview(command.stdin)
        self.out = Capture(command.output_limit_bytes)
        self.err = Capture(command.output_limit_bytes)
        try:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env=_environment(),
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise BadInput(
                    f"The command line of {command.argv[0]!r} is too long for the kernel.",
                    hint="Pass long data on standard input.",
                ) from error
            raise Unreachable(f"{where}: cannot start a process: {error.strerror}.") from error
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> _Child:
        for stream, capture in ((self._process.stdout, self.out), (self._process.stderr, self.err)):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._selector.register(stream, selectors.EVENT_READ, capture)
        stdin = self._process.stdin
        if stdin is not None:
            os.set_blocking(stdin.fileno(), False)
            self._selector.register(stdin, selectors.EVENT_WRITE)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._kill()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def finish(self, deadline: Deadline) -> int:
        """Move bytes until the program is over; its exit status, 128+n after signal n."""
        heard_at = time.monotonic()
        while self._selector.get_map():
            for key, _ in self._selector.select(min(0.2, deadline.remaining())):
                if isinstance(key.data, Capture):
                    self._read(key.fileobj, key.data)
                    heard_at = time.monotonic()
                else:
                    self._write()
            if deadline.expired:
                self._kill()
                raise DeadlineExceeded(
                    f"{self._where}: {self._command.argv[0]!r} did not end within "
                    f"{self._command.timeout_s:g} s and was killed.",
                    hint="Look at the host before doing it again, or give the procedure more time.",
                )
            if self._process.poll() is not None and time.monotonic() - heard_at > _LINGER_S:
                break  # a child it left behind keeps its output open
        try:
            status = self._process.wait(deadline.remaining())
        except subprocess.TimeoutExpired:
            self._kill()
            raise DeadlineExceeded(
                f"{self._where}: {self._command.argv[0]!r} closed its output but did not end; it was killed."
            ) from None
        return status if status >= 0 else 128 - status

    def _read(self, stream: object, capture: Capture) -> None:
        assert hasattr(stream, "fileno")  # noqa: S101 - tells the type checker; selectors allow bare numbers
        data = os.read(stream.fileno(), _READ_BYTES)
        if data:
            capture.add(data)
        else:
            self._selector.unregister(stream.fileno())

    def _write(self) -> None:
        stdin: IO[bytes] | None = self._process.stdin
        if stdin is None:
            return
        try:
            if self._pending:
                self._pending = self._pending[os.write(stdin.fileno(), self._pending[:_READ_BYTES]) :]
        except BrokenPipeError:
            self._pending = memoryview(b"")  # a program may end before it has read everything
        if not self._pending:
            self._selector.unregister(stdin)
            stdin.close()

    def _kill(self) -> None:
        """End the whole process group, politely first; children that ignore that go with it."""
        for number, patience in ((signal.SIGTERM, _GRACE_S), (signal.SIGKILL, 10.0)):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience)


def _environment() -> dict[str, str]:
    """What every child gets: nothing of ours, because a worker's environment names brokers and passwords."""
    user = pwd.getpwuid(os.geteuid())
    return {"PATH": _PATH, "HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
