"""Whether a host's answer proves that it is as it was ordered to be: read back as changed, or equal to its snapshot."""

from __future__ import annotations

from typing import Final

from orchestrator.campaign.campaign import Attempt, HostRun
from tasks.result import HostError, HostResult, Outcome

#: under this name results tell the SHA-256 of the snapshot they took, or came back to
FINGERPRINT: Final = "snapshot_sha256"


def promised(attempt: Attempt, result: HostResult) -> bool:
    """Whether the host is as it was ordered to be: changed and read back, or equal to the snapshot of an undo."""
    if attempt.undo_of is not None:
        return equal_to_snapshot(result)
    return result.outcome in {Outcome.OK, Outcome.CHANGED}


def equal_to_snapshot(result: HostResult) -> bool:
    """Whether the result proves the way back: the host compared itself with the snapshot and found no difference."""
    return result.outcome is Outcome.UNDONE and tuple(result.data.get("differences", ("not compared",))) == ()


def taken_by(change: Attempt) -> str:
    """The fingerprint of the snapshot this change took; "" when its result tells none, or there is none."""
    told = change.result.data.get(FINGERPRINT) if change.result is not None else None
    return str(told or "")


def another_snapshot(run: HostRun, result: HostResult) -> HostError | None:
    """Why what the host compared itself with is not what the change that is taken back had found; None when it is.

    What either of them does not tell is not held against it: workers of before told no fingerprint. An empty one is
    told where there is no snapshot any more.
    """
    undone = run.attempt.undo_of if run.attempt is not None else None
    taken, used = expected(run, undone), result.data.get(FINGERPRINT)
    if undone is None or not taken or used is None or taken == str(used):
        return None
    return HostError(
        code="E_SNAPSHOT_CHANGED",
        message=f"{run.host.name} was compared with {'another' if used else 'no'} snapshot, not the one {undone} took",
        hint=(
            "What it was before is not proven: find out who wrote to /var/lib/dockwave there "
            f"(`dockwave logs {undone.partition('/')[0]} {run.host.name}`), then "
            f"`dockwave hosts release {run.host.name} --reason TEXT`"
        ),
    )


def expected(run: HostRun, undone: str | None) -> str:
    """The fingerprint of the snapshot to return to, "" when none was told.

    That of this campaign's own change, or the one an undo campaign was planned with.
    """
    own = next((item for item in run.attempts if item.id == undone), None)
    return taken_by(own) if own is not None else run.snapshot_sha256
