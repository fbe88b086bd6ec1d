"""A worker process from start to stop: pool of connections, runner, reporter, Celery consumer."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import structlog
from celery import Celery
from celery.concurrency import get_implementation
from celery.worker import WorkController
from kombu.connection import Connection as Broker

from tasks.model import Transport
from tasks.queues import transport_options
from workers.app import make_app
from workers.connections.pool import ConnectionPool, PoolLimits
from workers.journal import HostPaths
from workers.reporter import Reporter
from workers.runner import Runner
from workers.settings import WorkerSettings

#: seconds between Celery's own heartbeats: liveness is ours, these only feed Flower
_EVENT_HEARTBEAT_S = 30


def serve(settings: WorkerSettings) -> int:
    """Consume orders until SIGTERM; running attempts finish first."""
    _log_to_stderr(settings.log_level)
    make_place(settings)
    limits = PoolLimits(hosts=settings.max_connections, idle_s=settings.idle_s)
    pool = ConnectionPool(limits=limits)
    reporter = Reporter(lambda: _broker(settings))
    runner = Runner(pool, reporter.send, worker=settings.hostname, paths=settings.paths)
    worker = consumer(make_app(settings, runner), settings)
    reporter.start()
    try:
        worker.start()
    finally:
        reporter.stop()
        pool.close_all()
    return int(worker.exitcode or 0)


def make_place(settings: WorkerSettings) -> None:
    """Make the folder of the lock where an agent that is not root keeps its things: no system has it."""
    if settings.kind is Transport.LOCAL and settings.paths != HostPaths():
        Path(settings.paths.lock).parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def consumer(app: Celery, settings: WorkerSettings) -> WorkController:
    """Celery's worker: threads, no gossip, no mingle, events on for Flower.

    Built directly, not by Celery's command line, whose shell completion alone would cost each agent megabytes.
    """
    return app.Worker(
        hostname=settings.hostname,
        pool_cls=get_implementation("threads"),
        concurrency=settings.concurrency,
        queues=[settings.queue],
        without_gossip=True,
        without_mingle=True,
        heartbeat_interval=_EVENT_HEARTBEAT_S,
        task_events=True,
        loglevel=settings.log_level,
    )


def _broker(settings: WorkerSettings) -> Broker:
    return Broker(
        settings.broker_url.reveal(),
        transport_options=transport_options(polling_interval_s=1),
        connect_timeout=5,
    )


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(stream=sys.stderr, level=level, format="%(message)s")
    logging.getLogger("paramiko").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level, logging.INFO)),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
