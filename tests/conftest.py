"""What all tests share: log lines as the processes write them."""

from __future__ import annotations

import structlog


def pytest_configure() -> None:
    """Log as a process does: structlog's own default draws each traceback in colours, for seconds."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
