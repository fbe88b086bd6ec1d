"""Routes of hosts that are set apart: quarantine one, list those that are, release one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from orchestrator.api.body import reader
from orchestrator.api.contract import Service
from orchestrator.api.operate import HostName, ReasonBody
from orchestrator.campaign.quarantine import Quarantine


class ReleaseBody(ReasonBody):
    """Why a host is released, and whether it is known to be well."""

    #: free what it uses of budgets too
    budget: Annotated[bool, Field(strict=True)] = False


def router(service: Service) -> APIRouter:
    """GET /v1/quarantines, POST /v1/hosts/{name}/quarantine and …/release."""
    routes = APIRouter(prefix="/v1")

    @routes.get("/quarantines")
    def listed() -> dict[str, list[dict[str, Any]]]:
        """The hosts no campaign changes before a person releases them, oldest first."""
        return {"quarantines": [_shown(item) for item in service.quarantines()]}

    @routes.post("/hosts/{name}/quarantine", status_code=202)
    def quarantine(
        name: HostName, body: Annotated[ReasonBody, Depends(reader(ReasonBody))]
    ) -> dict[str, Any]:
        """Let no campaign change a host until it is released; repeating it changes nothing."""
        answer = service.quarantine_host(name, body.by, body.reason)
        at_work = answer.at_work.campaign_id if answer.at_work is not None else ""
        return _shown(answer.quarantine) | {"known": answer.known, "at_work": at_work}

    @routes.post("/hosts/{name}/release", status_code=202)
    def release(name: HostName, body: Annotated[ReleaseBody, Depends(reader(ReleaseBody))]) -> dict[str, Any]:
        """Let campaigns change a host again that was quarantined, or that one of them keeps."""
        answer = service.release_host(name, body.by, body.reason, budget=body.budget)
        return {
            "host": answer.host,
            "quarantine": _shown(answer.quarantine) if answer.quarantine is not None else None,
            "campaign": answer.lease.campaign_id if answer.lease is not None else "",
            "attempt": answer.lease.attempt_id if answer.lease is not None else "",
            "kept_by": answer.kept.campaign_id if answer.kept is not None else "",
            "uses_budget_for": list(answer.uses),
        }

    return routes


def _shown(item: Quarantine) -> dict[str, Any]:
    released = item.released_at
    return {
        "host": item.host,
        "by": item.by,
        "campaign": item.campaign,
        "reason": item.reason,
        "at": item.at.isoformat(),
        "labels": dict(item.labels),
        "released_at": None if released is None else released.isoformat(),
        "released_by": item.released_by,
        "release_reason": item.release_reason,
        "release": item.release,
    }
