"""A worker in a thread: takes orders from a real queue and publishes reports as real workers do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kombu.connection import Connection
from kombu.entity import Queue
from kombu.exceptions import KombuError
from kombu.message import Message
from kombu.messaging import Consumer, Producer
from redis.exceptions import RedisError

from tasks.queues import REPORTS, transport_options
from tasks.wire import Order, Report
from tests.support.hosts import ScriptedHosts


def publish(url: str, reports: Sequence[Report]) -> None:
    """Publish reports once."""
    with Connection(url, transport_options=transport_options(polling_interval_s=1.0)) as connection:
        _publish(connection, reports)


def _publish(connection: Connection, reports: Sequence[Report]) -> None:
    producer = Producer(connection, serializer="json")
    for item in reports:
        producer.publish(
            item.model_dump(mode="json"),
            exchange="",
            routing_key=REPORTS,
            declare=[Queue(REPORTS, no_declare=True)],
        )


class ScriptedWorker:
    """Serves one queue until stopped, whatever becomes of the broker."""

    def __init__(self, url: str, hosts: ScriptedHosts, queue: str = "gw.default") -> None:
        """Prepare to answer orders from `queue` as `hosts` do."""
        self._url = url
        self._queue = queue
        self.hosts = hosts
        self.stopping = threading.Event()
        #: headers of every task taken, as Flower would see them
        self.headers: list[dict[str, object]] = []
        self.thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        unsent: list[Report] = []
        while not self.stopping.is_set():
            try:
                options = transport_options(polling_interval_s=1.0, unacked_suffix=self._queue)
                with Connection(self._url, transport_options=options | {"socket_timeout": 2}) as connection:
                    self._serve(connection, unsent)
            except (KombuError, RedisError, OSError):
                self.stopping.wait(0.2)

    def _serve(self, connection: Connection, unsent: list[Report]) -> None:
        messages: list[Message] = []
        queue = Queue(self._queue, no_declare=True)
        with Consumer(connection, [queue], on_message=messages.append, accept=["json"]):
            while not self.stopping.is_set():
                _publish(connection, unsent)
                unsent.clear()
                try:
                    connection.drain_events(timeout=0.2)
                except TimeoutError:
                    continue
                for message in messages:
                    message.ack()
                    unsent.extend(self._answer(message))
                messages.clear()

    def _answer(self, message: Message) -> list[Report]:
        self.headers.append(dict(message.headers))
        _, kwargs, _ = json.loads(message.body)
        return self.hosts.answer(Order.model_validate(kwargs["order"]))


@contextmanager
def working(url: str, hosts: ScriptedHosts) -> Iterator[ScriptedWorker]:
    """Run a worker and stop it afterwards."""
    worker = ScriptedWorker(url, hosts)
    worker.thread.start()
    try:
        yield worker
    finally:
        worker.stopping.set()
        worker.thread.join(timeout=10)
