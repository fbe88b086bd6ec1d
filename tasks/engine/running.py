"""Are the containers that ran still running, as the same processes? Asked after every touch of the engine."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from tasks.engine.host_facts import HostFacts
from tasks.facts.engine import Container, Daemon
from tasks.procedure import MOST_SERVICES
from tasks.record import Record
from tasks.result import Finding

DEFAULT_NETWORKS = ("bridge", "host", "none")


class Comparison(Record):
    """Two readings of one host's containers, compared."""

    #: what is not as it must be, one line each
    faults: tuple[str, ...] = ()
    #: what changed and may
    findings: tuple[Finding, ...] = Field(default=())
    #: every container that ran has the process it had
    pids_preserved: bool = False


def compare(before: HostFacts, now: HostFacts, *, processes: bool = True) -> Comparison:
    """Compare running sets; an engine that does not answer is a fault, never an empty set.

    With live-restore in the daemon and no reboot in between, a container must keep its process, unless `processes` is
    False. After a reboot, or without live-restore, it is enough that its restart policy brought it back.
    """
    old, new = before.engine.daemon, now.engine.daemon
    if old is None:
        return Comparison()
    if new is None:
        return Comparison(faults=(f"the engine does not answer: {now.engine.error}",))
    same_boot = before.boot == now.boot
    present = {container.id: container for container in new.containers}
    ended = _ended_by_themselves(old, present) if same_boot else frozenset()
    faults, findings = [], []
    for was in old.running:
        is_now = present.get(was.id)
        if was.id in ended:
            findings.append(
                Finding(code="W_ENDED", object=was.name, detail="it ran before, and ended by itself")
            )
            continue
        excused = not same_boot or (processes and not old.live_restore)
        keeps = same_boot and processes and old.live_restore
        fault, finding = _judge(was, is_now, excused=excused, keeps=keeps)
        faults += [fault] if fault else []
        findings += [finding] if finding else []
    faults += _faults_around(old, new, present)
    kept = all(_same_process(was, present.get(was.id)) for was in old.running)
    return Comparison(faults=tuple(faults), findings=tuple(findings), pids_preserved=kept)


def stopped_since(before: HostFacts, now: HostFacts) -> tuple[Container, ...]:
    """Containers that ran and are still there, do not run now, and did not end by themselves."""
    old, new = before.engine.daemon, now.engine.daemon
    if old is None or new is None:
        return ()
    present = {container.id: container for container in new.containers}
    ended = _ended_by_themselves(old, present) if before.boot == now.boot else frozenset()
    asleep = {container.id for container in new.containers if not container.running} - ended
    return tuple(container for container in old.running if container.id in asleep)


def at_risk(daemon: Daemon | None, *, major: bool = False) -> tuple[str, ...]:
    """Names of running containers that a restart of the engine may stop."""
    if daemon is None or (daemon.live_restore and not major):
        return ()
    return tuple(container.name for container in daemon.running)


def services_of(daemon: Daemon | None) -> tuple[str, ...]:
    """Services of the running containers, sorted, as many as a dry run takes: a touched engine may stop them all."""
    if daemon is None:
        return ()
    return tuple(sorted({name for item in daemon.running for name in item.services}))[:MOST_SERVICES]


def _ended_by_themselves(old: Daemon, present: Mapping[str, Container]) -> frozenset[str]:
    """Ids of jobs that ended on their own.

    Where another container kept its process the engine let go of none, so they can be believed; where none did,
    nothing tells a job that was done from one that was stopped.
    """
    if not any(_same_process(was, present.get(was.id)) for was in old.running):
        return frozenset()
    return frozenset(was.id for was in old.running if _ended_as_jobs_do(was, present.get(was.id)))


def _ended_as_jobs_do(was: Container, is_now: Container | None) -> bool:
    """Whether a container is one that ends: made with --rm and gone, or done with status 0 and not to be restarted."""
    if is_now is None:
        return was.auto_remove
    return is_now.state == "exited" and is_now.exit_code == 0 and not was.returns


def _judge(
    was: Container, is_now: Container | None, *, excused: bool, keeps: bool
) -> tuple[str, Finding | None]:
    if is_now is None:
        return f"container {was.name} is gone", None
    if not is_now.running:
        if excused and not was.returns:
            detail = f"it was stopped, and its restart policy {was.restart_policy or 'no'} does not start it"
            return "", Finding(code="W_NOT_RETURNED", object=was.name, detail=detail)
        return f"container {was.name} ran and is {is_now.state}", None
    if keeps and not _same_process(was, is_now):
        if is_now.restarts > was.restarts or was.restarts:
            detail = f"restarted by its own policy ({was.restarts} to {is_now.restarts} times)"
            return "", Finding(code="W_RESTARTING", object=was.name, detail=detail)
        return f"container {was.name} was restarted: process {was.pid} became {is_now.pid}", None
    return "", None


def _faults_around(old: Daemon, new: Daemon, present: dict[str, Container]) -> list[str]:
    faults = [
        f"container {was.name} is gone" for was in old.containers if not was.running and was.id not in present
    ]
    faults += [f"network {name} is gone" for name in old.networks if name not in new.networks]
    faults += [f"default network {name} is missing" for name in DEFAULT_NETWORKS if name not in new.networks]
    sick = {was.id for was in old.containers if was.health == "unhealthy"}
    faults += [
        f"container {now.name} became unhealthy"
        for now in new.containers
        if now.health == "unhealthy" and now.id not in sick
    ]
    return list(dict.fromkeys(faults))


def _same_process(was: Container, is_now: Container | None) -> bool:
    return is_now is not None and (was.pid, was.started_at) == (is_now.pid, is_now.started_at)
