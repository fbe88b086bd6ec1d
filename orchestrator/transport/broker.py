"""Sends orders through Celery; a broker that is away, hung or refuses is a fact to note, never an exception.

Nothing is lost by a failure here: every order is an attempt committed in SQL, and is sent again under the same id
while it is unexpired. Messages may leave twice; the host's journal recognises the second one.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from celery import Celery
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.exceptions import KombuError
from kombu.messaging import Producer
from redis.exceptions import RedisError

from orchestrator.loop.orders import Sending
from tasks.queues import celery_task_id, describe, transport_options

log = structlog.get_logger()

#: what a broker in trouble raises, in all its kinds (ValueError: a URL that cannot be read)
BROKER_TROUBLE = (KombuError, RedisError, OSError, ValueError)

#: orders in one pipelined write
_BATCH = 500
#: a producer never waits longer for one answer: a hung broker must be noticed within one order's life
_ANSWER_S = 5.0
_FIRST_RETRY_S, _LAST_RETRY_S = 0.2, 5.0
#: the transport tries once: trying again, with jitter and a way to stop, is ours
ONE_TRY = {"max_retries": 0, "interval_start": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerHealth:
    """Whether orders leave."""

    up: bool
    #: since when it is so
    since: datetime
    #: kind of the last trouble; never its text, which may quote the URL and its password
    trouble: str = ""


def make_app(url: str) -> Celery:
    """Give the Celery app that only produces; nothing is connected yet."""
    app = Celery("dockwave", broker=url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_send_sent_event=False,
        broker_pool_limit=None,
        broker_transport_options=transport_options(polling_interval_s=1.0)
        | ONE_TRY
        | {"socket_timeout": _ANSWER_S},
        enable_utc=True,
        timezone="UTC",
    )
    return app


class Sender:
    """Publishes orders from a thread of its own, so that a hung broker holds up nobody else."""

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], datetime],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Prepare to publish to `url`; `start` begins."""
        self._app = make_app(url)
        self._now = now
        self._jitter = jitter
        self._waiting: dict[str, Sending] = {}
        self._cleared = 0
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._connection: Connection | None = None
        self._health = BrokerHealth(up=True, since=now())
        self._thread = threading.Thread(target=self._work, name="sender", daemon=True)

    @property
    def health(self) -> BrokerHealth:
        """Whether the last attempt to publish worked, and since when it is so."""
        return self._health

    def start(self) -> None:
        """Begin publishing."""
        self._thread.start()

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Publish no more; what waits is in SQL and leaves after the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def send(self, sendings: Sequence[Sending]) -> None:
        """Publish these soon; an order that already waits is not doubled. Never blocks on the broker."""
        if not sendings:
            return
        with self._guard:
            for sending in sendings:
                self._waiting[celery_task_id(sending.order)] = sending
        self._wake.set()

    def clear(self) -> None:
        """Forget what waits: this orchestrator has lost the lead."""
        with self._guard:
            self._waiting.clear()
            self._cleared += 1

    def _work(self) -> None:
        pause = _FIRST_RETRY_S
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            while not self._stopping.is_set():
                cleared, batch = self._cleared, self._take()
                if not batch:
                    break
                if self._publish(batch):
                    pause = _FIRST_RETRY_S
                    continue
                self._put_back(batch, cleared)
                self._stopping.wait(pause * (0.5 + self._jitter() / 2))
                pause = min(pause * 2, _LAST_RETRY_S)
        self._disconnect()

    def _take(self) -> list[Sending]:
        """Give the orders still worth sending, oldest first; expired ones are dropped: SQL knows what to do."""
        with self._guard:
            keys = list(self._waiting)[:_BATCH]
            batch = [self._waiting.pop(key) for key in keys]
        cut = self._now().timestamp()
        fresh = [sending for sending in batch if sending.order.expires_at > cut]
        return fresh if fresh or not batch else self._take()

    def _put_back(self, batch: Sequence[Sending], cleared: int) -> None:
        with self._guard:
            if cleared != self._cleared:
                return
            newer = self._waiting
            self._waiting = {celery_task_id(sending.order): sending for sending in batch} | newer

    def _publish(self, batch: Sequence[Sending]) -> bool:
        try:
            producer = self._producer()
            with producer.batch(_BATCH):
                for sending in batch:
                    self._publish_one(producer, sending)
        except BROKER_TROUBLE as error:
            self._disconnect()
            self._note(type(error).__name__)
            return False
        self._note("")
        return True

    def _publish_one(self, producer: Producer, sending: Sending) -> None:
        order = sending.order
        self._app.send_task(
            order.procedure,
            kwargs={"order": order.model_dump(mode="json")},
            task_id=celery_task_id(order),
            root_id=order.campaign_id,
            # no_declare: workers own their queues; declaring would cost eleven commands for each
            queue=Queue(order.host.queue, no_declare=True),
            expires=datetime.fromtimestamp(order.expires_at, UTC),
            argsrepr="()",
            kwargsrepr=describe(order, sending.waves),
            ignore_result=True,
            retry=False,
            producer=producer,
        )

    def _producer(self) -> Producer:
        if self._connection is None:
            self._connection = self._app.connection_for_write()
        producer: Producer = self._app.amqp.Producer(self._connection, auto_declare=False)
        return producer

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            close_quietly(connection)

    def _note(self, trouble: str) -> None:
        before = self._health
        if before.up == (not trouble):
            return
        self._health = BrokerHealth(up=not trouble, since=self._now(), trouble=trouble)
        if trouble:
            log.warning("The broker takes no orders; they wait in SQL", action="publish", trouble=trouble)
        else:
            log.info("The broker takes orders again", action="publish")


def close_quietly(connection: Any) -> None:
    """Let go of a connection that may be broken already."""
    try:
        connection.release()
    except BROKER_TROUBLE as error:
        log.debug(
            "A broken connection could not be closed", action="disconnect", trouble=type(error).__name__
        )
