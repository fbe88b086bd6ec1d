"""Flower's configuration for deployments that start Flower themselves; the same as `dockwave flower` uses."""

from __future__ import annotations

from orchestrator.up.flowerconfig import (
    enable_events,
    format_task,
    max_tasks,
    max_workers,
    natural_time,
    persistent,
    purge_offline_workers,
    read_only,
    tasks_columns,
)

__all__ = [
    "enable_events",
    "format_task",
    "max_tasks",
    "max_workers",
    "natural_time",
    "persistent",
    "purge_offline_workers",
    "read_only",
    "tasks_columns",
]
