"""Carries HTTP requests over one kept byte stream, with one deadline for the whole of a request."""

# ruff: noqa: ARG002 - the signatures that are overridden belong to requests

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import requests
import requests.adapters
import urllib3
import urllib3.connection

from tasks.errors import DeadlineExceeded
from workers.connections.deadline import Deadline
from workers.connections.streams import ByteStream, Dialer


class Budget:
    """The deadline of the request that is under way; every read and write of the stream looks at it."""

    def __init__(self) -> None:
        """Allow nothing until a request starts."""
        self.deadline = Deadline.after(0.0)

    def arm(self, stream: ByteStream) -> None:
        """Let the stream's next wait end at the deadline; TimeoutError when that has passed.

        A socket time-out alone would start anew with every byte, and a peer that sends one byte a second
        would never meet it.
        """
        left = self.deadline.remaining()
        if left <= 0:
            raise TimeoutError("timed out")
        stream.settimeout(left)


class StreamAdapter(requests.adapters.HTTPAdapter):
    """A requests adapter whose only connection is a stream from `dial`, reopened when it broke."""

    def __init__(self, dial: Dialer) -> None:
        """Open nothing yet."""
        self.budget = Budget()
        self._pool = _Pool(dial, self.budget)
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,
    ) -> urllib3.HTTPConnectionPool:
        """There is one way to the engine, whatever the URL says."""
        return self._pool

    def request_url(self, request: requests.PreparedRequest, proxies: Mapping[str, str] | None) -> str:
        """Send the path alone, as over any Unix socket."""
        return request.path_url

    def close(self) -> None:
        """Close the kept stream."""
        self._pool.close()
        super().close()


class _Pool(urllib3.HTTPConnectionPool):
    def __init__(self, dial: Dialer, budget: Budget) -> None:
        super().__init__("localhost", maxsize=1, block=False)
        self._dial = dial
        self._budget = budget

    def _new_conn(self) -> _Connection:
        return _Connection(self._dial, self._budget)


class _Connection(urllib3.connection.HTTPConnection):
    def __init__(self, dial: Dialer, budget: Budget) -> None:
        super().__init__("localhost")
        self._dial = dial
        self._budget = budget
        self._stream: ByteStream | None = None

    def connect(self) -> None:
        """Dial; what goes wrong there is already one of our errors and passes through."""
        if self._budget.deadline.expired:
            raise DeadlineExceeded("The engine call ran out of time before it was sent.")
        self._stream = self._dial(self._budget.deadline)
        self.sock: Any = _Socket(self._stream, self._budget)

    @property
    def is_connected(self) -> bool:
        """Whether the kept stream can carry another request; asked before each."""
        return self.sock is not None and self._stream is not None and not self._stream.stale()


class _Socket:
    """As much of a socket as http.client uses."""

    def __init__(self, stream: ByteStream, budget: Budget) -> None:
        self._stream = stream
        self._budget = budget

    def sendall(self, data: bytes) -> None:
        self._budget.arm(self._stream)
        self._stream.sendall(data)

    def makefile(self, mode: str, *_: object) -> io.BufferedReader:
        assert mode == "rb"  # noqa: S101 - http.client reads answers and nothing else
        return io.BufferedReader(_Reader(self._stream, self._budget), 65536)

    def settimeout(self, seconds: float | None) -> None:
        """The budget decides, not the time-out of one read."""

    def close(self) -> None:
        self._stream.close()


class _Reader(io.RawIOBase):
    def __init__(self, stream: ByteStream, budget: Budget) -> None:
        super().__init__()
        self._stream = stream
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._budget.arm(self._stream)
        data = self._stream.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)
