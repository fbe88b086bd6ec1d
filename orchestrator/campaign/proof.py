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


def another_snapshot(run: HostRun, result: HostResult) -> HostError | None:
    """Why what the host compared itself with is not what this campaign's own change had found; None when it is.

    What either of them does not tell is not held against it: workers of before told no fingerprint.
    """
    undone = run.attempt.undo_of if run.attempt is not None else None
    change = next((item for item in run.attempts if item.id == undone), None)
    taken = change.result.data.get(FINGERPRINT) if change is not None and change.result is not None else None
    used = result.data.get(FINGERPRINT)
    if not taken or not used or taken == used:
        return None
    return HostError(
        code="E_SNAPSHOT_CHANGED",
        message=f"{run.host.name} was compared with another snapshot than the one {undone} took",
        hint=(
            "What it was before is not proven: find out who wrote to /var/lib/dockwave there "
            f"(`dockwave logs {str(undone).partition('/')[0]} {run.host.name}`), then "
            f"`dockwave hosts release {run.host.name} --reason TEXT`"
        ),
    )
