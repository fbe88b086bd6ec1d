"""Makes the plan: who goes in which wave, and who is left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from orchestrator.campaign.campaign import Campaign, HostRun
from orchestrator.campaign.origin import Origin, going_back
from orchestrator.campaign.plan_document import seal
from orchestrator.campaign.policy import check_policy
from orchestrator.campaign.rollout import RolloutPolicy
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.waves import cut_waves
from tasks.model import Host, Kind, Protect, UndoClass
from tasks.result import HostError, HostResult, Outcome


class PlanRefused(ValueError):
    """No plan can be made of these answers; nothing was touched."""

    def __init__(self, message: str, *, code: str, hint: str, hosts: tuple[str, ...] = ()) -> None:
        """Keep a sentence, a stable code, the way out and the hosts it is about."""
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        self.hosts = hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What a person asked for, resolved: procedure, hosts in order, policy, and who and when."""

    campaign_id: str
    procedure: str
    kind: Kind
    params: Mapping[str, Any]
    policy: RolloutPolicy
    #: in the order they are to go; never empty unless `allow_empty`
    hosts: tuple[Host, ...]
    created_at: datetime
    expires_at: datetime | None = None
    timeout_s: float = 1800.0
    protect: Protect = field(default_factory=Protect)
    author: str = ""
    reason: str = ""
    #: plan although hosts did not answer; they end the campaign INCOMPLETE at best
    allow_unreachable: bool = False
    #: no host at all is fine
    allow_empty: bool = False
    #: what it takes back, when it is an undo
    origin: Origin | None = None


def make_plan(
    request: PlanRequest,
    answers: Mapping[str, HostResult | None],
    *,
    digests: Mapping[str, str] | None = None,
    excluded: Mapping[str, HostError] | None = None,
) -> Campaign:
    """A campaign in state PLANNED, hashed; every host is in exactly one wave or left out with its reason.

    `answers` has what each host said in PLAN mode, None or nothing when it did not answer; read-only procedures
    need none. A digest is taken from `digests`, else from the answer itself. `excluded` hosts are left out.
    """
    check_policy(request.policy)
    _check_hosts(request)
    if request.kind is Kind.READ_ONLY:
        runs = [_reading(host) for host in request.hosts]
    else:
        runs = [
            _judged(host, answers.get(host.name), (digests or {}).get(host.name)) for host in request.hosts
        ]
    runs = [_excluded(run, (excluded or {}).get(run.host.name)) for run in runs]
    _check_reach(request, runs)
    runs = [going_back(run, request.origin) for run in runs]
    runs, waves = _in_waves(runs, request.policy)
    return seal(
        Campaign(
            id=request.campaign_id,
            state=CampaignState.PLANNED,
            procedure=request.procedure,
            kind=request.kind,
            params=request.params,
            policy=request.policy,
            runs=tuple(runs),
            waves=waves,
            created_at=request.created_at,
            plan_expires_at=request.expires_at,
            timeout_s=request.timeout_s,
            protect=request.protect,
            author=request.author,
            reason=request.reason,
            undoes=request.origin.campaign if request.origin is not None else "",
        )
    )


def _check_hosts(request: PlanRequest) -> None:
    names = [host.name for host in request.hosts]
    if not names and not request.allow_empty:
        raise PlanRefused(
            "No host was chosen, so there is nothing to plan",
            code="E_NO_HOSTS",
            hint="Choose hosts with --on; `dockwave hosts list` shows what patterns match.",
        )
    twice = (
        tuple(sorted({name for name in names if names.count(name) > 1}))
        if len(set(names)) < len(names)
        else ()
    )
    if twice:
        raise PlanRefused(
            f"Hosts are listed twice: {', '.join(twice[:5])}",
            code="E_DUPLICATE_HOST",
            hint="Every host is in a campaign once; name each once.",
            hosts=twice,
        )


def _check_reach(request: PlanRequest, runs: Iterable[HostRun]) -> None:
    dark = tuple(run.host.name for run in runs if run.state is HostState.UNREACHABLE)
    if dark and not request.allow_unreachable:
        shown = ", ".join(dark[:5]) + (", …" if len(dark) > 5 else "")
        raise PlanRefused(
            f"{len(dark)} of {len(request.hosts)} hosts did not answer: {shown}",
            code="E_UNREACHABLE",
            hint="Look with `dockwave hosts check`; plan without them by --allow-unreachable.",
            hosts=dark,
        )


def _reading(host: Host) -> HostRun:
    return HostRun(host=host, wave=0, state=HostState.PENDING)


def _judged(host: Host, answer: HostResult | None, digest: str | None) -> HostRun:
    """What one host's dry run makes of it; wave numbers come later."""
    if answer is None or answer.outcome in {Outcome.UNREACHABLE, Outcome.UNKNOWN}:
        return _unreachable(host, answer)
    machine_id = answer.identity.get("machine_id") or None
    if answer.outcome is not Outcome.OK or answer.plan is None:
        return _refused(host, answer, machine_id)
    plan = answer.plan
    steps: Sequence[Mapping[str, Any]] = plan.get("steps") or ()
    return HostRun(
        host=host,
        wave=0,
        state=HostState.PENDING if steps else HostState.ALREADY_RIGHT,
        approved=tuple(str(step["key"]) for step in steps),
        digest=digest or plan.get("digest"),
        machine_id=machine_id,
        undo=_undo_class(steps),
        plan=plan,
        reason="" if steps else str(plan.get("summary") or "nothing to change"),
    )


def _unreachable(host: Host, answer: HostResult | None) -> HostRun:
    error = answer.error if answer and answer.error else _silent(host)
    return HostRun(
        host=host, wave=0, state=HostState.UNREACHABLE, error=error, reason="did not answer when planned"
    )


def _silent(host: Host) -> HostError:
    return HostError(
        code="E_UNREACHABLE",
        message=f"{host.name} did not answer in time when it was planned",
        hint=f"dockwave hosts check {host.name}",
        retryable=True,
    )


def _refused(host: Host, answer: HostResult, machine_id: str | None) -> HostRun:
    error = answer.error or HostError(code="E_REFUSED", message=answer.summary or "The host gave no plan")
    return HostRun(
        host=host,
        wave=0,
        state=HostState.SKIPPED,
        machine_id=machine_id,
        error=error,
        reason=f"{error.code}: {error.message}",
    )


def _excluded(run: HostRun, error: HostError | None) -> HostRun:
    if error is None:
        return run
    return HostRun(
        host=run.host,
        wave=0,
        state=HostState.SKIPPED,
        machine_id=run.machine_id,
        error=error,
        reason=f"{error.code}: {error.message}",
    )


def _undo_class(steps: Iterable[Mapping[str, Any]]) -> UndoClass:
    """The worst class of all steps; a class nobody knows counts as one-way."""
    order = (UndoClass.NONE, UndoClass.EXACT, UndoClass.RECREATABLE, UndoClass.ONE_WAY)
    known = {item.value: item for item in UndoClass}
    classes = [known.get(str(step.get("undo", "")), UndoClass.ONE_WAY) for step in steps]
    return max(classes, key=order.index, default=UndoClass.NONE)


def _in_waves(runs: Sequence[HostRun], policy: RolloutPolicy) -> tuple[list[HostRun], int]:
    sizes = cut_waves(sum(run.state is HostState.PENDING for run in runs), policy.waves)
    numbers = iter([number for number, size in enumerate(sizes, start=1) for _ in range(size)])
    placed = [replace(run, wave=next(numbers)) if run.state is HostState.PENDING else run for run in runs]
    return placed, len(sizes)
