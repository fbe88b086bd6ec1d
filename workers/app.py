"""The Celery app of a worker: one generic body, registered once per procedure, so that Flower reads like the runbook.

Early ack, no result backend, JSON only, threads: deadlines, retries and exactly-once effects are ours (runner and
journal); Celery carries the order and shows it. Reasons in docs/architecture.md, "The broker".
"""

from __future__ import annotations

from typing import Any

import structlog
from celery import Celery, Task
from celery.exceptions import Ignore
from pydantic import ValidationError

from tasks.catalog import load_all
from tasks.queues import transport_options
from tasks.result import Outcome
from tasks.wire import Order, Report
from workers.runner import Runner
from workers.settings import WorkerSettings

log = structlog.get_logger()


def make_app(settings: WorkerSettings, runner: Runner) -> Celery:
    """Build the app of one worker process; nothing is connected yet."""
    app = Celery("dockwave", broker=settings.broker_url.reveal(), set_as_current=False)
    app.conf.update(configuration(settings))
    for name in load_all():
        app.task(_body(runner), bind=True, name=name, ignore_result=True, throws=(AttemptFailed,))
    app.finalize()
    return app


def configuration(settings: WorkerSettings) -> dict[str, Any]:
    """Celery settings of a worker."""
    return {
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_acks_late": False,
        "task_default_queue": settings.queue,
        "task_create_missing_queues": True,
        "worker_prefetch_multiplier": 1,
        "worker_send_task_events": True,
        "worker_enable_remote_control": settings.queue.startswith("gw."),
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_pool_limit": 2,
        "broker_transport_options": transport_options(
            polling_interval_s=settings.polling_interval_s, unacked_suffix=settings.queue
        ),
        "enable_utc": True,
        "timezone": "UTC",
    }


class AttemptFailed(Exception):
    """The host failed, and Flower shows the task as such; the report has already said so to the orchestrator."""


def _body(runner: Runner) -> Any:
    def run(self: Task, order: dict[str, Any]) -> dict[str, str]:
        """Run one order on one host; the report goes its own way, this return value is only for the screen."""
        try:
            parsed = Order.model_validate(order)
        except ValidationError as error:
            log.exception(
                "order is not readable", action="order", task=self.request.id, problems=error.error_count()
            )
            raise ValueError(
                f"order of {self.request.id} is not readable: {error.error_count()} problems"
            ) from None
        return _show(self, runner.run(parsed))

    return run


def _show(task: Task, report: Report) -> dict[str, str]:
    """Let Flower's state say what became of the host: SUCCESS, FAILURE or ROLLEDBACK."""
    result = report.result
    if result is None:
        return {"report": report.kind.value}
    if result.outcome is Outcome.UNDONE:
        task.send_event("task-rolledback")
        # no success event follows, so that the state above stays
        raise Ignore
    if result.failed and result.error is not None:
        raise AttemptFailed(f"{result.error.code}: {result.error.message[:300]}")
    return {"report": report.kind.value, "outcome": result.outcome.value, "summary": result.summary[:200]}
