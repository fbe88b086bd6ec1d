"""The byte line an SSH connection runs on: a TCP socket, or a channel through a jump host."""

from __future__ import annotations

import errno
import socket
import time
from contextlib import suppress
from typing import Final, Protocol

#: OpenSSH sends at most 256 KiB in one packet; paramiko would take four gigabytes
LARGEST_PACKET_BYTES: Final = 1 << 20
#: text a server may send before its version line, which paramiko would collect without an end
LONGEST_GREETING_BYTES: Final = 1 << 16


class RawLine(Protocol):
    """What a socket and an SSH channel have in common."""

    def recv(self, size: int, /) -> bytes:
        """Read at most `size` bytes; none at the end."""
        ...

    def send(self, data: bytes, /) -> int:
        """Write some of the bytes."""
        ...

    def settimeout(self, seconds: float | None, /) -> None:
        """Bound every read and write."""
        ...

    def close(self) -> None:
        """End the line."""
        ...


class Line:
    """A socket that gives up when the peer takes nothing for long, and remembers when it last said something.

    paramiko repeats a blocked write for ever, so a stopped peer would hold the writer without an end.
    """

    def __init__(self, raw: RawLine, give_up_s: float) -> None:
        """Wrap a TCP socket or a channel through a jump host."""
        self._raw = raw
        self._give_up_s = give_up_s
        self._stuck_at: float | None = None
        self._closed = False
        self._greeted = False
        self._before_greeting = 0
        self.heard_at = time.monotonic()

    def recv(self, size: int) -> bytes:
        """Read, and note that the peer lives; a peer that would fill the memory is cut off."""
        if size > LARGEST_PACKET_BYTES:
            raise ConnectionAbortedError(
                errno.ECONNABORTED, "the peer announces a packet that SSH does not have"
            )
        data = self._raw.recv(size)
        self.heard_at = time.monotonic()
        if not self._greeted:
            self._before_greeting += len(data)
            if self._before_greeting > LONGEST_GREETING_BYTES:
                raise ConnectionAbortedError(errno.ECONNABORTED, "the peer's greeting has no end")
        return data

    def greeted(self) -> None:
        """The peer has introduced itself: what follows comes in packets of bounded size."""
        self._greeted = True

    def send(self, data: bytes) -> int:
        """Write some bytes; a broken pipe when the peer has taken none for too long."""
        try:
            sent = self._raw.send(data)
        except TimeoutError:
            now = time.monotonic()
            self._stuck_at = self._stuck_at or now
            if now - self._stuck_at > self._give_up_s:
                raise BrokenPipeError(errno.EPIPE, "the peer takes no data") from None
            raise
        self._stuck_at = None
        return sent

    def settimeout(self, seconds: float | None) -> None:
        """Bound every read and write."""
        self._raw.settimeout(seconds)

    def close(self) -> None:
        """End the line, and wake whoever reads from it."""
        self._closed = True
        if isinstance(self._raw, socket.socket):
            # wakes the transport's thread, which would otherwise sleep until its next poll
            with suppress(OSError):
                self._raw.shutdown(socket.SHUT_RDWR)
        self._raw.close()
