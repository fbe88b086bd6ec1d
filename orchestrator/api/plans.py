"""Routes that make and apply plans."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from orchestrator.api.body import Body, reader
from orchestrator.api.contract import Service
from orchestrator.api.hosts import HostBody, ProtectBody
from orchestrator.api.problem import Problem
from orchestrator.api.strict_json import NotStrictJson, loads
from orchestrator.campaign.plan import plan_hash
from orchestrator.campaign.policy import make_policy
from orchestrator.planning import NewPlan
from tasks import catalog
from tasks.model import Protect

Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Seconds = Annotated[float, Field(ge=0, le=7 * 86_400, allow_inf_nan=False)]


class PlanBody(Body):
    """What to plan: a procedure on exactly these hosts, in this order, under this policy."""

    procedure: Annotated[str, Field(min_length=1, max_length=100)]
    params: Annotated[dict[str, Any], Field(default_factory=dict)]
    hosts: Annotated[list[HostBody], Field(min_length=1, max_length=20_000)]
    protect: ProtectBody = Protect()
    waves: Annotated[str, Field(max_length=10_000)] | None = None
    parallelism: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    delay_s: Seconds = 0.0
    monitor_s: Seconds = 0.0
    max_failures: Annotated[str, Field(max_length=32)] | None = None
    allow_unreachable: Annotated[bool, Field(strict=True)] = False
    reason: Text = ""
    author: Text = ""


class ApplyBody(Body):
    """The plan, as it was made."""

    #: canonical JSON of the document, as text
    document: Annotated[str, Field(min_length=2)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    by: Text = ""
    #: accept steps that cannot be taken back
    allow_data_loss: Annotated[bool, Field(strict=True)] = False


def router(service: Service) -> APIRouter:
    """POST /v1/plans, POST /v1/apply."""
    routes = APIRouter(prefix="/v1")

    @routes.post("/plans", status_code=202, openapi_extra=_takes(PlanBody))
    def make_plan(body: Annotated[PlanBody, Depends(reader(PlanBody))]) -> dict[str, str]:
        """Begin to plan; the campaign is PLANNING until every host has answered."""
        return {"id": service.plan(_request(body))}

    @routes.post("/apply", status_code=202, openapi_extra=_takes(ApplyBody))
    def apply_plan(body: Annotated[ApplyBody, Depends(reader(ApplyBody))]) -> dict[str, str]:
        """Apply a plan: once, unedited, before it expires."""
        raw = _document(body)
        return {"id": service.apply(raw, body.by, allow_data_loss=body.allow_data_loss)}

    return routes


def _takes(model: type[Body]) -> dict[str, Any]:
    schema = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": schema}}


def _request(body: PlanBody) -> NewPlan:
    procedure = catalog.find(body.procedure)
    params = catalog.parse_params(procedure, dict(body.params))
    try:
        policy = make_policy(
            procedure.spec.kind,
            waves=body.waves,
            parallelism=body.parallelism,
            delay_s=body.delay_s,
            monitor_s=body.monitor_s,
            max_failures=body.max_failures,
        )
    except ValueError as error:
        raise Problem(
            422, "E_POLICY", str(error), where="body", fix="See docs/cli.md, rollout options."
        ) from None
    return NewPlan(
        procedure=body.procedure,
        params=params.model_dump(mode="json"),
        hosts=tuple(body.hosts),
        policy=policy,
        protect=body.protect,
        author=body.author,
        reason=body.reason,
        allow_unreachable=body.allow_unreachable,
    )


def _document(body: ApplyBody) -> bytes:

    raw = body.document.encode()
    again = "Make a new plan; only the very document that was planned can be applied."
    try:
        document = loads(raw)
        digest = plan_hash(document) if isinstance(document, dict) else ""
    except (NotStrictJson, ValueError) as error:
        raise Problem(
            422, "E_PLAN_MALFORMED", f"The plan is not JSON as we accept it: {error}", fix=again
        ) from None
    if digest != body.sha256:
        raise Problem(
            422, "E_PLAN_EDITED", "The plan was edited: its document and its hash differ", fix=again
        )
    return raw
