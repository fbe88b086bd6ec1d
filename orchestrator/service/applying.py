"""Whether a plan may be applied: each reason against it has its own code, text and way out."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from orchestrator.campaign.campaign import Campaign
from orchestrator.campaign.plan_document import canonical_json
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.store.reader import Reader
from orchestrator.store.records import StoredPlan
from tasks.errors import BadInput, DockwaveError, Refused
from tasks.model import UndoClass

_PLAN_AGAIN = "Make a new plan with `dockwave plan`"


def canonical(document: bytes) -> bytes:
    """Give the document as it was hashed, however it was laid out since; BadInput when it is no document."""
    try:
        read = json.loads(document, object_pairs_hook=_once)
        if not isinstance(read, dict):
            raise BadInput("The plan is not a JSON object", code="E_PLAN_MALFORMED", hint=_PLAN_AGAIN)
        return canonical_json(read)
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"The plan cannot be read as JSON: {str(error)[:200]}",
            code="E_PLAN_MALFORMED",
            hint="Give the file that `dockwave plan --out` wrote, as it was written",
        ) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with two values for one key: two readers would see two plans."""
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return read


def edited(reader: Reader, document: bytes) -> DockwaveError:
    """Say why no plan has this document: it was changed, or was never made here."""
    read = json.loads(document)
    name = read.get("campaign")
    plan = reader.plan_of(name) if isinstance(name, str) and name.isalnum() else None
    if plan is None or plan.document is None:
        return BadInput(
            "This plan was not made by this control plane",
            code="E_PLAN_UNKNOWN",
            hint=f"{_PLAN_AGAIN}, or name the control plane that made it",
        )
    made = json.loads(plan.document)
    parts = sorted(key for key in read.keys() | made.keys() if read.get(key) != made.get(key))
    return BadInput(
        f"The plan {plan.campaign_id} was edited after it was made: {', '.join(parts)[:200]} differ",
        code="E_PLAN_EDITED",
        hint=f"Apply the file as it was written, or plan what you want: {_PLAN_AGAIN[0].lower()}{_PLAN_AGAIN[1:]}",
    )


def refusal(
    campaign: Campaign, plan: StoredPlan, now: datetime, *, allow_data_loss: bool
) -> DockwaveError | None:
    """Give the reason why this plan may not be applied now, or None."""
    show = f"`dockwave show {campaign.id}` shows what became of it"
    if plan.applied_at is not None:
        when = f"{plan.applied_at:%Y-%m-%d %H:%M:%S} UTC"
        return Refused(
            f"The plan {campaign.id} was applied already, at {when}", code="E_PLAN_APPLIED", hint=show
        )
    expired = plan.expires_at is not None and plan.expires_at <= now
    if expired or campaign.state is CampaignState.VOID:
        when = f" at {plan.expires_at:%Y-%m-%d %H:%M:%S} UTC" if plan.expires_at else ""
        return Refused(
            f"The plan {campaign.id} expired{when}: hosts have changed since",
            code="E_PLAN_EXPIRED",
            hint=_PLAN_AGAIN,
        )
    if campaign.state is not CampaignState.PLANNED or campaign.abort_requested:
        return Refused(
            f"The plan {campaign.id} cannot be applied in state {campaign.state}",
            code="E_NOT_READY",
            hint=show,
        )
    lossy = [
        run.host.name
        for run in campaign.runs
        if run.state is HostState.PENDING and run.undo is UndoClass.ONE_WAY
    ]
    if lossy and not allow_data_loss:
        return Refused(
            f"The plan {campaign.id} has steps on {len(lossy)} hosts that cannot be taken back",
            code="E_DATA_LOSS",
            hint="Look at them in the plan; accept them with --allow-data-loss",
        )
    return None
