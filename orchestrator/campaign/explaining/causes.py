"""Hosts that failed in the same way, and what sets them apart from those that did not.

Messages and labels may be hostile text: sinks escape it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.explaining.contrast import Contrast, Side, contrast, in_common, side
from orchestrator.campaign.rollout import FailureKind
from orchestrator.campaign.states import HostState

#: traits named per cause at most
MAX_TRAITS = 6

HEALTHY = frozenset({HostState.SUCCEEDED, HostState.SOAKING, HostState.ALREADY_RIGHT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Hosts that failed in the same way."""

    code: str
    #: one of their messages
    message: str
    hint: str
    #: failed | unreachable | unknown | left out
    kind: str
    hosts: tuple[str, ...]
    #: what all of them have and no healthy host has: "label region=eu", "pool dmz", "group db"
    common: tuple[str, ...]
    #: healthy hosts they were compared with
    healthy: int
    #: what they have far more often than the healthy hosts, the strongest first; nothing of `common` again
    contrast: tuple[Contrast, ...] = ()


def signature(code: str, message: str, host: str) -> tuple[str, str]:
    """The error without what differs from host to host: names, ids, numbers."""
    text = message.replace(host, "HOST") if host else message
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "ID", text)
    text = re.sub(r"[0-9]+(\.[0-9]+)*", "N", text)
    return code, " ".join(text.split())[:200].casefold()


def _kind(run: HostRun) -> str | None:
    if run.failed_as is not None:
        return run.failed_as.value
    if run.state is HostState.UNKNOWN:
        return FailureKind.UNKNOWN.value
    if run.state is HostState.UNREACHABLE:
        return FailureKind.UNREACHABLE.value
    return "left out" if run.state is HostState.SKIPPED else None


def causes_of(campaign: Campaign) -> tuple[Cause, ...]:
    """Groups of hosts by error signature, the largest first."""
    healthy = side([run for run in campaign.runs if run.state in HEALTHY and run.failed_as is None])
    groups: dict[tuple[str, tuple[str, str]], list[HostRun]] = {}
    for run in campaign.runs:
        kind = _kind(run)
        if kind is not None:
            code, message = _error(run)
            groups.setdefault((kind, signature(code, message, run.host.name)), []).append(run)
    causes = [_cause(kind, runs, healthy) for (kind, _), runs in groups.items()]
    return tuple(sorted(causes, key=lambda cause: (-len(cause.hosts), cause.code, cause.hosts)))


def _cause(kind: str, runs: Sequence[HostRun], healthy: Side) -> Cause:
    code, message = _error(runs[0])
    these = side(runs)
    common = in_common(these, healthy)
    return Cause(
        code=code,
        message=message,
        hint=runs[0].error.hint if runs[0].error else "",
        kind=kind,
        hosts=tuple(run.host.name for run in runs),
        common=tuple(sorted(common))[:MAX_TRAITS],
        healthy=healthy.hosts,
        contrast=tuple(item for item in contrast(these, healthy) if item.trait not in common)[:MAX_TRAITS],
    )


def _error(run: HostRun) -> tuple[str, str]:
    if run.error is not None:
        return run.error.code, run.error.message
    if run.state is HostState.UNKNOWN:
        return "E_TIMEOUT", "ordered, and no news since"
    return "", run.reason or "no reason was given"
