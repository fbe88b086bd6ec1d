"""Sends reports to the orchestrator; a broker that is away delays them and loses none that this process still holds.

Losing a report for good (the worker dies too) costs a question to the host's journal, never a second run.
"""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable

import structlog
from kombu.connection import Connection as Broker
from kombu.entity import Queue
from kombu.exceptions import OperationalError
from kombu.messaging import Producer
from redis.exceptions import RedisError

from tasks.queues import REPORTS
from tasks.wire import Report, ReportKind

log = structlog.get_logger()

#: reports waiting at most; heartbeats are dropped first, results never
BACKLOG = 10_000
_FIRST_RETRY_S, _LAST_RETRY_S = 0.5, 15.0


class Reporter:
    """One background thread that publishes; `send` never blocks the work it reports on."""

    def __init__(self, connect: Callable[[], Broker]) -> None:
        """Publish over connections made by `connect`."""
        self._connect = connect
        self._waiting: queue.Queue[Report | None] = queue.Queue()
        self._thread = threading.Thread(target=self._publish_all, name="reporter", daemon=True)
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin publishing."""
        self._thread.start()

    def send(self, report: Report) -> None:
        """Hand over a report; a heartbeat is dropped when the backlog is full, for a newer one will follow."""
        if report.kind is ReportKind.HEARTBEAT and self._waiting.qsize() > BACKLOG:
            return
        self._waiting.put(report)

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Publish what waits, for at most `timeout_s`, and end."""
        self._waiting.put(None)
        self._stopping.set()
        self._thread.join(timeout_s)

    def _publish_all(self) -> None:
        held: Report | None = None
        pause = _FIRST_RETRY_S
        while True:
            try:
                with self._connect() as broker:
                    producer = Producer(broker, serializer="json")
                    while True:
                        held = held if held is not None else self._waiting.get()
                        if held is None:
                            return
                        self._publish(producer, held)
                        held, pause = None, _FIRST_RETRY_S
            except (OperationalError, RedisError, OSError) as error:
                # the broker is away: the report is kept and tried again
                log.warning("broker is away, reports wait", action="report", error=type(error).__name__)
                threading.Event().wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
                pause = min(pause * 2, _LAST_RETRY_S)

    @staticmethod
    def _publish(producer: Producer, report: Report) -> None:
        producer.publish(
            report.model_dump(mode="json"),
            routing_key=REPORTS,
            exchange="",
            declare=[Queue(REPORTS, no_declare=True)],
            retry=False,
        )
