"""Routes that look at campaigns, follow them, and stop one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import Response
from pydantic import AwareDatetime, Field

from orchestrator.api.body import Body, reader
from orchestrator.api.contract import LoggedEvent, Service
from orchestrator.api.fields import Text
from orchestrator.campaign.states import FINAL_CAMPAIGN
from orchestrator.screens.sanitize import clean_json
from orchestrator.screens.viewing import campaign_line, campaign_view, past_view
from orchestrator.screens.views import CampaignView

#: watchers that may wait at the same time without keeping others from being answered
WATCHERS = 200

Reference = Annotated[
    str, Path(pattern=r"^[a-z0-9]{1,24}$", description="id of a campaign, or its beginning")
]


class AbortBody(Body):
    """Who stops it, and why."""

    by: Text = ""
    reason: Text = ""
    #: hosts at work stop between two steps
    hard: Annotated[bool, Field(strict=True)] = False


def router(service: Service, now: Callable[[], datetime]) -> APIRouter:
    """GET /v1/campaigns and everything below it."""
    routes = APIRouter(prefix="/v1/campaigns")
    waiting = anyio.CapacityLimiter(WATCHERS)

    @routes.get("")
    def list_campaigns(limit: Annotated[int, Query(ge=1, le=1000)] = 20) -> dict[str, Any]:
        """The newest campaigns, newest first."""
        lines = [campaign_line(item).model_dump(mode="json") for item in service.campaigns(limit)]
        return {"campaigns": lines}

    @routes.get("/{reference}", response_model=None, responses={200: {"model": CampaignView}})
    def show(
        reference: Reference,
        detail: Literal["full", "summary"] = "full",
        at: Annotated[AwareDatetime | None, Query()] = None,
    ) -> Response:
        """One campaign, whole, or as it was `at` an instant; `summary` cuts plans and results down for live views."""
        campaign = service.campaign(reference)
        # only who reads the plan is told, and live views ask often
        undone = service.taken_back(campaign) if detail == "full" else None
        if at is not None:
            past = service.at(campaign.id, at)
            view = past_view(past.campaign, past.at, sure=past.sure, full=detail == "full", undone=undone)
            return answer(view.model_dump(mode="python"))
        # only what is over can be undone, and live views ask often
        undone_by = service.undone_by(campaign.id) if campaign.state in FINAL_CAMPAIGN else ()
        view = campaign_view(
            campaign,
            now(),
            full=detail == "full",
            undone_by=undone_by,
            undone=undone,
            around=service.around(campaign),
        )
        return answer(view.model_dump(mode="python"))

    @routes.get("/{reference}/plan")
    def plan(reference: Reference) -> dict[str, Any]:
        """The plan's document and its SHA-256, for a plan file."""
        raw, digest = service.document(service.campaign(reference).id)
        return {"document": json.loads(raw), "sha256": digest}

    @routes.get("/{reference}/events")
    async def events(
        reference: Reference,
        after: Annotated[int, Query(ge=0, le=2**62)] = 0,
        wait: Annotated[float, Query(ge=0, le=60, allow_inf_nan=False)] = 0.0,
        host: Annotated[str | None, Query(max_length=253)] = None,
    ) -> Response:
        """Lines of the event log after a number; waits for one, at most `wait` seconds, when there is none."""

        def look() -> list[LoggedEvent]:
            return list(service.events(service.campaign(reference).id, after, host=host))

        found = await anyio.to_thread.run_sync(look)
        if not found and wait:
            await anyio.to_thread.run_sync(
                lambda: service.wait(reference, after, wait), limiter=waiting, abandon_on_cancel=True
            )
            found = await anyio.to_thread.run_sync(look)
        return answer({"events": [_event(item) for item in found], "next": found[-1].seq if found else after})

    @routes.get("/{reference}/why")
    def why(reference: Reference) -> Response:
        """Rule, observed value, causes, what was done, and what to type next."""
        return answer(asdict(service.why(service.campaign(reference).id)))

    @routes.post("/{reference}/abort", status_code=202)
    def abort(reference: Reference, body: Annotated[AbortBody, Depends(reader(AbortBody))]) -> dict[str, str]:
        """Start no further host; repeating it changes nothing."""
        campaign = service.abort(service.campaign(reference).id, body.by, body.reason, hard=body.hard)
        return {"id": campaign.id, "state": campaign.state}

    return routes


def _event(event: LoggedEvent) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": event.at,
        "kind": event.kind,
        "host": event.host,
        "attempt": event.attempt_id,
        "data": dict(event.data),
    }


def answer(content: Any) -> Response:
    """JSON of records; instants in ISO 8601, hostile text without lone surrogates."""
    text = json.dumps(clean_json(content), default=_instant, ensure_ascii=False, allow_nan=False)
    return Response(text, media_type="application/json")


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON")
