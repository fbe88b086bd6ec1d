"""What a scripted host tells of itself when a gate has it read: how well it is, and which containers run."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.campaign.vitals import CHECKS
from tasks.result import HostResult, Outcome


def vitals(levels: Mapping[str, str]) -> HostResult:
    """How well it says it is: every check it names at that level, the others well."""
    checks = [{"name": name, "level": levels.get(name, "OK"), "value": 0} for name in CHECKS]
    return HostResult(outcome=Outcome.OK, data={"checks": checks, "restarts": []})


def running(compared_with: str | None, *, there: bool) -> HostResult:
    """Which containers it says run: the only one is there, or missing."""
    web = {"id": "a" * 64, "name": "web", "image_id": f"sha256:{'b' * 64}"}
    told = [web] if there else []
    data = {
        "compared_with": compared_with or "",
        "missing": [] if there else ["web"],
        "extra": [],
        "count": len(told),
        "running": [] if compared_with else told,
    }
    return HostResult(outcome=Outcome.OK, data=data)
