"""What an undo campaign returns to: the attempts of a finished campaign, by host.

An undo campaign approves a goal, the snapshots those attempts left on their hosts, and not a list of steps: what is
missing on the way there is planned on the host, and only an empty comparison with the snapshot ends it well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from orchestrator.campaign.campaign import Campaign, HostRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The campaign that is taken back, and its part on each host."""

    campaign: str
    #: by host: the attempt whose snapshot the host returns to
    attempts: Mapping[str, str]
    #: by host: the machine that attempt changed; another one under the same name is refused
    machines: Mapping[str, str | None]
    #: by host: the fingerprint of the snapshot that attempt took; absent where it told none
    fingerprints: Mapping[str, str] = field(default_factory=dict)


def origin_of(campaign: Campaign) -> Origin | None:
    """What this campaign takes back; None when it is no undo."""
    if not campaign.undoes:
        return None
    return Origin(
        campaign=campaign.undoes,
        attempts={run.host.name: run.undo_of for run in campaign.runs if run.undo_of is not None},
        machines={run.host.name: run.machine_id for run in campaign.runs},
        fingerprints={run.host.name: run.snapshot_sha256 for run in campaign.runs if run.snapshot_sha256},
    )


def going_back(run: HostRun, origin: Origin | None) -> HostRun:
    """The run of a host that goes back there; unchanged when it is no undo."""
    if origin is None:
        return run
    name = run.host.name
    return replace(
        run,
        undo_of=origin.attempts.get(name),
        snapshot_sha256=origin.fingerprints.get(name, ""),
        machine_id=run.machine_id or origin.machines.get(name),
    )
