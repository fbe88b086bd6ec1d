"""Writes a turn: campaign, log, what people are told, leases, quarantines, budget uses, and who hosts are."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.explaining.telling import told
from orchestrator.campaign.quarantine import Quarantine, one_line
from orchestrator.campaign.states import FINAL_HOST, HostState
from orchestrator.loop.notifying import announced, notifications
from orchestrator.loop.turn import Turn, moved
from orchestrator.store.writer import Writer
from tasks.model import Kind


def released(runs: Iterable[HostRun]) -> list[HostRun]:
    """Give those of these hosts their campaign is done with, or did not start after all.

    UNKNOWN is not done. A host that waits again is free for others: its next order takes it anew.
    """
    free = FINAL_HOST | {HostState.PENDING}
    return [run for run in runs if run.state in free and run.started_at]


def _proven(done: Iterable[HostRun]) -> list[str]:
    """Give those of these hosts that were read and found well: changed, right as they were, or brought back."""
    well = {HostState.SUCCEEDED, HostState.ALREADY_RIGHT, HostState.ROLLED_BACK}
    return [run.host.name for run in done if run.state in well]


def _newest(writer: Writer, turn: Turn) -> list[str]:
    """Give those hosts with a late receipt that were ordered nothing since: of what came later it says nothing."""
    known = writer.hosts(turn.freed)
    epochs = {host: attempt.epoch for host in turn.freed if (attempt := turn.hosts[host].attempt) is not None}
    return [host for host, epoch in epochs.items() if host in known and known[host].epoch <= epoch]


def left_to_people(turn: Turn, changed: Iterable[tuple[HostRun, HostRun]]) -> list[Quarantine]:
    """Give the hosts this campaign has left to a person since this turn began: no campaign changes them now."""
    return [
        Quarantine(
            host=run.host.name,
            campaign=turn.after.id,
            reason=one_line(_trouble(run)) or "it needs a person",
            at=turn.now,
            labels=run.host.labels,
        )
        for was, run in changed
        if run.state is HostState.NEEDS_HUMAN and was.state is not HostState.NEEDS_HUMAN
    ]


def _trouble(run: HostRun) -> str:
    return f"{run.error.code}: {run.error.message}" if run.error is not None else run.reason


def commit(turn: Turn, writer: Writer) -> Campaign:
    """Write the turn: campaign, log, what people are told, leases, quarantines and what hosts said of themselves."""
    changed = moved(turn)
    for item in writer.quarantine(left_to_people(turn, changed)):
        turn.note("quarantined", {"reason": item.reason}, host=item.host)
    telling = told(turn.before, turn.after)
    turn.log += announced(turn.after, telling, turn.now)
    saved = writer.save(turn.before, turn.after, turn.log)
    if telling:
        writer.put_notifications(notifications(writer, saved, telling, turn.now, turn.fleet_budget))
    writer.take_leases(turn.leases)
    writer.begin_uses(saved.id, [lease.host for lease in turn.leases], turn.now)
    done = released(run for _, run in changed)
    names = [run.host.name for run in done]
    writer.release_leases(saved.id, [*names, *turn.freed])
    writer.end_uses(saved.id, [*names, *turn.freed])
    proven = _proven(done) if turn.after.kind is not Kind.READ_ONLY else []
    writer.prove_well([*proven, *_newest(writer, turn)])
    if turn.identities:
        writer.remember_hosts(turn.identities, turn.now)
    return saved
