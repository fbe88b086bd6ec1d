"""Receives reports: read in bulk, parsed strictly, handed over, and acknowledged only after they are committed.

A queue anyone may write to says anything: what cannot be read is counted and logged as an event, and never stops
the reader. A lost report costs a question to the host's journal.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message
from kombu.messaging import Consumer
from pydantic import ValidationError
from pydantic_core import from_json

from orchestrator.loop.received import Malformed, Received
from orchestrator.transport.broker import BROKER_TROUBLE, ONE_TRY, close_quietly
from tasks.queues import REPORTS, transport_options
from tasks.wire import VERSION, Report, ReportKind

log = structlog.get_logger()

#: a report longer than this was not made by a worker of ours
MAX_BYTES = 4 * 1024 * 1024
#: reports committed together
BULK = 500
#: what a broken envelope raises inside the transport, after the message has left the queue
_BROKEN_ENVELOPE = (KeyError, TypeError, AttributeError, IndexError, RecursionError, UnicodeError)
_FIRST_RETRY_S, _LAST_RETRY_S = 0.2, 10.0


#: takes a batch; True once it is committed, False when it is not and must come again
Deliver = Callable[[Sequence[Received]], bool]


def parse(body: Any, content_type: str | None) -> Received:
    """Read one message; anything but a complete report in JSON is Malformed."""
    raw = body.encode("utf-8", "replace") if isinstance(body, str) else body
    if not isinstance(raw, bytes):
        return Malformed(reason="the body is neither text nor bytes", size=0, head="")
    if content_type != "application/json":
        return _malformed(raw, "it is not JSON")
    if len(raw) > MAX_BYTES:
        return _malformed(raw, f"it is longer than {MAX_BYTES} bytes")
    try:
        # not a number, half surrogates, endless digits and nesting stop here, not in SQL
        report = Report.model_validate(from_json(raw, allow_inf_nan=False))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        return _malformed(raw, f"{'.'.join(str(part) for part in first['loc'])[:100]}: {first['msg'][:200]}")
    except ValueError as error:
        return _malformed(raw, str(error)[:200])
    return _complete(report, raw)


def _complete(report: Report, raw: bytes) -> Received:
    if report.v != VERSION:
        return _malformed(raw, f"it has version {report.v}, this orchestrator reads {VERSION}")
    if report.host != report.attempt_id.split("/")[1]:
        return _malformed(raw, "it speaks for another host than its attempt's")
    if report.kind is ReportKind.RESULT and report.result is None:
        return _malformed(raw, "a result without a result")
    return report


def _malformed(raw: bytes, reason: str) -> Malformed:
    return Malformed(reason=reason, size=len(raw), head=raw[:200].decode("utf-8", "replace"))


class Receiver:
    """Reads the queue of reports in a thread of its own and comes back whatever happens to the broker."""

    def __init__(
        self,
        url: str,
        deliver: Deliver,
        *,
        jitter: Callable[[], float] = random.random,
        idle_s: float = 1.0,
    ) -> None:
        """Prepare to read from `url` and to hand over to `deliver`; `start` begins."""
        self._url = url
        self._deliver = deliver
        self._jitter = jitter
        self._idle_s = idle_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="receiver", daemon=True)
        self._connected = False

    @property
    def connected(self) -> bool:
        """Whether reports can come in."""
        return self._connected

    def start(self) -> None:
        """Begin reading."""
        self._thread.start()

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Read no more; what was not committed goes back to the queue."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _work(self) -> None:
        pause = _FIRST_RETRY_S
        while not self._stopping.is_set():
            connection = self._connection()
            try:
                self._read(connection)
            except BROKER_TROUBLE as error:
                if self._connected:
                    pause = _FIRST_RETRY_S
                    trouble = type(error).__name__
                    log.warning("Reports cannot be read; trying again", action="receive", trouble=trouble)
                self._connected = False
                self._stopping.wait(pause * (0.5 + self._jitter() / 2))
                pause = min(pause * 2, _LAST_RETRY_S)
            finally:
                close_quietly(connection)
        self._connected = False

    def _connection(self) -> Connection:
        options = transport_options(polling_interval_s=1.0, unacked_suffix="orchestrator")
        # reports are acknowledged within seconds: what a dead orchestrator held comes back after a minute
        return Connection(self._url, transport_options=options | ONE_TRY | {"visibility_timeout": 60})

    def _read(self, connection: Connection) -> None:
        batch: list[Message] = []
        queue = Queue(REPORTS, no_declare=True)
        consumer = Consumer(
            connection, [queue], on_message=batch.append, accept=["json"], prefetch_count=BULK
        )
        with consumer:
            self._connected = True
            while not self._stopping.is_set():
                broken = self._drain(connection, batch)
                if batch or broken:
                    self._hand_over(batch, broken)
                    batch.clear()

    def _drain(self, connection: Connection, batch: list[Message]) -> list[Malformed]:
        """Collect what is there: wait for the first message, then take the rest without waiting."""
        broken: list[Malformed] = []
        wait = self._idle_s
        while len(batch) + len(broken) < BULK and not self._stopping.is_set():
            try:
                connection.drain_events(timeout=wait)
            except TimeoutError:
                break
            except OSError:
                raise
            except (*_BROKEN_ENVELOPE, ValueError) as error:
                broken.append(Malformed(reason=f"broken envelope: {type(error).__name__}", size=0, head=""))
            wait = 0.02
        return broken

    def _hand_over(self, batch: Sequence[Message], broken: Sequence[Malformed]) -> None:
        received: list[Received] = [parse(message.body, message.content_type) for message in batch]
        if self._deliver([*received, *broken]):
            for message in batch:
                message.ack()
