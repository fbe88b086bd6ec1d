"""What the API, `-o json` and every screen show of a campaign: stable JSON records, documented in docs/cli.md.

`orchestrator.screens.viewing` computes them from a Campaign and an instant. Fields are only ever added, so clients
ignore those they do not know.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from orchestrator.campaign.states import HostState
from tasks.result import Outcome


class View(BaseModel):
    """A frozen JSON record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ErrorView(View):
    """Why a host failed, in words a person can act on."""

    code: str
    message: str
    hint: str = ""
    retryable: bool = False


class AttemptView(View):
    """One try on one host."""

    #: campaign/host/n, also the Celery task id in Flower
    id: str
    number: int
    epoch: int
    undo: bool
    worker: str
    #: how often the order was published; the host does it once all the same
    sent: int
    ordered_at: datetime
    accepted_at: datetime | None
    ended_at: datetime | None
    outcome: Outcome | None
    #: tasks.result.HostResult as JSON
    result: dict[str, Any] | None


class HostView(View):
    """This campaign on this host."""

    host: str
    state: HostState
    #: in one word how it ended; null while it goes on
    outcome: Outcome | None
    #: number of the current attempt; 0 before the first
    attempt: int
    started_at: datetime | None
    ended_at: datetime | None
    #: touched, and not brought back
    changed: bool
    #: result of the latest attempt that has one
    result: dict[str, Any] | None
    error: ErrorView | None
    #: why it was skipped, cancelled or excluded
    reason: str
    worker: str
    #: what it is doing now, and how much of it is done
    step: str
    done: int
    total: int
    #: last sign of life
    heard_at: datetime | None
    soak_until: datetime | None
    #: in an undo: the attempt whose snapshot it returns to
    undo_of: str | None
    #: worst undo class of its planned steps
    undo: str
    #: its dry run (tasks.procedure.Draft as JSON), shortened to numbers unless the full view is asked for
    plan: dict[str, Any] | None
    attempts: list[AttemptView]


class WaveView(View):
    """Hosts that go together; number 0 holds those no wave has to touch (already right, left out, unreachable)."""

    number: int
    #: what people call it; "" when it has no name
    name: str = ""
    #: hosts of it changing at the same time
    parallelism: int = 0
    #: waiting | running | done
    state: str
    hosts: list[HostView]

    @property
    def short(self) -> str:
        """Its number and name: "1 canary"; "-" for hosts in no wave."""
        return f"{self.number or '-'} {self.name}".rstrip()


class TotalsView(View):
    """Counts over all hosts; `states` has every state that occurs, and its sum is `hosts`."""

    hosts: int
    finished: int
    changed: int
    failed: int
    states: dict[str, int]


class StopView(View):
    """Why a campaign stopped."""

    rule: str
    limit: str
    observed: str
    hosts: list[str]
    at: datetime
    by: str


class PolicyView(View):
    """The policy in the words of the plan."""

    parallelism: int
    delay_s: float
    monitor_s: float
    rollback_failed: bool


class BudgetView(View):
    """How much of what a stop rule tolerates is used up."""

    rule: str
    #: 0 for a rule over the whole campaign
    wave: int
    used: int
    tolerated: int
    text: str


class SlowestView(View):
    """The host at work for the longest time."""

    host: str
    step: str
    seconds: float
    median_s: float | None


class ProgressView(View):
    """Numbers of the live view."""

    elapsed_s: float
    #: seconds left when hosts take what half of them take, here or before; null without history
    eta_s: float | None
    #: the same when each takes what only one in ten exceeds
    eta_worst_s: float | None
    budgets: list[BudgetView]
    slowest: SlowestView | None
    #: host, and what went wrong, of the latest failure
    last_bad: str


class UndoneByView(View):
    """A campaign that was started to take another one back."""

    id: str
    state: str


class ClosedGateView(View):
    """A gate that holds the campaign now."""

    gate: str
    #: the wave it opens or follows; 0 for the campaign and the background
    wave: int
    kind: str
    text: str
    #: the one host it holds; "" = all that is to come
    host: str = ""


class OverrideView(View):
    """A gate a person let pass."""

    gate: str
    wave: int
    by: str
    reason: str
    at: datetime
    #: the one host it is open for; "" = all that is to come
    host: str = ""


class CampaignView(View):
    """One campaign, whole."""

    id: str
    state: str
    final: bool
    procedure: str
    #: RO | CH | DX
    kind: str
    params: dict[str, Any]
    author: str
    reason: str
    #: the campaign it takes back; "" when it is no undo
    undoes: str
    #: campaigns that were started to take it back, oldest first
    undone_by: list[UndoneByView]
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    plan_hash: str
    plan_expires_at: datetime | None
    #: the wave at work
    wave: int
    abort_requested: bool
    #: hosts at work stop between two steps
    abort_hard: bool = False
    policy: PolicyView
    #: the plan in words, one line each
    words: list[str]
    waves: list[WaveView]
    totals: TotalsView
    #: those that stand; what a person lifted by `resume` is in the log and in `why`
    stops: list[StopView]
    #: what keeps hosts from being started now although nothing stopped it: a closed window, …
    brakes: list[str]
    #: what takes longer than it should and stopped nothing, the latest last
    notices: list[str]
    #: gates that were asked, with last answer and age
    gates: list[str]
    #: those of them that hold it now
    closed_gates: list[ClosedGateView]
    #: those a person let pass
    overrides: list[OverrideView]
    #: what was planned and left alone because its host had changed: in numbers, then object by object
    drift: list[str] = []
    progress: ProgressView | None
    #: exit code of the command line for this state; null while it goes on
    exit_code: int | None
    #: the instant at which it was so; null = now
    at: datetime | None = None


class CampaignLine(View):
    """One campaign in a list."""

    id: str
    state: str
    procedure: str
    author: str
    reason: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    wave: int
    waves: int
    totals: TotalsView
    exit_code: int | None
