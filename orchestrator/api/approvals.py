"""Routes by which people agree to a plan that waits for them, or say no; each says who."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from orchestrator.api.body import reader
from orchestrator.api.campaigns import Reference
from orchestrator.api.contract import Service
from orchestrator.api.operate import ReasonBody, WhoBody
from orchestrator.api.speaker import speaker_of
from orchestrator.campaign.events import ApproveAsked, DenyAsked, OperatorEvent
from orchestrator.campaign.waves import MAX_COUNT

GateName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
GateWave = Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]


class ApproveBody(WhoBody):
    """Who agrees, to which plan, and to which of its human gates; without a gate: to the plan."""

    gate: GateName | None = None
    #: the wave the gate holds; 0 for the campaign
    wave: GateWave = 0
    plan_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class DenyBody(ReasonBody):
    """Who says no, and to which human gate; without a gate: to the plan."""

    gate: GateName | None = None
    wave: GateWave = 0


def router(service: Service) -> APIRouter:
    """POST /v1/campaigns/{id}/approve and …/deny."""
    routes = APIRouter(prefix="/v1/campaigns")

    def operate(reference: str, event: OperatorEvent) -> dict[str, str]:
        campaign = service.operate(service.campaign(reference).id, event)
        return {"id": campaign.id, "state": campaign.state}

    @routes.post("/{reference}/approve", status_code=202)
    def approve(
        request: Request, reference: Reference, body: Annotated[ApproveBody, Depends(reader(ApproveBody))]
    ) -> dict[str, str]:
        """Agree to what waits for it; the last one that was missing lets it go on; repeating changes nothing."""
        event = ApproveAsked(
            by=body.by, reason=body.reason, plan_hash=body.plan_hash, gate=body.gate or "", wave=body.wave
        )
        campaign = service.campaign(reference)
        problem = speaker_of(request).objection(campaign, event.gate)
        if problem is not None:
            service.refuse(campaign.id, event, problem)
            raise problem
        return operate(reference, event)

    @routes.post("/{reference}/deny", status_code=202)
    def deny(reference: Reference, body: Annotated[DenyBody, Depends(reader(DenyBody))]) -> dict[str, str]:
        """Say no to a plan that waits for an approval: it ends; a gate does what it says; repeating changes nothing."""
        return operate(
            reference, DenyAsked(by=body.by, reason=body.reason, gate=body.gate or "", wave=body.wave)
        )

    return routes
