"""Routes over the whole event log: its lines as they are stored, its head, and who did what."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from orchestrator.api.campaigns import answer
from orchestrator.api.contract import LoggedEvent, Service

#: lines of one page at most
PAGE = 5000


def router(service: Service) -> APIRouter:
    """GET /v1/audit and what is below it."""
    routes = APIRouter(prefix="/v1/audit")

    @routes.get("")
    def newest(
        campaign: Annotated[str | None, Query(pattern=r"^[a-z0-9]{1,24}$")] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = 50,
        people: Annotated[bool, Query(description="only what persons did")] = True,
    ) -> Response:
        """Who did what, when and why, newest first."""
        own = None if campaign is None else service.campaign(campaign).id
        found = service.audit_newest(campaign_id=own, people=people, limit=limit)
        return answer({"lines": [told(item, plan_hash) for item, plan_hash in found]})

    @routes.get("/lines")
    def stored(
        after: Annotated[int, Query(ge=0, le=2**62)] = 0, limit: Annotated[int, Query(ge=1, le=PAGE)] = 1000
    ) -> Response:
        """Lines of the log exactly as they are stored, oldest first: `data` is text, `chain` the line's hash."""
        found = service.audit_lines(after, limit)
        lines = [asdict(line) for line in found]
        return answer({"lines": lines, "next": found[-1].seq if found else after})

    @routes.get("/head")
    def head() -> dict[str, Any]:
        """How long the log is, and the hash of its last line: what to keep elsewhere."""
        return asdict(service.audit_head())

    return routes


def told(line: LoggedEvent, plan_hash: str) -> dict[str, Any]:
    """Who did what, when, why and under which plan."""
    return {
        "seq": line.seq,
        "at": line.at.isoformat(),
        "campaign": line.campaign_id,
        "host": line.host,
        "kind": line.kind,
        "by": line.data.get("by", ""),
        "reason": line.data.get("reason", ""),
        "plan_hash": plan_hash,
    }
