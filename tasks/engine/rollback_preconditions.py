"""What must hold before an engine goes back; each check refuses with its own code and says what to do next."""

from __future__ import annotations

from collections.abc import Collection

from tasks.engine.family import COMPANIONS, MEMBERS
from tasks.engine.returning import moving_back
from tasks.engine.rollback_facts import RollbackFacts
from tasks.engine.transaction import unexpected
from tasks.errors import Refused


def require_snapshot(facts: RollbackFacts, snapshot_id: str) -> None:
    """Refuse where the snapshot asked for is not on the host, or has lost the package files it needs now."""
    if facts.goal is None:
        raise Refused(
            f"This host has no snapshot of {snapshot_id}",
            code="E_ROLLBACK_UNAVAILABLE",
            hint="Only hosts that campaign changed have one; or give exact versions with --set packages=…",
        )
    moving = moving_back(facts.goal.snapshot, facts)
    if lost := facts.goal.cache.missing(moving):
        raise Refused(
            f"The snapshot no longer holds the package files of {', '.join(sorted(lost))}",
            code="E_ROLLBACK_UNAVAILABLE",
            hint=f"They belong into {facts.goal.cache.directory}; or give exact versions instead.",
        )


def require_archive(facts: RollbackFacts, named: Collection[str]) -> None:
    """Refuse where the archive does not lead to the versions named, or apt would do more than go there."""
    _require_whole_set(facts, named)
    resolution = facts.resolution
    if resolution.error_code:
        raise Refused(resolution.error, code=resolution.error_code, hint=resolution.hint)
    if resolution.simulation is None:
        return
    going = {f"would remove {name} {facts.versions().get(name, '')}" for name in facts.going()}
    reasons = [
        reason
        for reason in unexpected(resolution.simulation, resolution.target, facts.family)
        if reason not in going
    ]
    if reasons:
        raise Refused(
            f"apt would do more than go back: {'; '.join(reasons[:5])}",
            code="E_TXN_UNEXPECTED",
            hint="Compare with `apt-get -s install --allow-downgrades` on the host.",
        )


def require_same_store(facts: RollbackFacts, *, accepted: bool) -> None:
    """Refuse to return to another image store unless that is accepted."""
    daemon = facts.engine.daemon
    was = facts.goal.snapshot.engine.daemon if facts.goal is not None else None
    if daemon is None or was is None or accepted:
        return
    if daemon.containerd_store != was.containerd_store:
        raise Refused(
            f"Images are in {daemon.driver} now and were in {was.driver} then: those of one are invisible to the other",
            code="E_STORE_MISMATCH",
            hint="Accept it with --set accept_store_mismatch=true",
        )


def _require_whole_set(facts: RollbackFacts, named: Collection[str]) -> None:
    companions = COMPANIONS.get(facts.family, ())
    names = [name for name in MEMBERS[facts.family] if name in facts.versions() and name not in companions]
    unnamed = [name for name in names if name not in named]
    if unnamed:
        raise Refused(
            f"No version is given for {', '.join(unnamed)}; an engine goes back as a whole set",
            code="E_PARAM",
            hint="Name every installed engine package, also those that stay as they are.",
        )
