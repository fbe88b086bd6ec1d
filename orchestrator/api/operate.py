"""Routes by which people act on campaigns at work and on hosts that are kept; each says who and why."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import Field

from orchestrator.api.body import Body, reader
from orchestrator.api.campaigns import Reference
from orchestrator.api.contract import Service
from orchestrator.api.fields import Seconds, Slots, Text
from orchestrator.api.gates import WaveNumber
from orchestrator.api.policy import ApprovalBody
from orchestrator.api.problem import Problem
from orchestrator.api.speaker import speaker_of
from orchestrator.campaign.events import (
    OperatorEvent,
    OverrideAsked,
    PauseAsked,
    ResumeAsked,
    RollbackAsked,
    SkipAsked,
)
from orchestrator.campaign.waves import MAX_COUNT
from orchestrator.service.retrying import DEFAULT, Left, Retry
from orchestrator.service.undoing import Undo
from orchestrator.store.records import BudgetUse, Lease

HostName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,252}$", description="name of a host")]


class WhoBody(Body):
    """Who wants it, and why."""

    by: Text = ""
    reason: Text = ""


class ResumeBody(WhoBody):
    """Who lets it go on, and whether the rules that paused it may speak again."""

    silence: bool = False


class SkipBody(WhoBody):
    """Which host is left out."""

    host: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,252}$")]


class ReasonBody(WhoBody):
    """What a person vouches for needs a reason."""

    reason: Annotated[Text, Field(min_length=1)]


class OverrideBody(ReasonBody):
    """Which gate is let pass, and for which wave (0 for the campaign and the background), or for which host of it."""

    gate: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    wave: Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]
    host: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9._-]{0,252})?$")] = ""


class RetryBody(WhoBody):
    """What is done again."""

    only: Annotated[list[Left], Field(default_factory=lambda: list(DEFAULT), min_length=1, max_length=8)]
    allow_unreachable: bool = False


class UndoBody(WhoBody):
    """What is taken back, and how fast; what is left out is as the campaign's own rollback has it."""

    hosts: Annotated[list[Annotated[str, Field(max_length=253)]], Field(max_length=20_000)] | None = None
    wave: WaveNumber | None = None
    parallelism: Slots | None = None
    delay_s: Seconds = 0.0
    monitor_s: Seconds = 0.0
    max_failures: Annotated[str, Field(max_length=32)] | None = None
    #: who must agree first; nobody without it, whoever approved what is taken back
    approval: ApprovalBody | None = None
    allow_unreachable: Annotated[bool, Field(strict=True)] = False

    def wish(self) -> Undo:
        """The same for the service; Problem when the approval contradicts itself."""
        hosts = None if self.hosts is None else tuple(dict.fromkeys(self.hosts))
        try:
            approval = None if self.approval is None else self.approval.approval()
        except ValueError as error:
            raise Problem(
                422, "E_POLICY", str(error), where="body.approval", fix="Send both, or leave out both."
            ) from None
        return Undo(hosts=hosts, approval=approval, **self.model_dump(exclude={"hosts", "approval"}))


def router(service: Service) -> APIRouter:
    """POST below /v1/campaigns/{id} and /v1/hosts/{name}, GET /v1/locks."""
    routes = APIRouter(prefix="/v1")

    def operate(reference: str, event: OperatorEvent) -> dict[str, str]:
        campaign = service.operate(service.campaign(reference).id, event)
        return {"id": campaign.id, "state": campaign.state}

    @routes.post("/campaigns/{reference}/pause", status_code=202)
    def pause(reference: Reference, body: Annotated[WhoBody, Depends(reader(WhoBody))]) -> dict[str, str]:
        """Start no further host until it is resumed; repeating it changes nothing."""
        return operate(reference, PauseAsked(by=body.by, reason=body.reason))

    @routes.post("/campaigns/{reference}/resume", status_code=202)
    def resume(
        reference: Reference, body: Annotated[ResumeBody, Depends(reader(ResumeBody))]
    ) -> dict[str, str]:
        """Let a paused campaign go on; repeating it changes nothing."""
        return operate(reference, ResumeAsked(by=body.by, reason=body.reason, silence=body.silence))

    @routes.post("/campaigns/{reference}/skip", status_code=202)
    def skip(reference: Reference, body: Annotated[SkipBody, Depends(reader(SkipBody))]) -> dict[str, str]:
        """Leave out one host that was not started; repeating it changes nothing."""
        return operate(reference, SkipAsked(host=body.host, by=body.by, reason=body.reason))

    @routes.post("/campaigns/{reference}/override-gate", status_code=202)
    def override_gate(
        reference: Reference, body: Annotated[OverrideBody, Depends(reader(OverrideBody))]
    ) -> dict[str, str]:
        """Let the campaign go on although this gate is closed; repeating it changes nothing."""
        event = OverrideAsked(gate=body.gate, wave=body.wave, by=body.by, reason=body.reason, host=body.host)
        return operate(reference, event)

    @routes.post("/campaigns/{reference}/rollback", status_code=202)
    def rollback(reference: Reference, body: Annotated[WhoBody, Depends(reader(WhoBody))]) -> dict[str, str]:
        """Bring back every changed host of a campaign at work; repeating it changes nothing."""
        return operate(reference, RollbackAsked(by=body.by, reason=body.reason))

    @routes.post("/campaigns/{reference}/retry", status_code=202)
    def retry(
        request: Request, reference: Reference, body: Annotated[RetryBody, Depends(reader(RetryBody))]
    ) -> dict[str, str]:
        """Plan again what a finished campaign left; its policy asks people again."""
        wish = Retry(
            only=tuple(body.only), by=body.by, reason=body.reason, allow_unreachable=body.allow_unreachable
        )
        campaign = service.campaign(reference)
        speaker_of(request).require_groups(campaign.policy)
        return {"id": service.retry(campaign.id, wish)}

    @routes.post("/campaigns/{reference}/undo", status_code=202)
    def undo(
        request: Request, reference: Reference, body: Annotated[UndoBody, Depends(reader(UndoBody))]
    ) -> dict[str, Any]:
        """Plan to bring the hosts of a finished campaign back; the plan is applied like any other."""
        wish = body.wish()
        speaker_of(request).require_group(wish.approval)
        own, left_out = service.undo(service.campaign(reference).id, wish)
        return {"id": own, "left_out": [{"host": host, "reason": why} for host, why in left_out.items()]}

    _add_hosts(routes, service)
    return routes


def _add_hosts(routes: APIRouter, service: Service) -> None:
    """What is asked and done about one host over all campaigns."""

    @routes.post("/hosts/{name}/accept-identity", status_code=202)
    def identity(name: HostName, body: Annotated[ReasonBody, Depends(reader(ReasonBody))]) -> dict[str, str]:
        """Accept whatever machine answers to this name next."""
        service.accept_identity(name, body.by, body.reason)
        return {"host": name}

    @routes.get("/locks")
    def locks() -> dict[str, list[dict[str, str]] | list[dict[str, str | int | None]]]:
        """The hosts campaigns keep: owner, reason, since when, until when unless it is renewed, fencing number."""
        leases = service.leases()
        owned = {(lease.host, lease.campaign_id) for lease in leases}
        # a lease uses budgets as well: listed are those that outlived theirs
        uses = [use for use in service.budget_uses() if (use.host, use.campaign_id) not in owned]
        return {"locks": [_lock(lease) for lease in leases], "budget_uses": [_use(use) for use in uses]}


def _lock(lease: Lease) -> dict[str, str | int | None]:
    return {
        "host": lease.host,
        "campaign": lease.campaign_id,
        "attempt": lease.attempt_id,
        "epoch": lease.epoch,
        "since": lease.since.isoformat(),
        "reason": lease.reason,
        "until": lease.expires_at.isoformat() if lease.expires_at is not None else None,
    }


def _use(use: BudgetUse) -> dict[str, str]:
    return {"host": use.host, "campaign": use.campaign_id, "since": use.since.isoformat()}
