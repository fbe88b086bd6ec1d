"""Routes that make and apply plans."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from orchestrator.api.body import Body, reader
from orchestrator.api.contract import Service
from orchestrator.api.gates import GateBody, WaveNumber
from orchestrator.api.hosts import HostBody, ProtectBody
from orchestrator.api.problem import Problem
from orchestrator.api.speaker import speaker_of
from orchestrator.api.strict_json import NotStrictJson, loads
from orchestrator.api.windows import WindowsBody
from orchestrator.campaign.conflict import OnConflict
from orchestrator.campaign.occasion import Notify, Occasion
from orchestrator.campaign.plan import plan_hash
from orchestrator.campaign.policy import (
    CHANGING_CONTROLS,
    MAX_CONTROLS,
    MAX_PARALLELISM,
    check_policy,
    make_policy,
)
from orchestrator.campaign.rollout import (
    ONE_WAY_HOSTS,
    Approval,
    Budgets,
    Clock,
    Clocks,
    FailureKind,
    LabelBudget,
    Quorum,
    RolloutPolicy,
    Scope,
    StopAction,
    StopRule,
)
from orchestrator.campaign.waves import MAX_COUNT, MAX_WAVES, parse_share
from orchestrator.loop.planning import NewPlan
from orchestrator.settings_channels import CHANNEL_NAME
from tasks import catalog
from tasks.model import Kind, Protect

Text = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
Seconds = Annotated[float, Field(ge=0, le=7 * 86_400, allow_inf_nan=False)]
#: a wait that would be a busy loop if it were shorter
Patience = Annotated[float, Field(ge=1, le=7 * 86_400, allow_inf_nan=False)]
Slots = Annotated[int, Field(strict=True, ge=1, le=MAX_PARALLELISM)]
Times = Annotated[int, Field(strict=True, ge=1, le=100)]
LabelKey = Annotated[str, Field(min_length=1, max_length=100)]
ShareText = Annotated[str, Field(max_length=32)]
WaveName = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$")]


class StopRuleBody(Body):
    """When the campaign stops: more hosts of a kind than tolerated."""

    kind: FailureKind = FailureKind.ANY
    tolerate: Annotated[str, Field(max_length=32)]
    min_sample: Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)] = 0
    scope: Scope = Scope.WAVE
    #: key of scope label
    label: Annotated[str, Field(max_length=100)] = ""
    action: StopAction = StopAction.HALT
    waves: Annotated[list[WaveNumber], Field(default_factory=list, max_length=100)]
    from_wave: WaveNumber = 1

    def rule(self) -> StopRule:
        """The rule; ValueError when it tolerates what is no share."""
        return StopRule(
            kind=self.kind,
            tolerate=parse_share(self.tolerate, zero=True),
            min_sample=self.min_sample,
            scope=self.scope,
            label=self.label,
            action=self.action,
            waves=tuple(self.waves),
            from_wave=self.from_wave,
        )


class DeliveryBody(Body):
    """How patient the orchestrator is with hosts that say nothing; what is left out is as by default."""

    max_attempts: Times | None = None
    max_orders: Times | None = None
    heartbeat_timeout_s: Patience | None = None
    order_ttl_s: Patience | None = None
    resend_after_s: Patience | None = None
    ask_every_s: Patience | None = None
    unknown_grace_s: Seconds | None = None
    unknown_wait_s: Seconds | None = None


class WarningBody(Body):
    """When people are told that something takes long."""

    warn_s: Patience | None = None


class ClockBody(WarningBody):
    """When people are told that something takes long, and when it stops the campaign."""

    stop_s: Patience | None = None
    action: Literal[StopAction.PAUSE, StopAction.HALT] = StopAction.HALT

    def clock(self) -> Clock:
        """The clock as the core takes it."""
        return Clock(warn_s=self.warn_s, stop_s=self.stop_s, action=self.action)


class ClocksBody(Body):
    """Limits of time; the end of one attempt is `timeout_s`."""

    step: ClockBody = ClockBody()
    host: WarningBody = WarningBody()
    progress: ClockBody = ClockBody()
    campaign: ClockBody = ClockBody()

    def clocks(self) -> Clocks:
        """The clocks as the core takes them."""
        return Clocks(
            step=self.step.clock(),
            host=Clock(warn_s=self.host.warn_s),
            progress=self.progress.clock(),
            campaign=self.campaign.clock(),
        )


class ApprovalBody(Body):
    """Who must agree before the first host is touched."""

    required: Annotated[int, Field(strict=True, ge=1, le=20)]
    group: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    among: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None
    expires_s: Annotated[float, Field(ge=60, le=7 * 86_400, allow_inf_nan=False)] | None = None
    abort_on_timeout: Annotated[bool, Field(strict=True)] = False


class BudgetsBody(Body):
    """How many hosts may be away at the same time, all campaigns together."""

    #: per label: count or percentage of the hosts that share its value
    max_unavailable: Annotated[dict[LabelKey, ShareText], Field(default_factory=dict, max_length=50)]
    fleet: ShareText | None = None

    def budgets(self) -> Budgets:
        """The budgets as the core takes them; ValueError when one is no share."""
        labels = tuple(
            LabelBudget(label=key, most=parse_share(most))
            for key, most in sorted(self.max_unavailable.items())
        )
        return Budgets(labels=labels, fleet=None if self.fleet is None else parse_share(self.fleet))


class NotifyBody(Body):
    """Who is told of what."""

    #: name of a channel of the control plane's settings
    to: Annotated[str, Field(pattern=CHANNEL_NAME)]
    on: Annotated[list[Occasion], Field(min_length=1, max_length=10)]

    def notify(self) -> Notify:
        """The entry as the core takes it, each occasion once."""
        return Notify(to=self.to, on=tuple(dict.fromkeys(self.on)))


class PlanBody(Body):
    """What to plan: a procedure on exactly these hosts, in this order, under this policy."""

    procedure: Annotated[str, Field(min_length=1, max_length=100)]
    params: Annotated[dict[str, Any], Field(default_factory=dict)]
    hosts: Annotated[list[HostBody], Field(max_length=20_000)]
    protect: ProtectBody = Protect()
    waves: Annotated[str, Field(max_length=10_000)] | None = None
    parallelism: Slots | None = None
    #: one entry for each of `waves`: hosts of it changing at a time (null: `parallelism`), and its name ("": none)
    wave_parallelism: Annotated[list[Slots | None], Field(default_factory=list, max_length=MAX_WAVES)]
    wave_names: Annotated[list[WaveName], Field(default_factory=list, max_length=MAX_WAVES)]
    delay_s: Seconds = 0.0
    monitor_s: Seconds = 0.0
    max_failures: Annotated[str, Field(max_length=32)] | None = None
    stop_rules: Annotated[list[StopRuleBody], Field(max_length=50)] | None = None
    rollback_failed: Annotated[bool, Field(strict=True)] = True
    rollback_parallelism: Slots = 1
    rollback_delay_s: Seconds = 0.0
    rollback_monitor_s: Seconds = 0.0
    rollback_on_failure: Literal[StopAction.CONTINUE, StopAction.PAUSE, StopAction.HALT] = StopAction.CONTINUE
    #: untouched hosts that are read before failed ones are rolled back; 0 = none
    control_hosts: Annotated[int, Field(strict=True, ge=0, le=MAX_CONTROLS)] = CHANGING_CONTROLS
    #: how long one attempt may take on a host; what the procedure says without it
    timeout_s: Patience | None = None
    #: how long the plan may wait to be applied
    ttl_s: Patience = 86_400.0
    delivery: DeliveryBody = DeliveryBody()
    #: when hosts may be started; at any time without it
    windows: WindowsBody | None = None
    clocks: ClocksBody = ClocksBody()
    #: who must agree first; nobody without it
    approval: ApprovalBody | None = None
    #: hosts with steps that cannot be taken back, above which somebody else must agree
    one_way_hosts: Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)] = ONE_WAY_HOSTS
    gates: Annotated[list[GateBody], Field(default_factory=list, max_length=50)]
    notify: Annotated[list[NotifyBody], Field(default_factory=list, max_length=50)]
    #: how many hosts may be away at a time
    budgets: BudgetsBody | None = None
    #: replicas of which services are never away on two hosts at once
    quorum: Quorum = Quorum.LABEL
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
        policy = _policy(body, procedure.spec.kind)
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


def _policy(body: PlanBody, kind: Kind) -> RolloutPolicy:
    rules = None if body.stop_rules is None else tuple(rule.rule() for rule in body.stop_rules)
    policy = make_policy(
        kind,
        waves=body.waves,
        parallelism=body.parallelism,
        wave_parallelism=tuple(body.wave_parallelism),
        wave_names=tuple(body.wave_names),
        delay_s=body.delay_s,
        monitor_s=body.monitor_s,
        max_failures=body.max_failures,
        stop_rules=rules,
        rollback_failed=body.rollback_failed,
        rollback_parallelism=body.rollback_parallelism,
        rollback_delay_s=body.rollback_delay_s,
        rollback_monitor_s=body.rollback_monitor_s,
        rollback_on_failure=body.rollback_on_failure,
        control_hosts=body.control_hosts,
        quorum=body.quorum,
    )
    windows = None if body.windows is None else body.windows.windows()
    clocks = body.clocks.clocks()
    approval = None if body.approval is None else Approval(**body.approval.model_dump())
    budgets = None if body.budgets is None else body.budgets.budgets()
    policy = replace(policy, approval=approval, budgets=budgets, one_way_hosts=body.one_way_hosts)
    check_policy(policy)
    gates = tuple(item.gate(number) for number, item in enumerate(body.gates, start=1))
    return replace(
        policy,
        windows=windows,
        clocks=clocks,
        gates=gates,
        notify=tuple(item.notify() for item in body.notify),
        **body.delivery.model_dump(exclude_none=True),
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
