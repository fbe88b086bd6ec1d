"""What a campaign is: one procedure on a frozen list of hosts under a RolloutPolicy.

All records are frozen; time comes in as timezone-aware instants; nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.campaign.control import Look
from orchestrator.campaign.gate import GateState, Override
from orchestrator.campaign.pulse import Pulse, Restarting
from orchestrator.campaign.rollout import FailureKind, RolloutPolicy, StopAction
from orchestrator.campaign.states import CampaignState, HostState
from orchestrator.campaign.usual import Usual
from orchestrator.campaign.vitals import Vital
from tasks.model import Host, Kind, Protect, UndoClass
from tasks.result import HostError, HostResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """One person's yes to one plan, or to one of its gates."""

    by: str
    #: what they looked at
    plan_hash: str
    at: datetime
    reason: str = ""
    #: the human gate that was opened, and for which wave; "" = the plan
    gate: str = ""
    wave: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why a campaign stopped; every stop explains itself."""

    #: "stop rule any > 0 in wave 1", "operator abort", …
    rule: str
    #: what is tolerated, in words
    limit: str
    #: what was observed, in words
    observed: str
    #: hosts that made it so
    hosts: tuple[str, ...]
    at: datetime
    action: StopAction | None = None
    #: waves that go back because of it, beside those of its hosts
    waves: tuple[int, ...] = ()
    #: who, for an operator's action
    by: str = "dockwave"
    #: when a person resumed the campaign that this stop had paused; None while it stands
    lifted_at: datetime | None = None
    lifted_by: str = ""
    #: hosts in trouble then: its rules speak again only when another one joins them
    forgiven: tuple[str, ...] = ()
    #: the person asked for silence: its rules do not speak again at all
    silenced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something people are told of and that stops nothing."""

    #: "clock step", …
    rule: str
    #: the limit that was reached, in words
    limit: str
    observed: str
    hosts: tuple[str, ...]
    at: datetime
    #: what exactly was over its time: each is told once
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try on one host."""

    #: campaign/host/n
    id: str
    number: int
    epoch: int
    #: apply or undo
    undo: bool
    #: attempt whose snapshot an undo returns to
    undo_of: str | None
    ordered_at: datetime
    #: after this the host refuses to start it
    expires_at: datetime
    #: until when the passes of gates before its host are good, without which it is not published again; None = no gate
    passed_until: datetime | None = None
    #: how often the order was published
    sent: int = 1
    #: instant of the last publication
    sent_at: datetime | None = None
    accepted_at: datetime | None = None
    #: last time the host's journal was asked, or a recheck was ordered
    asked_at: datetime | None = None
    #: last report of any kind
    heard_at: datetime | None = None
    ended_at: datetime | None = None
    #: highest report sequence number seen
    seq: int = 0
    worker: str = ""
    step: str = ""
    #: when it said for the first time that it is on this step
    step_since: datetime | None = None
    done: int = 0
    total: int = 0
    result: HostResult | None = None
    #: when the worker that had its order said for the first time that it could not reach the host
    unreached_at: datetime | None = None
    #: when its host was last told to stop it between two steps, and when the host had heard of it
    stop_asked_at: datetime | None = None
    stop_heard_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRun:
    """This campaign on this host."""

    host: Host
    #: 1-based; 0 when left out of every wave (excluded, already right or unreachable at plan time)
    wave: int
    state: HostState
    #: keys approved for this host, from its dry run; None for read-only procedures
    approved: tuple[str, ...] | None = None
    #: digest of its dry run
    digest: str | None = None
    machine_id: str | None = None
    #: in an undo campaign: the attempt whose snapshot this host returns to
    undo_of: str | None = None
    #: SHA-256 of that snapshot as the attempt told it when it took it; "" = it told none
    snapshot_sha256: str = ""
    #: in a retry: the attempt of the campaign before that was proven right here
    proven_by: str | None = None
    undo: UndoClass = UndoClass.NONE
    #: its dry run, for people (tasks.procedure.Draft as JSON)
    plan: Mapping[str, Any] | None = None
    #: all attempts, oldest first; the last one is the current
    attempts: tuple[Attempt, ...] = ()
    #: whether any attempt touched the host and no undo has brought it back
    changed: bool = False
    #: whether it counted as a failure (a host counts once)
    failed_as: FailureKind | None = None
    soak_until: datetime | None = None
    #: since when it is UNKNOWN
    unknown_since: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: HostError | None = None
    #: how well it was before the first wave; None = it was not read
    vitals: tuple[Vital, ...] | None = None
    #: its containers that were restarting then
    restarting: tuple[Restarting, ...] = ()
    #: the containers that ran before the first wave (campaign.running_set); None = it was not read
    running: tuple[str, ...] | None = None
    #: what is remembered from reading to reading; None = it was not read
    pulse: Pulse | None = None
    #: why skipped, cancelled or excluded
    reason: str = ""

    @property
    def attempt(self) -> Attempt | None:
        """The current attempt."""
        return self.attempts[-1] if self.attempts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One procedure with its parameters on a frozen list of hosts under a RolloutPolicy."""

    #: lower-case letters and digits, unique for ever (random, so a lost database never repeats one)
    id: str
    state: CampaignState
    procedure: str
    kind: Kind
    params: Mapping[str, Any]
    policy: RolloutPolicy
    #: in plan order; names unique; never grows or shrinks
    runs: tuple[HostRun, ...]
    #: number of waves (the highest HostRun.wave)
    waves: int
    created_at: datetime
    #: SHA-256 of the plan document
    plan_hash: str = ""
    #: after this the plan cannot be applied
    plan_expires_at: datetime | None = None
    #: wave being worked on, 1-based; 0 before the start
    wave: int = 0
    wave_started_at: datetime | None = None
    #: when the change of the current wave's last host ended (its soak may go on); delay counts from here
    wave_settled_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    stops: tuple[Stop, ...] = ()
    notices: tuple[Notice, ...] = ()
    #: gates that were asked, the latest question last
    gates: tuple[GateState, ...] = ()
    #: gates a person let pass, each for one wave
    overrides: tuple[Override, ...] = ()
    #: questions of gates that were put to hosts so far
    questions: int = 0
    #: looks at untouched hosts before failed ones were brought back, the latest last
    looks: tuple[Look, ...] = ()
    #: how long the procedure took on hosts before, as known when it was planned; None = no history
    usual: Usual | None = None
    #: waves to be rolled back (rollback-wave / rollback-campaign); () = only failed hosts
    rollback_waves: tuple[int, ...] = ()
    abort_requested: bool = False
    #: hosts at work stop between two steps
    abort_hard: bool = False
    approvals: tuple[Approved, ...] = ()
    #: until when an approval is waited for; None = until the plan expires
    approval_until: datetime | None = None
    #: hosts whose failed rollback a person knows of: the others may go on
    acknowledged: tuple[str, ...] = ()
    #: seconds one attempt may take on a host
    timeout_s: float = 1800.0
    protect: Protect = field(default_factory=Protect)
    author: str = ""
    reason: str = ""
    #: the finished campaign this one takes back; "" for any other campaign
    undoes: str = ""
    #: grows with every save; the store writes only if it is the one it read
    version: int = 0

    @property
    def slots(self) -> int:
        """Hosts that may be changing at the same time now."""
        return self.policy.slots(max(self.wave, 1))

    def run_of(self, host: str) -> HostRun | None:
        """The run of a host by name."""
        return next((run for run in self.runs if run.host.name == host), None)


def runs_of(campaign: Campaign, hosts: Collection[str]) -> dict[str, HostRun]:
    """The runs of these hosts, by name; hosts the campaign does not have are absent."""
    return {run.host.name: run for run in campaign.runs if run.host.name in hosts} if hosts else {}
