"""What ran on a host before an attempt, from the snapshot in its journal, without what the attempt was to remove."""

from __future__ import annotations

from tasks.catalog import find
from tasks.connection import Connection
from tasks.errors import Refused
from tasks.health.running import RunningFacts
from tasks.procedure import EngineStep, EngineVerb, Facts
from workers.host_record import HostRecord
from workers.journal import HostPaths, Journal
from workers.takeback import fingerprint_of


def ran_before(
    connection: Connection, paths: HostPaths, attempt_id: str, snapshot_sha256: str = ""
) -> RunningFacts | None:
    """The running set before this attempt; None when it changed nothing, or its facts do not tell.

    Where the fingerprint of the snapshot it took is known, no other one is read: Refused (E_SNAPSHOT_CHANGED).
    """
    journal = Journal(connection, attempt_id, paths)
    record, order = journal.read(), journal.order()
    if not record.known or order is None:
        raise Refused(
            f"{connection.host_name} has no record of {attempt_id}: what ran before it is not known",
            code="E_SNAPSHOT_MISSING",
            hint="Was the host rebuilt, or /var/lib/dockwave removed?",
        )
    content = journal.load("before.json")
    if snapshot_sha256 and (content is None or fingerprint_of(content) != snapshot_sha256):
        raise Refused(
            f"{connection.host_name} has {'no' if content is None else 'another'} snapshot, "
            f"not the one {attempt_id} took: what ran before it is not known",
            code="E_SNAPSHOT_CHANGED",
            hint=(
                "Find out who wrote to /var/lib/dockwave there "
                f"(`dockwave logs {attempt_id.partition('/')[0]} {connection.host_name}`), and look at its "
                "containers by hand."
            ),
        )
    if content is None:
        return None
    facts: Facts = find(order.procedure).facts_type.model_validate_json(content)
    running = facts.running_set
    if running is None:
        return None
    removed = _removed(record)
    return RunningFacts(
        containers=tuple(item for item in running if item.id not in removed), before=attempt_id
    )


def _removed(record: HostRecord) -> frozenset[str]:
    """Containers the attempt has set out to remove."""
    begun = (entry.intent for entry in record.entries)
    return frozenset(
        step.object_id
        for step in begun
        if isinstance(step, EngineStep) and step.verb is EngineVerb.REMOVE_CONTAINER
    )
