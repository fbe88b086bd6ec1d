"""Names and options both ends of the broker must agree on, as plain data.

Figures and reasons are in docs/architecture.md, "The broker": one list per queue, long polls, no result backend,
JSON only.
"""

from __future__ import annotations

from typing import Any

from tasks.wire import Order

#: queue workers push reports to, as JSON bodies of tasks.wire.Report
REPORTS = "reports"

#: transport options every participant must share, or queues and unacked keys no longer meet
SHARED_TRANSPORT: dict[str, Any] = {
    "priority_steps": [0],
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "visibility_timeout": 3600,
}


def transport_options(*, polling_interval_s: float, unacked_suffix: str = "") -> dict[str, Any]:
    """Transport options of one participant; consumers keep unacknowledged messages under own keys."""
    options: dict[str, Any] = dict(SHARED_TRANSPORT, polling_interval=polling_interval_s)
    if unacked_suffix:
        options |= {
            "unacked_key": f"unacked.{unacked_suffix}",
            "unacked_index_key": f"unacked_index.{unacked_suffix}",
            "unacked_mutex_key": f"unacked_mutex.{unacked_suffix}",
        }
    return options


def celery_task_id(order: Order) -> str:
    """The attempt's own id, so that a repeated order is the same task; questions about it get a suffix."""
    return order.attempt_id if order.mode in {"apply", "plan", "undo"} else f"{order.attempt_id}~{order.mode}"


def describe(order: Order, waves: int) -> str:
    """What Flower and the logs show as the task's arguments: no parameters, so no secret and no clutter."""
    mode = "" if order.mode == "apply" else f" mode={order.mode}"
    return f"campaign={order.campaign_id} wave={order.wave}/{waves} host={order.host.name}{mode}"
