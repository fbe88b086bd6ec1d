"""Routes by which people agree to a plan that waits for them, or say no; each says who."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from orchestrator.api.body import reader
from orchestrator.api.campaigns import Reference
from orchestrator.api.contract import Service
from orchestrator.api.operate import ReasonBody, WhoBody
from orchestrator.campaign.events import ApproveAsked, DenyAsked, OperatorEvent


class ApproveBody(WhoBody):
    """Who agrees, and to which plan."""

    plan_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def router(service: Service) -> APIRouter:
    """POST /v1/campaigns/{id}/approve and …/deny."""
    routes = APIRouter(prefix="/v1/campaigns")

    def operate(reference: str, event: OperatorEvent) -> dict[str, str]:
        campaign = service.operate(service.campaign(reference).id, event)
        return {"id": campaign.id, "state": campaign.state}

    @routes.post("/{reference}/approve", status_code=202)
    def approve(
        reference: Reference, body: Annotated[ApproveBody, Depends(reader(ApproveBody))]
    ) -> dict[str, str]:
        """Agree to a plan that waits for it; the last one that was missing starts it; repeating changes nothing."""
        return operate(reference, ApproveAsked(by=body.by, reason=body.reason, plan_hash=body.plan_hash))

    @routes.post("/{reference}/deny", status_code=202)
    def deny(
        reference: Reference, body: Annotated[ReasonBody, Depends(reader(ReasonBody))]
    ) -> dict[str, str]:
        """Say no to a plan that waits for an approval: it ends; repeating it changes nothing."""
        return operate(reference, DenyAsked(by=body.by, reason=body.reason))

    return routes
