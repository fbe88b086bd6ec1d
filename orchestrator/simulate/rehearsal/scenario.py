"""One campaign to be rehearsed: what is asked for, what its hosts answer when planned, and what is to go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from orchestrator.campaign.origin import Origin
from orchestrator.campaign.plan_document import DOCUMENT_VERSION
from orchestrator.campaign.rollout import RolloutPolicy
from orchestrator.campaign.states import HostState
from orchestrator.loop.planning import NewPlan
from orchestrator.simulate.rehearsal.script import Script
from orchestrator.simulate.stage.clock import BEGIN
from tasks.errors import BadInput
from tasks.model import Host, Protect, SshHop, Transport, UndoClass
from tasks.procedure import Draft, RunStep
from tasks.result import HostError, HostResult, Outcome

#: seconds a plan may wait to be applied: least and most a request may ask for
_TTL_S = (60.0, 7 * 86_400.0)

_POLICY: TypeAdapter[RolloutPolicy] = TypeAdapter(RolloutPolicy)
_HOST: TypeAdapter[Host] = TypeAdapter(Host)
_PROTECT: TypeAdapter[Protect] = TypeAdapter(Protect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything a rehearsal needs; the same scenario always gives the same rehearsal."""

    request: NewPlan
    script: Script = field(default_factory=Script)
    #: what hosts answer when they are planned; the others would change
    dry_runs: Mapping[str, HostResult] = field(default_factory=dict)
    #: what the campaign is called
    campaign: str = "simulated"
    begin: datetime = BEGIN
    #: what people should know before they read on
    remarks: tuple[str, ...] = ()


def invented(number: int) -> tuple[Host, ...]:
    """So many hosts that are nowhere: host-1, host-2, …"""
    width = len(str(number))
    return tuple(
        Host(name=name, transport=Transport.SSH, ssh=SshHop(address=name))
        for name in (f"host-{place:0{width}}" for place in range(1, number + 1))
    )


def scenario_of(document: Mapping[str, Any], script: Script, now: datetime) -> Scenario:
    """The rehearsal of a plan, as it stands in its document; an expired one can be rehearsed all the same."""
    try:
        return _scenario(document, script, now)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"The plan cannot be read: {_what(error)}",
            code="E_PLAN_MALFORMED",
            hint=f"Make a new one with `dockwave plan ... --out FILE` (documents of version {DOCUMENT_VERSION}).",
        ) from None


def _scenario(document: Mapping[str, Any], script: Script, now: datetime) -> Scenario:
    begin = _instant(document["created_at"])
    expires = _instant(document["expires_at"]) if document["expires_at"] else None
    ttl = _TTL_S[1] if expires is None else (expires - begin).total_seconds()
    remarks: tuple[str, ...] = ()
    if expires is not None and expires <= now:
        remarks = (f"the plan expired at {expires:%Y-%m-%d %H:%M:%S} UTC: hosts may have changed since",)
    hosts = tuple(_HOST.validate_python(item["host"]) for item in document["hosts"])
    return Scenario(
        request=NewPlan(
            procedure=str(document["procedure"]),
            params=dict(document["params"]),
            hosts=hosts,
            policy=_POLICY.validate_python(document["policy"]),
            protect=_PROTECT.validate_python(document["protect"]),
            author=str(document["author"]),
            reason=str(document["reason"]),
            allow_unreachable=True,
            allow_empty=True,
            timeout_s=float(document["timeout_s"]),
            ttl_s=min(max(ttl, _TTL_S[0]), _TTL_S[1]),
            origin=_origin(document),
        ),
        script=script,
        dry_runs={item["host"]["name"]: _dry_run(item) for item in document["hosts"]},
        campaign=str(document["campaign"]),
        begin=begin,
        remarks=remarks,
    )


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"the instant {text[:40]!r} has no time zone")
    return instant.astimezone(UTC)


def _origin(document: Mapping[str, Any]) -> Origin | None:
    if not document.get("undoes"):
        return None
    return Origin(
        campaign=str(document["undoes"]),
        attempts={item["host"]["name"]: item["undo_of"] for item in document["hosts"] if "undo_of" in item},
        machines={item["host"]["name"]: item["machine_id"] for item in document["hosts"]},
        fingerprints={
            item["host"]["name"]: item["snapshot_sha256"]
            for item in document["hosts"]
            if "snapshot_sha256" in item
        },
    )


def _dry_run(item: Mapping[str, Any]) -> HostResult:
    """What the host answered when the plan was made, as far as the plan tells it."""
    state = HostState(item["state"])
    if state is HostState.UNREACHABLE:
        error = HostError(code="E_UNREACHABLE", message="it did not answer when it was planned")
        return HostResult(outcome=Outcome.UNREACHABLE, error=error)
    if state is HostState.SKIPPED:
        code, colon, message = str(item["reason"]).partition(": ")
        error = HostError(code=code if colon else "E_REFUSED", message=message or code)
        return HostResult(outcome=Outcome.SKIPPED, error=error)
    draft = Draft(steps=tuple(_steps(item)), summary=str(item["reason"] or item["summary"]))
    return HostResult(outcome=Outcome.OK, plan=json.loads(draft.model_dump_json()))


def _steps(item: Mapping[str, Any]) -> Iterator[RunStep]:
    for step in (item["dry_run"] or {}).get("steps", ()):
        yield RunStep(key=step["key"], title=step["title"], undo=UndoClass(step["undo"]), argv=("true",))


def _what(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"[:200]
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)[:200]
