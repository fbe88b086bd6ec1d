"""Routes of kill switches: throw one, release it, list those that hold."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator

from orchestrator.api.body import Body, reader
from orchestrator.api.contract import Service
from orchestrator.api.fields import Text
from orchestrator.campaign.kill_switch import Switch, Target
from orchestrator.service.stopping import StopAll


class StopAllBody(Body):
    """What is stopped or let go, who wants it and why; without a procedure or a campaign it is everything."""

    procedure: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")] | None = None
    campaign: Annotated[str, Field(pattern=r"^[a-z0-9]{1,24}$")] | None = None
    by: Text = ""
    reason: Annotated[Text, Field(min_length=1)]

    @model_validator(mode="after")
    def _one_target(self) -> StopAllBody:
        given = self.model_fields_set & {"procedure", "campaign"}
        if len(given) > 1:
            raise ValueError("name a procedure or a campaign, not both")
        if any(getattr(self, name) is None for name in given):
            # a client that lost the name must not stop, or let go of, everything
            raise ValueError(f"{given.pop()} is null; leave it out to mean everything")
        return self

    def wish(self) -> StopAll:
        """The same for the service."""
        if self.procedure is not None:
            target, name = Target.PROCEDURE, self.procedure
        elif self.campaign is not None:
            target, name = Target.CAMPAIGN, self.campaign
        else:
            target, name = Target.EVERYTHING, ""
        return StopAll(target=target, name=name, by=self.by, reason=self.reason)


def router(service: Service) -> APIRouter:
    """GET and POST /v1/stop-all, POST /v1/stop-all/release."""
    routes = APIRouter(prefix="/v1/stop-all")

    @routes.get("")
    def listed() -> dict[str, list[dict[str, Any]]]:
        """The kill switches that hold, oldest first."""
        return {"switches": [shown(switch) for switch in service.switches()]}

    @routes.post("", status_code=202)
    def throw(body: Annotated[StopAllBody, Depends(reader(StopAllBody))]) -> dict[str, Any]:
        """Start nothing more, undos included, until it is released; repeating it changes nothing."""
        return shown(service.stop_all(body.wish()))

    @routes.post("/release", status_code=202)
    def release(body: Annotated[StopAllBody, Depends(reader(StopAllBody))]) -> dict[str, Any]:
        """Let go of what was stopped under this very target; repeating it changes nothing."""
        return shown(service.release_all(body.wish()))

    return routes


def shown(switch: Switch) -> dict[str, Any]:
    """A switch as the API gives it."""
    released = switch.released_at
    return {
        "target": switch.target.value,
        "name": switch.name,
        "by": switch.by,
        "reason": switch.reason,
        "at": switch.at.isoformat(),
        "released_at": None if released is None else released.isoformat(),
        "released_by": switch.released_by,
        "release_reason": switch.release_reason,
        "release": switch.release,
    }
