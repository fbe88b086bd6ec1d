"""A worker process from start to stop: pool of connections, runner, reporter, Celery consumer."""

from __future__ import annotations

import logging
import sys

import structlog
from kombu.connection import Connection as Broker

from tasks.queues import transport_options
from workers.app import make_app
from workers.connections.pool import ConnectionPool, PoolLimits
from workers.reporter import Reporter
from workers.runner import Runner
from workers.settings import WorkerSettings

#: seconds between Celery's own heartbeats: liveness is ours, these only feed Flower
_EVENT_HEARTBEAT_S = 30


def serve(settings: WorkerSettings) -> int:
    """Consume orders until SIGTERM; running attempts finish first."""
    _log_to_stderr(settings.log_level)
    limits = PoolLimits(hosts=settings.max_connections, idle_s=settings.idle_s)
    pool = ConnectionPool(limits=limits)
    reporter = Reporter(lambda: _broker(settings))
    runner = Runner(pool, reporter.send, worker=settings.hostname, paths=settings.paths)
    app = make_app(settings, runner)
    reporter.start()
    try:
        app.worker_main(worker_argv(settings))
    finally:
        reporter.stop()
        pool.close_all()
    return 0


def worker_argv(settings: WorkerSettings) -> list[str]:
    """Celery's command line: threads, no gossip, no mingle, events on for Flower."""
    return [
        "worker",
        "--pool=threads",
        f"--concurrency={settings.concurrency}",
        f"--hostname={settings.hostname}",
        f"--queues={settings.queue}",
        "--without-gossip",
        "--without-mingle",
        f"--heartbeat-interval={_EVENT_HEARTBEAT_S}",
        "--task-events",
        f"--loglevel={settings.log_level}",
    ]


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
