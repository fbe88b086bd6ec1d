"""Runs the orchestrator process: control plane in threads, API in front, a clean end on SIGTERM."""

from __future__ import annotations

import logging
import sys

import structlog
import uvicorn

from orchestrator.api.app import create_app
from orchestrator.api.token import ensure_secret
from orchestrator.plane import ControlPlane, utc_now
from orchestrator.settings.channels import channels_of
from orchestrator.settings.people import people_of
from orchestrator.settings.settings import Settings
from orchestrator.up.place import open_data_dir

#: seconds a request may still take once the process was asked to end; watchers come back by themselves
_LAST_WORDS_S = 2


def serve(settings: Settings) -> None:
    """Serve until a signal comes; BadInput when token, data directory or database cannot be used."""
    open_data_dir(settings.data_dir)
    configure_logs(settings.log_level)
    token = ensure_secret(settings.token_file, "API token")
    plane = ControlPlane(
        database_url=settings.database_url.reveal(),
        broker_url=settings.broker_url.reveal(),
        now=utc_now,
        channels=channels_of(settings.notify_channels),
        fleet_budget=int(settings.fleet_budget) if settings.fleet_budget else None,
        lease_for_s=settings.lease_for_s,
    )
    plane.start()
    try:
        app = create_app(
            plane.service,
            token=token,
            now=utc_now,
            names=[settings.api_address],
            people=people_of(settings.people),
        )
        uvicorn.Server(
            uvicorn.Config(
                app,
                host=settings.api_address,
                port=settings.api_port,
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=_LAST_WORDS_S,
                backlog=256,
            )
        ).run()
    finally:
        plane.stop()


def configure_logs(level: str) -> None:
    """One line per event on stderr: a sentence and its fields; JSON, so that hostile text stays inside quotes."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(
        level=number, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", force=True
    )
    # chatter of libraries is for their developers, and that of HTTP clients quotes whole URLs and headers
    for name in ("kombu", "amqp", "asyncio", "alembic", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
