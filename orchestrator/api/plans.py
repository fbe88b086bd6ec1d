"""Routes that make and apply plans."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from orchestrator.api.body import Body, reader
from orchestrator.api.contract import Service
from orchestrator.api.fields import Patience, Text
from orchestrator.api.hosts import HostBody, ProtectBody
from orchestrator.api.policy import PolicyBody
from orchestrator.api.problem import Problem
from orchestrator.api.speaker import speaker_of
from orchestrator.api.strict_json import NotStrictJson, loads
from orchestrator.campaign.limits.conflict import OnConflict
from orchestrator.campaign.limits.labels import check_labels
from orchestrator.campaign.plan_document import plan_hash
from orchestrator.loop.planning import NewPlan
from tasks import catalog
from tasks.model import Protect


class PlanBody(PolicyBody):
    """What to plan: a procedure on exactly these hosts, in this order, under this policy."""

    procedure: Annotated[str, Field(min_length=1, max_length=100)]
    params: Annotated[dict[str, Any], Field(default_factory=dict)]
    hosts: Annotated[list[HostBody], Field(max_length=20_000)]
    protect: ProtectBody = Protect()
    #: how long one attempt may take on a host; what the procedure says without it
    timeout_s: Patience | None = None
    #: how long the plan may wait to be applied
    ttl_s: Patience = 86_400.0
    allow_unreachable: Annotated[bool, Field(strict=True)] = False
    #: no host at all is no error: the campaign is complete as soon as it is applied
    allow_empty: Annotated[bool, Field(strict=True)] = False
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
    #: whether it is refused while another campaign is in its way; else the two take turns
    on_conflict: OnConflict = OnConflict.QUEUE


def router(service: Service) -> APIRouter:
    """POST /v1/plans, POST /v1/apply."""
    routes = APIRouter(prefix="/v1")

    @routes.post("/plans", status_code=202, openapi_extra=_takes(PlanBody))
    def make_plan(request: Request, body: Annotated[PlanBody, Depends(reader(PlanBody))]) -> dict[str, str]:
        """Begin to plan; the campaign is PLANNING until every host has answered."""
        wanted = request_of(body)
        speaker_of(request).require_groups(wanted.policy)
        return {"id": service.plan(wanted)}

    @routes.post("/apply", status_code=202, openapi_extra=_takes(ApplyBody))
    def apply_plan(body: Annotated[ApplyBody, Depends(reader(ApplyBody))]) -> dict[str, Any]:
        """Apply a plan: once, unedited, before it expires."""
        raw = _document(body)
        own = service.apply(raw, body.by, allow_data_loss=body.allow_data_loss, on_conflict=body.on_conflict)
        return {
            "id": own,
            "in_the_way": [asdict(rival) | {"text": rival.text} for rival in service.rivals(own)],
        }

    return routes


def _takes(model: type[Body]) -> dict[str, Any]:
    schema = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": schema}}


def request_of(body: PlanBody) -> NewPlan:
    """What is asked for, checked; Problem says what cannot be."""
    if not body.hosts and not body.allow_empty:
        raise Problem(
            422,
            "E_NO_HOSTS",
            "body.hosts: no host was chosen, so there is nothing to plan",
            where="body.hosts",
            fix="Choose hosts, or say with allow_empty that none is fine.",
        )
    procedure = catalog.find(body.procedure)
    params = catalog.parse_params(procedure, dict(body.params))
    try:
        policy = body.policy(procedure.spec.kind)
        check_labels(policy, body.hosts)
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
        allow_empty=body.allow_empty,
        timeout_s=body.timeout_s,
        ttl_s=body.ttl_s,
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
