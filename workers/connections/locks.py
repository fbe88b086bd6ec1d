"""The host's lock, flock(2) on one file: held by this process, or by a holder program at the end of a channel."""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final

from tasks.connection import HostLock
from tasks.errors import DeadlineExceeded, OrderRefused, TransportError, Unreachable
from workers.connections.deadline import Deadline

if TYPE_CHECKING:
    # only a name in signatures here: an agent has no paramiko
    from workers.connections.exec_channel import ExecChannel

_LOCAL_POLL_S: Final = 0.05
#: exit status of flock(1) when the lock stays taken
CONFLICT_EXIT: Final = 75
#: seconds the holder on the host waits for a beat before it lets go: a cut link must not lock a host for hours
LEASE_S: Final = 90
#: seconds after an answered beat in which the lock is surely ours: a lease, less what clocks and networks take
_SURE_S: Final = 0.75 * LEASE_S
_BEAT_S: Final = 20.0
_ECHO_S: Final = 2.0
#: Repeats every line it reads and ends when none came for a while, or its input ended. A constant program:
#: nothing is ever put into it. `cat` would hold the lock for as long as a half-open connection stays
#: unnoticed by the host's kernel, which is two hours.
_HOLDER: Final = (
    "bash",
    "--norc",
    "-c",
    f'while IFS= read -r -t {LEASE_S} line; do printf "%s\\n" "$line"; done',
)


def busy(host: str, path: str, wait_s: float) -> OrderRefused:
    """The refusal of an order because another one holds the host."""
    waited = f" for {wait_s:g} s" if wait_s else ""
    return OrderRefused(
        f"{host}: another order holds the host's lock {path}{waited}.",
        hint="Wait for it to end, or give more time with lock_wait_s.",
    )


class LocalLock:
    """flock(2) held by this process on this machine."""

    def __init__(self, host: str, path: str, *, wait_s: float, shared: bool) -> None:
        """Hold nothing before `with`."""
        self._host = host
        self._path = path
        self._wait_s = wait_s
        self._mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._file = -1

    def __enter__(self) -> HostLock:
        """Hold the lock, or refuse when it stays taken."""
        try:
            # no link is followed: the file lies in a folder other local users may write to
            self._file = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(self._host, self._path, error.strerror or str(error)) from error
        deadline = Deadline.after(self._wait_s)
        while True:
            try:
                fcntl.flock(self._file, self._mode | fcntl.LOCK_NB)
            except BlockingIOError:
                if deadline.expired:
                    self.release()
                    raise busy(self._host, self._path, self._wait_s) from None
                time.sleep(_LOCAL_POLL_S)
            else:
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        self.release()

    def held(self) -> bool:
        """Whether we hold the lock on the file that is at the path now, not on one that was replaced."""
        if self._file < 0:
            return False
        try:
            now = os.stat(self._path, follow_symlinks=False)  # noqa: PTH116 - compared with fstat below
        except OSError:
            return False
        mine = os.fstat(self._file)
        return (now.st_dev, now.st_ino) == (mine.st_dev, mine.st_ino)

    def release(self) -> None:
        """Give the lock back; safe to call twice."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def holder_argv(path: str, *, wait_s: float, shared: bool) -> tuple[str, ...]:
    """The program that holds the lock on the host for as long as it is spoken to."""
    wait = ("-w", f"{wait_s:.3f}") if wait_s > 0 else ("-n",)
    mode = "-s" if shared else "-x"
    return ("flock", mode, *wait, "--conflict-exit-code", str(CONFLICT_EXIT), path, *_HOLDER)


class RemoteLock:
    """flock(2) held by a program on the host, which lives only while this side keeps speaking to it."""

    def __init__(self, host: str, path: str, start: Callable[[], ExecChannel], *, wait_s: float) -> None:
        """Hold nothing before `with`; `start` then opens a channel on which holder_argv() runs."""
        self._host = host
        self._path = path
        self._start = start
        self._opened: ExecChannel | None = None
        self._wait_s = wait_s
        self._sure_until = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._beater = threading.Thread(target=self._beat, name=f"lock of {host}", daemon=True)

    def __enter__(self) -> HostLock:
        """Hold the lock: the holder answers only once flock(1) has started it."""
        self._opened = self._start()
        try:
            answered = self._echo(Deadline.after(self._wait_s + 15.0))
        except BaseException:
            self._channel.close()
            raise
        if not answered:
            refusal = self._refusal()
            self._channel.close()
            raise refusal
        self._beater.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        self.release()

    def held(self) -> bool:
        """Whether the lock is ours: the holder answers, or is slow but cannot have let go yet.

        False at once when the connection or the holder is known to be gone.
        """
        if self._stop.is_set() or self._opened is None or self._opened.closed:
            return False
        try:
            return self._echo(Deadline.after(_ECHO_S))
        except DeadlineExceeded:
            # a busy host, not a lost lock: the holder waits a whole lease after the last line it has seen
            return time.monotonic() < self._sure_until and self._channel.wire.is_active()
        except TransportError:
            return False

    def release(self) -> None:
        """End the holder and wait until it is gone, so that the next order finds the host free."""
        if self._stop.is_set() or self._opened is None:
            return
        self._stop.set()
        with self._lock:
            try:
                self._channel.shutdown_write()
                # paramiko's own wait for the status has no end; without an answer the lease ends it
                self._channel.status_event.wait(5.0)
            except OSError:
                pass  # the link is cut: the holder ends by itself, at end of input or of its lease
            finally:
                self._channel.close()

    @property
    def _channel(self) -> ExecChannel:
        if self._opened is None:
            raise Unreachable(f"{self._host}: the lock {self._path} was not taken yet.")
        return self._opened

    def _echo(self, deadline: Deadline) -> bool:
        """Whether a fresh token comes back; DeadlineExceeded when the holder is silent.

        False when it or its link ended: one that was refused may be gone before the first word to it.
        """
        token = secrets.token_hex(8).encode("ascii") + b"\n"
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise DeadlineExceeded(f"{self._host}: the lock's holder is busy.")
        try:
            self._channel.settimeout(max(0.001, deadline.remaining()))
            sent_at = time.monotonic()
            if not self._channel.send(token):
                return False
            heard = b""
            while token not in heard:
                self._channel.settimeout(max(0.001, deadline.remaining()))
                data = self._channel.recv(4096)
                if not data:
                    return False
                # answers to earlier tokens that came too late are skipped, never kept
                heard = (heard + data)[-64:]
        except TimeoutError as error:
            raise DeadlineExceeded(f"{self._host}: the holder of {self._path} does not answer.") from error
        except OSError:
            return False
        else:
            self._sure_until = sent_at + _SURE_S
            return True
        finally:
            self._lock.release()

    def _refusal(self) -> Exception:
        """Why flock(1) ended instead of starting the holder."""
        channel = self._channel
        channel.status_event.wait(5.0)
        if channel.exit_status == CONFLICT_EXIT:
            return busy(self._host, self._path, self._wait_s)
        if channel.exit_status == -1:
            return Unreachable(f"{self._host}: the connection was cut while taking the lock {self._path}.")
        said = channel.recv_stderr(2000).decode("utf-8", "replace") if channel.recv_stderr_ready() else ""
        if said.startswith("sudo:"):
            return TransportError(
                f"{self._host}: the login user cannot take the lock {self._path} as root: {_plain(said)}",
                code="E_SUDO",
                hint="Allow the login user sudo without a password, or log in as root.",
            )
        return _unusable(self._host, self._path, said or f"flock ended with status {channel.exit_status}")

    def _beat(self) -> None:
        while not self._stop.wait(_BEAT_S):
            try:
                if not self._echo(Deadline.after(_BEAT_S)):
                    return
            except DeadlineExceeded:
                continue  # a slow host; the lease decides
            except TransportError:
                return


def _unusable(host: str, path: str, why: str) -> OrderRefused:
    return OrderRefused(
        f"{host}: the lock file {path} cannot be used: {_plain(why)}",
        code="E_TOOL_MISSING" if "No such file" in why and "flock" in why else "E_INTERNAL",
        hint="Look at the folder it lies in, and whether flock (util-linux) is installed there.",
    )


def _plain(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:300]
