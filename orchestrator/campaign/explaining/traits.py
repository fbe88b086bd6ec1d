"""What hosts can have in common: what the inventory says of them, and what is known from their attempts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.campaign.campaign import Attempt, HostRun
from tasks.model import Host, Transport


def traits(host: Host) -> frozenset[str]:
    """What the inventory says of it, in words; known of every host, so absence tells too."""
    found = {f"label {key}={value}" for key, value in host.labels.items()}
    found |= {f"group {group}" for group in host.groups}
    found |= {f"pool {host.pool}", f"transport {host.transport.value}", f"engine family {host.engine_family}"}
    return frozenset(found)


def facts(run: HostRun) -> Mapping[str, str]:
    """What its attempts tell of it, by kind; a kind that is missing is not known and must not be compared."""
    return dict(_facts(run))


def _facts(run: HostRun) -> Iterator[tuple[str, str]]:
    attempts = [attempt for attempt in run.attempts if not attempt.undo]
    if not attempts:
        return
    # an agent serves one host and is no trait of several; gateways are shared
    if run.host.transport is Transport.SSH and attempts[-1].worker:
        yield "gateway", f"gateway {attempts[-1].worker}"
    version = _engine_before(attempts)
    if version:
        yield "engine", f"engine {version} before"
    kernel = _kernel(attempts)
    if kernel:
        yield "kernel", f"kernel {kernel}"


def _kernel(attempts: list[Attempt]) -> str:
    """The kernel the last attempt that tells ran on; "" when none tells."""
    found = (attempt.result.identity.get("kernel", "") for attempt in reversed(attempts) if attempt.result)
    return next(filter(None, found), "")


def _engine_before(attempts: list[Attempt]) -> str:
    """The engine the first attempt that tells found, before it changed anything; "" when none tells.

    The engine after a change would only repeat which hosts were changed.
    """
    for attempt in attempts:
        data = attempt.result.data if attempt.result is not None else {}
        before = data.get("from")
        found = before.get("server") if isinstance(before, Mapping) else None
        if found is None and attempt.result is not None and not attempt.result.changed:
            found = data.get("server_version")
        if found and isinstance(found, str):
            return found
    return ""
