"""Byte streams the Engine API runs on: a Unix socket here, one on the host, or `docker system dial-stdio`."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from tasks.errors import EngineError
from workers.connections.deadline import Deadline

if TYPE_CHECKING:
    # only a name in signatures here: an agent has no paramiko
    from workers.connections.exec_channel import ExecChannel


class ByteStream(Protocol):
    """A two-way stream of bytes; reads and writes raise TimeoutError after the time given to settimeout."""

    def recv(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...

    def sendall(self, data: bytes, /) -> None:
        """Write everything."""
        ...

    def settimeout(self, seconds: float, /) -> None:
        """Bound every following read and write."""
        ...

    def stale(self) -> bool:
        """Whether an idle stream can no longer carry a request: ended, or with bytes nobody asked for."""
        ...

    def close(self) -> None:
        """End the stream."""
        ...


#: opens a new stream to the engine; EngineError when it is not there, TransportError when the host is not
Dialer: TypeAlias = Callable[[Deadline], ByteStream]


class SocketStream:
    """A stream over a Unix socket on this machine."""

    def __init__(self, path: str, deadline: Deadline) -> None:
        """Connect now; OSError when the socket cannot be used."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(max(0.001, deadline.remaining()))
            self._socket.connect(path)
        except BaseException:
            self._socket.close()
            raise
        self.recv = self._socket.recv
        self.sendall = self._socket.sendall
        self.settimeout = self._socket.settimeout
        self.close = self._socket.close

    def stale(self) -> bool:
        """Whether the peer closed it or wrote without being asked."""
        try:
            self._socket.settimeout(0.0)
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True


class ChannelStream:
    """A stream over an SSH channel."""

    def __init__(self, channel: ExecChannel) -> None:
        """Own an open channel."""
        self._channel = channel
        self.settimeout = channel.settimeout
        self.close = channel.close

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        return self._channel.recv(size)

    def sendall(self, data: bytes) -> None:
        """Write everything; paramiko's own would spin for ever on a closed channel."""
        view = memoryview(data)
        while view:
            sent = self._channel.send(bytes(view[:32768]))
            if not sent:
                raise BrokenPipeError("the channel to the engine is closed")
            view = view[sent:]

    def stale(self) -> bool:
        """Whether the channel or its connection ended, or bytes wait that nobody asked for."""
        channel = self._channel
        ended = channel.closed or bool(channel.eof_received) or channel.recv_ready()
        return ended or not channel.wire.is_active()


class StdioStream(ChannelStream):
    """A stream over a program on the host that copies its standard input and output to the engine's socket."""

    def __init__(self, channel: ExecChannel, where: str) -> None:
        """Own a channel on which `docker system dial-stdio` was started."""
        super().__init__(channel)
        self._where = where
        self._spoken = False

    def recv(self, size: int) -> bytes:
        """At most `size` bytes; EngineError when the program ended before the engine said anything."""
        data = super().recv(size)
        if not data and not self._spoken:
            raise self._refusal()
        self._spoken = True
        return data

    def _refusal(self) -> EngineError:
        """Why the program ended without a word from the engine."""
        channel = self._channel
        channel.settimeout(2.0)
        raw = b""
        try:
            raw = channel.recv_stderr(2000)
            # paramiko's own wait for the status has no end
            channel.status_event.wait(2.0)
        except TimeoutError:
            raw = b"(it said nothing)"
        said = "".join(c if c.isprintable() else " " for c in raw.decode("utf-8", "replace")).strip()
        if channel.exit_status == 127:
            return EngineError(
                f"{self._where}: no way to the Docker Engine: sshd opens no channel to its socket, and {said}.",
                code="E_TOOL_MISSING",
                hint="Allow AllowStreamLocalForwarding in its sshd_config, or install the docker command there.",
            )
        if "permission denied" in said.lower() or said.startswith("sudo:"):
            return EngineError(
                f"{self._where}: the login user may not use the Docker Engine: {said}",
                code="E_SUDO",
                hint="Log in as root, set `sudo: true` with a NOPASSWD rule, or add the user to the docker group.",
            )
        return EngineError(
            f"{self._where}: the Docker Engine does not accept connections: {said}", code="E_DAEMON_DOWN"
        )
