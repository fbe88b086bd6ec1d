"""Writes a turn: campaign, log, what people are told, leases, quarantines, budget uses, and who hosts are."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.quarantine import Quarantine, one_line
from orchestrator.campaign.states import FINAL_HOST, HostState
from orchestrator.campaign.telling import told
from orchestrator.loop.notifying import announced, notifications
from orchestrator.loop.turn import Turn, by_name
from orchestrator.store.writer import Writer
from tasks.model import Kind


def released(turn: Turn) -> list[str]:
    """Give the hosts this campaign is done with since this turn began, or did not start after all.

    UNKNOWN is not done. A host that waits again is free for others: its next order takes it anew.
    """
    was = turn.hosts
    free = FINAL_HOST | {HostState.PENDING}
    return [
        run.host.name
        for run in turn.after.runs
        if run is not was[run.host.name] and run.state in free and run.started_at
    ]


def _proven(turn: Turn, done: Sequence[str]) -> list[str]:
    """Give those of these hosts that were read and found well: changed, right as they were, or brought back."""
    hosts = by_name(turn.after)
    well = {HostState.SUCCEEDED, HostState.ALREADY_RIGHT, HostState.ROLLED_BACK}
    return [host for host in done if turn.after.kind is not Kind.READ_ONLY and hosts[host].state in well]


def left_to_people(turn: Turn) -> list[Quarantine]:
    """Give the hosts this campaign has left to a person since this turn began: no campaign changes them now."""
    was = turn.hosts
    return [
        Quarantine(
            host=run.host.name,
            campaign=turn.after.id,
            reason=one_line(_trouble(run)) or "it needs a person",
            at=turn.now,
            labels=run.host.labels,
        )
        for run in turn.after.runs
        if run is not (before := was[run.host.name])
        and run.state is HostState.NEEDS_HUMAN
        and before.state is not HostState.NEEDS_HUMAN
    ]


def _trouble(run: HostRun) -> str:
    return f"{run.error.code}: {run.error.message}" if run.error is not None else run.reason


def commit(turn: Turn, writer: Writer) -> Campaign:
    """Write the turn: campaign, log, what people are told, leases, quarantines and what hosts said of themselves."""
    for item in writer.quarantine(left_to_people(turn)):
        turn.note("quarantined", {"reason": item.reason}, host=item.host)
    telling = told(turn.before, turn.after)
    turn.log += announced(turn.after, telling, turn.now)
    saved = writer.save(turn.before, turn.after, turn.log)
    if telling:
        writer.put_notifications(notifications(writer, saved, telling, turn.now, turn.fleet_budget))
    writer.take_leases(turn.leases)
    writer.begin_uses(saved.id, [lease.host for lease in turn.leases], turn.now)
    done = released(turn)
    writer.release_leases(saved.id, [*done, *turn.freed])
    writer.end_uses(saved.id, done)
    writer.prove_well([*_proven(turn, done), *turn.freed])
    if turn.identities:
        writer.remember_hosts(turn.identities, turn.now)
    return saved
