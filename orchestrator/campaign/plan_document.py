"""The document of a plan: what people approve, and the campaign is held to; frozen, written in one way, hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from enum import Enum
from typing import Any

from orchestrator.campaign.campaign import Campaign, HostRun

#: version of the plan document
DOCUMENT_VERSION = 1


def seal(campaign: Campaign) -> Campaign:
    """The campaign with the hash of its plan document."""
    return replace(campaign, plan_hash=plan_hash(plan_document(campaign)))


def plan_document(campaign: Campaign) -> dict[str, Any]:
    """Everything that is approved when the plan is: hosts, waves, keys, digests, parameters, policy, expiry; JSON."""
    document = {
        "version": DOCUMENT_VERSION,
        "campaign": campaign.id,
        "procedure": campaign.procedure,
        "kind": campaign.kind.value,
        "params": dict(campaign.params),
        "policy": _plain(asdict(campaign.policy)),
        "protect": _plain(asdict(campaign.protect)),
        "timeout_s": campaign.timeout_s,
        "created_at": campaign.created_at.isoformat(),
        "expires_at": campaign.plan_expires_at.isoformat() if campaign.plan_expires_at else None,
        "author": campaign.author,
        "reason": campaign.reason,
        "waves": campaign.waves,
        "hosts": [_host_document(run) for run in campaign.runs],
    }
    return document | {"undoes": campaign.undoes} if campaign.undoes else document


def canonical_json(document: Any) -> bytes:
    """One way to write a document as bytes: sorted keys, no spaces, ASCII; NaN and infinity are refused."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def plan_hash(document: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical document."""
    return hashlib.sha256(canonical_json(document)).hexdigest()


def _host_document(run: HostRun) -> dict[str, Any]:
    document = {
        "host": _plain(asdict(run.host)),
        "wave": run.wave,
        "state": run.state.value,
        "approved": list(run.approved) if run.approved is not None else None,
        "digest": run.digest,
        "machine_id": run.machine_id,
        "undo": run.undo.value,
        "summary": str((run.plan or {}).get("summary", "")),
        "reason": run.reason,
        "dry_run": _dry_run(run.plan),
    }
    if run.undo_of is not None:
        document |= {"undo_of": run.undo_of}
    # workers of before told no fingerprint: what they did is taken back as it was then
    return document | {"snapshot_sha256": run.snapshot_sha256} if run.snapshot_sha256 else document


def _dry_run(plan: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What a reviewer reads: each step with its bytes and undo class, and each object kept with the reason."""
    if plan is None:
        return None
    steps = [
        {name: step.get(name) for name in ("key", "title", "undo", "size_bytes")} for step in plan["steps"]
    ]
    kept = [{name: item.get(name) for name in ("key", "title", "reason")} for item in plan.get("kept", ())]
    names = ("findings", "reclaim_low_bytes", "reclaim_high_bytes", "containers_at_risk")
    shown = {"steps": steps, "kept": kept} | {name: plan.get(name) for name in names}
    if plan.get("services"):
        shown["services"] = plan["services"]
    return {name: _plain(value) for name, value in shown.items()}


def _plain(value: Any) -> Any:
    """The value in JSON types, as it comes back from a file."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value
