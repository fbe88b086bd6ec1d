"""Flower's page: tasks are read like the runbook, and nothing on it can change anything.

Passed by `--conf`; address, port and password come from the environment of `dockwave flower`.
"""

from __future__ import annotations

from typing import Any

#: no shutdown, no revoke, no rate limit from the page or its API
read_only = True
#: workers send events of their own accord (-E); a broadcast every five seconds would wake a whole fleet
enable_events = False
#: columns of the task list: which host, in which wave of which campaign, comes first
tasks_columns = "name,kwargs,state,worker,received,started,runtime,uuid"
#: the record is SQL; Flower only watches what passes by
persistent = False
max_tasks = 20_000
max_workers = 5_000
#: seconds; rows of workers that have gone are kept for a day
purge_offline_workers = 86_400
natural_time = False

#: characters of a result or of arguments that the list shows
_SHOWN = 300


def format_task(task: Any) -> Any:
    """Shorten what the list shows; arguments were already reduced to campaign, wave and host by the sender."""
    for name in ("args", "kwargs", "result"):
        value = getattr(task, name, None)
        if isinstance(value, str) and len(value) > _SHOWN:
            setattr(task, name, f"{value[:_SHOWN]}…")
    return task
