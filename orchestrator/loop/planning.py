"""Planning: what is asked for is checked, and the plan is made when all hosts have answered or time is up."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from orchestrator.campaign.campaign import Campaign, HostRun, Stop
from orchestrator.campaign.gate_options import ADDRESS, HOST
from orchestrator.campaign.limits.approval import person
from orchestrator.campaign.origin import Origin, going_back, origin_of
from orchestrator.campaign.plan import PlanRefused, PlanRequest, make_plan
from orchestrator.campaign.policy import check_policy
from orchestrator.campaign.proof import another_snapshot
from orchestrator.campaign.quarantine import Quarantine
from orchestrator.campaign.rollout import RolloutPolicy
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.loop.dry_runs import asked_for_plan
from orchestrator.store.records import KnownHost
from tasks.errors import BadInput
from tasks.model import Host, Kind, Protect
from tasks.procedure import Draft
from tasks.result import HostError, HostResult, Outcome

#: seconds after which silent hosts count as unreachable
DEADLINE_S = 120.0
_WEEK_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlan:
    """What a person asks for: a procedure on these hosts, in this order, under this policy."""

    procedure: str
    params: Mapping[str, Any]
    hosts: tuple[Host, ...]
    policy: RolloutPolicy
    protect: Protect = field(default_factory=Protect)
    author: str = ""
    reason: str = ""
    #: plan although hosts do not answer
    allow_unreachable: bool = False
    #: no host at all is fine
    allow_empty: bool = False
    #: seconds one attempt may take; None = what the procedure says
    timeout_s: float | None = None
    #: seconds the plan may wait to be applied
    ttl_s: float = 24 * 3600.0
    #: seconds after which silent hosts count as unreachable
    deadline_s: float = DEADLINE_S
    #: what it takes back, when it is an undo
    origin: Origin | None = None
    #: by host: the attempt that was proven right there before; it is judged again, and done anew only if it is not
    proven: Mapping[str, str] = field(default_factory=dict)


def request_of(campaign: Campaign, *, allow_unreachable: bool) -> PlanRequest:
    """Give the request a PLANNING campaign stands for."""
    return PlanRequest(
        campaign_id=campaign.id,
        procedure=campaign.procedure,
        kind=campaign.kind,
        params=campaign.params,
        policy=campaign.policy,
        hosts=tuple(run.host for run in campaign.runs),
        created_at=campaign.created_at,
        expires_at=campaign.plan_expires_at,
        timeout_s=campaign.timeout_s,
        protect=campaign.protect,
        author=campaign.author,
        reason=campaign.reason,
        allow_unreachable=allow_unreachable,
        # without leave nobody would have begun to plan
        allow_empty=True,
        origin=origin_of(campaign),
    )


def check(asked: NewPlan) -> None:
    """Refuse what no plan can be made of, before any host is asked."""
    names = [host.name for host in asked.hosts]
    twice = sorted({name for name, times in Counter(names).items() if times > 1})
    if not names and not asked.allow_empty:
        raise BadInput(
            "No host was chosen, so there is nothing to plan",
            code="E_NO_HOSTS",
            hint="Choose hosts with --on; `dockwave hosts list` shows what there is",
        )
    if twice:
        raise BadInput(
            f"Hosts are listed twice: {', '.join(twice[:5])}",
            code="E_DUPLICATE_HOST",
            hint="Name each host once",
        )
    asks_others = asked.policy.approval is not None or any(gate.required > 1 for gate in asked.policy.gates)
    if asks_others and not person(asked.author):
        raise BadInput(
            "A plan that others must approve has no author",
            code="E_POLICY",
            hint="Say who plans it: nobody approves a plan of their own",
        )
    for option, value in (("ttl_s", asked.ttl_s), ("deadline_s", asked.deadline_s)):
        if not 1 <= value <= _WEEK_S:
            raise BadInput(f"{option} is {value}", hint=f"It must be 1 to {_WEEK_S:.0f} seconds")
    if asked.timeout_s is not None and not 1 <= asked.timeout_s <= _WEEK_S:
        raise BadInput(f"timeout_s is {asked.timeout_s}", hint=f"It must be 1 to {_WEEK_S:.0f} seconds")
    try:
        check_policy(asked.policy)
    except ValueError as error:
        raise BadInput(str(error), code="E_POLICY", hint="Mend the option that is named") from None


def check_gates(policy: RolloutPolicy, hosts: Sequence[Host]) -> None:
    """Refuse gates that ask for the address of hosts that have none: they could never be answered."""
    nowhere = [host.name for host in hosts if host.ssh is None]
    for gate in policy.gates:
        if nowhere and ADDRESS in "".join((gate.url, gate.query, *gate.argv)):
            raise BadInput(
                f"Gate {gate.name} asks for {ADDRESS}, and hosts with an agent have none: {', '.join(nowhere[:5])}",
                code="E_POLICY",
                hint=f"Ask for {HOST}, which is their name, or plan them apart",
            )


def check_channels(policy: RolloutPolicy, channels: Collection[str]) -> None:
    """Refuse to tell over a channel the control plane does not have: nobody would notice that nobody is told."""
    unknown = sorted({entry.to for entry in policy.notify} - set(channels))
    if unknown:
        there = ", ".join(sorted(channels)) or "none"
        raise BadInput(
            f"There is no channel {unknown[0]!r} to notify; channels of this control plane: {there}",
            code="E_CHANNEL",
            hint="Name one of these, or add it below notify_channels in the orchestrator's settings and restart it",
        )


def begin(
    asked: NewPlan,
    *,
    campaign_id: str,
    kind: Kind,
    params: Mapping[str, Any],
    timeout_s: float,
    now: datetime,
) -> Campaign:
    """Give the campaign whose hosts are about to be asked."""
    deadline = now + timedelta(seconds=asked.deadline_s)
    return Campaign(
        id=campaign_id,
        state=CampaignState.PLANNING,
        procedure=asked.procedure,
        kind=kind,
        params=params,
        policy=asked.policy,
        runs=tuple(
            asked_for_plan(campaign_id, _run(host, asked), kind, now, deadline) for host in asked.hosts
        ),
        waves=0,
        created_at=now,
        plan_expires_at=now + timedelta(seconds=asked.ttl_s),
        timeout_s=timeout_s,
        protect=asked.protect,
        author=asked.author,
        reason=asked.reason,
        undoes=asked.origin.campaign if asked.origin is not None else "",
    )


def _run(host: Host, asked: NewPlan) -> HostRun:
    run = HostRun(host=host, wave=0, state=HostState.PENDING, proven_by=asked.proven.get(host.name))
    return going_back(run, asked.origin)


def finish(
    campaign: Campaign,
    known: Mapping[str, KnownHost],
    now: datetime,
    *,
    allow_unreachable: bool,
    quarantines: Sequence[Quarantine] = (),
) -> Campaign:
    """Give the PLANNED campaign, or the VOID one with the reason why no plan could be made."""
    asked = {run.host.name: run for run in campaign.runs}
    answers = {name: run.attempt.result for name, run in asked.items() if run.attempt is not None}
    excluded: dict[str, HostError] = {}
    digests: dict[str, str] = {}
    for name, answer in answers.items():
        if answer is None:
            continue
        strange = _stranger(name, answer, known.get(name)) or _other_snapshot(campaign, asked[name], answer)
        if strange is not None:
            excluded[name] = strange
        elif answer.plan is not None:
            read = _draft(name, answer.plan)
            if isinstance(read, HostError):
                excluded[name] = read
                answers[name] = replace(answer, plan=None, outcome=Outcome.SKIPPED)
            else:
                digests[name] = read.digest
                # what is shown and hashed is what was read, nothing a host put beside it
                answers[name] = replace(answer, plan=read.model_dump(mode="json"))
    if campaign.kind is not Kind.READ_ONLY:
        excluded |= {item.host: item.error for item in quarantines if item.holds}
    request = request_of(campaign, allow_unreachable=allow_unreachable)
    try:
        planned = make_plan(request, answers, digests=digests, excluded=excluded)
    except PlanRefused as refusal:
        return void(campaign, refusal.code, refusal.message, refusal.hint, now, hosts=refusal.hosts)
    except ValueError as error:
        return void(campaign, "E_PLAN", str(error), "Mend what is named, and plan again", now)
    return replace(planned, version=campaign.version)


def _stranger(name: str, answer: HostResult, known: KnownHost | None) -> HostError | None:
    identity = answer.identity.get("machine_id")
    if known is None or known.machine_id is None or not identity or identity == known.machine_id:
        return None
    return HostError(
        code="E_HOST_IDENTITY",
        message=f"{name} was machine {known.machine_id} and now answers as another one",
        hint="If it was rebuilt, accept it; if not, find out who answers at its address before anything is done",
    )


def _other_snapshot(campaign: Campaign, run: HostRun, answer: HostResult) -> HostError | None:
    """Why a dry run of an undo promises nothing; no campaign keeps the host for it, so there is nothing to release."""
    found = another_snapshot(run, answer)
    logs = f"`dockwave logs {campaign.undoes} {run.host.name}`"
    hint = (
        f"Find out who wrote to /var/lib/dockwave there ({logs}): a person has to decide what it returns to"
    )
    return None if found is None else replace(found, hint=hint)


def _draft(name: str, plan: Mapping[str, Any]) -> Draft | HostError:
    try:
        return Draft.model_validate_json(json.dumps(plan))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:100]
        return HostError(
            code="E_PROTOCOL",
            message=f"The dry run of {name} cannot be read: {place}: {first['msg'][:200]}",
            hint="Bring its worker and the orchestrator to the same release",
        )


def void(
    campaign: Campaign, code: str, message: str, hint: str, now: datetime, *, hosts: tuple[str, ...] = ()
) -> Campaign:
    """Give the campaign ended before it began, every host with its part in that."""
    stop = Stop(rule=f"no plan: {code}", limit=hint, observed=message, hosts=hosts, at=now)
    runs = tuple(_left_out(run, now, dark=run.host.name in hosts) for run in campaign.runs)
    return replace(campaign, state=CampaignState.VOID, runs=runs, stops=(*campaign.stops, stop), ended_at=now)


def _left_out(run: HostRun, now: datetime, *, dark: bool) -> HostRun:
    result = run.attempt.result if run.attempt else None
    error = result.error if result else None
    if dark:
        return replace(
            run,
            state=HostState.UNREACHABLE,
            ended_at=now,
            attempts=(),
            error=error or HostError(code="E_UNREACHABLE", message="It did not answer when it was planned"),
            reason="did not answer when planned",
        )
    return replace(
        run, state=HostState.CANCELLED, ended_at=now, attempts=(), error=error, reason="no plan was made"
    )
