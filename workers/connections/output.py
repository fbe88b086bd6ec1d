"""Collects what a program writes in a bounded amount of memory."""

from __future__ import annotations

from tasks.connection import Output


class Capture:
    """Keeps the first and the last half of `limit_bytes` of a stream, and counts the rest.

    Memory stays below three times the limit however long the stream is: an endless or 1 GB output must not
    take the worker down (a host's output is hostile).
    """

    def __init__(self, limit_bytes: int) -> None:
        """Keep nothing yet."""
        limit = max(0, limit_bytes)
        self._head_room = limit // 2
        self._tail_room = limit - self._head_room
        self._head = bytearray()
        self._tail = bytearray()
        self.size_bytes = 0

    def add(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        self.size_bytes += len(data)
        missing = self._head_room - len(self._head)
        if missing > 0:
            self._head += data[:missing]
            data = data[missing:]
        if not data:
            return
        if len(data) >= self._tail_room:
            self._tail = bytearray(data[len(data) - self._tail_room :])
            return
        self._tail += data
        # trimmed only when twice too long, so that many small writes stay linear
        if len(self._tail) > 2 * self._tail_room:
            self._trim()

    def output(self) -> Output:
        """What was kept so far."""
        self._trim()
        return Output(head=bytes(self._head), tail=bytes(self._tail), size_bytes=self.size_bytes)

    def _trim(self) -> None:
        extra = len(self._tail) - self._tail_room
        if extra > 0:
            del self._tail[:extra]
