"""The rollout policy of a plan as requests have it, and the same for the core."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from orchestrator.api.body import Body
from orchestrator.api.fields import LabelKey, Patience, Seconds, ShareText, Slots, Times, WaveName
from orchestrator.api.gates import GateBody, WaveNumber
from orchestrator.api.windows import WindowsBody
from orchestrator.campaign.occasion import Notify, Occasion
from orchestrator.campaign.policy import CHANGING_CONTROLS, MAX_CONTROLS, check_policy, make_policy
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
from orchestrator.settings.channels import CHANNEL_NAME
from tasks.model import Kind


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

    def approval(self) -> Approval:
        """The approval as the core takes it; ValueError when silence ends a question that never ends."""
        if self.abort_on_timeout and self.expires_s is None:
            raise ValueError("approval.abort_on_timeout has no use without approval.expires_s")
        return Approval(**self.model_dump())


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


class PolicyBody(Body):
    """How a campaign goes on, waits, stops and comes back; what is left out is as by default."""

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

    def policy(self, kind: Kind) -> RolloutPolicy:
        """The policy as the core takes it; ValueError when an option cannot be as it is."""
        rules = None if self.stop_rules is None else tuple(rule.rule() for rule in self.stop_rules)
        policy = make_policy(
            kind,
            waves=self.waves,
            parallelism=self.parallelism,
            wave_parallelism=tuple(self.wave_parallelism),
            wave_names=tuple(self.wave_names),
            delay_s=self.delay_s,
            monitor_s=self.monitor_s,
            max_failures=self.max_failures,
            stop_rules=rules,
            rollback_failed=self.rollback_failed,
            rollback_parallelism=self.rollback_parallelism,
            rollback_delay_s=self.rollback_delay_s,
            rollback_monitor_s=self.rollback_monitor_s,
            rollback_on_failure=self.rollback_on_failure,
            control_hosts=self.control_hosts,
            quorum=self.quorum,
        )
        windows = None if self.windows is None else self.windows.windows()
        clocks = self.clocks.clocks()
        approval = None if self.approval is None else self.approval.approval()
        budgets = None if self.budgets is None else self.budgets.budgets()
        policy = replace(policy, approval=approval, budgets=budgets, one_way_hosts=self.one_way_hosts)
        check_policy(policy)
        gates = tuple(item.gate(number) for number, item in enumerate(self.gates, start=1))
        return replace(
            policy,
            windows=windows,
            clocks=clocks,
            gates=gates,
            notify=tuple(item.notify() for item in self.notify),
            **self.delivery.model_dump(exclude_none=True),
        )
